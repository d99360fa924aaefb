"""What happened: events while it goes on, one outcome per machine, one report per run."""

from dataclasses import dataclass
from enum import StrEnum

from fleet.core.change import Verb


class Verdict(StrEnum):
    """How a machine's change ended. Deferred is not a failure: the next pass goes on."""

    DONE = "done"
    KEPT = "kept"
    DEFERRED = "deferred"
    FAILED = "failed"
    REFUSED = "refused"
    LOCKED = "locked"


@dataclass(frozen=True, slots=True)
class Event:
    """Something a person who waits wants to see. ``step`` is empty for the end of a change."""

    machine: str
    step: str
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """One machine's row of the report. ``seconds`` is what the change took; ``stages``: what each step took."""

    machine: str
    verb: Verb
    verdict: Verdict
    text: str
    hint: str = ""
    seconds: float = 0.0
    stages: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """All outcomes of a run."""

    outcomes: tuple[Outcome, ...]

    def any(self, *verdicts: Verdict) -> bool:
        """Whether some machine ended like this."""
        return any(outcome.verdict in verdicts for outcome in self.outcomes)
