"""The simulated world of ``tests/fakes``, made stranger, and with eyes that see every crime.

Every request of a runner may be under way for a while, jobs may have no container, Docker and hosts restart by
themselves; who is to blame for a lost job is known.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from random import Random

from fleet.core.inventory import Inventory
from fleet.core.names import Tag, hostkey_line
from fleet.core.observation import Job, JobState, Server
from fleet.core.orders import Result, ServerOrder
from fleet.core.secret import Secret
from tests.fakes.calls import LATENCY, Calls
from tests.fakes.clock import TICK, FakeClock
from tests.fakes.cloud import FakeCloud, Project
from tests.fakes.gitea import IN_FLIGHT, KEEP, FakeGitea, FakeJob, Instance, RunnerProcess
from tests.fakes.host import FakeHost
from tests.fakes.hosts import Computers, FakeHosts, FakeSession
from tests.fakes.tailnet import Network
from tests.fakes.world import FakeWorld

LONG = 45
"""A sleep longer than this is nobody's call: time between two happenings, which may go by in larger steps."""

STRIDE = 15
"""Seconds of such a step: runners still say often enough that they are there."""


GRACE = 15 * 60
"""Seconds that a host must have been silent before anybody may reset it."""

RUNGS = ("reboot", "clean", "restart", "set-up", "register", "reset", "rebuild")
"""What may be tried on a machine, in order; the witness knows it by heart."""

LEAST = 300
"""Seconds that anything has to help."""

EUROS = {"cx33": Decimal("0.0096"), "cx43": Decimal("0.0164")}
"""Per hour, with a public IPv4. The witness does its own sums: a fault in the code must not make it blind."""


class SwiftClock(FakeClock):
    """A clock that takes large steps while nobody is at work."""

    def sleep(self, seconds: float) -> None:
        if seconds <= LONG:
            super().sleep(seconds)
            return
        end = self._now + seconds
        while self._now < end:
            self._now = min(self._now + (STRIDE if end - self._now > LONG else TICK), end)
            for watch in self._watchers:
                watch()


class StrangeGitea(Instance):
    """A Gitea whose answers take their time. ``open``: the jobs that have not ended; ``blame``: who is at work."""

    def __init__(self, clock: FakeClock, can_disable: bool, random: Random, crime: Callable[[str], None]) -> None:
        super().__init__(clock, can_disable)
        self._random = random
        self._crime = crime
        self._open: list[FakeJob] = []
        self._no_container: set[int] = set()
        self._fallen: set[RunnerProcess] = set()
        self._accident = False

    @contextmanager
    def accident(self) -> Iterator[None]:
        """Jobs that die now die by nobody's fault."""
        before, self._accident = self._accident, True
        try:
            yield
        finally:
            self._accident = before

    def queue(self, *, seconds: float = 60, labels: Sequence[str] = ("ubuntu-latest",)) -> FakeJob:
        job = super().queue(seconds=seconds, labels=labels)
        self._open.append(job)
        if self._random.random() < 0.4:
            self._no_container.add(job.id)
        return job

    def offer(self, job: FakeJob, processes: Sequence[RunnerProcess], delay: float) -> None:
        """Give a job away in this moment, if somebody may have it; the answer is under way for ``delay`` seconds."""
        taker = self._taker(job, processes)
        if taker is not None and delay:
            job.flight = (taker, self.clock.now() + delay)
        elif taker is not None:
            self._assign(job, taker)

    def running_on(self, process: RunnerProcess) -> list[FakeJob]:
        return [job for job in self._open if job.process is process and not job.end]

    def waiting(self) -> list[FakeJob]:
        """Jobs that nobody has."""
        return [job for job in self._open if job.process is None and job.flight is None and not job.end]

    def tick(self) -> None:
        now = self.clock.now()
        for job in self._open:
            if job.flight is not None and now >= job.flight[1]:
                self._land(job, job.flight[0])
            elif job.runs and now >= job.started + job.seconds:
                job.end, job.ended = "success", now
                if job.process is not None:
                    job.process.tasks_version = 0
        self._open = [job for job in self._open if not job.end]

    def _may_have(self, process: RunnerProcess, job: FakeJob) -> bool:
        """A runner has one request under way at a time."""
        asks = all(other.flight is None or other.flight[0] is not process for other in self._open)
        return asks and super()._may_have(process, job)

    def _give(self, process: RunnerProcess) -> None:
        if any(job.flight is not None and job.flight[0] is process for job in self._open):
            return
        if len(self.running_on(process)) >= process.capacity:
            return
        for job in self.waiting():
            if self._may_have(process, job):
                self.offer(job, [process], self._random.choice((0.0, self._random.uniform(0, IN_FLIGHT))))
                return
        process.tasks_version = self.version

    def died(self, process: RunnerProcess) -> None:
        if self._accident:
            self._fallen.add(process)
        super().died(process)

    def forget(self, record_id: int) -> None:
        if self._accident:  # a job whose answer is under way falls with the record, when it lands
            flights = (job.flight for job in self.jobs if job.flight is not None)
            self._fallen.update(process for process, _ in flights if process.id == record_id)
        super().forget(record_id)

    def _lose(self, job: FakeJob) -> None:
        super()._lose(job)
        if not self._accident and job.process not in self._fallen:
            self._crime(f"job {job.id} was lost on runner {job.runner_id}")

    def has_container(self, job: FakeJob) -> bool:
        return job.id not in self._no_container and super().has_container(job)


