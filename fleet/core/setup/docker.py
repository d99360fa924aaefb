"""Docker on a host, from its facts: the daemon's settings, and which packages it is."""

import json
import shlex
from collections.abc import Mapping
from functools import cache

from fleet.core.errors import StepFailed
from fleet.core.facts import HostFacts
from fleet.core.inventory import DockerSettings, DockerSource
from fleet.core.setup.part import joined_settings
from fleet.core.setup.values import HOME, MEMORY, HostWanted, WantedFile
from fleet.core.yaml_text import Plain

DAEMON_JSON = "/etc/docker/daemon.json"

ADDED = f"{MEMORY}/daemon.json"
"""What we have added to the settings of a Docker that is not ours."""

OPEN_FILES = (65536, 524288)
"""Open files in a container, soft and hard, as far as the host itself may: Docker's own 1024 breaks builds."""


def daemon_file(facts: HostFacts, wanted: HostWanted) -> WantedFile:
    """The daemon's settings: ports of containers go to the bridge address unless a job asks otherwise; each job
    makes a network, so they are small and many; a restart of the daemon ends no container.

    A Docker that is not ours keeps all that its settings say, and gets of ours what they do not speak of."""
    if wanted.merged:
        return _merged_file(facts, wanted)
    return _daemon_file(facts.open_files, facts.docker_active, wanted.bridge, wanted.docker, wanted.daemon)


@cache
def _daemon_file(open_files: int, active: bool, bridge: str, docker: DockerSettings, more: str) -> WantedFile:
    """Made once for all hosts that are alike: a plan asks for each of them."""
    settings = _settings(open_files, bridge, docker, more)
    content = json.dumps({"bip": docker.bip, **settings}, indent=2) + "\n"
    if not active:
        return WantedFile(DAEMON_JSON, content)
    restart = "systemctl restart docker"
    what = "restart Docker with its new settings"
    return WantedFile(DAEMON_JSON, content, then=restart, seconds=120, restarts=True, what=what)


def _settings(open_files: int, bridge: str, docker: DockerSettings, more: str) -> dict[str, Plain]:
    soft, hard = (min(limit, open_files or limit) for limit in OPEN_FILES)
    settings: dict[str, Plain] = {
        "ip": bridge,
        "default-network-opts": {"bridge": {"com.docker.network.bridge.host_binding_ipv4": bridge}},
        "default-address-pools": [{"base": docker.address_pool, "size": 24}],
        "live-restore": True,
        "log-driver": "json-file",
        "log-opts": {"max-size": "10m", "max-file": "3"},
        "default-ulimits": {"nofile": {"Name": "nofile", "Soft": soft, "Hard": hard}},
    }
    settings = joined_settings(settings, json.loads(more))
    if docker.registry_mirror:
        # After what a part brings: the fleet's own mirror is nearer, and gets its copies from this one.
        settings = joined_settings(settings, {"registry-mirrors": [docker.registry_mirror]})
    return settings


IMPOSED = frozenset({"ip", "default-network-opts", "log-driver", "log-opts"})
"""Of our settings, those that would change what other containers of a host do: not for a Docker that is not ours."""


def _merged_file(facts: HostFacts, wanted: HostWanted) -> WantedFile:
    """Not written anew where nothing is missing: a person's file keeps its form."""
    theirs = _theirs(facts)
    both = _merged(theirs, _ours_beside(facts, wanted))
    added = shlex.quote(json.dumps(_beyond(both, theirs)))
    return WantedFile(
        DAEMON_JSON,
        facts.daemon if both == json.loads(facts.daemon or "{}") else json.dumps(both, indent=2) + "\n",
        then=f"mkdir -p {MEMORY} && printf '%s\\n' {added} >{ADDED} && {HOME}/bin/docker-restart",
        seconds=180,
        restarts=True,
        what="restart Docker with our settings beside its own",
        keeps=True,
    )


def kept_settings(facts: HostFacts, wanted: HostWanted) -> tuple[str, ...]:
    """The settings that a Docker that is not ours has otherwise than we would, and keeps."""
    if not wanted.merged:
        return ()
    ours = _ours_beside(facts, wanted)
    both = _merged(_theirs(facts), ours)
    return tuple(key for key, value in ours.items() if _lacks(both[key], value))


