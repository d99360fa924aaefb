"""What differs on a host from what is wanted, in words and as the commands that mend it."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from fleet.core.facts import HostFacts
from fleet.core.inventory import DockerSource
from fleet.core.setup.cache import cache_changes
from fleet.core.setup.docker import (
    ARCHIVE_PACKAGES,
    DAEMON_JSON,
    DISTRIBUTION_PACKAGES,
    daemon_file,
    docker_packages,
    pinned,
)
from fleet.core.setup.guard import guard_changes
from fleet.core.setup.values import (
    CREDENTIALS,
    CREDENTIALS_FOLDER,
    HOME,
    GoneFile,
    HostChange,
    HostWanted,
    PutFile,
    Run,
    WantedFile,
)
from fleet.core.tailnet import Standing, standing

DOCKER_KEY = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"
"""Fingerprint of the key of Docker's archive (docs.docker.com, install on Debian)."""

START_DOCKER = "systemctl reset-failed docker.socket docker 2>/dev/null; systemctl enable --now --quiet docker"
"""One that was started too often within a minute is refused until that is forgotten."""

MAY_PULL = 'is there such an image? Who pulls from a private registry is said in [registries."HOST"] of the inventory'


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
    if container is not None and container.running and facts.socket_lost:
        found.append(Drift("the runner has lost Docker, whose socket was made anew: each job fails", True))
    if facts.registration is not None and not same_url(facts.registration.address, wanted.runner_url):
        found.append(Drift(registered_at(facts), True))
    return (*found, *_tailnet(facts, wanted))


def registered_at(facts: HostFacts) -> str:
    """How it is told that this is another Gitea than the inventory's."""
    return f"its runner is registered at {facts.registration.address}" if facts.registration else ""


def _tailnet(facts: HostFacts, wanted: HostWanted) -> Iterator[Drift]:
    """To log in anew cuts the connections of jobs; other settings do not. A host that somebody else took into a
    tailnet stays as it is."""
    if wanted.tailnet is None:
        return
    seen = standing(facts.tailnet, wanted.tailnet)
    if seen not in {Standing.AS_WANTED, Standing.FOREIGN}:
        yield Drift(seen.value, seen is Standing.ELSEWHERE)


def same_url(one: str, other: str) -> bool:
    """Whether two addresses of a Gitea differ in nothing but a slash at the end."""
    return one.rstrip("/") == other.rstrip("/")


def changes(facts: HostFacts, wanted: HostWanted) -> tuple[HostChange, ...]:
    """The commands for this host, in order. Empty when there is nothing to do."""
    return tuple(_changes(facts, wanted))


def first_changes(facts: HostFacts, wanted: HostWanted) -> tuple[HostChange, ...]:
    """Those that need no Docker and restart nothing: the way out, whom to trust, our scripts. For steps before
    set-up."""
    return tuple(change for file in wanted.before_docker if not file.restarts for change in _file(facts, file))


def _changes(facts: HostFacts, wanted: HostWanted) -> Iterator[HostChange]:
    for gone in wanted.gone:
        yield from _remove(facts, gone)
    for file in wanted.before_docker:
        yield from _file(facts, file)
    yield from _file(facts, daemon_file(facts, wanted))
    yield from _packages(facts, wanted)
    yield from guard_changes(facts)
    if not facts.docker_active:
        yield Run(START_DOCKER, "start Docker", 120)
    for file in wanted.after_docker:
        yield from _file(facts, file)
    if facts.abandoned:
        yield _remove_abandoned(facts.abandoned)
    ours = f"--config {CREDENTIALS_FOLDER} " if any(file.path == CREDENTIALS for file in wanted.files) else ""
    yield from cache_changes(facts, wanted)
    for image in wanted.images:
        if _tagged(image) not in facts.images:
            command = f"docker {ours}pull --quiet {shlex.quote(image)}"
            yield Run(command, f"pull {image}", 1800, hint=MAY_PULL)