class SlowLists(FakeGitea):
    """One process's view: the waiting jobs are read first, the running ones a moment later, as the edge does."""

    def jobs(self, *, fresh: bool = False) -> tuple[Job, ...]:
        now = self._instance.clock.now()
        if fresh or now >= self._jobs[1]:
            waiting = self._now(JobState.WAITING)
            self._instance.clock.sleep(LATENCY)
            self._jobs = (tuple((waiting | self._now(JobState.RUNNING)).values()), now + KEEP)
        return self._jobs[0]

    def _now(self, state: JobState) -> dict[int, Job]:
        seen = map(self._job, self._instance.jobs)
        return {job.id: job for job in seen if job is not None and job.state is state}


class WatchedCloud(FakeCloud):
    """One process's Hetzner, with a witness."""

    def __init__(self, world: "StrangeWorld", born: float) -> None:
        super().__init__(world.project)
        self._world = world
        self._born = born

    def create_server(self, order: ServerOrder) -> Server:
        server = super().create_server(order)
        self._world.check_limits()
        return server

    def delete_server(self, server: Server) -> None:
        self._world.accuse_if_kept("deleted", server.id, self._world.clock.now())
        super().delete_server(server)

    def reset_server(self, server_id: int) -> None:
        self._world.accuse_if_kept("reset", server_id, self._born)
        self._world.accuse_if_heard_of("reset", server_id)
        super().reset_server(server_id)

    def rebuild_server(self, server_id: int, image: str, user_data: Secret) -> None:
        self._world.accuse_if_kept("rebuilt", server_id, self._born)
        self._world.accuse_if_heard_of("rebuilt", server_id)
        super().rebuild_server(server_id, image, user_data)

    def set_tags(self, server_id: int, changes: Mapping[str, str | None]) -> Server | None:
        if server_id in self._world.foreign:
            self._world.crime(f"tags of the foreign server {server_id} were changed")
        seen = self.server(server_id)
        if seen is not None:
            after = changes.get(Tag.REPAIR, seen.tags.get(Tag.REPAIR)) or ""
            self._world.accuse_of_haste(server_id, seen.tags.get(Tag.REPAIR, ""), after)
        return super().set_tags(server_id, changes)


class DroppingHosts(FakeHosts):
    """SSH whose connections break; with one breaks the lock that was held through it."""

    def __init__(
        self, computers: Computers, stack: Mapping[str, str], calls: Calls, drops: Callable[[str], bool]
    ) -> None:
        super().__init__(computers, stack, calls)
        self._drops = drops

    def _connect(self, target: object) -> FakeSession:
        session = super()._connect(target)  # type: ignore[arg-type]
        return DroppingSession(session, self._drops)


class DroppingSession(FakeSession):
    """A connection that may break before or after a command has done its work."""

    def __init__(self, like: FakeSession, drops: Callable[[str], bool]) -> None:
        super().__init__(like._host, like._clock, like._stack, like._calls)
        self._drops = drops

    def run(self, command: str, *, stdin: bytes = b"", timeout: float = 60) -> Result:
        if self._drops(f"before {command[:24]}"):
            self.close()
        result = super().run(command, stdin=stdin, timeout=timeout)
        if self._drops(f"after {command[:24]}"):
            self.close()
            self._must_be_alive(timeout)
        return result


