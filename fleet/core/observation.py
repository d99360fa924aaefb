"""What is seen, as plain values. A missing entry means unknown, never no."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from fleet.core.errors import HostError
from fleet.core.facts import HostFacts


class ServerStatus(StrEnum):
    """Hetzner's word for a server's state (API: Server.status), those that matter to us."""

    RUNNING = "running"
    STARTING = "starting"
    OFF = "off"
    DELETING = "deleting"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Server:
    """Hetzner's object. ``created`` is when its first paid hour began. ``networks``: its address in each private
    network it is in, by the network's id."""

    id: int
    name: str
    status: ServerStatus
    created: datetime
    type: str
    location: str
    ipv4: str | None
    ipv6: str | None
    tags: Mapping[str, str] = field(default_factory=dict)
    volumes: tuple[int, ...] = ()
    primary_ips: tuple[int, ...] = ()
    firewalls: frozenset[int] = frozenset()
    networks: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Runner:
    """Gitea's record of a runner. ``disabled`` is None where this Gitea cannot disable runners."""

    id: int
    name: str
    online: bool
    busy: bool
    labels: frozenset[str]
    disabled: bool | None = None


class JobState(StrEnum):
    """``waiting`` is what Gitea's API calls ``queued``: ready, and no runner has it. ``ended``: with success,
    where it was not asked for by its id."""

    WAITING = "queued"
    RUNNING = "in_progress"
    ENDED = "success"


@dataclass(frozen=True, slots=True)
class Job:
    """One job of a workflow run. ``runner_id`` is None until it has a runner.

    ``created`` is when its run began: a job with ``needs`` is made then too, and is ready later. ``run``: the run's id,
    0 when not known. ``attempt``: 1 for the first start; one that is started again keeps when it was created.
    """

    id: int
    name: str
    state: JobState
    labels: frozenset[str]
    runner_id: int | None
    created: datetime
    started: datetime | None
    repo: str = ""
    url: str = ""
    run: int = 0
    attempt: int = 1
    ended: datetime | None = None


@dataclass(frozen=True, slots=True)
class EndedJobs:
    """The jobs that last ended well. ``whole``: there are no others."""

    jobs: tuple[Job, ...] = ()
    whole: bool = True


@dataclass(frozen=True, slots=True)
class Device:
    """One entry of the tailnet's list. ``id`` is what the machine itself calls its id (tailscale status: Self.ID).

    ``name``: in the tailnet, without its domain; ``hostname``: as the machine calls itself. They differ where the
    name was taken already. ``online``, ``last_seen``, ``ephemeral``: None where the tailnet does not say.
    """

    id: str
    name: str
    hostname: str
    addresses: tuple[str, ...]
    tags: frozenset[str]
    online: bool | None = None
    last_seen: datetime | None = None
    ephemeral: bool | None = None


HostSeen = HostFacts | HostError


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything seen in one look. ``at`` is the cloud's own time.

    ``runners`` and ``jobs`` are None when Gitea did not answer, ``devices`` when there is no tailnet or it did not; a
    host that was not asked is not in ``hosts``.
    ``servers_known``: False where there is no account to ask for servers, so that ``servers`` says nothing.
    """

    at: datetime
    servers: tuple[Server, ...]
    runners: tuple[Runner, ...] | None
    jobs: tuple[Job, ...] | None
    hosts: Mapping[str, HostSeen] = field(default_factory=dict)
    servers_known: bool = True
    devices: tuple[Device, ...] | None = None
