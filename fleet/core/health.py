"""What is wrong, in findings: each has a stable name, a severity, a sentence, and what to type (design: section 9)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fleet.core.change import Change, Plan, Verb
from fleet.core.machine import Machine, Phase


class Severity(StrEnum):
    """``error``: a job cannot run, or a person must act. ``warning``: it works, and will not for long. ``note``: worth
    knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Trouble(StrEnum):
    """What can be wrong. The text is its name in JSON, in metrics and in messages: it does not change."""

    MISSING = "machine-missing"
    UNFINISHED = "not-finished"
    OFFLINE = "runner-offline"
    LOST = "host-lost"
    SILENT = "host-silent"
    REFUSED = "refused"
    DRIFT = "drift"
    UNWANTED = "not-wanted"
    LEAVING = "leaving"
    HELD = "held"
    LIMIT = "limit"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``machine`` is empty where it concerns the fleet as a whole.

    What is found twice is the same finding when ``trouble`` and ``machine`` are the same, whatever the sentence says.
    """

    trouble: Trouble
    severity: Severity
    machine: str
    sentence: str
    hint: str


def findings(machines: Sequence[Machine], plan: Plan) -> tuple[Finding, ...]:
    """All that is not as wanted, in the order of the plan."""
    phases = {machine.name: machine.phase for machine in machines}
    return tuple(_of_plan(plan, phases))


def _of_plan(plan: Plan, phases: dict[str, Phase]) -> Iterator[Finding]:
    for change in plan.changes:
        if change.verb is not Verb.KEEP or change.hint:
            yield _of_change(change, phases.get(change.machine))


def _of_change(change: Change, phase: Phase | None) -> Finding:
    trouble = _BY_PHASE.get(phase, Trouble.OTHER) if phase else Trouble.MISSING
    trouble = _BY_VERB.get(change.verb, trouble)
    severity = Severity.ERROR if trouble in _ERRORS else Severity.WARNING
    return Finding(trouble, severity, change.machine, change.reason, change.hint or "fleet up")


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
