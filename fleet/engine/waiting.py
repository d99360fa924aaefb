"""Why the jobs of one look wait: the look and this run's wishes, given to ``core/waiting.py``."""

from collections.abc import Sequence

from fleet.core.machine import Machine
from fleet.core.observation import JobState, Observation
from fleet.core.record import Record
from fleet.core.waiting import Wait, waits
from fleet.engine.world import World


def waits_now(world: World, seen: Observation, machines: Sequence[Machine], record: Record) -> tuple[Wait, ...]:
    """Each waiting job with its reason, the oldest first."""
    labels = {pool.name: frozenset(world.wanted[pool.name].label_names) for pool in world.inventory.pools}
    waiting = [job for job in seen.jobs or () if job.state is JobState.WAITING]
    failing = {pool.name: record.failing(pool.name, seen.at) for pool in world.inventory.pools}
    paused = record.paused(seen.at)
    return waits(world.inventory, labels, machines, waiting, world.catalog, seen.at, paused=paused, failing=failing)