def _remove_abandoned(names: Sequence[str]) -> Run:
    """Set-up comes only to a machine for which Gitea knows of no job."""
    count = "a container" if len(names) == 1 else f"{len(names)} containers"
    command = f"docker rm --force --volumes {shlex.join(names)} >/dev/null"
    return Run(command, f"remove {count} of jobs that no runner has any more", 120)


def _file(facts: HostFacts, file: WantedFile) -> Iterator[HostChange]:
    if facts.files.get(file.path) == file.digest:
        return
    yield PutFile(file, f"write {file.path}", file.restarts and not file.then)
    if file.then:
        yield Run(in_place(file), file.what or f"apply {file.path}", file.seconds, file.restarts)


def in_place(file: WantedFile) -> str:
    """The file, written beside its place so far, goes there in the same breath as what must follow: cut in between,
    or failed, it does not look as wanted, and the next run does both again. One that ``keeps`` is put back as it was:
    others live by it."""
    if file.keeps:
        before = f"{file.path}.before-fleet"
        save = f"{{ [ ! -e {file.path} ] || cp -p {file.path} {before}; }}"
        back = f"mv {before} {file.path} || rm {file.path}"
        put = f"{save} && mv {file.path}.new {file.path}"
        return f"{put} && {{ {file.then} || {{ {back}; exit 1; }}; }} && rm -f {before}"
    return f"mv {file.path}.new {file.path} && {{ {file.then} || {{ rm {file.path}; exit 1; }}; }}"


def _remove(facts: HostFacts, gone: GoneFile) -> Iterator[HostChange]:
    if gone.path not in facts.files and gone.going not in facts.files:
        return
    path, going = gone.path, gone.going
    both = f"{{ [ ! -e {path} ] || mv {path} {going}; }} && {gone.then} && rm -f {going}"
    command = both if gone.then else f"rm -f {path}"
    yield Run(command, gone.what or f"remove {path}", gone.seconds, gone.restarts)


def _tagged(image: str) -> str:
    """As ``docker image ls`` names it: with its tag or else its digest, and without the hub's name."""
    name, _, digest = image.removeprefix("docker.io/").removeprefix("library/").partition("@")
    if digest:
        return f"{re.sub(r':[^/:]*$', '', name)}@{digest}"
    return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"


def _packages(facts: HostFacts, wanted: HostWanted) -> Iterator[HostChange]:
    docker = docker_packages(facts, wanted.docker)
    missing = [name for name in (*docker, *wanted.packages) if _package(name) not in facts.packages]
    if missing:
        if wanted.docker.source is DockerSource.DOCKER:
            archive = shlex.join([f"{HOME}/bin/docker-archive", DOCKER_KEY])
            yield Run(archive, "add Docker's package archive", 600, as_unit=True)
        install = [pinned(name, facts, wanted.docker) for name in missing]
        command = shlex.join([f"{HOME}/bin/apt-install", *install])
        yield Run(command, f"install {' '.join(missing)}", 1200, as_unit=True)
    loose = [name for name in docker if name not in facts.held]
    if loose:
        # An upgrade of the engine restarts it: that is for fleet to do, on a machine that is empty.
        yield Run(f"apt-mark hold {shlex.join(loose)} >/dev/null", "hold Docker's packages")


def _package(wanted: str) -> str:
    """Its name alone, where a version is asked for. One that is there in another version stays as it is."""
    return wanted.partition("=")[0]


def probe_arguments(wanted: HostWanted) -> tuple[str, ...]:
    """What to ask the probe about."""
    every = {name for found in DISTRIBUTION_PACKAGES.values() for name in found}
    packages = sorted(every | set(ARCHIVE_PACKAGES) | set(map(_package, wanted.packages)))
    static = (f"static:{wanted.cache_port}",) if wanted.static else ()
    gone = (path for file in wanted.gone for path in (file.path, file.going))
    paths = (*(file.path for file in wanted.files), *gone, DAEMON_JSON)
    cache = urlsplit(wanted.jobs.cache)
    asked = (f"cache:{cache.hostname}:{cache.port or 80}",) if cache.scheme == "http" else ()
    return (*(f"file:{path}" for path in paths), *(f"package:{name}" for name in packages), *static, *asked)
