"""What a static host should have, from its own facts: it keeps the Docker it came with, and what that is set to."""

from collections.abc import Callable
from dataclasses import replace

from fleet.core.facts import HostFacts
from fleet.core.inventory import DockerSettings, DockerSource, Pool
from fleet.core.names import Tag
from fleet.core.runner_version import engine_for, read_runner
from fleet.core.setup.docker import DISTRIBUTION_PACKAGES
from fleet.core.setup.values import HostWanted

OURS = "ours"
THEIRS = "theirs"
"""Whose Docker it is, in the memory of a static host: noted before we install one."""


def on_host(want: Callable[[Pool], HostWanted], pool: Pool, facts: HostFacts) -> HostWanted:
    """What this static host should have. ``want`` makes it of a pool."""
    if whose_docker(facts) == OURS:
        return want(replace(pool, docker=_installed(pool, facts)))
    bip = f"{facts.bridge}/16" if facts.bridge else pool.docker.bip
    found = want(replace(pool, docker=replace(pool.docker, source=DockerSource.PRESENT, bip=bip)))
    return replace(found, packages=(*found.packages, *_compose(facts)), merged=True)


def whose_docker(facts: HostFacts) -> str:
    """What is remembered, or else what is there before anything was done."""
    there = facts.docker_active or bool(facts.docker) or {"docker.io", "docker-ce"} & facts.packages
    return facts.memory.get(Tag.DOCKER, "") or (THEIRS if there else OURS)


def _installed(pool: Pool, facts: HostFacts) -> DockerSettings:
    """As on a server; a distribution whose Docker has no compose of its own gets Docker's."""
    known = (facts.os_id, facts.codename) in DISTRIBUTION_PACKAGES
    if pool.docker.source is not DockerSource.DISTRIBUTION or known:
        return pool.docker
    version = engine_for(read_runner(pool.runner.image).version)
    return replace(pool.docker, source=DockerSource.DOCKER, version=version)


def _compose(facts: HostFacts) -> tuple[str, ...]:
    """The package that brings ``docker compose`` to a Docker without it, where there is one."""
    if facts.compose:
        return ()
    if "docker-ce" in facts.packages:
        return ("docker-compose-plugin",)
    every = DISTRIBUTION_PACKAGES.get((facts.os_id, facts.codename), ())
    return tuple(name for name in every if "compose" in name) if "docker.io" in facts.packages else ()
