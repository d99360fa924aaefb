"""Set-up as values: what a host should have on it, and from its facts the commands that bring it there.

Facts in, commands out. A host that has everything gets no command.
"""

import hashlib
import ipaddress
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from string import Template

from fleet.core.errors import StepFailed
from fleet.core.facts import HostFacts
from fleet.core.inventory import DockerSettings, DockerSource, Inventory, Pool
from fleet.core.labels import images, names
from fleet.core.names import fleet_label
from fleet.core.runner_version import config_text, read_runner
from fleet.core.yaml_text import Plain, merge, to_yaml

HOME = "/opt/fleet"
COMPOSE = f"{HOME}/compose.yaml"
RUNNER_FILE = f"{HOME}/data/.runner"
CONTAINER = "fleet-runner"

SHUTDOWN_MARGIN = 600
"""Seconds a runner waits for its jobs beyond their own time limit."""

GRACE_MARGIN = 60
"""Seconds Docker waits for the runner beyond that."""

FETCH_TIMEOUT = 5
"""Seconds a runner's request for a task may take; what we wait out after a cordon."""

FINGERPRINT_VERSION = 1
"""Of the form of ``HostWanted.fingerprint``: a new form alone must not look like drift of every machine."""

DOCKER_KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
"""Fingerprint of the key of Docker's archive (docs.docker.com, install on Debian)."""


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file on the host. ``then`` is run after it changed, for at most ``seconds``; ``restarts``: that restarts
    something. ``what`` is shown to the person who waits."""

    path: str
    content: str
    mode: int = 0o644
    then: str = ""
    seconds: int = 60
    restarts: bool = False
    what: str = ""

    @property
    def digest(self) -> str:
        """Its SHA-256, as the probe tells it."""
        return _digest(self.content)


@cache
def _digest(content: str) -> str:
    return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class HostWanted:
    """What a pool's hosts should have on them. ``labels`` are in full form, ours included."""

    docker: DockerSettings
    before_docker: tuple[WantedFile, ...]
    after_docker: tuple[WantedFile, ...]
    packages: tuple[str, ...]
    images: tuple[str, ...]
    labels: tuple[str, ...]
    config_hash: str
    bridge: str
    runner_url: str

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
        """Stands for all of this in the tag ``setup``."""
        parts = [f"{f.path} {f.digest}" for f in self.files] + sorted(self.packages + self.images)
        digest = hashlib.sha256("\n".join([*parts, repr(self.docker)]).encode()).hexdigest()
        return f"{FINGERPRINT_VERSION}.{digest[:16]}"


@dataclass(frozen=True, slots=True)
class PutFile:
    """Write a file, all or nothing; one with a ``then`` is only put beside its place."""

    file: WantedFile
    what: str
    restarts: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """Run a command. ``seconds`` is its limit; ``as_unit``: it must survive a dropped connection."""

    command: str
    what: str
    seconds: int = 60
    restarts: bool = False
    as_unit: bool = False


HostChange = PutFile | Run


def host_wanted(inventory: Inventory, pool: Pool, stack: Mapping[str, str]) -> HostWanted:
    """What this pool's hosts should have. ``stack``: the files of ``fleet/stack`` by name."""
    bridge = str(ipaddress.ip_interface(pool.docker.bip).ip)
    labels = _labels(inventory, pool)
    config = _runner_config(pool, labels, bridge)
    compose = _compose(pool, stack["compose.yaml"], bridge, config)
    return HostWanted(
        docker=pool.docker,
        before_docker=_before_docker(inventory, stack),
        after_docker=(
            *_extra_commands(pool),
            WantedFile(f"{HOME}/config.yaml", config, 0o600),
            WantedFile(COMPOSE, compose),
        ),
        packages=pool.packages,
        images=tuple(dict.fromkeys((pool.runner.image, *images(labels)))),
        labels=labels,
        config_hash=config_hash(compose),
        bridge=bridge,
        runner_url=inventory.gitea.runner_url,
    )


def config_hash(compose: str) -> str:
    """The hash a running container carries as its label: read back out of the compose file that has it."""
    return next(line for line in compose.splitlines() if "fleet.config:" in line).split('"')[1]


def _labels(inventory: Inventory, pool: Pool) -> tuple[str, ...]:
    """The pool's labels, and the one by which we know our own: it runs what the first one runs."""
    _, runs = pool.runner.labels[0].split(":", 1)
    return (*pool.runner.labels, f"{fleet_label(inventory.name)}:{runs}")


def _runner_config(pool: Pool, labels: tuple[str, ...], bridge: str) -> str:
    runner = pool.runner
    base: dict[str, Plain] = {
        "log": {"level": runner.log_level},
        "runner": {
            "file": ".runner",
            "capacity": runner.capacity,
            "timeout": f"{runner.job_timeout}s",
            "shutdown_timeout": f"{runner.job_timeout + SHUTDOWN_MARGIN}s",
            "fetch_timeout": f"{FETCH_TIMEOUT}s",
            "labels": list(labels),
            # Test containers are siblings of the job: their ports are on the bridge, not on the job's localhost.
            "envs": {"TESTCONTAINERS_HOST_OVERRIDE": bridge},
        },
        "cache": {"enabled": True, "dir": "/cache", "host": bridge, "port": runner.cache_port},
        "container": {"force_pull": False},
    }
    version = read_runner(runner.image).version
    extra = dict(runner.extra)
    text = config_text(to_yaml(merge(base, extra)), version)  # type: ignore[arg-type]  # checked at the edge
    return f"# Written by fleet; the next `fleet up` writes it again.\n{text}"


