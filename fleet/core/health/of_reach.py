"""Hosts that cannot be looked at, and why."""

from collections.abc import Iterator

from fleet.core.errors import HostSilent, LoginRefused, WrongHostKey
from fleet.core.health.values import Finding, Severity, Trouble
from fleet.core.machine import Machine, Phase

_NOT_YET = frozenset({Phase.BOOTING, Phase.LOST})
"""Here silence is expected, or it is what the plan speaks of."""


def of_reach(machine: Machine) -> Iterator[Finding]:
    """What the last attempt to log in came to."""
    match machine.host:
        case LoginRefused(message=message, hint=hint):
            yield Finding(Trouble.LOGIN, Severity.ERROR, machine.name, message, hint or "fleet doctor")
        case WrongHostKey(message=message, hint=hint):
            yield Finding(Trouble.HOST_KEY, Severity.ERROR, machine.name, message, hint or "fleet doctor")
        case HostSilent(message=message, hint=hint) if machine.phase not in _NOT_YET:
            yield Finding(Trouble.SILENT, Severity.WARNING, machine.name, message, hint or "is port 22 open to you?")
