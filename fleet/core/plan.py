"""Decides: wanted and seen in, changes with their reasons out. No clock, no network, no printing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fleet.core.change import Change, Plan, Verb
from fleet.core.errors import HostError, HostOfAnother, HostSilent, LoginRefused, WrongHostKey
from fleet.core.inventory import Inventory, Pool
from fleet.core.lifecycle import (
    BACK,
    EMPTIED,
    ENTER,
    INTO_SERVICE,
    LEAVE_BY_FORCE,
    MEND,
    OF_TAILNET,
    OUT_OF_SERVICE,
    Step,
)
from fleet.core.logins import told_of_strangers
from fleet.core.machine import Machine, Phase, join
from fleet.core.machine_change import change_of, held, jobs_of, pool_of
from fleet.core.money import Catalog
from fleet.core.names import MachineName, Tag, is_ours, read_server_name
from fleet.core.observation import Observation, Server
from fleet.core.plan_static import static_change, stray, unknown
from fleet.core.pricing import first_choice, limited, priced
from fleet.core.serving import KEEPS, notes
from fleet.core.setup import HostWanted, drift, is_flushed, kept_settings, wanted_of
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
    changes: list[Change] = []
    for pool in inventory.pools:
        if only in {None, pool.name}:
            mine = [m for m in machines if m.pool is pool and m.phase not in UNWANTED]
            kept = [(machine, into_service(machine, wanted_of(wanted, machine.name, pool.name))) for machine in mine]
            changes += [told_of_strangers(change, machine, inventory) for machine, change in kept]
            have = rented(mine)
            most = min(max(pool.min, have) + add, pool.max) if add else pool.min
            changes += missing(inventory, pool, machines, seen, catalog, most)
    made = {change.machine for change in changes}
    changes += [_unwanted(m) for m in machines if (m.phase in UNWANTED or m.pool is None) and m.name not in made]
    changes = passing_by(limited(changes, inventory, seen, catalog), inventory, machines)
    plan = priced(changes, inventory, seen, catalog)
    return replace(plan, notes=(*strays(inventory, seen), *notes(inventory, seen.servers, wanted)))


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


def into_service(machine: Machine, wanted: HostWanted) -> Change:
    if isinstance(machine.host, WrongHostKey | LoginRefused | HostOfAnother):
        return _refused_by_host(machine, machine.host)
    first = static_change(machine, wanted) if machine.static is not None else None
    if first is not None:
        return first
    match machine.phase:
        case Phase.IDLE:
            return _idle(machine, wanted)
        case Phase.LOST:
            return _lost(machine)
        case Phase.BOOTING if machine.runners:  # it had a runner, which may come back by itself and take a job
            return change_of(Verb.FINISH, machine, _UNFINISHED[machine.phase], steps=(Step.BOOT,))
        case Phase.BOOTING | Phase.BARE | Phase.UNREGISTERED:
            reason = "the host is not set up" if machine.static else _UNFINISHED[machine.phase]
            return change_of(Verb.FINISH, machine, reason)
        case Phase.OFFLINE:
            return change_of(Verb.REPAIR, machine, _offline_reason(machine), steps=_offline_steps(machine))
        case Phase.DRAINING | Phase.DRAINED:
            reason = f"is leaving: asked by {machine.asker or 'a person'}"
            return Change(Verb.KEEP, machine.name, pool_of(machine.name), reason, hint=f"fleet down {machine.name}")
        case Phase.ABSENT:
            return change_of(Verb.FINISH, machine, "taken down by a person, and wanted")
        case Phase.BUSY | Phase.PAUSED if machine.facts and Tag.SUSPECT in machine.tags:
            return change_of(Verb.FINISH, machine, "answers again", steps=(Step.BOOT,))
        case Phase.BUSY | Phase.PAUSED if machine.facts and is_flushed(machine.facts):
            return change_of(Verb.REPAIR, machine, "its containers reach the cloud's metadata", steps=(Step.GUARD,))
        case _:
            return change_of(Verb.KEEP, machine, _kept_reason(machine, wanted))


_UNFINISHED = {
    Phase.BOOTING: "the server is booting",
    Phase.BARE: "the server runs and is not set up",
    Phase.UNREGISTERED: "Gitea has no runner for it",
}


def _refused_by_host(machine: Machine, error: HostError) -> Change:
    """A host that answers wrongly is never touched, and never a reason to delete: the fault may be ours."""
    return Change(Verb.REFUSE, machine.name, pool_of(machine.name), error.message, hint=error.hint)


def _idle(machine: Machine, wanted: HostWanted) -> Change:
    """Drift on an idle machine is mended; what restarts something does so only once the machine is empty."""
    facts = machine.facts
    if facts is None:
        return _unasked(machine)
    found = drift(facts, wanted)
    if not found and Tag.SUSPECT in machine.tags:
        return change_of(Verb.FINISH, machine, "answers again", steps=(Step.BOOT,))
    if not found and any(not one.online for one in machine.runners):
        return change_of(Verb.REPAIR, machine, "a registration was not finished", steps=(Step.REGISTER,))
    if not found:
        kept = kept_settings(facts, wanted)
        beside = f"; its own daemon.json goes before ours in: {', '.join(kept)}" if kept else ""
        return change_of(Verb.KEEP, machine, f"online, idle, as wanted{beside}")
    reason = "differs from the inventory: " + ", ".join(one.what for one in found)
    steps = (*EMPTIED, *BACK) if any(one.restarts for one in found) else MEND
    return change_of(Verb.REPAIR, machine, reason, steps=steps)


def _unasked(machine: Machine) -> Change:
    """Gitea sees its runner, we do not see its host: it works, and cannot be looked after."""
    said = machine.host.message if isinstance(machine.host, HostError) else "its host was not asked"
    return Change(Verb.KEEP, machine.name, pool_of(machine.name), f"online, but {said}", hint=_ssh_hint(machine))


def _ssh_hint(machine: Machine) -> str:
    return (machine.host.hint if isinstance(machine.host, HostError) else "") or "is port 22 open to you?"


def _offline_steps(machine: Machine) -> tuple[Step, ...]:
    """A runner that is up may come back and take a job at any moment: it is emptied before anything restarts."""
    container = machine.facts.container if machine.facts else None
    stopped = container is None or not container.running
    return BACK if stopped and machine.asker is None else (*EMPTIED, *BACK)


def _offline_reason(machine: Machine) -> str:
    if machine.asker is not None:
        return "a repair was not finished"
    facts = machine.facts
    if facts is not None and (facts.container is None or not facts.container.running):
        return "its runner is stopped"
    return "Gitea says offline"


def _kept_reason(machine: Machine, wanted: HostWanted) -> str:
    match machine.phase:
        case Phase.BUSY:
            late = drift(machine.facts, wanted) if machine.facts else ()
            later = f"; later: {', '.join(one.what for one in late)}" if late else ""
            return f"busy with {jobs_of(machine)}{later}"
        case Phase.PAUSED:
            return "disabled in Gitea, not by fleet"
        case _:
            return "held by a person"


def _lost(machine: Machine) -> Change:
    """Silent past its grace: hard reset once, rebuild once, then it is a person's turn (never a new server).
    Only silence counts: an answer that is wrong, or a host that was not asked, is no reason to touch anything."""
    if machine.host is None:
        return change_of(Verb.KEEP, machine, "Gitea says offline; its host was not asked", steps=())
    if isinstance(machine.host, HostError) and (machine.static or not isinstance(machine.host, HostSilent)):
        return _refused_by_host(machine, machine.host)
    rung = machine.tags.get(Tag.SUSPECT, "").partition(".")[0]
    if rung == "":
        return change_of(Verb.REPAIR, machine, "SSH is silent and Gitea says offline", steps=(Step.SUSPECT,))
    if rung == "rebuild":
        hint = f"fleet down {machine.name}"
        reason = "silent, also after a hard reset and a rebuild"
        return Change(Verb.REFUSE, machine.name, pool_of(machine.name), reason, hint=hint)
    if rung == "reset":
        return change_of(Verb.REPAIR, machine, "silent, also after a hard reset", steps=(Step.REBUILD, *ENTER))
    return change_of(Verb.REPAIR, machine, "SSH is still silent and Gitea says offline")


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
        return _refused_by_host(machine, machine.host)
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
        return change_of(Verb.REMOVE, machine, "asked to leave", steps=steps)
    if force:
        return change_of(
            Verb.REMOVE, machine, f"asked to leave by force: {jobs_of(machine)} dies", steps=LEAVE_BY_FORCE
        )
    return change_of(Verb.REMOVE, machine, f"asked to leave; {jobs_of(machine)}", steps=steps)
