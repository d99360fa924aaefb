"""What the inventory's schedules make of its pools at a moment. Cron expressions and time zones are read here."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

from fleet.core.inventory import Inventory, Pool, Schedule

# Longer than any change of clocks. Near one, local times do not say which start came before.
_CLOCK_CHANGE = timedelta(hours=3)


def effective(inventory: Inventory, at: datetime) -> Inventory:
    """The inventory with each pool's min and idle as they are at ``at`` (aware).

    Of several active schedules the later one in the file counts, for min and idle each. Never above max.
    """
    return replace(inventory, pools=tuple(_pool(pool, at) for pool in inventory.pools))


def active(schedule: Schedule, at: datetime) -> bool:
    """Whether its last start is less than its duration ago, in seconds that really passed."""
    earliest = at - timedelta(seconds=schedule.seconds)
    return any(earliest < start <= at for start in _starts(schedule, earliest, at))


def _pool(pool: Pool, at: datetime) -> Pool:
    least, idle = pool.min, pool.idle
    for one in pool.schedule:
        if active(one, at):
            least = least if one.min is None else one.min
            idle = idle if one.idle is None else one.idle
    return replace(pool, min=min(least, pool.max), idle=min(idle, pool.max))


def _starts(schedule: Schedule, earliest: datetime, at: datetime) -> Iterator[datetime]:
    """Its starts (UTC), the latest first, from a little after ``at`` back to ``earliest``.

    cronsim does as Debian's cron does: a fixed time that is skipped comes right after the gap, one that comes
    twice counts the first time. Starts of every hour or minute follow the real hours.
    """
    local = (at + _CLOCK_CHANGE).astimezone(ZoneInfo(schedule.zone))
    for start in CronSim(schedule.start, local, reverse=True):
        if (moment := start.astimezone(UTC)) <= earliest - _CLOCK_CHANGE:
            return
        yield moment
