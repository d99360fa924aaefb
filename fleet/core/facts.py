"""What a host says about itself, in values. ``core/probe_answer.py`` reads them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.core.docker_seen import Container, Leftovers, RunnerContainer
from fleet.core.tailnet import TailnetFacts

__all__ = ["Disk", "HandMade", "HostFacts", "Memory", "Registration", "RunnerContainer"]


TO_LISTEN = 60
"""Seconds that a runner may take until its cache answers."""


@dataclass(frozen=True, slots=True)
class Registration:
    """The ``.runner`` file, without its token. ``id`` is Gitea's REST id of the runner."""

    id: int
    uuid: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class HandMade:
    """A runner that runs and is not ours. ``file``: its ``.runner`` on the host, if it was found."""

    container: str
    image: str
    project: str
    file: str
    registration: Registration | None


@dataclass(frozen=True, slots=True)
class Disk:
    """The file system under a folder, in bytes. ``size``: what is used and what can be, which is less than the disk
    where some of it is kept back. ``inodes`` is 0 where it has no fixed number of them."""

    folder: str
    size: int
    free: int
    inodes: int = 0
    inodes_free: int = 0

    @property
    def used(self) -> int:
        """Percent of it that is in use."""
        return 100 - 100 * self.free // self.size if self.size else 0

    @property
    def inodes_used(self) -> int:
        """Percent of its inodes that are in use."""
        return 100 - 100 * self.inodes_free // self.inodes if self.inodes else 0


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes. ``free``: what programs could still get. ``kills``: processes that the kernel has ended for want of
    memory since boot, in containers or outside."""

    size: int = 0
    free: int = 0
    kills: int = 0


@dataclass(frozen=True, slots=True)
class HostFacts:
    """One read-only look at a host. Sizes are in bytes, ``files`` are SHA-256 sums by path.

    ``docker`` is its version, empty where it gave no answer; ``docker_trouble`` says why. ``tasks``: the names of jobs'
    containers that run, ``abandoned`` those whose runner was killed or has lost Docker, ``task_containers`` both with
    their age; ``leftovers``: what no running job uses any more.
    ``disk_size``, ``disk_free``: of Docker's folder, as in ``disks``, which has containerd's and the root too.
    ``load``: of five minutes. ``uptime``: seconds since boot. ``clock_off``: seconds that its clock is ahead of ours,
    0 within the time that asking took. ``cache_answers``: None where it was not asked.
    ``setup_began``: a set-up has run there before.
    ``socket_lost``: the runner has a socket of Docker's that nobody listens at any more.
    ``serves_cache``: the fleet's cache server runs here.
    ``guarded``: the rules that keep containers from the cloud's metadata are loaded.
    ``logins``: the lines of root's authorized_keys.

    Of static hosts alone: ``memory`` is what earlier runs left there, as tags are left on a server; ``daemon`` the
    Docker daemon's settings as they are, ``daemon_added`` what of them is ours; ``hand_made`` runners in containers,
    and ``processes`` that are runners (``name|unit``); ``port_users``: what listens where the cache of jobs will.
    """

    boot: str = ""
    os_id: str = ""
    os_version: str = ""
    codename: str = ""
    arch: str = ""
    docker: str = ""
    docker_trouble: str = ""
    compose: str = ""
    docker_active: bool = False
    bridge: str = ""
    setup_running: bool = False
    setup_began: bool = False
    socket_lost: bool = False
    packages: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)
    registration: Registration | None = None
    container: RunnerContainer | None = None
    tasks: tuple[str, ...] = ()
    abandoned: tuple[str, ...] = ()
    task_containers: tuple[Container, ...] = ()
    leftovers: Leftovers = field(default_factory=Leftovers)
    disk_free: int = 0
    disk_size: int = 0
    disks: tuple[Disk, ...] = ()
    ram: Memory = Memory()
    load: float = 0.0
    cores: int = 0
    uptime: int = 0
    clock: float = 0
    clock_off: float = 0
    open_files: int = 0
    reboot_needed: bool = False
    guarded: bool = False
    serves_cache: bool = False
    cache_answers: bool | None = None
    memory: Mapping[str, str] = field(default_factory=dict)
    tailnet: TailnetFacts | None = None
    logins: tuple[str, ...] = ()
    daemon: str = ""
    daemon_added: str = ""
    hand_made: tuple[HandMade, ...] = ()
    processes: tuple[str, ...] = ()
    port_users: tuple[str, ...] = ()

    @property
    def cache_silent(self) -> bool:
        """Whether a runner runs that has had its time to listen, and its cache does not answer."""
        if self.cache_answers is not False or self.container is None or not self.container.running:
            return False
        return self.clock - self.container.started >= TO_LISTEN

    @property
    def booted(self) -> bool:
        """cloud-init is done: with success (0) or with recoverable errors (2); "-" where there is none."""
        return self.boot in {"0", "2", "-"}
