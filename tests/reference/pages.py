"""Which files are written, and by whom."""

from collections.abc import Callable

from tests.reference import answers, commands, inventory, tree

FILES: dict[str, Callable[[], str]] = {
    "docs/reference/commands.md": commands.page,
    "docs/reference/inventory.md": inventory.page,
    "docs/reference/answers.md": answers.page,
    "fleet/cli/shell/words.json": tree.words_json,
}
