"""How much work waits for each pool. Labels are matched as Gitea matches them; each job counts for one pool."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fleet.core.inventory import Pool
from fleet.core.labels import matches
from fleet.core.machine import Machine, Phase
from fleet.core.observation import Job, JobState

YOUNG = timedelta(seconds=20)
"""A job that has waited less may be taken at any moment: it is no reason to rent a machine."""

SERVING = frozenset({Phase.IDLE, Phase.BUSY})
ON_THE_WAY = frozenset({Phase.BOOTING, Phase.BARE, Phase.UNREGISTERED, Phase.OFFLINE})


@dataclass(frozen=True, slots=True)
class Demand:
    """What one pool has to do. ``busy``: its machines with a job; those that leave do not count."""

    busy: int = 0
    running: int = 0
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """The demand of each pool, and the jobs that no pool can ever run."""

    pools: Mapping[str, Demand]
    homeless: tuple[Job, ...]


def measure(
    pools: Sequence[Pool],
    labels: Mapping[str, frozenset[str]],
    machines: Sequence[Machine],
    jobs: Sequence[Job],
    at: datetime,
) -> Work:
    """Count what runs, and give each job that waits to one pool: free slots first, then by priority.

    ``labels``: the label names of each pool's runners.
    """
    order = by_priority(pools)
    free = {pool.name: _free_slots(pool, machines) for pool in order}
    room = {pool.name: _room(pool, machines) for pool in order}
    waiting = dict.fromkeys(free, 0)
    homeless: list[Job] = []
    for job in sorted(jobs, key=lambda one: (one.created, one.id)):
        if job.state is JobState.WAITING and at - job.created >= YOUNG:
            able = [pool.name for pool in order if matches(job.labels, labels[pool.name])]
            chosen = _choose(able, free, room)
            if chosen is None:
                homeless.append(job)
            else:
                waiting[chosen] += 1
    return Work({pool.name: _demand(pool, machines, waiting[pool.name]) for pool in order}, tuple(homeless))


def by_priority(pools: Sequence[Pool]) -> list[Pool]:
    """The highest first; equal ones in the order of the inventory."""
    return sorted(pools, key=lambda pool: -pool.priority)


def _choose(able: Sequence[str], free: dict[str, int], room: dict[str, int]) -> str | None:
    """The first pool with a free slot; else the first that can grow; else the first. Takes the slot."""
    for slots in (free, room):
        for name in able:
            if slots[name] > 0:
                slots[name] -= 1
                return name
    return able[0] if able else None


def _free_slots(pool: Pool, machines: Sequence[Machine]) -> int:
    """Of machines in service, and of servers on their way. A static host that is not in service may never be."""
    mine = [machine for machine in machines if machine.pool is pool and stays(machine)]
    serving = sum(max(pool.runner.capacity - len(m.jobs), 0) for m in mine if m.phase in SERVING)
    return serving + pool.runner.capacity * sum(m.phase in ON_THE_WAY and m.static is None for m in mine)


def stays(machine: Machine) -> bool:
    """Whether the inventory does not ask it to go: only a static host may be asked that."""
    return machine.static is None or machine.static.wanted


def serving_hosts(pool: Pool, machines: Sequence[Machine]) -> int:
    """The static hosts of a pool that take jobs now: so many servers fewer are needed."""
    mine = (machine for machine in machines if machine.pool is pool and machine.static is not None)
    return sum(machine.phase in SERVING and stays(machine) for machine in mine)


def _room(pool: Pool, machines: Sequence[Machine]) -> int:
    servers = [machine for machine in machines if machine.pool is pool and machine.static is None]
    have = sum(machine.phase in SERVING | ON_THE_WAY for machine in servers)
    return max(pool.max - have, 0) * pool.runner.capacity


def _demand(pool: Pool, machines: Sequence[Machine], waiting: int) -> Demand:
    serving = [machine for machine in machines if machine.pool is pool and machine.phase in SERVING]
    busy = sum(machine.phase is Phase.BUSY for machine in serving)
    return Demand(busy, sum(len(machine.jobs) for machine in serving), waiting)


@dataclass(frozen=True, slots=True)
class Size:
    """How many servers a pool should have. ``needed``: what its jobs would fit on if they were packed."""

    wanted: int
    needed: int
    reason: str


def size(pool: Pool, demand: Demand, hosts: int = 0) -> Size:
    """clamp(max(busy, ceil((running + waiting) / capacity)) + idle - hosts, min, max).

    ``hosts``: the static hosts that take jobs now.
    """
    packed = math.ceil((demand.running + demand.waiting) / pool.runner.capacity)
    wanted = _clamp(max(demand.busy, packed) + pool.idle - hosts, pool)
    needed = _clamp(packed + pool.idle - hosts, pool)
    parts = [f"{demand.running} running", f"{demand.waiting} waiting"]
    parts += [f"{pool.idle} kept free"] if pool.idle else []
    parts += [f"{hosts} on static hosts"] if hosts else []
    bounds = f"min {pool.min}, max {pool.max}"
    return Size(wanted, needed, f"{', '.join(parts)}; {bounds}")


def _clamp(count: int, pool: Pool) -> int:
    return min(max(count, pool.min), pool.max)
