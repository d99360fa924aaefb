"""The table ``[upkeep]``: how hosts are kept fit."""

from typing import Annotated

from pydantic import AfterValidator, PlainValidator, ValidationInfo, field_validator

from fleet.core import inventory_rules as rules
from fleet.core.inventory import Reboot, Upkeep
from fleet.edges.inventory.base import Table

_UPKEEP = Upkeep()

_Age = Annotated[int, PlainValidator(rules.age)]
_Percent = Annotated[int, AfterValidator(rules.between(1, 99))]


class UpkeepTable(Table):
    """``[upkeep]``."""

    clean_after: _Age = _UPKEEP.clean_after
    images_after: _Age = _UPKEEP.images_after
    build_cache_after: _Age = _UPKEEP.build_cache_after
    disk_warning: _Percent = _UPKEEP.disk_warning
    disk_full: _Percent = _UPKEEP.disk_full
    updates: bool = _UPKEEP.updates
    reboot: Annotated[str, AfterValidator(rules.one_of(*Reboot))] = _UPKEEP.reboot

    @field_validator("disk_full")
    @classmethod
    def _warned_before(cls, full: int, info: ValidationInfo) -> int:
        warning = info.data.get("disk_warning")
        if warning is not None and full <= warning:
            raise rules.WrongError(f"{full} is not above disk_warning", f"more than {warning}")
        return full


def upkeep_of(table: UpkeepTable) -> Upkeep:
    """As written, or the defaults."""
    return Upkeep(**table.model_dump() | {"reboot": Reboot(table.reboot)})
