"""Rented servers and the jobs on them, second by second, without a real clock.

Jobs start in the order they came, each on a free slot of any server that serves; which one, chance says,
as with runners that ask at their own times. A job that has started ends where it is: nothing here can kill one.
"""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.week.office import HOUR, Planned

BOOT = 90
"""Seconds from the create call until the runner is online and set up."""

GOODBYE = 20
"""Seconds from the cordon of an empty machine until its server is deleted."""


@dataclass(frozen=True, slots=True)
class Ran:
    """A job that has started, and when; ``end`` is when it will have ended."""

    job: Planned
    start: int
    runner_id: int

    @property
    def wait(self) -> int:
        """Seconds between the push and the start."""
        return self.start - self.job.at

    @property
    def end(self) -> int:
        return self.start + self.job.seconds


@dataclass(slots=True)
class Rented:
    """One server. ``deleted`` is None while it exists.

    ``since``: when it came up, became busy, or became empty again, whichever was last.
    """

    id: int
    name: str
    created: int
    since: int
    jobs: list[Ran] = field(default_factory=list)
    draining: bool = False
    deleted: int | None = None
    busy_seconds: int = 0


def billed_hours(created: int, deleted: int) -> int:
    """Hetzner bills every hour that has begun, counted from the creation."""
    return (deleted - created) // HOUR + 1


@dataclass(slots=True)
class World:
    """``now`` is the second of the week; only ``advance`` moves it."""

    capacity: int
    to_come: deque[Planned]
    chance: random.Random
    now: int = 0
    machines: dict[str, Rented] = field(default_factory=dict)
    waiting: deque[Planned] = field(default_factory=deque)
    ran: list[Ran] = field(default_factory=list)
    gone: list[Rented] = field(default_factory=list)

    @classmethod
    def of(cls, jobs: Sequence[Planned], capacity: int, seed: int) -> "World":
        """Before the first push, with no server."""
        return cls(capacity, deque(jobs), random.Random(seed))

    def advance(self, until: int) -> None:
        """Let jobs come, start and end, and servers come up, until then (included)."""
        while (at := self._next_event()) is not None and at <= until:
            self.now = at
            self._end_jobs()
            while self.to_come and self.to_come[0].at <= at:
                self.waiting.append(self.to_come.popleft())
            self._start_jobs()
        self.now = until

    def _next_event(self) -> int | None:
        ends = [ran.end for one in self.machines.values() for ran in one.jobs]
        boots = [one.created + BOOT for one in self.machines.values() if one.created + BOOT > self.now]
        pushes = [self.to_come[0].at] if self.to_come else []
        return min(ends + boots + pushes, default=None)

    def _end_jobs(self) -> None:
        for one in self.machines.values():
            left = [ran for ran in one.jobs if ran.end > self.now]
            if one.jobs and not left:
                one.busy_seconds += self.now - one.since
                one.since = self.now
            one.jobs = left

    def _start_jobs(self) -> None:
        while self.waiting and (free := [one for one in self.machines.values() if self._has_room(one)]):
            one = self.chance.choice(free)
            if not one.jobs:
                one.since = self.now
            ran = Ran(self.waiting.popleft(), self.now, one.id)
            one.jobs.append(ran)
            self.ran.append(ran)

    def _has_room(self, one: Rented) -> bool:
        return self.serves(one) and not one.draining and len(one.jobs) < self.capacity

    def serves(self, one: Rented) -> bool:
        """Whether its runner is online."""
        return self.now >= one.created + BOOT

    def create(self, name: str) -> None:
        """Rent a server of that name. A name that is taken is refused, as at Hetzner."""
        assert name not in self.machines, name
        number = 1 + len(self.gone) + len(self.machines)
        self.machines[name] = Rented(number, name, self.now, self.now + BOOT)

    def leave(self, name: str) -> None:
        """Cordon it; it goes if it is empty, and else a later call must find it so."""
        one = self.machines[name]
        one.draining = True
        if not one.jobs:
            one.deleted = self.now + GOODBYE
            self.gone.append(self.machines.pop(name))

    def take_back(self, name: str) -> None:
        """Off with the cordon; it takes jobs that wait at once."""
        self.machines[name].draining = False
        self._start_jobs()

    def close(self) -> None:
        """The end of what is looked at: what still exists is billed until now."""
        for name in list(self.machines):
            one = self.machines.pop(name)
            one.deleted = self.now
            self.gone.append(one)
