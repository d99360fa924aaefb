"""The static hosts of an inventory as machines: by name, with what is known of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.core.errors import HostOfAnother
from fleet.core.inventory import HostState, Inventory, Pool, StaticHost
from fleet.core.names import MachineName, StaticName, Tag, gitea_hash


@dataclass(frozen=True, slots=True)
class Static:
    """A static host in its pool."""

    pool: Pool
    host: StaticHost

    @property
    def wanted(self) -> bool:
        """Whether it should be in service."""
        return self.host.state is HostState.PRESENT


def static_hosts(inventory: Inventory) -> Mapping[str, Static]:
    """All static hosts by the name of their machine."""
    return {
        str(StaticName(inventory.name, pool.name, host.name)): Static(pool, host)
        for pool in inventory.pools
        for host in pool.hosts
    }


def possible_names(inventory: Inventory) -> tuple[str, ...]:
    """The names of all machines that there may be by this inventory."""
    servers = (
        str(MachineName(inventory.name, pool.name, n)) for pool in inventory.pools for n in range(1, pool.max + 1)
    )
    return (*servers, *static_hosts(inventory))


def needs_cloud(inventory: Inventory) -> bool:
    """Whether any pool may have a server. One of static hosts alone needs no account at Hetzner."""
    return any(pool.max > 0 for pool in inventory.pools)


def birth_memory(inventory: Inventory, name: str) -> dict[str, str]:
    """What a static host must know before anything is changed on it: whose it is, and as which machine."""
    return {Tag.FLEET: inventory.name, Tag.GITEA: gitea_hash(inventory.gitea), Tag.MACHINE: name}


def of_another(inventory: Inventory, name: str, memory: Mapping[str, str]) -> HostOfAnother | None:
    """What a static host's memory says against its being this machine; None when nothing does."""
    known = {**birth_memory(inventory, name), **memory}
    if known[Tag.FLEET] != inventory.name or known[Tag.GITEA] != gitea_hash(inventory.gitea):
        return HostOfAnother(
            f"the host of {name} is in service for fleet {known[Tag.FLEET]}, or for another Gitea or scope",
            hint="take it out of service with the inventory that has it, then type this again",
        )
    if known[Tag.MACHINE] != name:
        return HostOfAnother(
            f"the host of {name} is in service as {known[Tag.MACHINE]}",
            hint=f'put the entry of {known[Tag.MACHINE]} back with state = "absent", and: fleet up',
        )
    return None