def _compose(pool: Pool, template: str, bridge: str, config: str) -> str:
    filled: dict[str, object] = {
        "image": pool.runner.image,
        "bridge": bridge,
        "cache_port": pool.runner.cache_port,
        "stop_grace": pool.runner.job_timeout + SHUTDOWN_MARGIN + GRACE_MARGIN,
    }
    digest = hashlib.sha256((config + template + repr(sorted(filled.items()))).encode()).hexdigest()
    return Template(template).substitute(filled, config_hash=digest[:16])


def _before_docker(inventory: Inventory, stack: Mapping[str, str]) -> tuple[WantedFile, ...]:
    keys = "".join(f"{key}\n" for key in inventory.ssh.authorized_keys)
    return (
        WantedFile("/root/.ssh/authorized_keys2", f"# Written by fleet: ssh.authorized_keys\n{keys}", 0o600),
        WantedFile("/etc/ssh/sshd_config.d/60-fleet.conf", stack["sshd.conf"], then="systemctl reload ssh"),
        WantedFile(
            "/etc/sysctl.d/60-fleet.conf",
            stack["sysctl.conf"],
            then="sysctl --quiet --load=/etc/sysctl.d/60-fleet.conf",
        ),
        WantedFile(f"{HOME}/bin/apt-install", stack["apt-install.sh"], 0o755),
        WantedFile(f"{HOME}/bin/docker-archive", stack["docker-archive.sh"], 0o755),
    )


DAEMON_JSON = "/etc/docker/daemon.json"

OPEN_FILES = (65536, 524288)
"""Open files in a container, soft and hard, as far as the host itself may: Docker's own 1024 breaks builds."""


def daemon_file(facts: HostFacts, wanted: HostWanted) -> WantedFile:
    """The daemon's settings: ports of containers go to the bridge address unless a job asks otherwise; each job
    makes a network, so they are small and many; a restart of the daemon ends no container."""
    return _daemon_file(facts.open_files, facts.docker_active, wanted.bridge, wanted.docker)


@cache
def _daemon_file(open_files: int, active: bool, bridge: str, docker: DockerSettings) -> WantedFile:
    """Made once for all hosts that are alike: a plan asks for each of them."""
    soft, hard = (min(limit, open_files or limit) for limit in OPEN_FILES)
    settings: dict[str, object] = {
        "bip": docker.bip,
        "ip": bridge,
        "default-network-opts": {"bridge": {"com.docker.network.bridge.host_binding_ipv4": bridge}},
        "default-address-pools": [{"base": docker.address_pool, "size": 24}],
        "live-restore": True,
        "log-driver": "json-file",
        "log-opts": {"max-size": "10m", "max-file": "3"},
        "default-ulimits": {"nofile": {"Name": "nofile", "Soft": soft, "Hard": hard}},
    }
    if docker.registry_mirror:
        settings["registry-mirrors"] = [docker.registry_mirror]
    content = json.dumps(settings, indent=2) + "\n"
    if not active:
        return WantedFile(DAEMON_JSON, content)
    restart = "systemctl restart docker"
    what = "restart Docker with its new settings"
    return WantedFile(DAEMON_JSON, content, then=restart, seconds=120, restarts=True, what=what)


def _extra_commands(pool: Pool) -> tuple[WantedFile, ...]:
    """The pool's own commands: run when they are new here, or when they changed."""
    if not pool.commands:
        return ()
    path = f"{HOME}/bin/commands"
    script = "\n".join(["#!/bin/sh", "set -eu", *pool.commands, ""])
    return (WantedFile(path, script, 0o700, then=path, seconds=1800),)


@dataclass(frozen=True, slots=True)
class Drift:
    """One thing on a host that is not what the inventory says."""

    what: str
    restarts: bool


def drift(facts: HostFacts, wanted: HostWanted) -> tuple[Drift, ...]:
    """What differs, in words; empty when the host is as wanted."""
    found = [Drift(change.what, change.restarts) for change in changes(facts, wanted)]
    container = facts.container
    if container is not None and container.running and container.config != wanted.config_hash:
        found.append(Drift("the runner has an older configuration", True))
    if facts.registration is not None and not same_url(facts.registration.address, wanted.runner_url):
        found.append(Drift(f"its runner is registered at {facts.registration.address}", True))
    return tuple(found)


def same_url(one: str, other: str) -> bool:
    """Whether two addresses of a Gitea differ in nothing but a slash at the end."""
    return one.rstrip("/") == other.rstrip("/")


