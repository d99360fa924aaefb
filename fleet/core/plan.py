"""Decides: wanted and seen in, changes with their reasons out. No clock, no network, no printing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fleet.core.change import Change, Plan, Verb
from fleet.core.errors import HostError, HostOfAnother
from fleet.core.inventory import Inventory, Pool
from fleet.core.lifecycle import INTO_SERVICE, LEAVE_BY_FORCE, LEAVE_UNSEEN, OF_TAILNET, OUT_OF_SERVICE, Step
from fleet.core.logins import told_of_strangers
from fleet.core.machine import Machine, Phase, join
from fleet.core.machine_change import change_of, held, jobs_of, pool_of
from fleet.core.money import Catalog
from fleet.core.names import MachineName, Tag, is_ours, read_server_name
from fleet.core.observation import Observation, Server
from fleet.core.plan_care import turns_to_reboot
from fleet.core.plan_service import into_service, refused_by_host
from fleet.core.plan_static import stray, unknown
from fleet.core.pricing import first_choice, limited, priced
from fleet.core.repair import Now
from fleet.core.serving import KEEPS, notes
from fleet.core.setup import HostWanted, wanted_of
from fleet.core.tailnet import settings_for

SETTLED = frozenset({Phase.IDLE, Phase.BUSY, Phase.PAUSED, Phase.HELD})
COMING = frozenset({Phase.BOOTING, Phase.BARE, Phase.UNREGISTERED, Phase.OFFLINE, Phase.LOST})
IN_SERVICE = SETTLED | COMING
"""Phases that count as a machine the pool has, or soon will have."""

UNWANTED = frozenset({Phase.ORPHAN, Phase.GHOST, Phase.STRAY, Phase.UNKNOWN})
"""What the inventory does not want, or has no word on: a server, or a runner's record alone."""


def plan_up(
    inventory: Inventory,
    seen: Observation,
    catalog: Catalog,
    wanted: Mapping[str, HostWanted],
    *,
    only: str | None = None,
    add: int = 0,
) -> Plan:
    """What ``fleet up`` does: finish, repair, and create up to ``min`` (``add`` more, at most ``max``).

    ``wanted``: what hosts should have on them, by pool, and by machine where one differs. Never removes, except what
    the inventory itself calls absent.
    """
    machines = join(inventory, seen)
    now = now_of(inventory, machines, seen)
    changes: list[Change] = []
    for pool in inventory.pools:
        if only in {None, pool.name}:
            mine = [m for m in machines if m.pool is pool and m.phase not in UNWANTED]
            changes += _kept_or_mended(inventory, mine, wanted, now)
            have = rented(mine)
            most = min(max(pool.min, have) + add, pool.max) if add else pool.min
            changes += missing(inventory, pool, machines, seen, catalog, most)
    made = {change.machine for change in changes}
    changes += [_unwanted(m) for m in machines if (m.phase in UNWANTED or m.pool is None) and m.name not in made]
    changes = passing_by(limited(changes, inventory, seen, catalog), inventory, machines)
    plan = priced(changes, inventory, seen, catalog)
    return replace(plan, notes=(*strays(inventory, seen), *notes(inventory, seen.servers, wanted)))


def plan_repair(
    inventory: Inventory,
    seen: Observation,
    catalog: Catalog,
    wanted: Mapping[str, HostWanted],
    names: Sequence[str] = (),
) -> Plan:
    """What ``fleet repair`` does: the repairing half of ``up`` for all machines, or those of the named pools and
    machines, and what would wait for a grace is done now. Nothing is created."""
    machines = join(inventory, seen)
    now = now_of(inventory, machines, seen, asked=True)
    mine = [m for m in machines if m.pool is not None and m.phase not in UNWANTED]
    named = [m for m in mine if not names or m.name in names or pool_of(m.name) in names]
    changes = passing_by(_kept_or_mended(inventory, named, wanted, now), inventory, machines)
    return replace(priced(changes, inventory, seen, catalog), notes=notes(inventory, seen.servers, wanted))


def _kept_or_mended(
    inventory: Inventory, machines: Sequence[Machine], wanted: Mapping[str, HostWanted], now: Now
) -> list[Change]:
    kept = [(one, into_service(one, wanted_of(wanted, one.name, pool_of(one.name)), now)) for one in machines]
    return [told_of_strangers(change, machine, inventory) for machine, change in kept]


def now_of(inventory: Inventory, machines: Sequence[Machine], seen: Observation, *, asked: bool = False) -> Now:
    """When it is, whether Gitea hears of any machine at all, and whose turn it is to reboot."""
    known = [machine.runner for machine in machines if machine.runner is not None]
    cut_off = len(known) > 1 and not any(one.online for one in known)
    return Now(seen.at, asked, cut_off, inventory.upkeep, turns_to_reboot(inventory, machines, seen))


def rented(machines: Sequence[Machine]) -> int:
    """How many of them are servers that are, or soon will be, in service: what min and max speak of."""
    return sum(machine.phase in IN_SERVICE and machine.static is None for machine in machines)


def passing_by(changes: Sequence[Change], inventory: Inventory, machines: Sequence[Machine]) -> list[Change]:
    """The changes, without the steps of the tailnet where a machine has nothing to do with one."""
    concerned = {machine.name for machine in machines if machine.devices or _brought_in(machine)}
    pools = {pool.name for pool in inventory.pools if settings_for(inventory, pool) is not None}
    return [
        change
        if change.pool in pools or change.machine in concerned
        else replace(change, steps=tuple(step for step in change.steps if step not in OF_TAILNET))
        for change in changes
    ]


