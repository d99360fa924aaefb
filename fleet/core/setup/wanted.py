"""What a pool's hosts should have: the parts of all concerns, the runner's configuration, the compose file."""

import hashlib
import ipaddress
import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from string import Template

from fleet.core.inventory import Inventory, Pool
from fleet.core.labels import images
from fleet.core.names import fleet_label, read_server_name
from fleet.core.runner_version import config_text, read_runner
from fleet.core.secret import Secret
from fleet.core.setup.builders import builders
from fleet.core.setup.cache import cache_part
from fleet.core.setup.guard import guard
from fleet.core.setup.part import Given, Part, jobs_config, joined
from fleet.core.setup.proxy import SCRIPTS, proxy
from fleet.core.setup.registries import registries
from fleet.core.setup.tailnet import tailnet
from fleet.core.setup.trust import trust
from fleet.core.setup.updates import updates
from fleet.core.setup.upkeep import upkeep
from fleet.core.setup.values import (
    COMPOSE,
    FETCH_TIMEOUT,
    GRACE_MARGIN,
    HOME,
    SHUTDOWN_MARGIN,
    HostWanted,
    JobContainers,
    WantedFile,
)
from fleet.core.tailnet import settings_for
from fleet.core.yaml_text import Plain, merge, to_yaml

PARTS: tuple[Callable[[Inventory, Pool, Given], Part], ...] = (
    proxy,
    trust,
    registries,
    guard,
    tailnet,
    cache_part,
    upkeep,
    updates,
)
"""What adds to a host beside the classic stack: one function for each concern, in the order of their files."""


def fleet_wanted(
    inventory: Inventory, stack: Mapping[str, str], secrets: Mapping[str, Secret], cache_at: str = ""
) -> dict[str, HostWanted]:
    """What each pool's hosts should have, by the name of the pool; and, by its own name, the one machine that
    serves the fleet's cache, once it has an address: ``cache_at``."""
    given = Given(stack, secrets, cache_at=cache_at)
    made = {pool.name: _host_wanted(inventory, pool, given) for pool in inventory.pools}
    name = read_server_name(inventory.cache.machine)
    pool = inventory.pool(name.pool) if name else None
    if pool is not None and cache_at:
        made[str(name)] = _host_wanted(inventory, pool, replace(given, machine=str(name)))
    return made


def wanted_of(wanted: Mapping[str, HostWanted], machine: str, pool: str) -> HostWanted:
    """What this machine should have: its own, or what all of its pool should."""
    return wanted.get(machine) or wanted[pool]


def host_wanted(
    inventory: Inventory,
    pool: Pool,
    stack: Mapping[str, str],
    secrets: Mapping[str, Secret] | None = None,
    *,
    static: bool = False,
) -> HostWanted:
    """What this pool's hosts should have. ``stack``: the files of ``fleet/stack`` by name; ``secrets``: those that
    go on hosts, by the path of their key. ``static``: for its static hosts, which keep caches of their own where the
    fleet's is on a machine of it; ``on_host`` fits that to one."""
    return _host_wanted(inventory, pool, Given(stack, secrets or {}, static=static))


def _host_wanted(inventory: Inventory, pool: Pool, given: Given) -> HostWanted:
    part = joined(make(inventory, pool, given) for make in (_classic, *PARTS, _commands))
    part = joined((part, builders(inventory, pool, part.daemon)))
    bridge = _bridge(pool)
    labels = _labels(inventory, pool)
    settings = _runner_settings(pool, part, labels, bridge)
    config = _runner_config(pool, settings)
    compose = _compose(pool, part, given.stack["compose.yaml"], bridge, config)
    return HostWanted(
        docker=pool.docker,
        before_docker=part.before_docker,
        after_docker=(
            *part.after_docker,
            _config_file(config, part.runner_secrets),
            WantedFile(COMPOSE, compose),
        ),
        packages=part.packages,
        images=tuple(dict.fromkeys((pool.runner.image, *images(labels)))),
        labels=labels,
        config_hash=config_hash(compose),
        bridge=bridge,
        runner_url=inventory.gitea.runner_url,
        daemon=json.dumps(part.daemon, sort_keys=True),
        jobs=_job_containers(settings),
        gone=part.gone,
        tailnet=settings_for(inventory, pool),
        gitea_url=inventory.gitea.url,
        cache_port=pool.runner.cache_port,
        static=given.static,
    )


def _bridge(pool: Pool) -> str:
    return str(ipaddress.ip_interface(pool.docker.bip).ip)


def _classic(inventory: Inventory, pool: Pool, given: Given) -> Part:
    """The machine itself: who may log in, kernel limits, our scripts; the pool's own packages."""
    return Part(
        before_docker=_before_docker(inventory, given),
        packages=pool.packages,
        # Test containers are siblings of the job: their ports are on the bridge, not on the job's localhost.
        job_environment={"TESTCONTAINERS_HOST_OVERRIDE": _bridge(pool)},
    )


def config_hash(compose: str) -> str:
    """The hash a running container carries as its label: read back out of the compose file that has it."""
    return next(line for line in compose.splitlines() if "fleet.config:" in line).split('"')[1]


