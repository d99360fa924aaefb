"""A Gitea of plain values: runner records, a queue of jobs, and who gets which job when."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fleet.core.errors import Refused, RunnerUnknown
from fleet.core.labels import matches
from fleet.core.observation import EndedJobs, Job, JobState, Runner
from fleet.core.orders import Credentials, LogPart
from fleet.core.secret import Secret
from fleet.core.setup import FETCH_TIMEOUT
from tests.fakes.clock import FakeClock

ONLINE_FOR = 60
"""Seconds after a runner's last word until Gitea calls it offline."""

IN_FLIGHT = 4.5
"""Seconds that a runner's request may be under way between Gitea's look and the runner: below fetch_timeout."""

ZOMBIE = 900
"""Seconds after which Gitea gives up a job whose runner has vanished."""

PULL = 10
"""Seconds at the start of a job when its container does not exist yet."""

KEEP = 2
"""Seconds that a process keeps a list."""


@dataclass(slots=True)
class Record:
    """One runner as Gitea keeps it."""

    id: int
    uuid: str
    token: str
    name: str
    labels: frozenset[str]
    disabled: bool = False
    seen: float = 0.0


@dataclass(slots=True, eq=False)
class RunnerProcess:
    """The program in a runner's container: who it is, and whether it still asks for jobs. ``frozen``: it does not run,
    and does not know."""

    id: int
    token: str
    labels: frozenset[str]
    capacity: int
    alive: bool = True
    polls: bool = True
    known: bool = True
    frozen: bool = False
    tasks_version: int = 0


@dataclass(slots=True, eq=False)
class FakeJob:
    """One job from its start to its end. ``end``: empty, success, or lost. ``flight``: who gets it, and when.
    ``sent``: when a runner, frozen now, had asked for it. ``prints``: its log so far."""

    id: int
    labels: frozenset[str]
    seconds: float
    created: float
    started: float = 0.0
    runner_id: int | None = None
    process: RunnerProcess | None = None
    flight: tuple[RunnerProcess, float] | None = None
    sent: float = 0.0
    end: str = ""
    ended: float = 0.0
    prints: bytes = b""

    @property
    def runs(self) -> bool:
        """Whether a living process works on it."""
        return self.process is not None and not self.end


