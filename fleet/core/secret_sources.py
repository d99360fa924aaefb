"""Where an inventory says that its secrets are."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass

from fleet.core.inventory import Inventory
from fleet.core.secret import FromEnv


def without_secrets(environment: Mapping[str, str], inventory: Inventory) -> dict[str, str]:
    """The environment for a child: no variable in which the inventory says that a secret is. It needs none of ours."""
    ours = set(_variables(inventory))
    return {name: value for name, value in environment.items() if name not in ours}


def _variables(value: object) -> Iterator[str]:
    """The names of the variables, wherever in the inventory they stand."""
    if isinstance(value, FromEnv):
        yield value.name
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _variables(one)
    elif is_dataclass(value):
        for field in fields(value):
            yield from _variables(getattr(value, field.name))
