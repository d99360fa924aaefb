"""Which files are written, and by whom."""

from collections.abc import Callable
from pathlib import Path

from tests.reference import tree

ROOT = Path(__file__).parents[2]

FILES: dict[str, Callable[[], str]] = {
    "fleet/cli/shell/words.json": tree.words_json,
}
