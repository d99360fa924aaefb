"""The tables as plain values of ``core/inventory.py``."""

from dataclasses import replace

from fleet.core.inventory import (
    CronSettings,
    DockerSettings,
    DockerSource,
    GiteaSettings,
    HetznerSettings,
    Inventory,
    Pool,
    RunnerSettings,
    Schedule,
    Scope,
    ScopeKind,
    SshRoute,
    SshSettings,
)
from fleet.core.runner_version import RunnerImage, engine_for, read_runner, warning
from fleet.edges.inventory.cache import cache_of
from fleet.edges.inventory.docker import docker_of
from fleet.edges.inventory.hosts import host_of
from fleet.edges.inventory.notify import notify_of
from fleet.edges.inventory.pool import PoolTable
from fleet.edges.inventory.tables import GiteaTable, InventoryTable, SshTable
from fleet.edges.inventory.tailnet import tailnet_of
from fleet.edges.inventory.trust import endings, proxy_of, registries_of
from fleet.edges.inventory.upkeep import upkeep_of


def inventory_of(table: InventoryTable, source: str) -> Inventory:
    runners = dict.fromkeys(pool.runner for pool in table.pools.values())
    warnings = (*(warning(read_runner(runner)) for runner in runners), *endings(table.gitea.ca))
    return Inventory(
        name=table.name,
        gitea=_gitea(table.gitea),
        pools=tuple(_pool(name, pool, table) for name, pool in table.pools.items()),
        hetzner=HetznerSettings(table.hetzner.endpoint, table.hetzner.token),
        ssh=_ssh(table.ssh),
        tailnet=tailnet_of(table.tailnet),
        proxy=proxy_of(table.proxy),
        registries=registries_of(table.registries),
        cache=cache_of(table.cache),
        max=table.max,
        max_eur_per_hour=table.max_eur_per_hour,
        cron=CronSettings(table.cron.minutes, table.cron.ping_url, tuple(table.cron.alert), table.cron.prometheus),
        notify=notify_of(table.notify),
        upkeep=upkeep_of(table.upkeep),
        source=source,
        warnings=tuple(sentence for sentence in warnings if sentence),
    )


def _gitea(table: GiteaTable) -> GiteaSettings:
    kind, _, name = table.scope.partition(":")
    return GiteaSettings(
        url=table.url,
        runner_url=table.runner_url or table.url,
        scope=Scope(ScopeKind(kind), name),
        token=table.token,
        ca=table.ca,
    )


def _ssh(table: SshTable) -> SshSettings:
    return SshSettings(
        key=table.key,
        agent=table.agent,
        passphrase=table.passphrase,
        authorized_keys=tuple(table.authorized_keys),
        allow_from=tuple(table.allow_from),
        address_from=table.address_from,
        route=SshRoute(table.route),
    )


def _pool(name: str, table: PoolTable, fleet: InventoryTable) -> Pool:
    return Pool(
        name=name,
        runner=_runner_settings(table),
        docker=_with_engine(docker_of(table.docker, fleet.docker), read_runner(table.runner)),
        min=table.min,
        max=table.min if table.max is None else table.max,
        idle=table.idle,
        priority=table.priority,
        schedule=tuple(Schedule(one.start, one.zone, one.seconds, one.min, one.idle) for one in table.schedule),
        types=tuple(table.types),
        locations=tuple(table.locations),
        image=table.image,
        packages=tuple(table.packages),
        commands=tuple(table.commands),
        tailnet=fleet.tailnet is not None if table.tailnet is None else table.tailnet,
        ipv4=table.ipv4,
        nat64=table.nat64,
        placement_group=table.placement_group,
        networks=tuple(table.networks),
        firewalls=tuple(table.firewalls),
        volumes=tuple(table.volumes),
        hosts=tuple(host_of(host) for host in table.hosts),
    )


def _runner_settings(table: PoolTable) -> RunnerSettings:
    return RunnerSettings(
        image=read_runner(table.runner).image,
        labels=tuple(table.labels),
        capacity=table.capacity,
        log_level=table.log_level,
        cache_port=table.cache_port,
        job_timeout=table.job_timeout,
        extra=tuple(table.config.items()),
    )


def _with_engine(docker: DockerSettings, runner: RunnerImage) -> DockerSettings:
    """Docker's archive always gets a pinned engine, one that fits the runner when none is named."""
    if docker.source is not DockerSource.DOCKER or docker.version:
        return docker
    return replace(docker, version=engine_for(runner.version))
