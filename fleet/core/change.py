"""What a plan consists of: what happens to which machine, and why."""

from dataclasses import dataclass
from enum import StrEnum

from fleet.core.lifecycle import Step
from fleet.core.money import Price
from fleet.core.rungs import Rung


class Verb(StrEnum):
    """What happens to a machine."""

    CREATE = "create"
    FINISH = "finish"
    REPAIR = "repair"
    KEEP = "keep"
    DRAIN = "drain"
    REMOVE = "remove"
    TAKE_BACK = "take back"
    ROTATE = "rotate"
    REFUSE = "refuse"
    LIMIT = "limit"


@dataclass(frozen=True, slots=True)
class Change:
    """What happens to one machine, and why. Kept machines have a reason too. ``rung``: what a repair tries."""

    verb: Verb
    machine: str
    pool: str
    reason: str
    steps: tuple[Step, ...] = ()
    hint: str = ""
    rung: Rung | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """All changes, and what the fleet costs before and after them (list prices, net)."""

    changes: tuple[Change, ...]
    before: Price
    after: Price
    notes: tuple[str, ...] = ()

    @property
    def todo(self) -> tuple[Change, ...]:
        """The changes that do something."""
        return tuple(change for change in self.changes if change.steps)
