"""What a pool gives its servers by name: a placement group, private networks, more firewalls, volumes.

They are somebody's own: looked up before anything is made, passed when a server is made, and never made, changed or
deleted by us. A server that has others than its pool says is told of, no more.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches

from fleet.core.errors import Problem
from fleet.core.inventory import Inventory, Pool
from fleet.core.names import Tag, is_ours, read_server_name
from fleet.core.observation import Server

GROUP_HOLDS = 10
"""Servers in one placement group (API: placement groups, type spread)."""

FIREWALLS = 5
"""On one server (API: firewalls); one is the fleet's own, and one more while it joins a tailnet."""

NUMBER = "{n}"
"""In the name of a volume: the number of the machine."""


@dataclass(frozen=True, slots=True)
class Network:
    """A private network. ``zones``: where it has subnets. ``leads_out``: it has a route for everything."""

    id: int
    zones: frozenset[str] = frozenset()
    leads_out: bool = False


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume. ``server``: the one it is attached to, or None."""

    id: int
    location: str
    server: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Belongings:
    """What the project has of all that, by name. ``groups``: the servers in each, by name. ``zones``: the network zone
    of each location."""

    groups: Mapping[str, tuple[int, frozenset[int]]] = field(default_factory=dict)
    networks: Mapping[str, Network] = field(default_factory=dict)
    firewalls: Mapping[str, int] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    zones: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Given:
    """What one server is made with, by id. ``places``: locations it can be in; None: any."""

    group: int | None = None
    networks: tuple[int, ...] = ()
    firewalls: tuple[int, ...] = ()
    volumes: tuple[int, ...] = ()
    places: frozenset[str] | None = None


NOTHING = Given()


def names_any(pool: Pool) -> bool:
    """Whether anything has to be looked up for this pool."""
    return bool(pool.placement_group or pool.networks or pool.firewalls or pool.volumes)


def volumes_of(pool: Pool, n: int) -> tuple[str, ...]:
    """The names of the volumes of this pool's machine ``n``."""
    return tuple(name.replace(NUMBER, str(n)) for name in pool.volumes)


def given(pool: Pool, n: int, there: Belongings) -> Given:
    """What machine ``n`` is made with. Everything named must be there: ``problems`` says so."""
    volumes = [there.volumes[name] for name in volumes_of(pool, n)]
    return Given(
        group=there.groups[pool.placement_group][0] if pool.placement_group else None,
        networks=tuple(there.networks[name].id for name in pool.networks),
        firewalls=tuple(there.firewalls[name] for name in pool.firewalls),
        volumes=tuple(one.id for one in volumes),
        places=frozenset.intersection(*(frozenset({one.location}) for one in volumes)) if volumes else None,
    )


def problems(
    inventory: Inventory, pools: Iterable[Pool], there: Belongings, servers: Iterable[Server]
) -> list[Problem]:
    """All that is wrong with what these pools name."""
    ours = {one.id: one for one in servers if is_ours(one.name, one.tags, inventory.name, inventory.gitea)}
    return [problem for pool in pools for problem in _problems(inventory, pool, there, ours)]


def _problems(inventory: Inventory, pool: Pool, there: Belongings, ours: Mapping[int, Server]) -> Iterator[Problem]:
    path = f"pools.{pool.name}"
    group = [pool.placement_group] if pool.placement_group else []
    yield from _unknown(f"{path}.placement_group", "placement group", group, there.groups, numbered=False)
    yield from _unknown(f"{path}.networks", "network", pool.networks, there.networks)
    yield from _unknown(f"{path}.firewalls", "firewall", pool.firewalls, there.firewalls)
    yield from _full_group(inventory, pool, there, ours)
    yield from _far_networks(pool, there)
    yield from _volumes(inventory, pool, there, ours)


def _full_group(inventory: Inventory, pool: Pool, there: Belongings, ours: Mapping[int, Server]) -> Iterator[Problem]:
    if pool.placement_group not in there.groups:
        return
    _, members = there.groups[pool.placement_group]
    others = len(members - ours.keys())
    wanted = sum(one.max for one in inventory.pools if one.placement_group == pool.placement_group)
    if others + wanted > GROUP_HOLDS:
        besides = f", and {others} servers of others are in it" if others else ""
        wrong = f"pools with {pool.placement_group} want up to {wanted} machines{besides}"
        yield Problem(f"pools.{pool.name}.placement_group", wrong, f"a placement group holds {GROUP_HOLDS}")


