"""What goes wrong, or happens at the worst moment, between any two calls of one fleet process."""

from collections.abc import Callable
from random import Random
from typing import Protocol, TypeVar

from fleet.core.errors import CloudError, FleetError, GiteaError, RateLimited, Unreachable
from tests.fakes.calls import Calls, Killed
from tests.fakes.gitea import IN_FLIGHT
from tests.fakes.host import FakeHost
from tests.histories.history import Odds
from tests.histories.strange import StrangeWorld

T = TypeVar("T")

CRITICAL = frozenset(
    {
        "clock.sleep",
        "gitea.set_disabled",
        "gitea.declare",
        "gitea.jobs",
        "host.stop runner",
        "host.is running",
        "host.compose up",
        "gitea.delete_runner",
        "cloud.delete_server",
        "cloud.create_server",
        "cloud.set_tags",
    }
)
"""Calls around which a second more or less matters: everything is likelier there."""

MORE = 6
"""So much likelier."""

TIMELESS = frozenset({"clock.sleep", "cloud.now", "hosts.public_key"})
"""Calls that cannot fail."""

NO_LOOK_LEFT = frozenset({"cloud.delete_server", "cloud.create_server", "cloud.reset_server", "cloud.rebuild_server"})
"""The last look is over: what others say or do between it and this call comes too late."""


class Others(Protocol):
    """Who else may act between two calls."""

    def second_operator(self) -> None: ...

    def person_holds(self) -> None: ...


class Mischief:
    """The strangeness that one process meets. ``others`` is None where nobody else acts meanwhile."""

    def __init__(self, world: StrangeWorld, random: Random, odds: Odds, others: Others | None) -> None:
        self.world = world
        self.random = random
        self.odds = odds
        self.others = others

    def before(self, name: str) -> None:
        """All that may happen before a call."""
        more = MORE if name in CRITICAL else 1
        if self.random.random() < self.odds.job * more:
            self._job()
        if self.random.random() < self.odds.accident * more:
            self._accident()
        if self.others is None or name in NO_LOOK_LEFT:
            return
        if self.random.random() < self.odds.second * more:
            others, self.others = self.others, None
            others.second_operator()
        elif self.random.random() < self.odds.person * more:
            self.others.person_holds()

    def kills(self, name: str) -> bool:
        """Whether the process dies now."""
        return self.random.random() < self.odds.kill * (MORE if name in CRITICAL else 1) / 4

    def fails(self, name: str) -> FleetError | None:
        """The error that this call ends with, if any."""
        if name in TIMELESS or self.random.random() >= self.odds.failure:
            return None
        if name.startswith("cloud."):
            unavailable = CloudError("could not: the service is unavailable", code="unavailable")
            return self.random.choice((unavailable, Unreachable("no answer in time"), RateLimited("too many")))
        if name.startswith("gitea."):
            return self.random.choice((GiteaError("could not: HTTP 500"), Unreachable("no answer in time")))
        return None

    def drops(self, _: str) -> bool:
        """Whether a connection to a host breaks."""
        return self.random.random() < self.odds.failure

    def _job(self) -> None:
        """One is pushed, and somebody may get it in this very moment."""
        gitea = self.world.strange
        seconds = self.random.choice((1, 8, 30, 300))
        pool = self.random.choice(self.world.inventory.pools)
        label = self.random.choice((pool.name, "ubuntu-latest"))
        job = gitea.queue(seconds=seconds, labels=(label,))
        processes = self.world.processes
        self.random.shuffle(processes)
        if self.random.random() < 0.8:
            gitea.offer(job, processes, self.random.choice((0, IN_FLIGHT, self.random.uniform(0, IN_FLIGHT))))
        self.world.tell(
            "world", f"job {job.id} is pushed: runner {job.runner_id}, {'' if job.flight is None else 'in flight'}"
        )

    def _accident(self) -> None:
        """Most likely where somebody is at work; and often a job comes in the next moment."""
        hosts: list[tuple[int, FakeHost]] = list(self.world.computers.hosts.items())
        if not hosts:
            return
        busy = [(number, host) for number, host in hosts if host.locked_by is not None]
        number, host = self.random.choice(busy if busy and self.random.random() < 0.7 else hosts)
        if self.random.random() < 0.5:
            self.world.gitea.queue(seconds=60)
        if self.random.random() < 0.2:
            self.world.tell("world", f"host {number} reboots")
            self.world.reboot(host)
        else:
            self.world.tell("world", f"Docker restarts on {number}")
            self.world.restart_docker(host)


class StrangeCalls(Calls):
    """The calls of one process, to which mischief happens."""

    def __init__(self, who: str, mischief: Mischief) -> None:
        super().__init__(mischief.world.clock, mischief.world.guard)
        self._who = who
        self._mischief = mischief
        self._story = mischief.world.story

    def make(self, name: str, do: Callable[[], T]) -> T:
        if self.dead:
            raise Killed
        self._mischief.before(name)
        self._die_perhaps(name)
        error = self._mischief.fails(name)
        early = error is not None and self._mischief.random.random() < 0.5
        self._story.append((self._clock.now(), self._who, f"{name}{f' FAILS: {error}' if error else ''}"))
        if error is not None and early:
            self.fail_next(name, error)
        result = super().make(name, do)
        self._die_perhaps(name)
        if error is not None:
            raise error
        return result

    def _die_perhaps(self, name: str) -> None:
        if self._mischief.kills(name):
            self._mischief.world.tell(self._who, f"KILLED at {name}")
            self.dead = True
            raise Killed
