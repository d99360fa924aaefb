"""What set-up is said in: files and commands, and all that a pool's hosts should have."""

import hashlib
from dataclasses import dataclass
from functools import cache

from fleet.core.inventory import DockerSettings, TailnetSettings
from fleet.core.labels import names
from fleet.core.secret import Secret

HOME = "/opt/fleet"
MEMORY = "/var/lib/fleet"
"""The folder of a static host's memory."""

COMPOSE = f"{HOME}/compose.yaml"
RUNNER_FILE = f"{HOME}/data/.runner"
CONTAINER = "fleet-runner"

CREDENTIALS_FOLDER = f"{HOME}/docker"
CREDENTIALS = f"{CREDENTIALS_FOLDER}/config.json"
"""Docker's own store, of what `[registries]` says."""

FETCH_TIMEOUT = 5
"""Seconds a runner's request for a task may take; what we wait out after a cordon."""

SHUTDOWN_MARGIN = 600
"""Seconds a runner waits for its jobs beyond their own time limit."""

GRACE_MARGIN = 60
"""Seconds Docker waits for the runner beyond that."""

FINGERPRINT_VERSION = 1
"""Of the form of ``HostWanted.fingerprint``: a new form alone must not look like drift of every machine."""


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file on the host. ``then`` is run after it changed, for at most ``seconds``; ``restarts``: that, or what reads
    it anew, restarts something. ``what`` is shown to the person who waits. Content that is a secret is never part of a
    fingerprint.

    ``undo`` is run after the file went, when our stack leaves a static host. ``keeps``: what was there before comes
    back when ``then`` fails.
    """

    path: str
    content: str | Secret
    mode: int = 0o644
    then: str = ""
    seconds: int = 60
    restarts: bool = False
    what: str = ""
    undo: str = ""
    keeps: bool = False

    @property
    def text(self) -> str:
        """What stands in it, secret or not: for stdin, never for an argument or a log."""
        return self.content.reveal() if isinstance(self.content, Secret) else self.content

    @property
    def is_secret(self) -> bool:
        """Whether its content must not be seen."""
        return isinstance(self.content, Secret)

    @property
    def digest(self) -> str:
        """Its SHA-256, as the probe tells it."""
        return _digest(self.text)


@dataclass(frozen=True, slots=True)
class GoneFile:
    """A file that we once put on hosts and that must not be there now. ``then`` is run after it went."""

    path: str
    then: str = ""
    seconds: int = 60
    restarts: bool = False
    what: str = ""

    @property
    def going(self) -> str:
        """Where it is until ``then`` has been done: cut in between, the next run does both again."""
        return f"{self.path}.going"


@cache
def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class JobContainers:
    """How the runner makes the containers of jobs. ``cache``: its URL as jobs see it, empty where there is none;
    ``network``: one for all, empty where each has its own; ``options``: further words for ``docker create``."""

    cache: str = ""
    network: str = ""
    options: tuple[str, ...] = ()
    socket: bool = True


@dataclass(frozen=True, slots=True)
class HostWanted:
    """What a pool's hosts should have on them. ``labels`` are in full form, ours included.

    ``daemon``: JSON of what the parts add to the Docker daemon's settings. ``tailnet``: the one they join, or None.
    ``static``: for a static host. ``merged``: its Docker is not ours, and keeps its own settings beside ours.
    """

    docker: DockerSettings
    before_docker: tuple[WantedFile, ...]
    after_docker: tuple[WantedFile, ...]
    packages: tuple[str, ...]
    images: tuple[str, ...]
    labels: tuple[str, ...]
    config_hash: str
    bridge: str
    runner_url: str
    daemon: str = "{}"
    jobs: JobContainers = JobContainers()
    gone: tuple[GoneFile, ...] = ()
    tailnet: TailnetSettings | None = None
    gitea_url: str = ""
    cache_port: int = 0
    static: bool = False
    merged: bool = False

    @property
    def files(self) -> tuple[WantedFile, ...]:
        """All files, in the order they are written."""
        return self.before_docker + self.after_docker

    @property
    def label_names(self) -> tuple[str, ...]:
        """The labels as Gitea sees them."""
        return names(self.labels)

    @property
    def fingerprint(self) -> str:
        """Stands for all of this in the tag ``setup``, secrets left out: who may read tags could try short ones."""
        parts = [f"{f.path} {f.digest}" for f in self.files if not f.is_secret] + sorted(self.packages + self.images)
        digest = hashlib.sha256("\n".join([*parts, repr(self.docker), self.daemon]).encode()).hexdigest()
        return f"{FINGERPRINT_VERSION}.{digest[:16]}"


@dataclass(frozen=True, slots=True)
class PutFile:
    """Write a file, all or nothing; one with a ``then`` is only put beside its place."""

    file: WantedFile
    what: str
    restarts: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Run a command. ``seconds`` is its limit; ``as_unit``: it must survive a dropped connection; ``hint``: where to
    look when it fails."""

    command: str
    what: str
    seconds: int = 60
    restarts: bool = False
    as_unit: bool = False
    hint: str = ""


HostChange = PutFile | Run
