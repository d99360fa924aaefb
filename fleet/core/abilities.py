"""What jobs can do on a machine: what ``stack/abilities.sh`` is asked, and its answer as checks with what to type."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from fleet.core.doctor import Check, Grade, ok
from fleet.core.setup import HostWanted

LITTLE_DISK = 0.1
"""Part of Docker's disk that should be free at least."""

LITTLE_GB = 5
"""And how much that should be: one image for jobs with its build."""

ABSENT = (
    "not found",
    "denied",
    "unauthorized",
    "manifest unknown",
    "authentication required",
    "no basic auth",
    "forbidden",
)
"""What a registry that works says of an image that is not there, to somebody who has not signed in."""

NO_PACKAGES = "is [packages] enabled in Gitea's app.ini, and does the host reach it?"
UP, REPEAT = "fleet up", "type the same command again"


def arguments(wanted: HostWanted) -> str:
    """What the script is given, for this pool's hosts."""
    runner, *of_jobs = wanted.images
    registry = urlsplit(wanted.runner_url).netloc
    images = " ".join([*of_jobs, runner])
    return shlex.join(
        [wanted.jobs.cache, wanted.runner_url, registry, wanted.jobs.network, images, *wanted.jobs.options]
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """The script's answer: the values of each key, of which machine, and what was wanted of it."""

    name: str
    wanted: HostWanted
    values: Mapping[str, list[str]]

    @property
    def log(self) -> str:
        """Where Docker says more."""
        return f"fleet logs {self.name} --docker"

    def one(self, key: str) -> str:
        """The first value, or nothing."""
        return self.values.get(key, [""])[0]

    def answer(self, key: str) -> tuple[int, str]:
        """The status of an HTTP answer, 0 without one, and why."""
        status, _, trouble = self.one(key).partition("|")
        return (int(status) if status.isdigit() else 0), trouble


def read_abilities(name: str, wanted: HostWanted, answer: str) -> tuple[Check, ...]:
    """One check per ability, in a fixed order. What the answer does not tell is an error too: nobody knows."""
    values: dict[str, list[str]] = {}
    for line in answer.splitlines():
        key, tab, value = line.partition("\t")
        if tab:
            values.setdefault(key, []).append(value.strip())
    seen = Seen(name, wanted, values)
    stopped = _stopped(seen)
    if stopped:
        return (stopped,)
    return tuple(look(seen) for look in (_WITHOUT_CONTAINERS if "no_container" in values else _ALL))


def _stopped(seen: Seen) -> Check | None:
    """What kept the script from trying anything."""
    if program := seen.one("missing"):
        fix = f'packages = ["{program}"] in the pool, then fleet up'
        return _no("host", f"it has no {program}, by which this is looked at", fix)
    if "no_docker" in seen.values:
        return _no("docker", f"Docker does not answer: {seen.one('no_docker')}", seen.log)
    if images := seen.one("no_image"):
        return _no("image", f"none of these is on the host: {images}", UP)
    if "end" not in seen.values:
        return _no("probe", "it did not come to its end", REPEAT)
    return None


def _container(seen: Seen) -> Check:
    if trouble := seen.one("no_container"):
        return _no("container", f"a container like a job's does not start: {trouble}", seen.log)
    return ok("container", f"a container like a job's starts, from {seen.one('image')}")


def _socket(seen: Seen) -> Check:
    if not seen.wanted.jobs.socket:
        fix = "take container.docker_host out of the pool's config, then fleet up"
        return _no("socket", "the runner keeps Docker's socket from jobs", fix)
    if seen.one("socket") != "yes":
        return _no("socket", "Docker's socket is not in a job's container", seen.log)
    if version := seen.one("docker_command"):
        return ok("socket", f"Docker's socket is in a job's container, and answers its docker {version}")
    return ok("socket", f"Docker's socket is in a job's container; {seen.one('image')} has no docker command")


def _build(seen: Seen) -> Check:
    status, _, words = seen.one("build").partition(" ")
    if status == "0":
        return ok("build", "docker build works")
    return _no("build", f"docker build: {words or 'no answer'}", seen.log)


def _registry(seen: Seen) -> Check:
    host, said = urlsplit(seen.wanted.runner_url).netloc, seen.one("registry")
    if seen.answer("registry_there")[0] == 404:
        return _no("registry", f"{host} has no registry: /v2/ answers 404", NO_PACKAGES)
    if any(words in said.lower() for words in ABSENT):
        return ok("registry", f"Docker reaches the registry of {host}")
    return _no("registry", f"Docker and the registry of {host}: {said or 'no answer'}", _registry_fix(said))


def _registry_fix(said: str) -> str:
    if "x509" in said or "certificate" in said:
        return "gitea.ca names the file with the CA's certificate; then fleet up"
    if "HTTP response to HTTPS client" in said:
        return "gitea.runner_url begins with https://, and Gitea answers with http"
    return NO_PACKAGES


def _gitea(seen: Seen) -> Check:
    status, trouble = seen.answer("gitea")
    url = seen.wanted.runner_url
    if 200 <= status < 500:
        return ok("gitea", f"a job reaches {url} by its name")
    fix = "gitea.runner_url must be an address that jobs reach; tailnet.hosts, gitea.ca"
    return _no("gitea", f"a job does not reach {url}: {trouble or f'it answers {status}'}", fix)


def _cache(seen: Seen) -> Check:
    cache = seen.wanted.jobs.cache
    if not cache:
        return ok("cache", "switched off")
    status, trouble = seen.answer("cache")
    if not status:
        return _no("cache", f"a job does not reach {cache}: {trouble}", UP)
    if seen.values.get("cache_open"):
        places = ", ".join(seen.values["cache_open"])
        return _no("cache", f"it answers beside the bridge too: {places}", UP)
    own = urlsplit(cache).hostname == seen.wanted.bridge
    return ok("cache", f"a job reaches {cache}" + (", and no other address answers" if own else ""))


def _port(seen: Seen) -> Check:
    bridge = seen.wanted.bridge
    elsewhere = [bound for bound in seen.values.get("port_bound", []) if bound.rpartition(":")[0] != bridge]
    status, trouble = seen.answer("port")
    if elsewhere:
        fix = "fleet up writes ip and default-network-opts into Docker's daemon.json"
        return _no("port", f"a published port is bound to {', '.join(elsewhere)}, not to {bridge} alone", fix)
    if status != 200:
        return _no("port", f"a job does not reach a published port: {trouble or status}", seen.log)
    return ok("port", f"a job reaches a published port on {bridge}, and nobody outside does")


def _metadata(seen: Seen) -> Check:
    asked = [answer.partition("|")[0] for answer in seen.values.get("metadata_job", [""])]
    host, _ = seen.answer("metadata_host")
    if "" in asked:
        return _no("metadata", "nobody knows whether containers reach it", REPEAT)
    if set(asked) != {"000"}:
        given = seen.wanted.jobs.network == "host"
        fix = "container.network = host gives jobs what the host has" if given else UP
        return _no("metadata", "containers reach the cloud's metadata", fix)
    return ok(
        "metadata",
        "containers do not reach it" + (", the host does" if host else "; nothing answers the host there either"),
    )


def _disk(seen: Seen) -> Check:
    free, _, size = seen.one("disk").partition(" ")
    if not free.isdigit() or not size.isdigit():
        return _no("disk", "Docker's disk does not say how full it is", REPEAT)
    left, whole = int(free) / 2**20, int(size) / 2**20
    text = f"{left:.0f} of {whole:.0f} GB are free for Docker"
    if left < LITTLE_GB or left < LITTLE_DISK * whole:
        return _no("disk", text, f"fleet exec {seen.name} -- docker system df")
    return ok("disk", text)


def _no(area: str, text: str, fix: str) -> Check:
    return Check(area, Grade.ERROR, text, fix)


_ALL: tuple[Callable[[Seen], Check], ...] = (
    _container,
    _socket,
    _build,
    _registry,
    _gitea,
    _cache,
    _port,
    _metadata,
    _disk,
)
_WITHOUT_CONTAINERS = (_container, _build, _registry, _disk)
"""What can be told when no container starts."""
