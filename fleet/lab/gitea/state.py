"""What the stand-in Gitea knows: its rows, and the clock they are stamped with."""

import itertools
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
OFFLINE_AFTER = timedelta(seconds=60)  # RunnerOfflineTime
IDLE_AFTER = timedelta(seconds=10)  # RunnerIdleTime


class Status(Enum):
    """Gitea's own words; the API calls WAITING ``queued`` and BLOCKED ``waiting``."""

    SUCCESS = "success"
    FAILURE = "failure"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"
    WAITING = "queued"
    RUNNING = "in_progress"
    BLOCKED = "waiting"

    @property
    def done(self) -> bool:
        return self in FINAL


FINAL = frozenset({Status.SUCCESS, Status.FAILURE, Status.CANCELLED, Status.SKIPPED})


@dataclass(frozen=True, slots=True)
class Scope:
    """Where a runner or a registration token belongs: one owner, one repository, or everybody (zeros)."""

    owner_id: int = 0
    repo_id: int = 0


EVERYBODY = Scope()


@dataclass(slots=True)
class Owner:
    """A user or an organization; ``kept_by`` is the user who owns the organization."""

    id: int
    name: str
    admin: bool = False
    kept_by: int = 0

    @property
    def is_org(self) -> bool:
        return bool(self.kept_by)


@dataclass(frozen=True, slots=True)
class AccessToken:
    user: Owner
    scopes: tuple[str, ...]


@dataclass(slots=True)
class Repo:
    """A repository with one branch, ``main``; ``head`` and ``title`` are of its last commit.

    ``commits``: kind and content of all objects of each, as git names and stores them.
    """

    id: int
    owner: Owner
    name: str
    private: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    head: str = ""
    commits: dict[str, tuple[tuple[str, bytes], ...]] = field(default_factory=dict)
    title: str = ""

    @property
    def full_name(self) -> str:
        return f"{self.owner.name}/{self.name}"


@dataclass(slots=True)
class RegistrationToken:
    text: str
    scope: Scope
    active: bool = True


@dataclass(slots=True)
class Runner:
    id: int
    uuid: str
    token: str
    name: str
    scope: Scope
    version: str
    labels: tuple[str, ...]
    ephemeral: bool = False
    disabled: bool = False
    last_online: datetime = NEVER
    last_active: datetime = NEVER


@dataclass(slots=True)
class Run:
    """One start of a workflow; ``index`` counts within its repository."""

    id: int
    index: int
    repo: Repo
    workflow: str
    title: str
    event: str
    sha: str
    actor: Owner
    status: Status = Status.WAITING
    started: datetime = NEVER
    stopped: datetime = NEVER


@dataclass(slots=True)
class Job:
    id: int
    run: Run
    key: str
    name: str
    runs_on: tuple[str, ...]
    needs: tuple[str, ...]
    conditional: bool
    payload: bytes
    status: Status
    created: datetime
    updated: datetime
    attempt: int = 0
    task: "Task | None" = None
    started: datetime = NEVER
    stopped: datetime = NEVER


@dataclass(slots=True)
class Task:
    """One attempt of a job on one runner."""

    id: int
    job: Job
    runner_id: int
    started: datetime
    updated: datetime
    token: str = field(default_factory=lambda: secrets.token_hex(20))
    status: Status = Status.RUNNING
    outputs: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    archived: bool = False


class State:
    """All rows. Whoever reads or writes holds the server's lock."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self.owners: dict[str, Owner] = {}
        self.tokens: dict[str, AccessToken] = {}
        self.repos: dict[int, Repo] = {}
        self.registrations: list[RegistrationToken] = []
        self.runners: dict[int, Runner] = {}
        self.runs: dict[int, Run] = {}
        self.jobs: dict[int, Job] = {}
        self.tasks: dict[int, Task] = {}
        self.versions: dict[Scope, int] = {}
        self.ids: dict[str, Iterator[int]] = {}

    def next_id(self, table: str) -> int:
        """The next number of a table; numbers are never used twice."""
        return next(self.ids.setdefault(table, itertools.count(1)))

    def now(self) -> datetime:
        """The clock's time in whole seconds, as Gitea stores it."""
        return self.clock().replace(microsecond=0)

    def find_repo(self, owner: str, name: str) -> Repo | None:
        wanted = f"{owner}/{name}".lower()
        return next((repo for repo in self.repos.values() if repo.full_name.lower() == wanted), None)

    def jobs_of(self, run: Run) -> list[Job]:
        return [job for job in self.jobs.values() if job.run is run]

    def bump(self, scope: Scope) -> None:
        """A job of this scope waits: whoever polls for it shall look again."""
        for part in {EVERYBODY, Scope(scope.owner_id), Scope(repo_id=scope.repo_id)}:
            self.versions[part] = self.versions.get(part, 0) + 1

    def is_online(self, runner: Runner) -> bool:
        return self.clock() - runner.last_online <= OFFLINE_AFTER

    def is_busy(self, runner: Runner) -> bool:
        """Gitea's guess: it reported on a job in the last ten seconds."""
        return self.is_online(runner) and self.clock() - runner.last_active <= IDLE_AFTER


def scope_of(repo: Repo) -> Scope:
    """A job's scope names both its owner and its repository."""
    return Scope(repo.owner.id, repo.id)


def within(scope: Scope, repo: Repo) -> bool:
    """Whether a runner (or a list) of this scope sees the repository's jobs."""
    if scope.repo_id:
        return scope.repo_id == repo.id
    return scope.owner_id in (0, repo.owner.id)


def newest(registrations: Iterable[RegistrationToken], scope: Scope) -> RegistrationToken | None:
    """The latest registration token of exactly this scope."""
    return next((token for token in reversed(list(registrations)) if token.scope == scope), None)
