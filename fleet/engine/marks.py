"""A person's word on one machine, said without a change: a tag on its server, or in its static host's memory."""

from collections.abc import Mapping

from fleet.core.machine import Machine
from fleet.core.static_hosts import of_another
from fleet.engine import host_memory
from fleet.engine.world import World, static_target


def mark(world: World, machine: Machine, changes: Mapping[str, str | None]) -> None:
    """Change these tags of the machine and no others (None removes). Raises CloudError, HostError."""
    if machine.server is not None:
        world.cloud.set_tags(machine.server.id, changes)
    elif machine.static is not None:
        host = world.sessions.get(static_target(machine.name, machine.static))
        other = of_another(world.inventory, machine.name, host_memory.read(host))
        if other is not None:
            raise other
        host_memory.change(host, world.stack["memory.sh"], changes)
