"""Tries what jobs can do on one machine: the shipped script, under the host's lock, and what its answer means."""

from fleet.core.abilities import arguments, read_abilities
from fleet.core.doctor import Check
from fleet.core.errors import HostError
from fleet.core.machine import Machine
from fleet.engine.world import World

SECONDS = 120
"""More than all of its parts may take together."""


def try_abilities(world: World, machine: Machine) -> tuple[Check, ...]:
    """One check per ability. Running jobs are not touched. Raises HostError, HostLocked."""
    if machine.pool is None:
        raise HostError(f"the inventory has no pool of {machine.name}")
    wanted = world.wanted_on(machine.name, machine.pool.name, machine.facts)
    host = world.sessions.get(world.target_of(machine))
    with host.lock():
        script = world.stack["abilities.sh"].encode()
        answer = host.run(f"sh -s -- {arguments(wanted)}", stdin=script, timeout=SECONDS)
    return read_abilities(machine.name, wanted, answer.out)
