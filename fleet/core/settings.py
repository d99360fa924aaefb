"""The inventory as it is in force: each key with its value and where that comes from. As TOML that can be read back."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

WIDTH = 46
"""Columns of a line before it is said where the value comes from."""


class Origin(StrEnum):
    """Where a value comes from: written in the file, the program's default, or another key."""

    FILE = "file"
    DEFAULT = "default"
    KEY = "key"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key. ``path``: the names of its tables and its own, and numbers where there is a list of tables.

    ``value``: as TOML has it; None where nothing is set and there is no default. A secret is where it is, never itself.
    ``by``: the key it comes from, with ``Origin.KEY``. ``note``: what else is known, as whether a secret is there.
    ``usual``: whether it is what the program would take anyhow.
    """

    path: tuple[str | int, ...]
    value: object
    origin: Origin
    by: str = ""
    note: str = ""
    usual: bool = False

    @property
    def key(self) -> str:
        """The key as the inventory's errors name it: ``pools.build.hosts[0].name``."""
        return key_of(self.path)


def key_of(path: Sequence[str | int]) -> str:
    """A path as one word."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_name(part)}" for part in path]
    return "".join(parts).removeprefix(".")


def toml(settings: Sequence[Setting], file: str) -> str:
    """All of them, each with where it comes from in a comment. ``file``: how the file is called there."""
    blocks = []
    for above, group in groupby(settings, key=lambda one: one.path[:-1]):
        lines = [_line(one, file) for one in group]
        blocks.append("\n".join([*([_header(above)] if above else []), *lines]))
    return "\n\n".join(blocks)


def _line(one: Setting, file: str) -> str:
    name = _name(str(one.path[-1]))
    text = f"#{name} is not set" if one.value is None else f"{name} = {value(one.value)}"
    return f"{text:<{WIDTH}} # {_from(one, file)}"


def _from(one: Setting, file: str) -> str:
    words = {Origin.FILE: file, Origin.DEFAULT: "default", Origin.KEY: f"from {one.by}"}
    return "; ".join(part for part in (words[one.origin], one.note) if part)


def _header(above: Sequence[str | int]) -> str:
    names = ".".join(_name(part) for part in above if isinstance(part, str))
    return f"[[{names}]]" if isinstance(above[-1], int) else f"[{names}]"


def value(given: object) -> str:
    """A value as TOML writes it."""
    match given:
        case bool():
            return "true" if given else "false"
        case str():
            return json.dumps(given, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(map(value, given))}]"
        case Mapping():
            inside = ", ".join(_pairs(given))
            return f"{{ {inside} }}" if inside else "{}"
        case _:
            return str(given)


def _pairs(table: Mapping[str, object]) -> Iterator[str]:
    for key, inner in table.items():
        yield f"{_name(key)} = {value(inner)}"


def _name(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else value(name)