def changes(facts: HostFacts, wanted: HostWanted) -> tuple[HostChange, ...]:
    """The commands for this host, in order. Empty when there is nothing to do."""
    return tuple(_changes(facts, wanted))


def _changes(facts: HostFacts, wanted: HostWanted) -> Iterator[HostChange]:
    for file in wanted.before_docker:
        yield from _file(facts, file)
    yield from _file(facts, daemon_file(facts, wanted))
    yield from _packages(facts, wanted)
    if not facts.docker_active:
        yield Run("systemctl enable --now --quiet docker", "start Docker", 120)
    for file in wanted.after_docker:
        yield from _file(facts, file)
    for image in wanted.images:
        if _tagged(image) not in facts.images:
            yield Run(f"docker pull --quiet {shlex.quote(image)}", f"pull {image}", 1800)


def _file(facts: HostFacts, file: WantedFile) -> Iterator[HostChange]:
    if facts.files.get(file.path) == file.digest:
        return
    yield PutFile(file, f"write {file.path}")
    if file.then:
        yield Run(in_place(file), file.what or f"apply {file.path}", file.seconds, file.restarts)


def in_place(file: WantedFile) -> str:
    """The file, written beside its place so far, goes there in the same breath as what must follow: cut in between,
    or failed, it does not look as wanted, and the next run does both again."""
    return f"mv {file.path}.new {file.path} && {{ {file.then} || {{ rm {file.path}; exit 1; }}; }}"


def _tagged(image: str) -> str:
    """As ``docker image ls`` names it: with its tag or else its digest, and without the hub's name."""
    name, _, digest = image.removeprefix("docker.io/").removeprefix("library/").partition("@")
    if digest:
        return f"{re.sub(r':[^/:]*$', '', name)}@{digest}"
    return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"


def _packages(facts: HostFacts, wanted: HostWanted) -> Iterator[HostChange]:
    docker = docker_packages(facts, wanted.docker)
    missing = [name for name in (*docker, *wanted.packages) if name not in facts.packages]
    if missing:
        if wanted.docker.source is DockerSource.DOCKER:
            archive = shlex.join([f"{HOME}/bin/docker-archive", DOCKER_KEY])
            yield Run(archive, "add Docker's package archive", 120)
        install = [_pinned(name, facts, wanted.docker) for name in missing]
        command = shlex.join([f"{HOME}/bin/apt-install", *install])
        yield Run(command, f"install {' '.join(missing)}", 1200, as_unit=True)
    loose = [name for name in docker if name not in facts.held]
    if loose:
        # An upgrade of the engine restarts it: that is for fleet to do, on a machine that is empty.
        yield Run(f"apt-mark hold {shlex.join(loose)} >/dev/null", "hold Docker's packages")


DISTRIBUTION_PACKAGES: dict[tuple[str, str], tuple[str, ...]] = {
    ("debian", "trixie"): ("docker.io", "docker-cli", "docker-compose"),
    ("ubuntu", "jammy"): ("docker.io", "docker-compose-v2"),
    ("ubuntu", "noble"): ("docker.io", "docker-compose-v2"),
}
"""Where the distribution's own Docker has compose as a plugin (Debian 12's has not)."""

ARCHIVE_PACKAGES = (
    "docker-ce",
    "docker-ce-cli",
    "containerd.io",
    "docker-buildx-plugin",
    "docker-compose-plugin",
)


def docker_packages(facts: HostFacts, docker: DockerSettings) -> tuple[str, ...]:
    """The packages that are Docker on this host. Raises StepFailed where there is no such thing."""
    if docker.source is DockerSource.PRESENT or _has_app_image(facts, docker):
        return ()
    if docker.source is DockerSource.DOCKER:
        return ARCHIVE_PACKAGES
    found = DISTRIBUTION_PACKAGES.get((facts.os_id, facts.codename))
    if found is None:
        raise StepFailed(
            f"{facts.os_id} {facts.codename} has no Docker with the compose plugin of its own",
            hint='use image = "debian-13", or docker.source = "docker" for Docker\'s own archive',
        )
    return found


def _has_app_image(facts: HostFacts, docker: DockerSettings) -> bool:
    """An image that brings Docker's own packages (like Hetzner's docker-ce) is not mixed with the distribution's."""
    return docker.source is DockerSource.DISTRIBUTION and "docker-ce" in facts.packages


def _pinned(name: str, facts: HostFacts, docker: DockerSettings) -> str:
    if docker.source is not DockerSource.DOCKER or name not in {"docker-ce", "docker-ce-cli"}:
        return name
    return f"{name}=5:{docker.version}-1~{facts.os_id}.{facts.os_version}~{facts.codename}"


def probe_arguments(wanted: HostWanted) -> tuple[str, ...]:
    """What to ask the probe about."""
    every = {name for found in DISTRIBUTION_PACKAGES.values() for name in found}
    packages = sorted(every | set(ARCHIVE_PACKAGES) | set(wanted.packages))
    paths = (*(file.path for file in wanted.files), DAEMON_JSON)
    return (*(f"file:{path}" for path in paths), *(f"package:{name}" for name in packages))