@dataclass(slots=True)
class Instance:
    """One Gitea. ``can_disable``: whether it knows ``PATCH disabled`` (1.26 and later)."""

    clock: FakeClock
    can_disable: bool = True
    records: dict[int, Record] = field(default_factory=dict)
    jobs: list[FakeJob] = field(default_factory=list)
    registered: int = 0
    version: int = 1

    @property
    def lost_jobs(self) -> list[FakeJob]:
        """Jobs whose process, host or record went away under them."""
        return [job for job in self.jobs if job.end == "lost"]

    def make_record(self, name: str, labels: frozenset[str]) -> Record:
        """A runner is registered."""
        self.registered += 1
        number = self.registered
        self.records[number] = Record(number, f"uuid-{number}", f"token-{number}", name, labels)
        return self.records[number]

    def queue(self, *, seconds: float = 60, labels: Sequence[str] = ("ubuntu-latest",)) -> FakeJob:
        """A new job that waits for a runner."""
        job = FakeJob(len(self.jobs) + 1, frozenset(labels), seconds, self.clock.now())
        self.jobs.append(job)
        self.version += 1
        return job

    def start_at_once(self, processes: Sequence[RunnerProcess], *, seconds: float = 60) -> FakeJob:
        """A new job that a runner which may have it gets in this moment; it waits when there is none."""
        job = self.queue(seconds=seconds)
        taker = self._taker(job, processes)
        if taker is not None:
            self._assign(job, taker)
        return job

    def send_off(self, processes: Sequence[RunnerProcess], *, seconds: float = 60) -> FakeJob:
        """A new job that Gitea gives away in this moment, in an answer that is still under way for a while."""
        job = self.queue(seconds=seconds)
        taker = self._taker(job, processes)
        if taker is not None:
            job.flight = (taker, self.clock.now() + IN_FLIGHT)
        return job

    def _taker(self, job: FakeJob, processes: Sequence[RunnerProcess]) -> RunnerProcess | None:
        return next((one for one in processes if self._may_have(one, job)), None)

    def _may_have(self, process: RunnerProcess, job: FakeJob) -> bool:
        record = self.records.get(process.id)
        return (
            record is not None
            and not record.disabled
            and process.alive
            and process.polls
            and not process.frozen
            and len(self.running_on(process)) < process.capacity
            and matches(job.labels, record.labels)
        )

    def running_on(self, process: RunnerProcess) -> list[FakeJob]:
        """The jobs a process works on."""
        return [job for job in self.jobs if job.process is process and not job.end]

    def started(self, process: RunnerProcess) -> None:
        """A runner declares itself when it starts."""
        record = self._record_of(process)
        if record is not None:
            record.labels = process.labels
            record.seen = self.clock.now()

    def heard_of(self, process: RunnerProcess) -> None:
        """A runner asks for a job, or reports on those it has."""
        record = self._record_of(process)
        if record is None:
            return
        if process.polls or self.running_on(process):
            record.seen = self.clock.now()
        if process.polls and process.tasks_version != self.version:
            self._give(process)

    def _record_of(self, process: RunnerProcess) -> Record | None:
        record = self.records.get(process.id)
        process.known = record is not None and record.token == process.token
        return record if process.known else None

    def _give(self, process: RunnerProcess) -> None:
        """A runner with all slots taken does not ask; one that got nothing knows the newest version from then on."""
        if len(self.running_on(process)) >= process.capacity:
            return
        for job in self.jobs:
            waits = job.process is None and job.flight is None and not job.end
            if waits and self._may_have(process, job):
                self._assign(job, process)
                return
        process.tasks_version = self.version

    def _assign(self, job: FakeJob, process: RunnerProcess) -> None:
        job.process, job.runner_id, job.started, job.flight = process, process.id, self.clock.now(), None

    def tick(self) -> None:
        """Answers arrive, and jobs end."""
        now = self.clock.now()
        for job in self.jobs:
            if job.flight is not None and now >= job.flight[1]:
                self._land(job, job.flight[0])
            elif job.runs and now >= job.started + job.seconds:
                job.end, job.ended = "success", now
                if job.process is not None:
                    job.process.tasks_version = 0

    def _land(self, job: FakeJob, process: RunnerProcess) -> None:
        """For Gitea the runner has the job; a runner that has been told to stop threw the answer away."""
        sent = self.clock.now() - IN_FLIGHT
        self._assign(job, process)
        job.sent = sent if process.frozen else 0.0
        if not process.alive or not process.polls or process.id not in self.records:
            self._lose(job)

    def died(self, process: RunnerProcess) -> None:
        """A runner is gone, and with it what it ran."""
        process.alive = process.polls = False
        for job in self.running_on(process):
            self._lose(job)

    def forget(self, record_id: int) -> None:
        """A record is deleted: reports on its jobs are refused from now on."""
        if self.records.pop(record_id, None) is None:
            return
        for job in self.jobs:
            if job.runner_id == record_id and job.runs:
                self._lose(job)

    def thawed(self, process: RunnerProcess) -> None:
        """It goes on. An answer that came while it was frozen is read, unless it has waited too long for it."""
        process.frozen = False
        for job in self.running_on(process):
            if job.sent and self.clock.now() > job.sent + FETCH_TIMEOUT:
                self._lose(job)
            job.sent = 0.0

    def _lose(self, job: FakeJob) -> None:
        job.end, job.ended = "lost", self.clock.now()

    def shows_running(self, job: FakeJob) -> bool:
        """Gitea calls a lost job running until it has given it up."""
        zombie = job.end == "lost" and self.clock.now() < job.ended + ZOMBIE
        return job.runs or zombie

    def has_container(self, job: FakeJob) -> bool:
        """Whether a job has come as far as having a container."""
        return job.runs and self.clock.now() >= job.started + PULL


