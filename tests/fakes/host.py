"""A computer of plain values: files, packages, Docker, and the runner's container."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from tests.fakes.clock import FakeClock
from tests.fakes.gitea import Instance, RunnerProcess
from tests.fakes.tailnet import Network
from tests.fakes.tailscale import Tailscale

SSH_AFTER = 8
"""Seconds from power to the first answer on SSH."""

BOOTED_AFTER = 12
"""Seconds from power until cloud-init is done."""

CURES = ("restart", "register", "reset", "rebuild")
"""What a person, or fleet, may do to a host, the gentlest first."""

COMPOSE_FILE = "/opt/fleet/compose.yaml"
CONFIG_FILE = "/opt/fleet/config.yaml"
RUNNER_FILE = "/opt/fleet/data/.runner"
LOGIN_FILES = ("/root/.ssh/authorized_keys", "/root/.ssh/authorized_keys2")
DAEMON_FILE = "/etc/docker/daemon.json"
MEMORY_FILE = "/var/lib/fleet/memory"
GITEA_URL = "https://git.example"
GUARD_UNIT = "/etc/systemd/system/fleet-guard.service"


@dataclass(slots=True)
class Container:
    """The runner's container. ``by_hand``: somebody stopped it, so ``unless-stopped`` leaves it so. ``socket_lost``: it
    has lived through a stop of Docker, and reaches it no more."""

    config: str
    image: str
    restart: str
    process: RunnerProcess
    running: bool = True
    by_hand: bool = False
    returns: bool = False
    socket_lost: bool = False


@dataclass(slots=True)
class ByHand:
    """A runner that a person made there, in a container of a compose project."""

    process: RunnerProcess
    running: bool = True

    FILE: ClassVar = "/srv/ci/data/.runner"


@dataclass(slots=True)
class Disk:
    """What is on a host and stays when it is reset."""

    files: dict[str, str] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)
    packages: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    docker: bool = False
    daemon: Mapping[str, object] = field(default_factory=dict)
    container: Container | None = None
    serves_cache: bool = False
    by_hand: ByHand | None = None


class FakeHost:
    """One host. The first group of attributes are the faults a test may set.

    ``mute``: it does not answer on SSH, until "reset" or "rebuild", or for ever ("always").
    ``left_tasks``: containers of jobs that run on, and whose runner was killed.
    ``docker_trouble``: why its Docker gives no answer. ``skew``: seconds that its clock is ahead. ``disk_free``: KiB.
    ``deaf``: its runner does not reach Gitea, until one of ``CURES``, or for ever ("always").
    ``full``: its disk is, until it is cleaned. ``asks_for_reboot``: as an update leaves it, until its next boot.
    ``interrupted``: what restarted or killed something while a job ran.
    """

    def __init__(self, clock: FakeClock, gitea: Instance, host_key: str, login: str, network: Network) -> None:
        self.mute = ""
        self._deaf = ""
        self._undeclared: RunnerProcess | None = None
        self._thaws_at = 0.0
        self.full = self.asks_for_reboot = False
        self.refuses_login_until = 0.0
        self.other_key_until = 0.0
        self.cloud_init_exit = 0
        self.breaks_apt = False
        self.reaches_gitea = True
        self.docker_trouble = ""
        self.cache_silent = False
        self.skew = 0.0
        self.disk_free = 60_000_000
        self.left_volumes: tuple[str, ...] = ()
        self.left_tasks: tuple[str, ...] = ()
        self.last_words = "cannot ping the Gitea instance server"

        self.host_key = host_key
        self.disk = Disk({LOGIN_FILES[0]: f"{login}\n"})
        self.tailscale = Tailscale(network)
        self.boots = 0
        self.guarded = False
        self.interrupted: list[str] = []
        self.locked_by: object | None = None
        self._clock = clock
        self._gitea = gitea
        self._on_since = clock.now()
        self._power()

    @property
    def deaf(self) -> str:
        """Until when its runner does not reach Gitea."""
        return self._deaf

    @deaf.setter
    def deaf(self, until: str) -> None:
        self._deaf = until
        self.reaches_gitea = not until

    def _cured(self, by: str) -> None:
        """What helps with less helps with more, too."""
        if self._deaf and self._deaf != "always" and CURES.index(by) >= CURES.index(self._deaf):
            self.deaf = ""

    @property
    def answers(self) -> bool:
        """Whether SSH answers."""
        return not self.mute and self._clock.now() >= self._on_since + SSH_AFTER

    @property
    def booted(self) -> bool:
        """Whether cloud-init is done."""
        return self._clock.now() >= self._on_since + BOOTED_AFTER

    @property
    def process(self) -> RunnerProcess | None:
        """The runner, if one runs here."""
        container = self.disk.container
        return container.process if container is not None and container.running else None

    @property
    def socket_lost(self) -> bool:
        """Whether the runner that runs here has lived through a stop of Docker."""
        return self.process is not None and self.disk.container is not None and self.disk.container.socket_lost

    @property
    def busy(self) -> bool:
        """Whether a job runs here."""
        return self.process is not None and bool(self._gitea.running_on(self.process))

    def now(self) -> float:
        """By its own clock."""
        return self._clock.now() + self.skew

    def lets_in(self, key: str) -> bool:
        """Whether it accepts this public key."""
        lines = (line for file in LOGIN_FILES for line in self.disk.files.get(file, "").splitlines())
        return any(line.split()[:2] == key.split()[:2] for line in lines)

    def wait_for_boot(self) -> None:
        """What ``cloud-init status --wait`` does."""
        self._clock.sleep(max(0.0, self._on_since + BOOTED_AFTER - self._clock.now()))

    def _power(self) -> None:
        """Power comes: nobody is logged in, and Docker brings back what it was not told to leave."""
        self.boots += 1
        self.asks_for_reboot = False
        self.locked_by = None
        self._on_since = self._clock.now()
        self.guarded = GUARD_UNIT in self.disk.files
        self.tailscale.has_power()
        self._docker_starts()

    def reset(self) -> None:
        """The power goes and comes."""
        self._cut("hard reset")
        if self.mute == "reset":
            self.mute, self.reaches_gitea = "", True
        self._cured("reset")
        self._power()

    def rebuild(self, host_key: str, login: str) -> None:
        """The disk is made anew."""
        self._cut("rebuild")
        self.disk = Disk({LOGIN_FILES[0]: f"{login}\n"})
        self.tailscale = Tailscale(self.tailscale.network)
        self.host_key = host_key
        if self.mute in {"reset", "rebuild"}:
            self.mute = ""
        self._cured("rebuild")
        self._power()

    def destroy(self) -> None:
        """The computer is gone."""
        self._cut("delete")
        self.mute = "always"

    def _cut(self, by: str) -> None:
        self._note(by)
        self.tailscale.lost_power()
        container = self.disk.container
        if container is not None and container.running:
            self._gitea.died(container.process)
            container.running = False
            container.returns = True

    def _note(self, by: str) -> None:
        if self.busy:
            self.interrupted.append(by)

    def tick(self) -> None:
        """Time has moved: the runner asks for jobs, or ends when it was told to."""
        self._tick_by_hand()
        container = self.disk.container
        if container is None:
            return
        if container.returns and self.disk.docker and self._clock.now() >= self._on_since + SSH_AFTER:
            container.returns = False
            self._run(container)
        process = self.process
        if process is not None and process.frozen and self._clock.now() >= self._thaws_at:
            self.thaw()
        if process is None or process.frozen:
            return
        if self.reaches_gitea:
            self._declare()
            self._gitea.heard_of(process)
        if not process.polls and not self._gitea.running_on(process):
            process.alive = container.running = False

    def _tick_by_hand(self) -> None:
        by_hand = self.disk.by_hand
        if by_hand is None or not by_hand.running:
            return
        self._gitea.heard_of(by_hand.process)
        if not by_hand.process.polls and not self._gitea.running_on(by_hand.process):
            by_hand.process.alive = by_hand.running = False

    def make_runner_by_hand(self, labels: frozenset[str]) -> RunnerProcess:
        """Docker, and a runner in it, as a person would set them up."""
        self.disk.docker = True
        self.disk.packages |= {"docker.io", "docker-compose"}
        who = self._gitea.make_record("hand-made", labels)
        process = RunnerProcess(who.id, who.token, labels, 1)
        self.disk.by_hand = ByHand(process)
        record = {"id": who.id, "uuid": who.uuid, "name": "hand-made", "token": who.token, "address": GITEA_URL}
        self.disk.files[ByHand.FILE] = json.dumps({**record, "labels": [f"{label}:host" for label in labels]})
        self._gitea.started(process)
        return process

    def end_by_hand(self) -> None:
        """SIGTERM to it: whether it waits for its jobs nobody knows, so that none may run."""
        by_hand = self.disk.by_hand
        assert by_hand is not None
        if self._gitea.running_on(by_hand.process):
            self.interrupted.append("stop of the hand-made runner")
        by_hand.process.polls = False

    def install(self, packages: set[str]) -> None:
        """Packages; Docker starts with its own."""
        self.disk.packages |= packages
        if not self.disk.docker and {"docker.io", "docker-ce"} & packages:
            self.start_docker()

    def start_docker(self) -> None:
        """The daemon reads its settings when it starts."""
        self.disk.daemon = json.loads(self.disk.files.get(DAEMON_FILE, "{}"))
        self.disk.docker = True
        self.docker_trouble = ""

    def stop_docker(self) -> None:
        """As ``systemctl stop docker.socket docker`` does. The runner goes on, and has no socket any more."""
        self.docker_trouble = "Cannot connect to the Docker daemon"
        if self.disk.container is not None:
            self.disk.container.socket_lost = self.disk.container.running

    def restart_docker(self) -> None:
        """Containers live through it only if the daemon that ends was told so when it started."""
        self._note("restart of Docker")
        if not self.disk.daemon.get("live-restore"):
            self._cut("restart of Docker")
            self._docker_starts()
        self.start_docker()

    def _docker_starts(self) -> None:
        """``always`` comes back whatever was said, ``unless-stopped`` only if nobody stopped it."""
        container = self.disk.container
        if container is not None and not container.running:
            stays = container.restart == "unless-stopped" and container.by_hand
            container.returns = container.restart in {"always", "unless-stopped"} and not stays

    @property
    def bridge(self) -> str:
        """The address of docker0."""
        return str(self.disk.daemon.get("bip", "172.18.0.1/16")).partition("/")[0]

    def compose_up(self, *, force: bool) -> bool:
        """The container as the compose file has it. False when there is none to be made."""
        files = self.disk.files
        if not self.disk.docker or COMPOSE_FILE not in files or CONFIG_FILE not in files:
            return False
        text = files[COMPOSE_FILE]
        config = _found(r'fleet\.config: "(.+)"', text)
        old = self.disk.container
        if old is not None and old.config == config and not force:
            if not old.running:
                self._run(old)
            return True
        self._remove_container()
        image = _found(r"image: (\S+)", text)
        self.disk.images.add(image)
        process = old.process if old is not None else self._process()
        self.disk.container = Container(config, image, _found(r"restart: (\S+)", text), process)
        self._run(self.disk.container)
        return True

    def remove_container(self) -> None:
        """``docker compose down``."""
        self._remove_container()
        self.disk.container = None

    def _remove_container(self) -> None:
        """Compose stops the old one first, and gives it as long as it wants; a test must not come here with a job."""
        self._note("compose up")
        container = self.disk.container
        if container is not None and container.running:
            self._gitea.died(container.process)
            container.running = False

    def _run(self, container: Container) -> None:
        before, container.process = container.process.id, self._process()
        self._cured("restart" if container.process.id == before else "register")
        container.running, container.by_hand, container.returns, container.socket_lost = True, False, False, False
        self._undeclared = container.process
        if self.reaches_gitea:
            self._declare()

    def _declare(self) -> None:
        """A runner says its labels when it first reaches Gitea, however long that takes it."""
        if self._undeclared is not None and self._undeclared is self.process:
            self._gitea.started(self._undeclared)
        self._undeclared = None

    def _process(self) -> RunnerProcess:
        """The runner reads who it is from ``.runner``, and what it does from its configuration."""
        who = json.loads(self.disk.files.get(RUNNER_FILE, '{"id": 0, "token": "", "labels": []}'))
        labels = frozenset(label.partition(":")[0] for label in who["labels"])
        capacity = int(_found(r"capacity: (\d+)", self.disk.files[CONFIG_FILE]))
        return RunnerProcess(who["id"], who["token"], labels, capacity)

    def terminate(self) -> bool:
        """``docker kill --signal TERM``: it asks for no more jobs, and ends when it has none."""
        container = self.disk.container
        if container is None or not container.running:
            return False
        container.by_hand = True
        container.process.polls = False
        return True

    def freeze(self, seconds: int) -> bool:
        """``docker pause``, and a timer that undoes it."""
        process = self.process
        if process is None:
            return False
        process.frozen = True
        self._thaws_at = self._clock.now() + seconds
        return True

    def thaw(self) -> None:
        """``docker unpause``."""
        process = self.process
        if process is not None and process.frozen:
            self._gitea.thawed(process)

    def crash(self, *, comes_back: bool) -> None:
        """Its runner is killed; with ``comes_back`` Docker starts it again at once. The containers of its jobs stay."""
        self.left_tasks = tuple(self.tasks())
        container = self.disk.container
        assert container is not None
        self._gitea.died(container.process)
        container.running = False
        if comes_back:
            self._run(container)

    def end_frozen(self) -> bool:
        """Its end, if it has been frozen all the while."""
        container, process = self.disk.container, self.process
        if container is None or process is None or not process.frozen:
            return False
        self._note("end of the frozen runner")
        self._gitea.died(process)
        container.running, container.by_hand = False, True
        return True

    def tasks(self) -> list[str]:
        """Names of the job containers that run."""
        by_hand = self.disk.by_hand.process if self.disk.by_hand is not None else None
        processes = [one for one in (self.process, by_hand) if one is not None]
        jobs = [job for one in processes for job in self._gitea.running_on(one)]
        return [f"GITEA-ACTIONS-TASK-{job.id}-WORKFLOW-ci" for job in jobs if self._gitea.has_container(job)]

    def log(self) -> str:
        """The runner's last words."""
        process = self.process
        if process is not None and not process.known:
            return "Error: unregistered runner"
        return self.last_words if not self.reaches_gitea else "declare successfully"

    def digest(self, path: str) -> str | None:
        """The SHA-256 of a file, or None when there is none."""
        content = self.disk.files.get(path)
        return None if content is None else hashlib.sha256(content.encode()).hexdigest()


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match is not None, f"{pattern} is not in:\n{text}"
    return match[1]
