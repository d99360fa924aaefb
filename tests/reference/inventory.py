"""``docs/reference/inventory.md``: the example inventory, key by key, in the order of the file."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.reference.places import ROOT

HEAD = """# The inventory

Written from [inventory.example.toml](../../inventory.example.toml) by `make reference`. Needed are `name`, `gitea.url`
and one pool; of all other keys the default is shown. Unknown keys are refused, and all problems are told at once.
"""

TABLE = re.compile(r"#?\[+([\w.\"*-]+)\]+$")
KEY = re.compile(r"#?[a-z_0-9]+ = ")
FLEET = "The fleet"


@dataclass
class Entry:
    """What is said, and the lines it is said of."""

    text: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)


def page() -> str:
    """The whole page."""
    body = (ROOT / "inventory.example.toml").read_text("utf-8").split("\n\n", 1)[1]
    return "\n".join([HEAD, f"## {FLEET}\n", *_pieces(body.splitlines())]).rstrip() + "\n"


def _pieces(lines: list[str]) -> Iterator[str]:
    for entry in _entries(lines):
        table = TABLE.fullmatch(entry.lines[0]) if entry.lines else None
        if table:
            yield f"## {entry.lines.pop(0).lstrip('#')}\n"
        if entry.text:
            yield "\n".join(_prose(entry.text)) + "\n"
        if entry.lines:
            yield "```toml\n" + "\n".join(_wrapped(entry.lines)) + "\n```\n"


def _entries(lines: list[str]) -> Iterator[Entry]:
    """A comment, and the keys below it up to a blank line or the next comment; a table begins a new one."""
    entry = Entry()
    for line in [*lines, ""]:
        ends = not line or (entry.lines and (line.startswith("# ") or TABLE.fullmatch(line)))
        if ends and (entry.text or entry.lines):
            yield entry
            entry = Entry()
        if line.startswith("# "):
            entry.text.append(line[2:])
        elif line:
            entry.lines.append(line)


def _prose(text: list[str]) -> Iterator[str]:
    """Lines that are indented are the entries of a list."""
    for line in text:
        if line.startswith("  "):
            value, _, said = line.strip().partition("   ")
            yield f"- `{value}`: {said.strip()}"
        else:
            yield line


def _wrapped(lines: list[str]) -> Iterator[str]:
    """Without the sign of a default; what is inside a list of several lines is indented."""
    for line in lines:
        plain = line.removeprefix("#")
        yield plain if KEY.match(line) or plain == "]" else f"  {plain}"
