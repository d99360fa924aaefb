"""What a team of five pushes in a week. The same seed is the same week."""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
DAYS, WORKDAYS = 7, 5
MINUTE, HOUR, DAY = 60, 3600, 86400
WEEK = DAYS * DAY

PEOPLE = 5
PUSHES_A_DAY = 8
BUSTLE = {9: 0.7, 10: 1.2, 11: 1.3, 12: 0.4, 13: 0.6, 14: 1.2, 15: 1.3, 16: 1.3, 17: 1.0}
"""How much is pushed in each hour of the day: a slow start, a dip at lunch. The mean is 1."""

THREE_JOBS = 0.3
"""Part of the pushes that start three jobs (build, test, lint), the others start one."""

MEDIAN_JOB, SPREAD = 5.0 * MINUTE, 0.6
"""Of the lognormal length of a job; its mean is 6 minutes."""

SHORTEST, LONGEST = 30, HOUR
NIGHTLY = 2 * HOUR


@dataclass(frozen=True, slots=True)
class Planned:
    """A job as the team makes it. ``at``: seconds after Monday 0:00; ``seconds``: how long it runs."""

    id: int
    at: int
    seconds: int


def week(seed: int) -> tuple[Planned, ...]:
    """The jobs of one week, in order of time."""
    chance = random.Random(seed)
    times = sorted([*_pushed(chance), *(day * DAY + NIGHTLY for day in range(DAYS))])
    return tuple(Planned(number, at, _length(chance)) for number, at in enumerate(times, 1))


def _pushed(chance: random.Random) -> Iterator[int]:
    """A time for each job of each push; the hours of a day weigh as ``BUSTLE`` says."""
    for day in range(WORKDAYS):
        for _ in range(PEOPLE * PUSHES_A_DAY):
            (hour,) = chance.choices(list(BUSTLE), list(BUSTLE.values()))
            at = day * DAY + hour * HOUR + chance.randrange(HOUR)
            yield from [at] * (3 if chance.random() < THREE_JOBS else 1)


def _length(chance: random.Random) -> int:
    return min(max(int(chance.lognormvariate(math.log(MEDIAN_JOB), SPREAD)), SHORTEST), LONGEST)


def clock(second: int) -> datetime:
    """The date of that second of the week."""
    return MONDAY + timedelta(seconds=second)
