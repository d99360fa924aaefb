"""What every table of the inventory is made of."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, PlainValidator, ValidationInfo

from fleet.core import inventory_rules as rules
from fleet.core.secret import SecretSource

MOST_MACHINES = 9999  # the machine name has four digits for its number: core/names.py

SecretKey = Annotated[SecretSource, PlainValidator(rules.secret)]
Machines = Annotated[int, AfterValidator(rules.between(0, MOST_MACHINES))]
word = rules.form(r"[A-Za-z0-9][A-Za-z0-9._-]*", "name", "letters, digits, . _ and -")
Word = Annotated[str, AfterValidator(word)]
Words = Annotated[list[Word], AfterValidator(rules.not_empty), AfterValidator(rules.each_once)]


class Table(BaseModel):
    """A table of the inventory: nothing is guessed or converted, and no key is passed over."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)


def context(info: ValidationInfo) -> dict[str, Any]:
    """What the tables below see of those above: the fleet's ``docker``, Gitea's address, the pool's ``max``; none
    where wrong itself.
    ``folder``: where the inventory is. ``tailnet``: whether there is a table of that name, right or wrong."""
    assert isinstance(info.context, dict)
    return info.context


def beside(path: str, info: ValidationInfo) -> str:
    """A path that is not absolute begins at the inventory, not at where somebody types. Empty stays empty."""
    return str(context(info)["folder"] / Path(path).expanduser()) if path else ""
