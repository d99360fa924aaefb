"""Looks at everything at once: the cloud's servers, Gitea's runners and jobs, and each host of ours."""

from collections.abc import Callable
from functools import partial

from fleet.core.errors import FleetError, HostError, HostSilent
from fleet.core.names import fleet_label, is_ours, read_machine_name
from fleet.core.observation import Device, HostSeen, Observation, Runner, Server, ServerStatus
from fleet.core.orders import Target
from fleet.engine.probe import probe
from fleet.engine.workers import workers
from fleet.engine.world import World, static_target

WORKERS = 32
"""Hosts at once: to look is to wait, and one that is gone must not hold up the others."""

LIMIT = 40.0
"""Seconds that one host may take for all of it: to let us in, and to answer."""


def observe(world: World, *, hosts: bool = True, seen: Callable[[str], None] = lambda _: None) -> Observation:
    """One look. Raises Refused when Hetzner or Gitea do not answer: then nothing is touched.

    ``hosts=False`` leaves the hosts unasked. ``seen`` is told of each host that has answered.
    """
    with workers(WORKERS) as pool:
        servers = pool.submit(world.cloud.servers)
        runners = pool.submit(world.gitea.runners)
        jobs = pool.submit(world.gitea.jobs)
        devices = pool.submit(_devices, world)
        there = servers.result()
        if _lacks_a_server(world, there, runners.result()):
            there = world.cloud.servers(fresh=True)
        ours = [s for s in there if _ours(world, s)]
        world.keep_names([*(server.name for server in ours), *world.statics])
        ours = ours if hosts else []
        looks = {server.name: pool.submit(_look, world, server, seen) for server in ours}
        statics = world.statics if hosts else {}
        looks |= {n: pool.submit(_ask, world, n, partial(static_target, n, s), seen) for n, s in statics.items()}
        return Observation(
            at=world.cloud.now(),
            servers=there,
            runners=runners.result(),
            jobs=jobs.result(),
            hosts={name: look.result() for name, look in looks.items()},
            servers_known=world.has_cloud,
            devices=devices.result(),
        )


def without_gitea(world: World) -> Observation:
    """What there is, for who wants to reach a host: that must go while Gitea is away. Raises Refused when Hetzner does
    not answer. Nothing is to be decided by it."""
    servers = world.cloud.servers()
    at = world.cloud.now()
    return Observation(at, servers, runners=None, jobs=None, hosts={}, servers_known=world.has_cloud)


def _devices(world: World) -> tuple[Device, ...] | None:
    """A tailnet that does not answer ends no look: what is unknown is kept."""
    try:
        return world.tailnet.devices() if world.tailnet is not None else None
    except FleetError:
        return None


def _lacks_a_server(world: World, servers: tuple[Server, ...], runners: tuple[Runner, ...]) -> bool:
    """Whether a runner seems to be a ghost. Its server may have been made between the two answers: ask again."""
    names = {server.name for server in servers} | world.statics.keys()
    label = fleet_label(world.inventory.name)
    return any(label in one.labels and one.name not in names for one in runners)


def _ours(world: World, server: Server) -> bool:
    return is_ours(server.name, server.tags, world.inventory.name, world.inventory.gitea)


def _look(world: World, server: Server, seen: Callable[[str], None]) -> HostSeen:
    if server.status in {ServerStatus.OFF, ServerStatus.DELETING}:
        return HostSilent(f"server {server.name} is {server.status}")
    return _ask(world, server.name, lambda: world.target(server), seen)


def _ask(world: World, name: str, where: Callable[[], Target], seen: Callable[[str], None]) -> HostSeen:
    """A host that fails is that machine's own row, never the end of the look."""
    try:
        parts, end = read_machine_name(name), world.clock.now() + LIMIT
        wanted = world.wanted_for(name, parts.pool) if parts else None
        facts = probe(world.sessions.get(where()), world.stack, wanted, world.clock, end=end)
    except HostError as error:
        world.sessions.drop(name)  # it may be the connection alone that is broken: the next look opens a new one
        return error
    seen(name)
    return facts
