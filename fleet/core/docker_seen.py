"""What the Docker of a host says of itself, and what of it concerns us. ``edges/docker_api.py`` asks."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

RUNNER = "fleet-runner"
CACHE = "fleet-cache"
"""Names of our own containers."""

OF_TASKS = "GITEA-ACTIONS-TASK-"
"""How the runner begins the name of all that it makes for a job (gitea/runner: containers, volumes, networks)."""

RUNS = frozenset({"running", "paused", "restarting", "removing"})
"""States in which Docker itself lists a container without being asked for all."""

MANY_LEFTOVERS = 50
"""Volumes, networks and containers that jobs have left, from which on nobody cleans up."""

MANY_NETWORKS = 25
"""Each job makes one, and Docker has addresses for so many and no more (docker.address_pool)."""

_RUNNER_IMAGES = ("act_runner", "gitea/runner", "gitea-runner", "forgejo/runner")


@dataclass(frozen=True, slots=True)
class Published:
    """A port of a container on an address of the host."""

    address: str
    port: int


@dataclass(frozen=True, slots=True)
class Container:
    """``created``: epoch seconds by the host's clock. ``project``: the compose project. ``mounts``: paths of the
    host, ``config``: the hash of what our own containers were started with."""

    name: str
    image: str
    state: str
    created: int
    project: str = ""
    config: str = ""
    mounts: tuple[str, ...] = ()
    ports: tuple[Published, ...] = ()


@dataclass(frozen=True, slots=True)
class RunnerContainer:
    """The runner's container. ``config`` is the hash of what it was started with, ``killed``: for want of memory.

    ``running``: also when it is frozen, since it goes on with its jobs once it is thawed.
    ``started``: the last time, in epoch seconds by the host's clock; 0 when not known.
    """

    running: bool
    exit_code: int
    restarts: int
    config: str
    image: str
    restarting: bool = False
    killed: bool = False
    started: int = 0


@dataclass(frozen=True, slots=True)
class Made:
    """A volume or a network. ``created``: epoch seconds by the host's clock, 0 where Docker does not tell."""

    name: str
    created: int = 0


@dataclass(frozen=True, slots=True)
class DockerSeen:
    """One look at a Docker. ``trouble``: why there is no answer; ``version`` is empty then, and all else too.

    ``images``: by tag and by digest. ``volumes``, ``networks``: those that runners made for jobs.
    """

    version: str = ""
    trouble: str = ""
    images: frozenset[str] = frozenset()
    containers: tuple[Container, ...] = ()
    runner: RunnerContainer | None = None
    volumes: tuple[Made, ...] = ()
    networks: tuple[Made, ...] = ()

    @property
    def tasks(self) -> tuple[Container, ...]:
        """The containers of jobs that run."""
        return tuple(one for one in self.containers if OF_TASKS in one.name and one.state in RUNS)

    @property
    def abandoned(self) -> tuple[Container, ...]:
        """Those of them whose runner was killed: one that does not run, or was started since, has no part in them.
        Gitea gives such a job up within a quarter of an hour (ZOMBIE_TASK_TIMEOUT); its container sleeps on for as long
        as a job may take."""
        if self.runner is None:
            return ()
        ended, since = not self.runner.running, self.runner.started
        return tuple(one for one in self.tasks if ended or one.created < since)

    @property
    def serves_cache(self) -> bool:
        """Whether the fleet's cache server runs here."""
        return any(one.name == CACHE and one.state in RUNS for one in self.containers)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What jobs made that no running job uses any more: stopped containers, volumes, networks."""

    containers: tuple[Made, ...] = ()
    volumes: tuple[Made, ...] = ()
    networks: tuple[Made, ...] = ()

    def __len__(self) -> int:
        return len(self.containers) + len(self.volumes) + len(self.networks)

    @property
    def many(self) -> bool:
        """Whether it is so much that nobody seems to clean up."""
        return len(self) >= MANY_LEFTOVERS or len(self.networks) >= MANY_NETWORKS

    @property
    def oldest(self) -> int:
        """When the oldest was made, 0 when nobody knows."""
        every = (*self.containers, *self.volumes, *self.networks)
        return min((one.created for one in every if one.created), default=0)


def leftovers(seen: DockerSeen) -> Leftovers:
    """What is left there. What belongs to a task that runs is in use; so may be what was made a moment ago, when the
    image of its job is still being pulled: whoever removes it looks at its age."""
    used = {_task(one.name) for one in seen.tasks}
    containers = [Made(one.name, one.created) for one in seen.containers if one.name.startswith(OF_TASKS)]
    return Leftovers(
        tuple(one for one in containers if _task(one.name) not in used),
        tuple(one for one in seen.volumes if _task(one.name) not in used),
        tuple(one for one in seen.networks if _task(one.name) not in used),
    )


def _task(name: str) -> str:
    """The number of the task in a name; of runners before 0.6.0 with the word that follows it."""
    return name.removeprefix(OF_TASKS).partition("-")[0]


def may_be_runners(seen: DockerSeen) -> tuple[Container, ...]:
    """Containers that run and may be a runner that is not ours: it takes a look at their mounts to know."""
    return tuple(
        one
        for one in seen.containers
        if one.state in RUNS and one.name not in {RUNNER, CACHE} and not one.name.startswith(OF_TASKS)
    )


def has_runner_image(image: str) -> bool:
    """Whether an image is a runner's by its name."""
    return any(word in image for word in _RUNNER_IMAGES)


def publishers(containers: Sequence[Container], port: int) -> Iterator[str]:
    """The containers, ours left out, that have this port of the host, the loopback's left out."""
    for one in containers:
        elsewhere = {where.address for where in one.ports if where.port == port} - {"127.0.0.1", "::1"}
        if one.state in RUNS and one.name != RUNNER and elsewhere:
            yield one.name