def _lacks(has: Plain, value: Plain) -> bool:
    """Whether something of ours is not in what is there."""
    if isinstance(has, Mapping) and isinstance(value, Mapping):
        return any(key not in has or _lacks(has[key], one) for key, one in value.items())
    if isinstance(has, list) and isinstance(value, list):
        return any(one not in has for one in value)
    return has != value


def left_settings(facts: HostFacts, wanted: HostWanted) -> WantedFile | None:
    """The daemon's settings as they stay when our stack leaves; None when these are they. A Docker that was there gets
    its own back, another one those without what goes with us, as a resolver. ``live-restore`` stays with both: taken
    away, the next restart would end containers."""
    seen = json.loads(facts.daemon) if is_json(facts.daemon) else {}
    if wanted.merged:
        left = {**_theirs(facts), **{key: seen[key] for key in ("live-restore",) if key in seen}}
    else:
        left = {"bip": wanted.docker.bip, **_settings(facts.open_files, wanted.bridge, wanted.docker, "{}")}
    if left == seen:
        return None
    content = json.dumps(left, indent=2) + "\n"
    return WantedFile(DAEMON_JSON, content, then=f"{HOME}/bin/docker-restart", seconds=180, restarts=True, keeps=True)


def _theirs(facts: HostFacts) -> dict[str, Plain]:
    """The settings without what we have added to them."""
    if not is_json(facts.daemon):
        raise StepFailed(f"{DAEMON_JSON} is not JSON, so that nothing can be added to it")
    added = facts.daemon_added if is_json(facts.daemon_added) else ""
    return _without(json.loads(facts.daemon or "{}"), json.loads(added or "{}"))


def _without(whole: Mapping[str, Plain], added: Mapping[str, Plain]) -> dict[str, Plain]:
    """What a person has changed of ours since is the person's."""
    left: dict[str, Plain] = {key: value for key, value in whole.items() if key not in added}
    for key in whole.keys() & added.keys():
        one, ours = whole[key], added[key]
        if isinstance(one, Mapping) and isinstance(ours, Mapping):
            left |= {key: rest} if (rest := _without(one, ours)) else {}
        elif isinstance(one, list) and isinstance(ours, list):
            left |= {key: others} if (others := [entry for entry in one if entry not in ours]) else {}
        elif one != ours:
            left[key] = one
    return left


def _beyond(whole: Mapping[str, Plain], theirs: Mapping[str, Plain]) -> dict[str, Plain]:
    """What is in the whole and not in theirs: what ``_without`` takes back."""
    added: dict[str, Plain] = {key: value for key, value in whole.items() if key not in theirs}
    for key in theirs:
        one, other = whole[key], theirs[key]
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            added |= {key: more} if (more := _beyond(one, other)) else {}
        elif isinstance(one, list) and isinstance(other, list):
            added |= {key: others} if (others := [entry for entry in one if entry not in other]) else {}
    return added


def is_json(text: str) -> bool:
    """Whether it is a table of settings, or nothing."""
    try:
        return isinstance(json.loads(text or "{}"), dict)
    except ValueError:
        return False


def _ours_beside(facts: HostFacts, wanted: HostWanted) -> dict[str, Plain]:
    ours = _settings(facts.open_files, wanted.bridge, wanted.docker, wanted.daemon)
    return {key: value for key, value in ours.items() if key not in IMPOSED}


def _merged(theirs: Mapping[str, Plain], ours: Mapping[str, Plain]) -> dict[str, Plain]:
    """All of theirs, and of ours what it does not speak of; lists of names are joined."""
    merged = {**ours, **theirs}
    for key in theirs.keys() & ours.keys():
        one, other = theirs[key], ours[key]
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            merged[key] = _merged(one, other)
        elif isinstance(one, list) and isinstance(other, list) and all(isinstance(entry, str) for entry in one):
            merged[key] = [*one, *(entry for entry in other if entry not in one)]
    return merged


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


def pinned(name: str, facts: HostFacts, docker: DockerSettings) -> str:
    """The package as apt is asked for it: the engine from Docker's archive in one version."""
    if docker.source is not DockerSource.DOCKER or name not in {"docker-ce", "docker-ce-cli"}:
        return name
    return f"{name}=5:{docker.version}-1~{facts.os_id}.{facts.os_version}~{facts.codename}"
