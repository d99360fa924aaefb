"""``docs/reference/commands.md``: every command with its arguments and options, as its help has them."""

from collections.abc import Iterator
from typing import Any

from tests.reference import tree

HEAD = """# Commands

Written from the program by `make reference`. `fleet COMMAND --help` says the same. `fleet` finds its inventory by
`--inventory`, `FLEET_INVENTORY`, `inventory.toml` in the current folder, or `fleet/inventory.toml` in your config
folder. How commands end: [answers](answers.md).
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_list(), *(line for path, one in tree.commands() for line in _command(path, one))])


def _list() -> Iterator[str]:
    """An index, a line for each."""
    yield "| command | what it does |\n|---|---|"
    for path, one in tree.commands():
        yield f"| [`{path}`](#{path.replace(' ', '-')}) | {_cell(_sentence(one.help))} |"
    yield ""


def _sentence(text: str) -> str:
    return text.strip().partition("\n")[0].partition(". ")[0].rstrip(".")


def _command(path: str, command: Any) -> Iterator[str]:
    yield f"## {path}\n"
    yield from (f"{line}\n" for line in _paragraphs(command.help))
    yield f"Usage: `{path}{_usage(command)}`\n"
    rows = [*map(_argument, tree.arguments(command)), *map(_option, tree.options(command))]
    if rows:
        yield "| | | default |\n|---|---|---|"
        yield from rows
        yield ""


def _paragraphs(text: str) -> Iterator[str]:
    """Examples, which are paragraphs of their own in the help, are shown as code."""
    for part in text.strip().split("\n\n"):
        line = " ".join(part.split())
        yield f"`{line}`" if line.startswith("fleet ") else line


def _usage(command: Any) -> str:
    words = "".join(f" {_shown(one)}" for one in tree.arguments(command))
    return f"{' [OPTIONS]' if tree.options(command) else ''}{words}"


def _shown(argument: Any) -> str:
    said = tree.word(argument)
    said = said if argument.nargs == 1 or "..." in said else f"{said}..."
    return said if argument.required or said.startswith("[") else f"[{said}]"


def _argument(one: Any) -> str:
    return f"| `{_cell(_shown(one))}` | {_cell(one.help)} | |"


def _option(one: Any) -> str:
    names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
    value = "" if one.is_flag else f" `{_cell(tree.word(one))}`"
    variable = f" Variable: `{one.envvar}`." if one.envvar else ""
    return f"| {names}{value} | {_cell(one.help)}{variable} | {_default(one)} |"


def _default(one: Any) -> str:
    if one.is_flag and one.secondary_opts:
        return f"`{(one.opts if one.default else one.secondary_opts)[0]}`"
    if one.is_flag or one.default in (None, "", 0):
        return ""
    return f"`{getattr(one.default, 'value', one.default)}`"


def _cell(text: str) -> str:
    """A bar would end the cell."""
    return text.replace("|", "\\|")
