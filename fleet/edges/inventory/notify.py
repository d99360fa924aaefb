"""The table ``[notify]``: who is told of what is wrong. Keys that a check compares stand before it."""

from typing import Annotated

from pydantic import AfterValidator, ValidationInfo, field_validator

from fleet.core import inventory_rules as rules
from fleet.core.health import Severity
from fleet.core.inventory import NotifySettings
from fleet.core.secret import SecretSource
from fleet.edges.inventory.base import SecretKey, Table

_DEFAULT = NotifySettings()
_Argument = Annotated[str, AfterValidator(rules.form(r"[^\0]+", "word", "a command, word by word"))]


class NotifyTable(Table):
    """``[notify]``."""

    url: SecretKey | None = _DEFAULT.url
    token: SecretKey | None = _DEFAULT.token
    command: list[_Argument] = list(_DEFAULT.command)
    severity: Annotated[str, AfterValidator(rules.one_of(*Severity))] = _DEFAULT.severity

    @field_validator("token")
    @classmethod
    def _is_for_the_address(cls, token: SecretSource | None, info: ValidationInfo) -> SecretSource | None:
        if token is not None and "url" in info.data and info.data["url"] is None:
            raise rules.WrongError("has no effect without notify.url", 'like url = { env = "FLEET_NOTIFY_URL" }')
        return token

    @field_validator("command")
    @classmethod
    def _is_the_only_way(cls, command: list[str], info: ValidationInfo) -> list[str]:
        if command and info.data.get("url") is not None:
            raise rules.WrongError("has no effect beside notify.url", "one of the two")
        return command


def notify_of(table: NotifyTable) -> NotifySettings:
    """As a plain value."""
    return NotifySettings(table.url, table.token, tuple(table.command), table.severity)
