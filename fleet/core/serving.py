"""The machine of the fleet that serves the cache of all: where it is, and why it stays."""

from collections.abc import Mapping, Sequence

from fleet.core.inventory import Inventory
from fleet.core.machine import Machine
from fleet.core.names import Tag, is_ours
from fleet.core.observation import Device, Server, ServerStatus
from fleet.core.setup import HostWanted
from fleet.core.static_hosts import static_hosts

KEEPS = "keeps the fleet's cache"
"""Why a machine that nobody else needs stays."""


def networks_of(inventory: Inventory) -> tuple[str, ...]:
    """The private networks, by name, that new machines are in."""
    return (inventory.cache.network,) if inventory.cache.network else ()


def address_in_network(inventory: Inventory, servers: Sequence[Server], network: int) -> str:
    """The serving machine's address in this private network, or empty while it has none."""
    server = _server(inventory, servers)
    return server.networks.get(network, "") if server else ""


def outside(inventory: Inventory, servers: Sequence[Server], network: int) -> frozenset[str]:
    """Machines that are outside of this network: static hosts, and servers that were set up before. They cannot reach
    the cache, and go on with their own; one that is only being made gets there yet."""
    return frozenset(static_hosts(inventory)) | frozenset(
        one.name
        for one in servers
        if is_ours(one.name, one.tags, inventory.name, inventory.gitea)
        and Tag.SETUP in one.tags
        and network not in one.networks
    )


def address_in_tailnet(inventory: Inventory, servers: Sequence[Server], devices: Sequence[Device]) -> str:
    """Its IPv4 address in the tailnet, or empty while it has none. A device without a server is one that was left.

    One that has been in service keeps its address while it is offline for a moment: all others would change."""
    server = _server(inventory, servers)
    if server is None:
        return ""
    mine = [one for one in devices if one.hostname == inventory.cache.machine]
    alive = [one for one in mine if one.online is not False]
    mine = alive or (mine if Tag.SETUP in server.tags else [])
    addresses = [address for one in mine for address in one.addresses if ":" not in address]
    return addresses[-1] if addresses else ""


def _server(inventory: Inventory, servers: Sequence[Server]) -> Server | None:
    ours = (one for one in servers if is_ours(one.name, one.tags, inventory.name, inventory.gitea))
    there = (one for one in ours if one.status is not ServerStatus.DELETING)
    return next((one for one in there if one.name == inventory.cache.machine), None)


def keeps_cache(inventory: Inventory, machine: Machine, machines: Sequence[Machine]) -> bool:
    """Whether it serves the cache, and another machine is there that uses it."""
    return machine.name == inventory.cache.machine and any(
        other.name != machine.name and (other.server or other.static) for other in machines
    )


def notes(inventory: Inventory, servers: Sequence[Server], wanted: Mapping[str, HostWanted]) -> tuple[str, ...]:
    """What a person should know: its machine runs, and yet nobody can reach a cache there."""
    cache = inventory.cache
    server = _server(inventory, servers) if cache.machine and cache.machine not in wanted else None
    if server is None or Tag.SETUP not in server.tags:
        return ()
    place = f"is not in the network {cache.network}" if cache.network else "has no address in the tailnet"
    return (f"{cache.machine} is to serve the cache and {place}: until then each machine has its own",)
