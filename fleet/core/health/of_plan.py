"""What the plan says of machines, as findings: what is missing, refused, leaving, not finished."""

from collections.abc import Iterator

from fleet.core.change import Change, Plan, Verb
from fleet.core.health.values import Finding, Severity, Trouble
from fleet.core.lifecycle import Step
from fleet.core.machine import Machine, Phase


def of_plan(plan: Plan, machines: dict[str, Machine]) -> Iterator[Finding]:
    """One finding for each change that does something, or wants a person to."""
    for change in plan.changes:
        machine = machines.get(change.machine)
        if (change.verb is not Verb.KEEP or change.hint) and not _only_forgets(change, machine):
            yield _of_change(change, machine)


def _only_forgets(change: Change, machine: Machine | None) -> bool:
    """Whether all is well again, and what was tried goes out of memory."""
    return machine is not None and machine.phase in _SERVES and change.steps in {(Step.WELL,), (Step.BOOT,)}


def _of_change(change: Change, machine: Machine | None) -> Finding:
    trouble = _BY_VERB.get(change.verb) or _of_phase(machine)
    severity = Severity.ERROR if trouble in _ERRORS else Severity.WARNING
    return Finding(trouble, severity, change.machine, change.reason, change.hint or "fleet up")


def _of_phase(machine: Machine | None) -> Trouble:
    """A machine that serves, and whose host was not seen, does not differ: it cannot be looked at."""
    if machine is None:
        return Trouble.MISSING
    if machine.facts is None and machine.phase in _SERVES:
        return Trouble.SILENT
    return _BY_PHASE.get(machine.phase, Trouble.OTHER)


_SERVES = frozenset({Phase.IDLE, Phase.BUSY, Phase.PAUSED})

_BY_VERB = {Verb.CREATE: Trouble.MISSING, Verb.REFUSE: Trouble.REFUSED, Verb.LIMIT: Trouble.LIMIT}

_BY_PHASE = {
    Phase.ABSENT: Trouble.MISSING,
    Phase.BOOTING: Trouble.UNFINISHED,
    Phase.BARE: Trouble.UNFINISHED,
    Phase.UNREGISTERED: Trouble.UNFINISHED,
    Phase.OFFLINE: Trouble.OFFLINE,
    Phase.LOST: Trouble.LOST,
    Phase.IDLE: Trouble.DRIFT,
    Phase.BUSY: Trouble.DRIFT,
    Phase.PAUSED: Trouble.DRIFT,
    Phase.DRAINING: Trouble.LEAVING,
    Phase.DRAINED: Trouble.LEAVING,
    Phase.HELD: Trouble.HELD,
    Phase.GHOST: Trouble.UNWANTED,
    Phase.ORPHAN: Trouble.UNWANTED,
    Phase.STRAY: Trouble.UNWANTED,
    Phase.UNKNOWN: Trouble.UNWANTED,
}

_ERRORS = frozenset({Trouble.LOST, Trouble.REFUSED, Trouble.OFFLINE})