class FakeGitea:
    """The ``Gitea`` of one process, with the lists it keeps for a moment."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance
        self._runners: tuple[tuple[Runner, ...], float] = ((), 0.0)
        self._jobs: tuple[tuple[Job, ...], float] = ((), 0.0)

    def version(self) -> str:
        return "1.27.3" if self._instance.can_disable else "1.25.2"

    def runners(self) -> tuple[Runner, ...]:
        now = self._instance.clock.now()
        if now >= self._runners[1]:
            self._runners = (tuple(map(self._as_seen, self._instance.records.values())), now + KEEP)
        return self._runners[0]

    def runner(self, runner_id: int) -> Runner | None:
        record = self._instance.records.get(runner_id)
        return self._as_seen(record) if record else None

    def _as_seen(self, record: Record) -> Runner:
        instance = self._instance
        now = instance.clock.now()
        busy = any(job.runs and job.runner_id == record.id for job in instance.jobs)
        disabled = record.disabled if instance.can_disable else None
        online = now - record.seen <= ONLINE_FOR
        return Runner(record.id, record.name, online, busy, record.labels, disabled)

    def jobs(self, *, fresh: bool = False) -> tuple[Job, ...]:
        now = self._instance.clock.now()
        if fresh or now >= self._jobs[1]:
            seen = (self._job(job) for job in self._instance.jobs)
            self._jobs = (tuple(job for job in seen if job is not None), now + KEEP)
        return self._jobs[0]

    def ended_jobs(self) -> EndedJobs:
        return EndedJobs(tuple(self._ended(job) for job in self._instance.jobs if job.end == "success"))

    def ended_job(self, job_id: int) -> Job | None:
        over = (job for job in self._instance.jobs if job.end and not self._instance.shows_running(job))
        return next((self._ended(job) for job in over if job.id == job_id), None)

    def _ended(self, job: FakeJob) -> Job:
        created, started, ended = (datetime.fromtimestamp(at, tz=UTC) for at in (job.created, job.started, job.ended))
        name = f"job {job.id}"
        return Job(job.id, name, JobState.ENDED, job.labels, job.runner_id, created, started, "us/app", ended=ended)

    def _job(self, job: FakeJob) -> Job | None:
        runs = self._instance.shows_running(job)
        if job.end and not runs:
            return None
        created = datetime.fromtimestamp(job.created, tz=UTC)
        waiting = Job(job.id, f"job {job.id}", JobState.WAITING, job.labels, None, created, None, "us/app")
        if not runs:
            return waiting
        started = datetime.fromtimestamp(job.started, tz=UTC)
        return replace(waiting, state=JobState.RUNNING, runner_id=job.runner_id, started=started)

    def job_log(self, repo: str, job_id: int, since: int | None) -> LogPart:
        """Each job prints what its test has put into ``prints``."""
        job = next((one for one in self._instance.jobs if one.id == job_id), None)
        if job is None or not job.started:
            raise Refused(f"Gitea has no log of job {job_id}")
        whole = job.prints
        begin = min(since or 0, len(whole))
        return LogPart(whole[begin:], begin, len(whole))

    def registration_token(self) -> Secret:
        return Secret("registration-token")

    def register(self, name: str, labels: Sequence[str], token: Secret) -> Credentials:
        assert token.reveal() == "registration-token"
        made = self._instance.make_record(name, frozenset(labels))
        self._forget()
        return Credentials(made.id, made.uuid, Secret(made.token))

    def declare(self, who: Credentials, labels: Sequence[str]) -> int:
        known = self._instance.records.values()
        record = next((one for one in known if (one.uuid, one.token) == (who.uuid, who.token.reveal())), None)
        if record is None:
            raise RunnerUnknown(f"could not set the labels of runner {who.id}: unregistered runner")
        record.labels = frozenset(labels)
        record.seen = self._instance.clock.now()
        self._forget()
        return record.id

    def set_disabled(self, runner_id: int, disabled: bool) -> bool:
        if not self._instance.can_disable:
            return False
        if runner_id not in self._instance.records:
            raise RunnerUnknown(f"could not disable runner {runner_id}: Gitea has no runner of this id")
        self._instance.records[runner_id].disabled = disabled
        self._forget()
        return True

    def delete_runner(self, runner_id: int) -> None:
        self._instance.forget(runner_id)
        self._forget()

    def close(self) -> None:
        """Nothing is open."""

    def _forget(self) -> None:
        self._runners = ((), 0.0)
