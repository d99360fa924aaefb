"""Decides what a pass does: how many machines each pool should have, then which come, leave, or come back.

The reasons are tried in one order for each machine: a person's word, what is broken, what is leaving, what is
surplus, what is wanted. Every machine has a reason, kept ones too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from fleet.core.change import Change, Plan, Verb
from fleet.core.demand import SERVING, Demand, Size, Work, by_priority, measure, serving_hosts, size, stays
from fleet.core.errors import HostSilent
from fleet.core.inventory import Inventory, Pool
from fleet.core.lifecycle import LEAVE_AS_SURPLUS, TAKE_BACK_BUSY, TAKE_BACK_EMPTY, Step
from fleet.core.machine import Asker, Machine, Phase, join
from fleet.core.machine_change import drained
from fleet.core.money import Catalog
from fleet.core.names import Tag, read_server_name
from fleet.core.observation import Job, Observation
from fleet.core.plan import missing, now_of, passing_by, rented, strays
from fleet.core.plan_service import into_service, is_silent_no_more
from fleet.core.plan_static import stray, unknown
from fleet.core.pricing import limited, paid_minutes_left, priced
from fleet.core.record import Record
from fleet.core.serving import KEEPS, keeps_cache, notes
from fleet.core.setup import HostWanted, wanted_of

GHOST_GRACE = 600
"""Seconds between the pass that first sees a ghost and the one that may remove it."""

MARGIN = 2
"""Minutes before the end of a paid hour, beyond the time between two passes, when a machine may leave."""

BROKEN = frozenset({Phase.OFFLINE, Phase.UNREGISTERED, Phase.BARE})


def plan_scale(
    inventory: Inventory,
    seen: Observation,
    catalog: Catalog,
    wanted: Mapping[str, HostWanted],
    record: Record,
    *,
    only_down: bool = False,
) -> Plan:
    """What ``fleet scale`` does; with ``only_down`` (``fleet scale-down``) nothing comes and nothing is mended."""
    machines = join(inventory, seen)
    now = now_of(inventory, machines, seen)
    labels = {pool.name: frozenset(wanted[pool.name].label_names) for pool in inventory.pools}
    work = measure(inventory.pools, labels, machines, seen.jobs or (), seen.at)
    changes: list[Change] = []
    for pool in by_priority(inventory.pools):
        demand = work.pools[pool.name]
        here = _Here(inventory, pool, size(pool, demand, serving_hosts(pool, machines)), demand, machines, seen.at)
        here.kept = {one.name: into_service(one, wanted_of(wanted, one.name, pool.name), now) for one in here.mine}
        changes += _pool(here)
        least = here.size.wanted - here.taken_back + here.useless
        made = missing(inventory, pool, machines, seen, catalog, least, f" ({here.size.reason})")
        changes += [_unless_it_rests(change, record, seen.at) for change in made]
    # All that no pool has spoken for. A name that is about to get a server again is no ghost any more.
    told = {change.machine for change in changes}
    changes += [_unwanted(m, inventory, seen.at, record) for m in machines if m.name not in told]
    changes = passing_by(limited(changes, inventory, seen, catalog), inventory, machines)
    if only_down:
        changes = [_only_down(change) for change in changes if change.verb not in {Verb.CREATE, Verb.LIMIT}]
    told_too = (*_notes(work), *strays(inventory, seen), *notes(inventory, seen.servers, wanted))
    return replace(priced(changes, inventory, seen, catalog), notes=told_too)


@dataclass(slots=True)
class _Here:
    """One pool at one moment. ``taken_back`` counts the machines that come back from a cordon. ``kept``: what keeps
    each machine in service, or brings it there. ``mine``: those with a number the pool may have; one that leaves and
    is above ``max`` is nobody's any more."""

    inventory: Inventory
    pool: Pool
    size: Size
    demand: Demand
    machines: Sequence[Machine]
    at: datetime
    taken_back: int = 0
    kept: dict[str, Change] = field(default_factory=dict)
    mine: list[Machine] = field(init=False)

    def __post_init__(self) -> None:
        theirs = (one for one in self.machines if one.pool is self.pool and one.phase is not Phase.GHOST)
        self.mine = [machine for machine in theirs if _in_range(machine)]

    @property
    def servers(self) -> list[Machine]:
        """What a pass may take away: a static host is never surplus."""
        return [machine for machine in self.mine if machine.static is None]

    @property
    def have(self) -> int:
        return rented(self.mine)

    @property
    def useless(self) -> int:
        """Of these, while jobs wait, those that will take none: others are rented in their place, up to max."""
        return sum(map(self._takes_none, self.servers)) if self.demand.waiting else 0

    def _takes_none(self, machine: Machine) -> bool:
        """One that is broken does so only when it is a person's turn: as long as there is something to try, nothing
        new is bought instead of it."""
        if machine.phase in BROKEN | {Phase.LOST}:
            return self.kept[machine.name].verb is Verb.REFUSE
        return machine.phase is Phase.PAUSED or _is_held_and_full(machine, self.pool.runner.capacity)

    def keeps_cache(self, machine: Machine) -> bool:
        """Whether the others need it, busy or not."""
        return keeps_cache(self.inventory, machine, self.machines)

    def left(self, machine: Machine) -> int:
        """Paid minutes left."""
        return paid_minutes_left(machine.server.created, self.at) if machine.server else 0

    def ends(self, machine: Machine) -> bool:
        """Whether its paid hour ends before the next pass but one could act."""
        return self.left(machine) <= self.inventory.cron.minutes + MARGIN


