"""What is to be said of passes: when the last one was, on whatever computer, and whether they are paused."""

from dataclasses import dataclass
from datetime import UTC, datetime

from fleet.core.health import OVERDUE
from fleet.core.record import Record


@dataclass(frozen=True, slots=True)
class Passes:
    """A sentence, and what to type where something is not as usual."""

    text: str
    hint: str = ""


def passes(record: Record, now: datetime, every: int) -> Passes:
    """``every``: minutes between two passes, by the inventory."""
    if record.paused(now):
        return Passes(f"paused{_until(record.paused_until)}", "fleet resume")
    if record.last_pass is None:
        return Passes("none has ended well yet", "fleet cron install")
    minutes = int(now.timestamp() - record.last_pass) // 60
    if minutes > OVERDUE * every:
        return Passes(f"the last good one was {minutes} min ago: overdue", "fleet cron show")
    return Passes(f"the last good one was {minutes} min ago")


def _until(epoch: int | None) -> str:
    return f" until {datetime.fromtimestamp(epoch, UTC):%Y-%m-%d %H:%M} UTC" if epoch else ""
