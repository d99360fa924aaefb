"""All keys of the inventory that say where a secret is, as its tables have them."""

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from fleet.core.secret import FromCommand, FromEnv, FromFile
from fleet.edges.inventory.tables import InventoryTable

SOURCES = {FromEnv, FromFile, FromCommand}


def secret_keys() -> tuple[str, ...]:
    """Their paths, like ``gitea.token``; of tables with names of their own, the path without the name."""
    return tuple(sorted(set(_below(InventoryTable, ""))))


def _below(table: type[BaseModel], path: str) -> Iterator[str]:
    for name, field in table.model_fields.items():
        kinds = set(_flat(field.annotation))
        if kinds >= SOURCES:
            yield f"{path}{name}"
        for kind in kinds:
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _below(kind, f"{path}{name}.")


def _flat(annotation: Any) -> Iterator[Any]:
    yield annotation
    for inner in get_args(annotation):
        yield from _flat(inner)