def _is_held_and_full(machine: Machine, capacity: int) -> bool:
    if machine.phase is not Phase.HELD:
        return False
    runner = machine.runner
    return runner is None or not runner.online or bool(runner.disabled) or len(machine.jobs) >= capacity


def _pool(here: _Here) -> list[Change]:
    back = _to_take_back(here)
    here.taken_back = len(back)
    surplus = _surplus(here)
    trickle = set() if surplus else _trickle(here)
    return [_one(here, one, back, surplus, trickle) for one in here.mine]


def _one(here: _Here, machine: Machine, back: set[str], surplus: set[str], trickle: set[str]) -> Change:
    if _cordoned_by_pass(machine):
        return _take_back(machine, here) if machine.name in back else _leave(machine, here, "still not needed")
    if machine.name in surplus:
        if here.ends(machine):
            return _leave(machine, here, f"not needed, {here.left(machine)} paid minutes left")
        kept = _keep(machine, f"{machine.phase}, not needed, {here.left(machine)} paid minutes left")
        return replace(kept, verb=Verb.FINISH, steps=(Step.WELL,)) if is_silent_no_more(machine) else kept
    if machine.name in trickle:
        reason = f"{len(machine.jobs)} of {here.pool.runner.capacity} jobs, the others have room"
        return _leave(machine, here, reason)
    if machine.static is not None and machine.static.wanted and machine.phase is Phase.ABSENT:
        return replace(_keep(machine, "taken down by a person"), hint="fleet up")
    change = here.kept[machine.name]
    if change.verb is Verb.KEEP and machine.phase is Phase.IDLE and not change.hint:
        why = KEEPS if here.keeps_cache(machine) else "wanted"
        return _keep(machine, f"idle, {why}: {here.size.reason}")
    return change


def _in_range(machine: Machine) -> bool:
    parts = read_server_name(machine.name)
    numbered = machine.pool is not None and parts is not None and parts.n <= machine.pool.max
    return numbered or machine.static is not None


def _cordoned_by_pass(machine: Machine) -> bool:
    leaving = machine.phase in {Phase.DRAINING, Phase.DRAINED} and machine.asker is Asker.SCALE
    return leaving and machine.static is None


def _to_take_back(here: _Here) -> set[str]:
    """Of the machines that a pass cordoned, those that are wanted again: longest paid first."""
    leaving = [machine for machine in here.mine if _cordoned_by_pass(machine)]
    leaving.sort(key=lambda machine: (-here.left(machine), machine.name))
    room = min(here.size.wanted + here.useless, here.pool.max) - here.have
    needed = {machine.name for machine in leaving if here.keeps_cache(machine)}
    return needed | {machine.name for machine in leaving[: max(room, 0)]}


def _surplus(here: _Here) -> set[str]:
    """Broken ones first, then those whose hour ends soonest. Never one that is busy, held, or paused by a person, nor
    the one whose cache the others use."""
    over = max(here.have - here.size.wanted, 0)
    able = [machine for machine in here.servers if _may_leave(machine) and not here.keeps_cache(machine)]
    able.sort(key=lambda machine: (machine.phase is Phase.IDLE, here.left(machine), machine.name))
    return {machine.name for machine in able[:over]}


def _may_leave(machine: Machine) -> bool:
    """Only a host that speaks can be emptied safely; a lost one only when an earlier pass has seen it so."""
    if machine.phase is Phase.LOST:
        silent = isinstance(machine.host, HostSilent)
        return silent and Tag.SUSPECT in machine.tags
    return machine.facts is not None and (machine.phase is Phase.IDLE or machine.phase in BROKEN)