def _brought_in(machine: Machine) -> bool:
    facts = machine.facts.tailnet if machine.facts else None
    return facts is not None and facts.ours


def strays(inventory: Inventory, seen: Observation) -> tuple[str, ...]:
    """Servers that carry this fleet's name for another Gitea or scope: told, and never touched."""
    return tuple(
        f"server {one.name} ({one.id}) was made for another Gitea or scope than the inventory's: "
        "take it down with the inventory it was made with, or delete it in Hetzner"
        for one in seen.servers
        if one.tags.get(Tag.FLEET) == inventory.name
        and read_server_name(one.name) is not None
        and not is_ours(one.name, one.tags, inventory.name, inventory.gitea)
    )


def plan_down(
    inventory: Inventory, seen: Observation, catalog: Catalog, *, names: Sequence[str] = (), force: bool = False
) -> Plan:
    """What ``fleet down`` does: every machine, or those of the named pools and machines, leaves.

    ``force``: at once, and the jobs on them die.
    """
    machines = join(inventory, seen)
    changes = [
        _out_of_service(machine, force, named=machine.name in names)
        for machine in machines
        if not names or machine.name in names or pool_of(machine.name) in names
    ]
    changes = changes if force else _cache_last(inventory, changes)
    return priced(passing_by(changes, inventory, machines), inventory, seen, catalog)


def _cache_last(inventory: Inventory, changes: Sequence[Change]) -> list[Change]:
    """The machine that serves the cache waits for the others that leave: their last jobs may still use it."""
    others = any(Step.STOP in one.steps and one.machine != inventory.cache.machine for one in changes)

    def last(change: Change) -> bool:
        return others and change.machine == inventory.cache.machine and Step.STOP in change.steps

    reason = f"asked to leave, {KEEPS}: leaves last"
    return [replace(one, reason=reason, steps=(Step.GO_LAST,)) if last(one) else one for one in changes]


def missing(
    inventory: Inventory,
    pool: Pool,
    machines: Sequence[Machine],
    seen: Observation,
    catalog: Catalog,
    wanted: int,
    why: str = "",
) -> list[Change]:
    """How many, then which: up to ``wanted``, at the lowest free numbers up to ``max``.

    ``why``: what asks for so many; the pool's ``min`` when empty. The number of a ghost is free: its name gets a
    server again, and its record goes when the new one is registered.
    """
    mine = [machine for machine in machines if machine.pool is pool]
    have = rented(mine)
    taken = {machine.name for machine in mine if machine.phase is not Phase.GHOST or _online(machine)}
    strangers = {s.name: s for s in seen.servers if not is_ours(s.name, s.tags, inventory.name, inventory.gitea)}
    changes: list[Change] = []
    for n in range(1, pool.max + 1):
        name = str(MachineName(inventory.name, pool.name, n))
        if have >= wanted:
            break
        if name in strangers:
            changes.append(_namesake(name, pool, strangers[name]))
        elif name not in taken:
            changes.append(_create(name, pool, catalog, f"pool {pool.name} has {have} of {wanted}{why}"))
            have += 1
    return changes


def _online(machine: Machine) -> bool:
    return machine.runner is not None and machine.runner.online


def _namesake(name: str, pool: Pool, server: Server) -> Change:
    reason = f"server {server.id} has this name and is not of this fleet"
    hint = f"rename or delete server {server.id} in Hetzner, or give the fleet another name"
    return Change(Verb.REFUSE, name, pool.name, reason, hint=hint)


def _create(name: str, pool: Pool, catalog: Catalog, reason: str) -> Change:
    first = first_choice(pool, catalog)
    place = f"; first choice {first[0]} in {first[1]}" if first else ""
    return Change(Verb.CREATE, name, pool.name, reason + place, INTO_SERVICE[Phase.ABSENT])


def _unwanted(machine: Machine) -> Change:
    hint = f"fleet down {machine.name}"
    match machine.phase:
        case Phase.STRAY:
            return stray(machine)
        case Phase.UNKNOWN:
            return unknown(machine)
        case Phase.GHOST:
            what = "Gitea has a runner" if machine.runners else "the tailnet has a device"
            reason = f"{what} of this name, and there is no server"
        case _:
            reason = "the inventory does not want it (any more)"
    return Change(Verb.KEEP, machine.name, pool_of(machine.name), reason, hint=hint)


def _out_of_service(machine: Machine, force: bool, *, named: bool) -> Change:
    if isinstance(machine.host, HostOfAnother):
        return refused_by_host(machine, machine.host)
    match machine.phase:
        case Phase.HELD:
            return held(machine)
        case Phase.ABSENT:
            return change_of(Verb.KEEP, machine, "not in service", steps=())
        case Phase.UNKNOWN:
            return unknown(machine)
        case Phase.STRAY if not named:
            return stray(machine)
        case Phase.STRAY if machine.jobs or _online(machine):
            return replace(stray(machine), verb=Verb.REFUSE, reason="its runner is online: the host is in service")
    steps = OUT_OF_SERVICE[machine.phase]
    if not machine.jobs and machine.phase is not Phase.BUSY:
        if force and machine.static is None and isinstance(machine.host, HostError):
            unseen = "asked to leave by force: its host does not answer, and Gitea knows of no job on it"
            return change_of(Verb.REMOVE, machine, unseen, steps=LEAVE_UNSEEN)
        return change_of(Verb.REMOVE, machine, "asked to leave", steps=steps)
    if force:
        return change_of(
            Verb.REMOVE, machine, f"asked to leave by force: {jobs_of(machine)} dies", steps=LEAVE_BY_FORCE
        )
    return change_of(Verb.REMOVE, machine, f"asked to leave; {jobs_of(machine)}", steps=steps)
