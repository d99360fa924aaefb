"""Which files are written, and by whom."""

from collections.abc import Callable

from tests.reference import answers, commands, inventory, metrics, tree

FILES: dict[str, Callable[[], str]] = {
    "docs/reference/commands.md": commands.page,
    "docs/reference/inventory.md": inventory.page,
    "docs/reference/answers.md": answers.page,
    "docs/reference/metrics.md": metrics.page,
    "fleet/cli/shell/words.json": tree.words_json,
}
