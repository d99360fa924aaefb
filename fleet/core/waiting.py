"""Why a job waits: the sentence a person wants to read before they look at Gitea's labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType

from fleet.core.demand import ON_THE_WAY, SERVING, YOUNG, by_priority
from fleet.core.inventory import Inventory, Pool
from fleet.core.labels import matches
from fleet.core.machine import Machine
from fleet.core.money import Catalog
from fleet.core.observation import Job
from fleet.core.pricing import choices, growth_refused, new_price_of, server_price

NONE_FAILS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Wait:
    """A waiting job and its reason. ``hint``: what to type, when a person has to do something. ``possible``: False
    when no pool will ever take it."""

    job: Job
    reason: str
    hint: str = ""
    possible: bool = True


@dataclass(slots=True)
class _Slots:
    """What is left of each pool for the jobs that come later: free slots, and slots that are on their way."""

    free: dict[str, int]
    coming: dict[str, int]

    def take(self, kind: dict[str, int], able: Sequence[Pool]) -> Pool | None:
        found = next((pool for pool in able if kind[pool.name] > 0), None)
        if found is not None:
            kind[found.name] -= 1
        return found


def waits(
    inventory: Inventory,
    labels: Mapping[str, frozenset[str]],
    machines: Sequence[Machine],
    waiting: Sequence[Job],
    catalog: Catalog,
    at: datetime,
    *,
    paused: bool,
    failing: Mapping[str, str] = NONE_FAILS,
) -> tuple[Wait, ...]:
    """Each waiting job with its reason, the oldest first. ``labels``: the label names of each pool's runners.

    ``failing``: by pool, the sentence that its creates fail (``Record.failing``).
    """
    slots = _Slots(
        {pool.name: _slots(pool, machines, coming=False) for pool in inventory.pools},
        {pool.name: _slots(pool, machines, coming=True) for pool in inventory.pools},
    )
    found: list[Wait] = []
    for job in sorted(waiting, key=lambda one: (one.created, one.id)):
        able = [pool for pool in by_priority(inventory.pools) if matches(job.labels, labels[pool.name])]
        reason = _reason(inventory, able, slots, machines, job, catalog, at, paused, failing)
        found.append(Wait(job, *reason, possible=bool(able)))
    return tuple(found)


def _slots(pool: Pool, machines: Sequence[Machine], *, coming: bool) -> int:
    mine = [machine for machine in machines if machine.pool is pool]
    if coming:
        return pool.runner.capacity * sum(machine.phase in ON_THE_WAY for machine in mine)
    return sum(max(pool.runner.capacity - len(one.jobs), 0) for one in mine if one.phase in SERVING)


def _reason(
    inventory: Inventory,
    able: Sequence[Pool],
    slots: _Slots,
    machines: Sequence[Machine],
    job: Job,
    catalog: Catalog,
    at: datetime,
    paused: bool,
    failing: Mapping[str, str],
) -> tuple[str, str]:
    if not able:
        asked = ", ".join(sorted(job.labels)) or "no label"
        return f"no pool has all of: {asked}", f"pools.NAME.labels, or runs-on in {job.repo or 'the workflow'}"
    if (pool := slots.take(slots.free, able)) is not None:
        return f"pool {pool.name} has a free slot: its runner asks in a moment", ""
    if (pool := slots.take(slots.coming, able)) is not None:
        return f"a machine of pool {pool.name} is on its way", ""
    if at - job.created < YOUNG:
        return "it has just come", ""
    return _growth(inventory, able, machines, catalog, paused, failing)


def _growth(
    inventory: Inventory,
    able: Sequence[Pool],
    machines: Sequence[Machine],
    catalog: Catalog,
    paused: bool,
    failing: Mapping[str, str],
) -> tuple[str, str]:
    """Why no machine is made for it yet."""
    if paused:
        return "all slots are taken, and passes are paused", "fleet resume"
    open_pools = [pool for pool in able if _have(pool, machines) < pool.max]
    if not open_pools:
        full = ", ".join(f"{pool.name} ({pool.max})" for pool in able)
        return f"all slots are taken, and the pool is at its max: {full}", f"pools.{able[0].name}.max"
    pool = open_pools[0]
    servers = [machine.server for machine in machines if machine.server is not None]
    hour = sum((server_price(one, catalog).hour for one in servers), Decimal(0))
    refused = growth_refused(inventory, len(servers), hour, new_price_of(pool, catalog).hour)
    if refused:
        return refused.removeprefix("not created: "), "max or max_eur_per_hour in the inventory"
    if not _in_stock(pool, catalog):
        return f"all types of pool {pool.name} are sold out now", f"pools.{pool.name}.types or .locations"
    if failing.get(pool.name):
        return failing[pool.name], f"fleet up {pool.name} --add 1 says why; pools.{pool.name}.types or .locations"
    return f"the next pass makes a machine in pool {pool.name}", "fleet scale"


def _have(pool: Pool, machines: Sequence[Machine]) -> int:
    return sum(machine.pool is pool and machine.phase in SERVING | ON_THE_WAY for machine in machines)


def _in_stock(pool: Pool, catalog: Catalog) -> bool:
    """Whether any choice can be had now; the catalogue may be wrong, so this only explains and never decides."""
    return any((kind := catalog.type(name)) and place in kind.available for name, place in choices(pool, catalog))
