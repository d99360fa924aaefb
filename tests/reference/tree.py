"""The program's commands as Typer knows them, and the table of words that completion reads."""

import json
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

import typer

from fleet.cli.main import COMMANDS, app
from fleet.core.completing import Place
from tests.cli.terminal import children

PROGRAM = typer.main.get_command(app)
WANTS_FILE = {"FILE", "FOLDER", "PATH"}


def commands(command: Any = PROGRAM, path: str = "fleet") -> Iterator[tuple[str, Any]]:
    """Every command that can be typed, with the words that lead to it; groups are left out."""
    below = children(command)
    if not below:
        yield path, command
    for name, one in below.items():
        yield from commands(one, f"{path} {name}")


def arguments(command: Any) -> list[Any]:
    """Its arguments, in order."""
    return [one for one in command.params if one.param_type_name == "argument"]


def options(command: Any) -> list[Any]:
    """Its options that are shown, but for ``--help``."""
    return [one for one in command.params if one.param_type_name == "option" and not one.hidden]


def word(parameter: Any) -> str:
    """What stands for its value in a line of usage."""
    kind = parameter.type_descriptor.annotation
    if parameter.metavar:
        return str(parameter.metavar)
    if choices(parameter):
        return "|".join(choices(parameter))
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    return {int: "N", float: "N", Path: "PATH"}.get(_bare(kind), "TEXT")


def choices(parameter: Any) -> list[str]:
    """The words it may be, where they are few."""
    kind = _bare(parameter.type_descriptor.annotation)
    return [str(one.value) for one in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []


def _bare(kind: Any) -> Any:
    """Without ``| None``."""
    several = [one for one in getattr(kind, "__args__", ()) if one is not type(None)]
    return several[0] if len(several) == 1 and type(None) in kind.__args__ else kind


# --- the table of words ---------------------------------------------------------------------------


def words_json() -> str:
    """``fleet/cli/shell/words.json``."""
    return json.dumps(_words(PROGRAM), indent=1, sort_keys=False) + "\n"


def _words(command: Any, line: str = "") -> dict[str, Any]:
    below = children(command)
    said: dict[str, Any] = {"help": line or _first(command.help)}
    if below:
        said["commands"] = {name: _words(one, _line(command, name)) for name, one in below.items()}
    said["options"] = {name: entry for one in options(command) for name, entry in _option(one)}
    said["options"]["--help"] = {"help": "Show this command's help."}
    if found := arguments(command):
        said["arguments"] = [_entry(one) for one in found]
        said["repeats"] = found[-1].nargs == -1
    return said


def _line(group: Any, name: str) -> str:
    """Its line in the program's own list, which is shorter than its help."""
    return COMMANDS[name][1] if group is PROGRAM else ""


def _first(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]


def _option(option: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name in (*option.opts, *option.secondary_opts):
        yield name, _entry(option)


def _entry(parameter: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {"help": _first(parameter.help)}
    if not getattr(parameter, "is_flag", False):
        entry["value"] = _place(parameter)
    if found := choices(parameter):
        entry["choices"] = found
    return entry


def _place(parameter: Any) -> str:
    """By the words in capitals that stand for it."""
    said = set(re.findall(r"[A-Z]+", word(parameter)))
    if {"POOL", "MACHINE"} <= said:
        return Place.EITHER
    if said & WANTS_FILE:
        return Place.FILE
    return next((place for place in (Place.POOL, Place.MACHINE) if place in said), Place.NOTHING)
