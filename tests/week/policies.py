"""Ours, and two that others use. All make machines for the same jobs by the same rule; they differ in when they look,
and in when a machine goes."""

from collections.abc import Callable
from dataclasses import dataclass

from fleet.core.change import Change, Verb
from fleet.core.record import Record
from fleet.core.scaling import plan_scale
from tests.core.builders import catalog
from tests.week.office import DAY, HOUR, MINUTE
from tests.week.seen import Eyes
from tests.week.world import Rented, World

DAEMON = 10
"""Seconds between two looks of a daemon that polls."""

CRON = 5 * MINUTE
IDLE_LIMIT = 180
OFFICE = range(8 * HOUR, 19 * HOUR)
"""Seconds of a day in which "keep all day" keeps."""

CATALOG = catalog()


@dataclass(frozen=True, slots=True)
class Policy:
    """Looks every ``period`` seconds, and then does ``act``. ``by_day``: machines it has at least in office hours."""

    name: str
    period: int
    act: Callable[[World, Eyes], None]
    by_day: int = 0


def ours(world: World, eyes: Eyes) -> None:
    """What ``fleet scale`` does."""
    for change in _plan(world, eyes):
        match change.verb:
            case Verb.CREATE:
                world.create(change.machine)
            case Verb.REMOVE:
                world.leave(change.machine)
            case Verb.TAKE_BACK:
                world.take_back(change.machine)
            case Verb.FINISH:
                pass  # it boots, and will be online
            case _:
                raise AssertionError(change)


def delete_when_idle(world: World, eyes: Eyes) -> None:
    """A machine goes when it was idle for three minutes, whatever is left of its hour."""
    _grow(world, eyes)
    idle = [one for one in _idle(world) if world.now - one.since >= IDLE_LIMIT]
    for one in idle[: len(world.machines) - eyes.inventory(world).pools[0].min]:
        world.leave(one.name)


def keep_all_day(world: World, eyes: Eyes) -> None:
    """What came by day stays until the evening; at night and at weekends the short limit holds."""
    second = world.now % DAY
    by_day = second in OFFICE and world.now < 5 * DAY
    if by_day:
        _grow(world, eyes)
    else:
        delete_when_idle(world, eyes)


def _grow(world: World, eyes: Eyes) -> None:
    if world.waiting or len(world.machines) < eyes.inventory(world).pools[0].min:
        for change in _plan(world, eyes):
            if change.verb is Verb.CREATE:
                world.create(change.machine)


def _plan(world: World, eyes: Eyes) -> tuple[Change, ...]:
    return plan_scale(eyes.inventory(world), eyes.look(world), CATALOG, eyes.wanted, Record()).todo


def _idle(world: World) -> list[Rented]:
    return [one for one in world.machines.values() if world.serves(one) and not one.jobs]
