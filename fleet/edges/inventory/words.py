"""What pydantic and tomllib say of a wrong inventory, in our words."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from fleet.core import inventory_rules as rules
from fleet.core.errors import Problem
from fleet.edges.inventory.base import Table
from fleet.edges.inventory.tables import InventoryTable

_SHAPES = {
    "string_type": "text in quotes",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list in [ ]",
    "dict_type": "a table",
    "model_type": "a table",
}
_MISSING = {
    "name": 'like name = "ci"',
    "gitea.url": 'like gitea.url = "https://gitea.example"',
    "pools": "a table like [pools.build], which may be empty",
    "start": 'like start = "0 8 * * MON-FRI"',
    "for": 'like for = "10h"',
}
NAMED = frozenset({"pools", "registries"})
"""Tables whose keys are names that a person gives."""


def problem(error: ErrorDetails) -> Problem:
    where = tuple(part for part in error["loc"] if part != "[key]")
    path = _path(where)
    match error["type"], error.get("ctx", {}).get("error"):
        case "value_error", rules.WrongError() as mistake:
            return Problem(path, mistake.wrong, mistake.allowed)
        case "missing", _:
            return Problem(path, "is missing", _MISSING.get(path) or _MISSING.get(str(where[-1]), ""))
        case "extra_forbidden", _:
            known = _keys_beside(where)
            return Problem(path, "is an unknown key", rules.nearest(str(where[-1]), known) or rules.listed(known))
        case kind, _ if kind in _SHAPES:
            return Problem(path, f"must be {_SHAPES[kind]}, not {_shape(error['input'])}")
        case _:
            return Problem(path, error["msg"])


def _path(where: Sequence[int | str]) -> str:
    """The path of a key as TOML writes it, and the place in a list, from 0: ``pools.build.types[1]``."""
    parts = [f"[{part}]" if isinstance(part, int) else f".{_key(part)}" for part in where]
    return "".join(parts).removeprefix(".")


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else json.dumps(name)


def _shape(value: object) -> str:
    """What a value is, without showing it. Truth values are whole numbers to Python, so they go first."""
    shapes: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "true or false"),
        (str, "text"),
        ((int, float), "a number"),
        (list, "a list"),
        (dict, "a table"),
    )
    return next((word for kind, word in shapes if isinstance(value, kind)), "a date or a time")


def _keys_beside(where: Sequence[int | str]) -> list[str]:
    """The keys that are known in the table that ``where`` stands in. A pool's name, the second part, is no key."""
    table: type[BaseModel] = InventoryTable
    for n, part in enumerate(where[:-1]):
        inner = table.model_fields.get(str(part)) if n != 1 or where[0] not in NAMED else None
        table = (_table_in(inner.annotation) if inner else None) or table
    return [field.alias or name for name, field in table.model_fields.items()]


def keys_of(table: type[BaseModel], above: tuple[str, ...]) -> Iterator[str]:
    for name, field in table.model_fields.items():
        inner, key = _table_in(field.annotation), field.alias or name
        here = (*above, key, "*") if name in NAMED else (*above, key)
        yield from keys_of(inner, here) if inner else [".".join(here)]


def _table_in(annotation: object) -> type[BaseModel] | None:
    """The table that a key holds, or many of by name; None when it holds a value."""
    kinds = (annotation, *get_args(annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, Table)), None)


_SYNTAX_HINTS = {
    "Invalid value": "text stands in quotes",
    "Cannot overwrite a value": "each key once",
}


def syntax_problem(message: str) -> Problem:
    """tomllib says where at the end of its sentence."""
    wrong, _, where = message.rstrip(")").rpartition(" (at ")
    return Problem(where, wrong, _SYNTAX_HINTS.get(wrong, ""))
