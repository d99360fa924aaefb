"""What hosts should have, as far as it hangs on what is there: the fleet's cache has an address once its machine has.

Until then every machine has a cache of its own; what differs afterwards is drift, like anything else.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from fleet.core.inventory import Inventory
from fleet.core.names import read_machine_name
from fleet.core.observation import Server
from fleet.core.secret import Secret
from fleet.core.serving import address_in_network, address_in_tailnet, outside
from fleet.core.setup import HostWanted, fleet_wanted
from fleet.engine.ports import Cloud, Tailnet


def wanted_now(
    inventory: Inventory,
    cloud: Cloud,
    tailnet: Tailnet | None,
    stack: Mapping[str, str],
    secrets: Mapping[str, Secret],
) -> Mapping[str, HostWanted]:
    """By pool, and by machine where one differs. Raises Refused when the cache's network is not there."""
    if not inventory.cache.machine:
        return fleet_wanted(inventory, stack, secrets)
    return _Now(
        _finder(inventory, cloud, tailnet),
        lambda address: fleet_wanted(inventory, stack, secrets, address),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """Where the cache is, and which machines cannot reach it."""

    address: str
    outside: frozenset[str] = frozenset()


def _finder(inventory: Inventory, cloud: Cloud, tailnet: Tailnet | None) -> Callable[[], _Found]:
    """Asks where the cache is, through lists that all share."""
    if inventory.cache.network:
        network = cloud.network_id(inventory.cache.network)
        return lambda: _in_network(inventory, cloud.servers(), network)
    if tailnet is None:
        return lambda: _Found("")
    return lambda: _Found(address_in_tailnet(inventory, cloud.servers(), tailnet.devices()))


def _in_network(inventory: Inventory, servers: tuple[Server, ...], network: int) -> _Found:
    return _Found(address_in_network(inventory, servers, network), outside(inventory, servers, network))


class _Now(Mapping[str, HostWanted]):
    """Looks again until there is an address; that one stays for the run."""

    def __init__(self, find: Callable[[], _Found], make: Callable[[str], Mapping[str, HostWanted]]) -> None:
        self._find = find
        self._make = make
        self._apart = make("")
        self._made: Mapping[str, HostWanted] | None = None
        self._lock = threading.Lock()

    def __getitem__(self, name: str) -> HostWanted:
        return self._current()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._current())

    def __len__(self) -> int:
        return len(self._current())

    def _current(self) -> Mapping[str, HostWanted]:
        if self._made is not None:
            return self._made
        found = self._find()
        if not found.address:
            return self._apart
        with self._lock:
            if self._made is None:
                self._made = {**self._make(found.address), **self._own_caches(found.outside)}
            return self._made

    def _own_caches(self, names: frozenset[str]) -> Mapping[str, HostWanted]:
        """What the machines should have that cannot reach it: as if there were none."""
        parts = {name: read_machine_name(name) for name in names}
        pools = {name: part.pool for name, part in parts.items() if part is not None}
        return {name: self._apart[pool] for name, pool in pools.items() if pool in self._apart}