def _labels(inventory: Inventory, pool: Pool) -> tuple[str, ...]:
    """The pool's labels, and the one by which we know our own: it runs what the first one runs."""
    _, runs = pool.runner.labels[0].split(":", 1)
    return (*pool.runner.labels, f"{fleet_label(inventory.name)}:{runs}")


def _runner_settings(pool: Pool, part: Part, labels: tuple[str, ...], bridge: str) -> dict[str, Plain]:
    """Ours, what the parts add, then the pool's own ``config``, which may overrule both."""
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
            "envs": dict(part.job_environment),
        },
        "cache": {"enabled": True, "dir": "/cache", "host": bridge, "port": runner.cache_port},
        "container": {"force_pull": False},
    }
    own: dict[str, Plain] = dict(runner.extra)  # type: ignore[arg-type]  # checked at the edge
    return merge(merge(merge(base, part.runner), own), jobs_config(part, own))


def _runner_config(pool: Pool, settings: Mapping[str, Plain]) -> str:
    text = config_text(to_yaml(settings), read_runner(pool.runner.image).version)
    return f"# Written by fleet; the next `fleet up` writes it again.\n{text}"


def _job_containers(settings: Mapping[str, Plain]) -> JobContainers:
    """What the runner makes of its configuration (act, ``RunContext.startJobContainer``)."""
    container, cache = _table(settings, "container"), _table(settings, "cache")
    own = f"http://{cache.get('host')}:{cache.get('port')}/"
    return JobContainers(
        cache=str(cache.get("external_server") or own) if cache.get("enabled") else "",
        network=str(container.get("network") or ""),
        options=tuple(shlex.split(str(container.get("options") or ""))),
        socket=container.get("docker_host") != "-",
    )


def _table(settings: Mapping[str, Plain], name: str) -> Mapping[str, Plain]:
    table = settings.get(name)
    return table if isinstance(table, Mapping) else {}


def _config_file(config: str, secrets: Mapping[str, Secret]) -> WantedFile:
    """The runner's configuration, its secrets filled in. The hash on the container knows nothing of those: a new one
    counts as what restarts the runner."""
    path = f"{HOME}/config.yaml"
    if not secrets:
        return WantedFile(path, config, 0o600)
    for mark, secret in secrets.items():
        config = config.replace(json.dumps(mark), json.dumps(secret.reveal(), ensure_ascii=False))
    return WantedFile(path, Secret(config), 0o600, restarts=True)


def _compose(pool: Pool, part: Part, template: str, bridge: str, config: str) -> str:
    filled: dict[str, object] = {
        "image": pool.runner.image,
        "bridge": bridge,
        "cache_port": pool.runner.cache_port,
        "stop_grace": pool.runner.job_timeout + SHUTDOWN_MARGIN + GRACE_MARGIN,
        "more_environment": _lines(f"{name}: {json.dumps(value)}" for name, value in part.environment.items()),
        "more_volumes": _lines(f"- {mount}" for mount in part.mounts),
    }
    digest = hashlib.sha256((config + template + repr(sorted(filled.items()))).encode()).hexdigest()
    return Template(template).substitute(filled, config_hash=digest[:16])


def _lines(entries: Iterable[str]) -> str:
    """More entries of a list or table of the compose file, each on a line of its own."""
    return "".join(f"\n      {entry}" for entry in entries)


def _before_docker(inventory: Inventory, given: Given) -> tuple[WantedFile, ...]:
    stack, reload = given.stack, "systemctl reload ssh"
    keys = "".join(f"{key}\n" for key in inventory.ssh.authorized_keys)
    who = WantedFile("/root/.ssh/authorized_keys2", f"# Written by fleet: ssh.authorized_keys\n{keys}", 0o600)
    return (
        *(() if given.static else (who,)),
        WantedFile("/etc/ssh/sshd_config.d/60-fleet.conf", stack["sshd.conf"], then=reload, undo=reload),
        WantedFile(
            "/etc/sysctl.d/60-fleet.conf",
            stack["sysctl.conf"],
            then="sysctl --quiet --load=/etc/sysctl.d/60-fleet.conf",
        ),
        WantedFile(f"{HOME}/bin/apt-install", stack["apt-install.sh"], 0o755),
        WantedFile(f"{HOME}/bin/apt-archive", stack["apt-archive.sh"], 0o755),
        WantedFile(f"{HOME}/bin/docker-archive", stack["docker-archive.sh"], 0o755),
        *((WantedFile(f"{HOME}/bin/docker-restart", stack["docker-restart.sh"], 0o755),) if given.static else ()),
    )


def _commands(inventory: Inventory, pool: Pool, _given: Given) -> Part:
    """The pool's own commands, on a host that has all else: run when they are new here, or when they changed."""
    if not pool.commands:
        return Part()
    path = f"{HOME}/bin/commands"
    way_out = (f". {SCRIPTS}",) if inventory.proxy else ()
    script = "\n".join(["#!/bin/sh", "set -eu", *way_out, *pool.commands, ""])
    return Part(after_docker=(WantedFile(path, script, 0o700, then=path, seconds=1800),))
