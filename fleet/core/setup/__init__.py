"""Set-up as values: what a host should have on it, and from its facts the commands that bring it there.

Facts in, commands out. A host that has everything gets no command.

    values     what all of it is said in: files, commands, ``HostWanted``
    part       what one concern adds to a host; all parts are joined
    trust      a private CA, plain http
    builders   mirrors and Gitea's registry, for builders of buildx
    proxy      hosts without a direct way out
    registries credentials for pulls
    wanted     ``host_wanted``: the parts of a pool, the runner's configuration, the compose file
    guard      what keeps containers from the cloud's metadata
    upkeep     what cleans up behind jobs
    updates    security updates
    docker     the daemon's settings and packages, from a host's facts
    changes    what differs, and the commands for it
"""

from fleet.core.setup.cache import cache_secrets
from fleet.core.setup.changes import (
    Drift,
    changes,
    drift,
    first_changes,
    in_place,
    probe_arguments,
    registered_at,
    same_url,
)
from fleet.core.setup.docker import DAEMON_JSON, daemon_file, docker_packages, kept_settings, left_settings
from fleet.core.setup.guard import LOAD_GUARD, guard_changes, is_flushed
from fleet.core.setup.on_host import on_host, whose_docker
from fleet.core.setup.part import Given, Part
from fleet.core.setup.registries import password_key
from fleet.core.setup.upkeep import CLEAN
from fleet.core.setup.values import (
    COMPOSE,
    CONTAINER,
    FETCH_TIMEOUT,
    HOME,
    MEMORY,
    RUNNER_FILE,
    GoneFile,
    HostChange,
    HostWanted,
    JobContainers,
    PutFile,
    Run,
    WantedFile,
)
from fleet.core.setup.wanted import config_hash, fleet_wanted, host_wanted, wanted_of

__all__ = [
    "CLEAN",
    "COMPOSE",
    "CONTAINER",
    "DAEMON_JSON",
    "FETCH_TIMEOUT",
    "HOME",
    "LOAD_GUARD",
    "MEMORY",
    "RUNNER_FILE",
    "Drift",
    "Given",
    "GoneFile",
    "HostChange",
    "HostWanted",
    "JobContainers",
    "Part",
    "PutFile",
    "Run",
    "WantedFile",
    "cache_secrets",
    "changes",
    "config_hash",
    "daemon_file",
    "docker_packages",
    "drift",
    "first_changes",
    "fleet_wanted",
    "guard_changes",
    "host_wanted",
    "in_place",
    "is_flushed",
    "kept_settings",
    "left_settings",
    "on_host",
    "password_key",
    "probe_arguments",
    "registered_at",
    "same_url",
    "wanted_of",
    "whose_docker",
]
