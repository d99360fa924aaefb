"""Answers a shell that asks which words come next: from a table of our words, the inventory, and a file of names.

Nothing is asked over the network, nothing is printed but the answer, and little is imported: a shell waits for it.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fleet.core.completing import Names, Place, Value, Words, candidates, read_line

FILES = 1
"""The exit code that says: names of files fit here."""

SHELL = Path(__file__).with_name("shell")


def answer(shell: str, words: Sequence[str]) -> int:
    """Print the candidates, one a line. Whatever goes wrong, there are none: a prompt is no place for errors."""
    try:
        line = read_line(table(), words or [""])
        found = candidates(line, _names(line.values) if line.place else Names())
        sys.stdout.write("".join(f"{_shown(shell, *one)}\n" for one in found))
    except Exception:
        return 0
    return FILES if line.place is Place.FILE and not line.choices else 0


def _shown(shell: str, word: str, said: str) -> str:
    if shell == "zsh":
        escaped = word.replace(":", "\\:")
        return f"{escaped}:{said}" if said else escaped
    return f"{word}\t{said}" if shell == "fish" and said else word


def _names(values: Mapping[str, str]) -> Names:
    from fleet.cli.folders import state_folder
    from fleet.edges import machine_names
    from fleet.edges.inventory_names import names_in
    from fleet.edges.inventory_place import find

    path = find(values.get("--inventory") or values.get("-i"), os.environ, Path.cwd())
    fleet, pools, statics = names_in(path)
    machines = dict.fromkeys([*machine_names.read(state_folder(), fleet), *statics])
    return Names(pools, tuple(machines))


def table() -> Words:
    """Every command and option: ``shell/words.json``, which ``make reference`` writes from the program itself."""
    return _words(json.loads((SHELL / "words.json").read_text("utf-8")))


def _words(said: Mapping[str, Any]) -> Words:
    return Words(
        said["help"],
        {name: _words(below) for name, below in said.get("commands", {}).items()},
        {name: _value(one) for name, one in said.get("options", {}).items()},
        tuple(map(_value, said.get("arguments", []))),
        said.get("repeats", False),
    )


def _value(said: Mapping[str, Any]) -> Value:
    value = said.get("value")
    return Value(said["help"], None if value is None else Place(value), tuple(said.get("choices", [])))
