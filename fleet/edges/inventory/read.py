"""The file read, and every problem of it at once."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fleet.core.errors import InventoryError, Problem, Refused
from fleet.core.inventory import Inventory
from fleet.edges.inventory.docker import DockerTable
from fleet.edges.inventory.tables import InventoryTable
from fleet.edges.inventory.values import inventory_of
from fleet.edges.inventory.words import keys_of, problem, syntax_problem

NOT_CALLED = "default_factory_not_called"
"""What pydantic says of a default that hangs on a key which is wrong itself: that one is told."""


def load(path: Path) -> Inventory:
    """The inventory of a file. Raises InventoryError with all problems, Refused when it cannot be read."""
    return parse(read_text(path), str(path))


def read_text(path: Path) -> str:
    """The text of a file. Raises Refused, InventoryError when it is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Refused(f"{path} could not be read: {error.strerror}", hint=f"type `ls -l {path}`") from None
    except UnicodeDecodeError as error:
        problem = Problem(f"byte {error.start}", "is not UTF-8")
        raise InventoryError(str(path), [problem], hint="save the file as UTF-8") from None


def parse(text: str, source: str) -> Inventory:
    """The inventory in ``text``; ``source`` is its file: named in errors, and other files are found from there.

    Raises InventoryError with all problems.
    """
    return inventory_of(checked(text, source)[1], source)


def checked(text: str, source: str) -> tuple[Mapping[str, Any], InventoryTable]:
    """What is written, and the same as tables, with their defaults. Raises InventoryError with all problems."""
    try:
        # A table that must be there is read as an empty one, so that the error names its missing key.
        data = {"gitea": {}, **tomllib.loads(text)}
    except tomllib.TOMLDecodeError as error:
        raise InventoryError(source, [syntax_problem(str(error))]) from None
    try:
        context = {
            "docker": DockerTable.model_construct(),
            "folder": Path(source).parent,
            "tailnet": "tailnet" in data,
        }
        return data, InventoryTable.model_validate(data, context=context)
    except ValidationError as error:
        raise InventoryError(source, [problem(one) for one in error.errors() if one["type"] != NOT_CALLED]) from None


def known_keys() -> frozenset[str]:
    """Every key that may be written, as paths; the name of a pool or registry is ``*``."""
    return frozenset(keys_of(InventoryTable, ()))
