"""What is wanted: the inventory as plain values. ``edges/inventory/`` makes them from the file."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum

from fleet.core.secret import FromEnv, SecretSource


class ScopeKind(StrEnum):
    """At which level of Gitea the runners are registered."""

    INSTANCE = "instance"
    ORG = "org"
    USER = "user"
    REPO = "repo"


@dataclass(frozen=True, slots=True)
class Scope:
    """``instance``, ``org:NAME``, ``user`` (the token's own) or ``repo:OWNER/NAME``."""

    kind: ScopeKind
    name: str = ""

    def __str__(self) -> str:
        return f"{self.kind}:{self.name}" if self.name else str(self.kind)


@dataclass(frozen=True, slots=True)
class GiteaSettings:
    """Which Gitea, and as whom. ``runner_url`` is what runners and jobs use (they clone from it).

    ``ca``: certificates (PEM) to trust beside the system's, for a Gitea behind a private CA.
    """

    url: str
    runner_url: str
    scope: Scope = Scope(ScopeKind.INSTANCE)
    token: SecretSource = field(default=FromEnv("FLEET_GITEA_TOKEN"))
    ca: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class HetznerSettings:
    """Which Hetzner project. ``endpoint`` is for the lab."""

    endpoint: str = "https://api.hetzner.cloud/v1"
    token: SecretSource = field(default=FromEnv("HCLOUD_TOKEN"))


class SshRoute(StrEnum):
    """By which address we log in to a machine that is in the tailnet."""

    PUBLIC = "public"
    TAILNET = "tailnet"


@dataclass(frozen=True, slots=True)
class SshSettings:
    """How we log in, and who else may.

    ``key``: path of a private key; empty = one of the fleet's own, made on first use.
    ``authorized_keys``: public keys of colleagues, kept on every host.
    ``allow_from``: networks (CIDR) that may reach port 22, and ``"me"``: the address the operator comes from, which
    ``address_from`` is asked for.
    """

    key: str = ""
    agent: bool = False
    passphrase: SecretSource | None = None
    authorized_keys: tuple[str, ...] = ()
    allow_from: tuple[str, ...] = ("0.0.0.0/0", "::/0")
    address_from: str = "https://ip.hetzner.com"
    route: SshRoute = SshRoute.PUBLIC


@dataclass(frozen=True, slots=True)
class TailnetSettings:
    """The tailnet that machines join. ``url``: a Headscale's address; empty = Tailscale's own service.

    ``login_server``: where machines log in, when that is not ``url``. ``tailnet``: Tailscale's name of it (``-``:
    the token's own). ``user``: in whose name a Headscale's keys are made; empty = the tags alone own them.
    ``hosts``: names that runner, jobs and the Docker daemon reach through it, besides Gitea's own.
    """

    url: str = ""
    login_server: str = ""
    token: SecretSource = field(default=FromEnv("FLEET_TAILNET_KEY"))
    tailnet: str = "-"
    user: str = ""
    tags: tuple[str, ...] = ("tag:ci",)
    accept_dns: bool = True
    accept_routes: bool = False
    ssh: bool = False
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProxySettings:
    """The way out of hosts that have no direct one. ``no_proxy``: what is reached directly besides Gitea, the
    machine's own addresses and the mirror: names (``.example`` with all below), addresses or networks."""

    http: str = ""
    https: str = ""
    no_proxy: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that wants to know who pulls. ``host``: as image names begin, with its port."""

    host: str
    user: str
    password: SecretSource


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """What a cache lets go of: what nobody used for ``retention`` seconds, and the least used above these sizes, of
    one repository and of all (``10GB``; 0 is no limit). None and empty leave the runner's own."""

    retention: int | None = None
    repo_size: str = ""
    size: str = ""


@dataclass(frozen=True, slots=True)
class BucketSettings:
    """A bucket at an S3-compatible service that holds the cache of all machines."""

    endpoint: str
    bucket: str
    region: str = ""
    prefix: str = ""
    access_key: SecretSource = field(default=FromEnv("FLEET_CACHE_S3_ACCESS_KEY"))
    secret_key: SecretSource = field(default=FromEnv("FLEET_CACHE_S3_SECRET_KEY"))


@dataclass(frozen=True, slots=True)
class CacheSettings:
    """Where jobs keep their caches. Without ``url``, ``machine`` and ``bucket`` each machine has its own.

    ``url``: a cache server that is there already. ``machine``: the machine of the fleet that serves all, on its
    address in the private network ``network``, or in the tailnet when that is empty; ``mirror``: it also keeps
    copies of Docker Hub's images. ``secret``: what runners and server share.
    """

    url: str = ""
    machine: str = ""
    network: str = ""
    port: int = 8088
    mirror: bool = False
    secret: SecretSource = field(default=FromEnv("FLEET_CACHE_SECRET"))
    bucket: BucketSettings | None = None
    limits: CacheLimits = CacheLimits()

    @property
    def served(self) -> bool:
        """Whether a cache server answers for all machines."""
        return bool(self.url or self.machine)


class DockerSource(StrEnum):
    """Where Docker comes from."""

    DISTRIBUTION = "distribution"
    DOCKER = "docker"
    PRESENT = "present"


@dataclass(frozen=True, slots=True)
class DockerSettings:
    """The engine of a pool's hosts.

    ``version``: engine version to pin when the source is Docker's archive.
    ``bip``: address and network of docker0; its address is the cache host of jobs.
    ``address_pool``: the network that job networks are cut from, a /24 each.
    """

    source: DockerSource = DockerSource.DISTRIBUTION
    version: str = ""
    bip: str = "172.17.0.1/16"
    address_pool: str = "10.201.0.0/16"
    registry_mirror: str = ""


@dataclass(frozen=True, slots=True)
class RunnerSettings:
    """The runner of a pool's machines.

    ``image``: full image name with tag; made from the version when only that is given.
    ``labels``: in Gitea's full form, ``name:docker://image`` or ``name:host``.
    ``job_timeout``: seconds a job may take. ``extra``: merged into the runner's own config.
    """

    image: str
    labels: tuple[str, ...]
    capacity: int = 1
    log_level: str = "info"
    cache_port: int = 8088
    job_timeout: int = 3 * 3600
    extra: tuple[tuple[str, object], ...] = ()


class HostState(StrEnum):
    """What is wanted of a static host: in service, or nothing of ours on it."""

    PRESENT = "present"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class StaticHost:
    """A host given by its address: set up and watched, never made, reset or deleted.

    ``address``: a name, an IP address, or a ``Host`` of OpenSSH's configuration, which fills in what is empty here:
    ``user``, ``port`` (0), and the way there. ``host_key``: an OpenSSH public key line; empty: known_hosts has it.
    ``adopt``: a hand-made runner that is found there may be stopped, once it is idle, and replaced by ours.
    """

    name: str
    address: str
    user: str = ""
    port: int = 0
    host_key: str = ""
    state: HostState = HostState.PRESENT
    adopt: bool = False


@dataclass(frozen=True, slots=True)
class Schedule:
    """Other sizes for some hours: from each time of ``start`` (a cron expression in ``zone``), ``seconds`` long.

    None leaves the pool's own value.
    """

    start: str
    zone: str
    seconds: int
    min: int | None = None
    idle: int | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """Machines made alike. ``types`` and ``locations`` are in order of preference.

    ``min`` and ``max`` count servers that are rented; ``hosts``, the static ones, are there besides.
    ``idle``: machines kept free beyond what jobs need. ``priority``: the higher is served first when jobs or
    limits must choose. ``tailnet``: whether its machines join the fleet's tailnet.

    ``ipv4``: whether its servers have a public IPv4 address; ``nat64``: their name servers give a way to IPv4 all the
    same. ``placement_group``, ``networks``, ``firewalls``, ``volumes``: what they are given, by name; in the name of a
    volume, ``{n}`` is the machine's number.
    """

    name: str
    runner: RunnerSettings
    docker: DockerSettings = DockerSettings()
    min: int = 1
    max: int = 1
    idle: int = 0
    priority: int = 0
    schedule: tuple[Schedule, ...] = ()
    types: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    image: str = "debian-13"
    packages: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    tailnet: bool = False
    ipv4: bool = True
    nat64: bool = False
    placement_group: str = ""
    networks: tuple[str, ...] = ()
    firewalls: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    hosts: tuple[StaticHost, ...] = ()


@dataclass(frozen=True, slots=True)
class CronSettings:
    """Passes from cron. ``minutes``: between two passes. ``ping_url`` is called after each good pass; ``alert``: a
    command (its text on stdin) run once when passes keep failing; ``prometheus``: the path of the file for metrics."""

    minutes: int = 5
    ping_url: str = ""
    alert: tuple[str, ...] = ()
    prometheus: str = ""


@dataclass(frozen=True, slots=True)
class NotifySettings:
    """Who is told of findings that come and go: a webhook at ``url`` (with ``token``, if it wants one), or a
    ``command``. ``severity``: the least that is told, a word of ``core/health.py``."""

    url: SecretSource | None = None
    token: SecretSource | None = None
    command: tuple[str, ...] = ()
    severity: str = "warning"

    @property
    def wanted(self) -> bool:
        """Whether anybody is told."""
        return self.url is not None or bool(self.command)


class Reboot(StrEnum):
    """When a server that asks for a reboot gets one."""

    WHEN_IDLE = "when-idle"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Upkeep:
    """How hosts are kept fit.

    ``clean_after``, ``images_after``, ``build_cache_after``: seconds after which a host cleans up what jobs have left
    of themselves, images that no container had, and build cache that no build used; never what a running job can need.
    ``disk_warning``, ``disk_full``: percent of the disk (or of its inodes) in use from which it is told, and from which
    jobs are about to fail: cleaned is then all that no job needs.
    ``updates``: whether hosts that we made install the distribution's security updates themselves.
    ``reboot``: when servers that ask for a reboot get one.
    """

    clean_after: int = 24 * 3600
    images_after: int = 7 * 24 * 3600
    build_cache_after: int = 7 * 24 * 3600
    disk_warning: int = 80
    disk_full: int = 92
    updates: bool = True
    reboot: Reboot = Reboot.WHEN_IDLE


@dataclass(frozen=True, slots=True)
class Inventory:
    """Everything a person wants. ``warnings`` are what works, but not for long.

    ``max``: machines of all pools together. ``max_eur_per_hour``: list prices, net, of all that exists at once.
    """

    name: str
    gitea: GiteaSettings
    pools: tuple[Pool, ...]
    hetzner: HetznerSettings = HetznerSettings()
    ssh: SshSettings = SshSettings()
    tailnet: TailnetSettings | None = None
    proxy: ProxySettings | None = None
    registries: tuple[Registry, ...] = ()
    cache: CacheSettings = CacheSettings()
    max: int | None = None
    max_eur_per_hour: Decimal | None = None
    cron: CronSettings = CronSettings()
    notify: NotifySettings = NotifySettings()
    upkeep: Upkeep = Upkeep()
    source: str = field(default="inventory.toml", compare=False)
    warnings: tuple[str, ...] = field(default=(), compare=False)

    def pool(self, name: str) -> Pool | None:
        """The pool of that name, or None."""
        return next((pool for pool in self.pools if pool.name == name), None)