def _far_networks(pool: Pool, there: Belongings) -> Iterator[Problem]:
    """Locations of the pool in whose zone a network has no subnet."""
    for index, name in enumerate(pool.networks):
        network = there.networks.get(name)
        far = [place for place in pool.locations if network and there.zones.get(place) not in network.zones]
        if network and far:
            zones = ", ".join(sorted({there.zones.get(place, "an unknown zone") for place in far}))
            wrong = f"network {name} has no subnet in {zones}, where {', '.join(far)} is"
            yield Problem(f"pools.{pool.name}.networks[{index}]", wrong, "add a subnet there, or take other locations")


def _volumes(inventory: Inventory, pool: Pool, there: Belongings, ours: Mapping[int, Server]) -> Iterator[Problem]:
    for index, form in enumerate(pool.volumes):
        path = f"pools.{pool.name}.volumes[{index}]"
        names = [form.replace(NUMBER, str(n)) for n in range(1, pool.max + 1)]
        missing = [name for name in names if name not in there.volumes]
        if missing:
            known = ", ".join(sorted(there.volumes)) or "none"
            yield Problem(path, f"Hetzner has no volume {', '.join(missing)}", f"there are: {known}")
        for name in names:
            if name in there.volumes:
                yield from _volume(inventory, pool, path, name, there.volumes[name], ours)
    yield from _apart(pool, there)


def _volume(
    inventory: Inventory, pool: Pool, path: str, name: str, volume: Volume, ours: Mapping[int, Server]
) -> Iterator[Problem]:
    if volume.location not in pool.locations:
        yield Problem(path, f"volume {name} is in {volume.location}", f"add {volume.location} to the pool's locations")
    if volume.server is not None and volume.server not in ours:
        yield Problem(path, f"volume {name} is attached to server {volume.server}, which is not of this fleet")
    if volume.tags.get(Tag.FLEET) == inventory.name:
        wrong = f"volume {name} carries the tag {Tag.FLEET}={inventory.name}, and would be deleted with its machine"
        yield Problem(path, wrong, "take that tag off")


def _apart(pool: Pool, there: Belongings) -> Iterator[Problem]:
    """A machine cannot be where all of its volumes are when they are in several places."""
    for n in range(1, pool.max + 1):
        mine = [there.volumes[name] for name in volumes_of(pool, n) if name in there.volumes]
        places = sorted({one.location for one in mine})
        if len(places) > 1:
            wrong = f"the volumes of machine {n} are in {' and '.join(places)}"
            yield Problem(f"pools.{pool.name}.volumes", wrong, "all volumes of a machine in one location")


def _unknown(
    path: str, what: str, names: Iterable[str], known: Collection[str], *, numbered: bool = True
) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if name not in known:
            near = get_close_matches(name, known, n=1)
            offered = ", ".join(sorted(known)) or "none"
            allowed = f"did you mean {near[0]}?" if near else f"there are: {offered}"
            yield Problem(f"{path}[{index}]" if numbered else path, f"Hetzner has no {what} {name}", allowed)


def differences(inventory: Inventory, servers: Iterable[Server], there: Belongings) -> tuple[str, ...]:
    """What servers of ours lack of what their pools say, as sentences: they were made before, or somebody changed
    them. Nothing is done about it: the way is a new server."""
    found = ((server.name, ", ".join(_lacking_of(inventory, server, there))) for server in servers)
    return tuple(f"{name} {lacking}: fleet down {name}, then fleet up" for name, lacking in found if lacking)


def _lacking_of(inventory: Inventory, server: Server, there: Belongings) -> Iterator[str]:
    name = read_server_name(server.name)
    pool = inventory.pool(name.pool) if name else None
    if name and pool and is_ours(server.name, server.tags, inventory.name, inventory.gitea):
        yield from _lacking(pool, name.n, server, there)


def _lacking(pool: Pool, n: int, server: Server, there: Belongings) -> Iterator[str]:
    if server.ipv4 and not pool.ipv4:
        yield "has a public IPv4 address"
    if not server.ipv4 and pool.ipv4:
        yield "has no public IPv4 address"
    group = there.groups.get(pool.placement_group)
    if group and server.id not in group[1]:
        yield f"is not in placement group {pool.placement_group}"
    for name in pool.networks:
        if name in there.networks and there.networks[name].id not in server.networks:
            yield f"is not in network {name}"
    for name in pool.firewalls:
        if name in there.firewalls and there.firewalls[name] not in server.firewalls:
            yield f"has no firewall {name}"
    for name in volumes_of(pool, n):
        if name in there.volumes and there.volumes[name].id not in server.volumes:
            yield f"has no volume {name}"
