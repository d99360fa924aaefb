"""What a machine that serves needs, once it is idle: room on its disk, a cache that answers, a reboot."""

from collections.abc import Sequence
from dataclasses import replace

from fleet.core.change import Change, Verb
from fleet.core.facts import HostFacts
from fleet.core.health import IN_GENERAL, Trouble
from fleet.core.inventory import Inventory, Pool, Reboot, Upkeep
from fleet.core.labels import matches, names
from fleet.core.machine import Machine, Phase
from fleet.core.machine_change import change_of
from fleet.core.names import fleet_label
from fleet.core.observation import JobState, Observation
from fleet.core.plan_repair import repaired
from fleet.core.repair import STEPS, Now
from fleet.core.rungs import Rung, read_tried

SERVES = frozenset({Phase.IDLE, Phase.BUSY})


def cared_for(machine: Machine, facts: HostFacts, now: Now) -> Change | None:
    """The change for what is wrong with an idle machine that serves all the same; None when nothing is.

    At the end of the ladder it is kept, and told: it may still do some jobs.
    """
    if is_full(facts, now.upkeep):
        return _told(_room(machine, now))
    if facts.leftovers.many:
        return _told(repaired(machine, Trouble.LEFTOVERS, IN_GENERAL[Trouble.LEFTOVERS], now))
    if facts.cache_silent:
        return _told(repaired(machine, Trouble.CACHE, IN_GENERAL[Trouble.CACHE], now))
    return None


def is_full(facts: HostFacts, upkeep: Upkeep) -> bool:
    """Whether jobs are about to fail for want of room."""
    return any(max(disk.used, disk.inodes_used) >= upkeep.disk_full for disk in facts.disks)


def _room(machine: Machine, now: Now) -> Change:
    """A rebuild only of what a clean-up did not help: not of what something else was tried on."""
    tried = read_tried(machine.tags)
    useless = {Rung.REBUILD} if tried is not None and tried.rung is not Rung.CLEAN else set()
    return repaired(machine, Trouble.DISK, IN_GENERAL[Trouble.DISK], now, useless=frozenset(useless))


def _told(change: Change) -> Change:
    return replace(change, verb=Verb.KEEP) if change.verb is Verb.REFUSE else change


def rebooted(machine: Machine, now: Now) -> Change | None:
    """The reboot that an update has asked for, when it is this machine's turn. One that still asks for it after that is
    told, and not rebooted again."""
    tried = read_tried(machine.tags)
    if tried is not None and tried.rung is Rung.REBOOT:
        reason = f"{IN_GENERAL[Trouble.REBOOT]}, also after one at {tried.at:%H:%M} UTC"
        return change_of(Verb.KEEP, machine, reason, steps=(), hint=f"fleet ssh {machine.name}")
    if tried is not None or machine.name not in now.may_reboot:
        return None
    reason = f"{IN_GENERAL[Trouble.REBOOT]}, and it is idle"
    change = change_of(Verb.REPAIR, machine, reason, steps=STEPS[Rung.REBOOT])
    return replace(change, rung=Rung.REBOOT)


def turns_to_reboot(inventory: Inventory, machines: Sequence[Machine], seen: Observation) -> frozenset[str]:
    """The machines whose turn it is: one of each pool, none while another one of it is not in service, jobs wait for
    it, or the others have no free slot. Static hosts are somebody's own, and are never rebooted."""
    if inventory.upkeep.reboot is Reboot.NEVER:
        return frozenset()
    found = (_turn_of(inventory, pool, [m for m in machines if m.pool is pool], seen) for pool in inventory.pools)
    return frozenset(name for name in found if name is not None)


def _turn_of(inventory: Inventory, pool: Pool, mine: Sequence[Machine], seen: Observation) -> str | None:
    asking = [m for m in mine if m.phase is Phase.IDLE and m.static is None and m.facts and m.facts.reboot_needed]
    fit = [m for m in mine if m.phase in SERVES]
    stays = SERVES | {Phase.PAUSED, Phase.HELD}
    away = [m for m in mine if m.server is not None and (m.phase not in stays or m.asker is not None)]
    if not asking or away or _jobs_wait(inventory, pool, seen):
        return None
    first = min(asking, key=lambda machine: machine.name)
    others = [m for m in fit if m is not first]
    free = any(len(m.jobs) < pool.runner.capacity for m in others)
    return first.name if free or not others else None


def _jobs_wait(inventory: Inventory, pool: Pool, seen: Observation) -> bool:
    able = frozenset((*names(pool.runner.labels), fleet_label(inventory.name)))
    return any(job.state is JobState.WAITING and matches(job.labels, able) for job in seen.jobs or ())