def _trickle(here: _Here) -> set[str]:
    """One machine with few jobs whose hour ends, when the jobs to come fit on the others."""
    if here.have <= here.size.needed or here.pool.runner.capacity == 1:
        return set()
    serving = [machine for machine in here.mine if machine.phase in SERVING and stays(machine)]
    free = {m.name: here.pool.runner.capacity - len(m.jobs) for m in serving}
    for machine in sorted(serving, key=lambda one: (len(one.jobs), here.left(one), one.name)):
        others = sum(slots for name, slots in free.items() if name != machine.name)
        free_to_go = machine.static is None and not here.keeps_cache(machine)
        few = free_to_go and 0 < len(machine.jobs) <= here.pool.runner.capacity // 2
        if few and here.ends(machine) and others >= len(machine.jobs) + here.demand.waiting:
            return {machine.name}
    return set()


def _leave(machine: Machine, here: _Here, why: str) -> Change:
    reason = f"{why}: {here.size.reason}"
    return Change(Verb.REMOVE, machine.name, here.pool.name, reason, LEAVE_AS_SURPLUS)


def _take_back(machine: Machine, here: _Here) -> Change:
    steps = TAKE_BACK_BUSY if machine.jobs else TAKE_BACK_EMPTY
    return Change(Verb.TAKE_BACK, machine.name, here.pool.name, f"wanted again: {here.size.reason}", steps)


def _keep(machine: Machine, reason: str) -> Change:
    return Change(Verb.KEEP, machine.name, machine.pool.name if machine.pool else "", reason)


def _unwanted(machine: Machine, inventory: Inventory, at: datetime, record: Record) -> Change:
    match machine.phase:
        case Phase.GHOST:
            return _ghost(machine, at, record)
        case Phase.STRAY:
            return stray(machine)
        case Phase.UNKNOWN:
            return unknown(machine)
        case Phase.HELD:
            return _keep(machine, "held by a person")
        case Phase.DRAINING | Phase.DRAINED if machine.asker is Asker.PERSON:
            return drained(machine)
        case Phase.DRAINING | Phase.DRAINED:
            return Change(Verb.REMOVE, machine.name, "", "the inventory does not want it", LEAVE_AS_SURPLUS)
        case _:
            return _orphan(machine, inventory, at)


def _orphan(machine: Machine, inventory: Inventory, at: datetime) -> Change:
    left = paid_minutes_left(machine.server.created, at) if machine.server else 0
    reason = f"the inventory does not want it, {left} paid minutes left"
    if left <= inventory.cron.minutes + MARGIN:
        return Change(Verb.REMOVE, machine.name, "", reason, LEAVE_AS_SURPLUS)
    return _keep(machine, reason)


def _ghost(machine: Machine, at: datetime, record: Record) -> Change:
    """First noted and cordoned, removed by a later pass that still finds it offline and without a server."""
    if any(one.online for one in machine.runners) or machine.jobs:
        return Change(Verb.KEEP, machine.name, "", "a runner without a server, and it is online")
    what = "a runner without a server" if machine.runners else "a device of the tailnet without a server"
    since = [record.ghosts.get(one.id) for one in machine.runners]
    since += [record.devices.get(one.id) for one in machine.devices]
    if any(one is None or at.timestamp() - one < GHOST_GRACE for one in since):
        steps = (Step.NOTE_GHOST,) if None in since else ()
        return Change(Verb.KEEP, machine.name, "", f"{what}: removed by a later pass", steps)
    return Change(Verb.REMOVE, machine.name, "", f"{what}, offline", (Step.FORGET_GHOST,))


def _unless_it_rests(change: Change, record: Record, at: datetime) -> Change:
    """A person who types ``fleet up`` always tries."""
    until = record.rests(change.pool, at)
    if change.verb is not Verb.CREATE or until is None:
        return change
    failed = f"the last {record.failed[change.pool].count} creates of pool {change.pool} have failed"
    reason = f"not created: {failed}; tried again after {until:%H:%M} UTC"
    return replace(change, verb=Verb.LIMIT, reason=reason, steps=(), hint=f"fleet up {change.pool}")


def _only_down(change: Change) -> Change:
    """The removing half: what leaves, and what comes back because it is wanted again. And what is forgotten: a silence
    that is over would count for the next one."""
    if change.verb in {Verb.FINISH, Verb.REPAIR} and Step.WELL in change.steps:
        return replace(change, verb=Verb.FINISH, steps=(Step.WELL,), rung=None)
    if change.verb in {Verb.FINISH, Verb.REPAIR}:
        return replace(change, verb=Verb.KEEP, steps=(), hint="fleet up")
    return change


def _notes(work: Work) -> tuple[str, ...]:
    return tuple(_homeless(job) for job in work.homeless)


def _homeless(job: Job) -> str:
    return f"job {job.id} ({job.name}) waits, and no pool has all of its labels: {', '.join(sorted(job.labels))}"