class StrangeWorld(FakeWorld):
    """Everything outside fleet. ``crimes`` must stay empty; ``story`` is what happened, for who must mend it.

    ``asked``: a person has typed ``fleet repair``, and waits for no grace.
    """

    def __init__(self, inventory: Inventory, random: Random, *, can_disable: bool) -> None:
        self.inventory = inventory
        self.crimes: list[str] = []
        self.story: list[tuple[float, str, str]] = []
        self.disabled: set[int] = set()
        self.held_since: dict[int, float] = {}
        self.silent_since: dict[int, float] = {}
        self.asked = False
        self.guard = threading.RLock()
        self.clock = SwiftClock()
        self.strange = StrangeGitea(self.clock, can_disable, random, self.crime)
        self.gitea = self.strange
        self.computers = Computers(self.clock, self.gitea, Network(self.clock))
        self.project = Project(self.clock, self.computers)
        self.clock.at_each_tick(self.gitea.tick)
        self.clock.at_each_tick(self.computers.tick)
        self.foreign = _strangers(self.project)

    def tell(self, who: str, what: str) -> None:
        """One line of the story."""
        self.story.append((self.clock.now(), who, what))

    def crime(self, what: str) -> None:
        """Something that must never happen has happened."""
        self.crimes.append(what)
        self.tell("CRIME", what)

    def is_ours(self, server_id: int) -> bool:
        """Whether a server is of this fleet."""
        return server_id in self.project.servers and server_id not in self.foreign

    @property
    def processes(self) -> list[RunnerProcess]:
        """The runners that run, and that Gitea can answer."""
        hosts = self.computers.hosts.values()
        return [host.process for host in hosts if host.process is not None and host.reaches_gitea]

    @property
    def ours(self) -> list[Server]:
        """The servers of this fleet."""
        return [self.project.servers[number] for number in self.project.servers if self.is_ours(number)]

    def accuse_if_kept(self, what: str, server_id: int, since: float) -> None:
        """Nobody may touch a foreign server, or one that was held before ``since``."""
        server = self.project.servers.get(server_id)
        if server is None:
            return
        if not self.is_ours(server_id):
            self.crime(f"the foreign server {server.name} was {what}")
        if Tag.HELD in server.tags and self.held_since.get(server_id, since) < since:
            self.crime(f"{server.name} is held, and was {what}")

    def accuse_if_heard_of(self, what: str, server_id: int) -> None:
        """Nobody may pull the plug of a host that has not been silent for the whole grace, unless its runner was
        stopped before."""
        host, since = self.computers.hosts.get(server_id), self.silent_since.get(server_id)
        stopped = host is not None and not host.mute and (host.process is None or not host.process.polls)
        if not stopped and not self.asked and (since is None or self.clock.now() - since < GRACE):
            self.crime(f"server {server_id} was {what}, and it answered not long ago")

    def accuse_of_haste(self, server_id: int, before: str, after: str) -> None:
        """Nobody but a person who asks for it climbs twice on one rung, or higher while the last one may still help."""
        if not before or not after or before == after or self.asked:
            return
        (rung, _, since), (higher, _, at) = before.partition("."), after.partition(".")
        if int(at) < int(since):
            return  # overtaken by somebody else between its last look and its own tag: Hetzner's tags cannot do better
        if RUNGS.index(higher) <= RUNGS.index(rung):
            self.crime(f"server {server_id}: {after} was tried after {before}")
        if int(at) - int(since) < LEAST:
            self.crime(f"server {server_id}: {before} had no time to help before {after}")

    def silence(self, name: str, until: str) -> None:
        """From now on the host of this name does not answer, until "reset", "rebuild", or for ever ("always")."""
        host, number = self.host(name), self.server(name).id
        if not host.mute:
            self.silent_since[number] = self.clock.now()
        host.mute = until

    def check_limits(self) -> None:
        """Never more machines, and never dearer ones, than somebody allowed."""
        ours = self.ours
        for pool in self.inventory.pools:
            if sum(one.tags[Tag.POOL] == pool.name for one in ours) > pool.max:
                self.crime(f"pool {pool.name} has more than {pool.max} machines")
        if self.inventory.max is not None and len(ours) > self.inventory.max:
            self.crime(f"{len(ours)} machines, and max is {self.inventory.max}")
        hour = sum((EUROS[one.type] for one in ours), Decimal(0))
        if self.inventory.max_eur_per_hour is not None and hour > self.inventory.max_eur_per_hour:
            self.crime(f"{hour} euros per hour, and the cap is {self.inventory.max_eur_per_hour}")

    def check_strangers(self) -> None:
        """Foreign servers are as they were, and no name is there twice."""
        for number, server in self.foreign.items():
            if self.project.servers.get(number) != server:
                self.crime(f"the foreign server {server.name} is not as it was")
        if len(set(self.server_names)) != len(self.server_names):
            self.crime(f"a name is there twice: {self.server_names}")

    def answers_wrongly(self, server: Server) -> bool:
        """Whether its host has another key than its tag says: no pass touches it, a person is told."""
        return hostkey_line(server.tags[Tag.HOSTKEY]) != self.computers.hosts[server.id].host_key

    def delete_by_hand(self, server: Server) -> None:
        """A person deletes it on Hetzner's own page."""
        with self.strange.accident():
            WatchedCloud(self, self.clock.now()).delete_server(server)

    def reboot(self, host: FakeHost) -> None:
        """The host restarts by itself."""
        with self._by_accident(host):
            host.reset()

    def restart_docker(self, host: FakeHost) -> None:
        """Docker restarts by itself: containers go on, those that were stopped come back as their policy says."""
        if host.disk.docker:
            with self._by_accident(host):
                host.restart_docker()
                host._docker_starts()

    @contextmanager
    def _by_accident(self, host: FakeHost) -> Iterator[None]:
        interrupted = list(host.interrupted)
        with self.strange.accident():
            yield
        host.interrupted[:] = interrupted


def _strangers(project: Project) -> dict[int, Server]:
    """Servers that are not ours, some of them almost."""
    almost = {Tag.FLEET: "ci", Tag.POOL: "build", Tag.GITEA: "0123456789"}
    made = [project.add("web-1", {}), project.add("ci-build-7", almost), project.add("ci2-build-1", almost)]
    return {server.id: server for server in made}
