"""What is wrong with a host itself: its disk, its memory, its clock, what jobs left there, what differs."""

from collections.abc import Iterator
from datetime import timedelta

from fleet.core.doctor import CLOCK_FAILS, CLOCK_WARNS
from fleet.core.facts import Disk, HostFacts
from fleet.core.health.values import IN_GENERAL, Finding, Severity, Trouble, View, mended_later
from fleet.core.inventory import Reboot
from fleet.core.machine import Machine, Phase
from fleet.core.setup import HOME, LOAD_GUARD, HostWanted, drift, is_flushed, registered_at
from fleet.core.tailnet import Standing, standing

LITTLE_MEMORY = 5
"""Percent of memory that is left when the kernel is about to end programs."""

BUSY_LOAD = 4
"""Programs that wait for each core, from which on it is worth a word."""

OVER_TIME = timedelta(minutes=10)
"""How long past its limit the runner may take to end a job."""

_IN_SERVICE = frozenset({Phase.IDLE, Phase.BUSY, Phase.PAUSED})
_OUT = frozenset({Standing.ABSENT, Standing.OUT, Standing.ELSEWHERE})


def of_host(machine: Machine, facts: HostFacts, view: View) -> Iterator[Finding]:
    """All of it."""
    yield from _disks(machine, facts, view)
    yield from _memory(machine, facts)
    yield from _leftovers(machine, facts)
    yield from _old_tasks(machine, facts)
    yield from _clock(machine, facts.clock_off - view.clock_off)
    if is_flushed(facts):
        sentence = "jobs reach the cloud's metadata: the rules of its guard are gone"
        yield Finding(Trouble.GUARD, Severity.ERROR, machine.name, sentence, "fleet up")
    if facts.reboot_needed:
        sentence = f"its updates ask for a reboot{mended_later(machine)}"
        yield Finding(Trouble.REBOOT, Severity.NOTE, machine.name, sentence, _reboot_hint(machine, view))
    wanted = view.wanted(machine)
    if wanted is not None and facts.registration is not None:
        yield from _tailnet(machine, facts, wanted)
        yield from _drift(machine, facts, wanted)


def _reboot_hint(machine: Machine, view: View) -> str:
    by_us = machine.static is None and view.inventory.upkeep.reboot is Reboot.WHEN_IDLE
    return (
        f"a pass does it when it is idle; now: fleet repair {machine.name}"
        if by_us
        else f"fleet drain {machine.name}, then reboot"
    )


def _reboot(machine: Machine, view: View) -> Finding:
    by_itself = view.inventory.upkeep.reboot is Reboot.WHEN_IDLE and machine.static is None
    hint = "fleet up, once it is idle" if by_itself else f"fleet drain {machine.name}, then reboot it"
    sentence = f"{IN_GENERAL[Trouble.REBOOT]}{mended_later(machine)}"
    return Finding(Trouble.REBOOT, Severity.NOTE, machine.name, sentence, hint)


def _disks(machine: Machine, facts: HostFacts, view: View) -> Iterator[Finding]:
    """Of each kind the worst: several folders are often on one disk."""
    if not facts.disks:
        return
    fullest = max(facts.disks, key=lambda disk: disk.used)
    left = f"{_gb(fullest.free)} of {_gb(fullest.size)} are left in {fullest.folder}"
    yield from _filled(machine, view, Trouble.DISK, fullest.used, f"its disk is {fullest.used}% full, {left}")
    worst: Disk = max(facts.disks, key=lambda disk: disk.inodes_used)
    left = f"{worst.inodes_free} of {worst.inodes} files can still be made in {worst.folder}"
    yield from _filled(machine, view, Trouble.INODES, worst.inodes_used, f"its disk is full of small files: {left}")


def _filled(machine: Machine, view: View, trouble: Trouble, percent: int, sentence: str) -> Iterator[Finding]:
    limits = view.inventory.upkeep
    if percent < limits.disk_warning:
        return
    full = percent >= limits.disk_full
    severity = Severity.ERROR if full else Severity.WARNING
    end = ": jobs are about to fail" if full else ""
    yield Finding(trouble, severity, machine.name, f"{sentence}{end}", _clean(machine))


def _memory(machine: Machine, facts: HostFacts) -> Iterator[Finding]:
    ram = facts.ram
    if ram.size and ram.free * 100 < ram.size * LITTLE_MEMORY:
        sentence = f"{_gb(ram.free)} of {_gb(ram.size)} memory are left"
        yield Finding(Trouble.MEMORY, Severity.WARNING, machine.name, sentence, _smaller(machine))
    if ram.kills:
        programs = "1 program" if ram.kills == 1 else f"{ram.kills} programs"
        sentence = f"the kernel has ended {programs} for want of memory since it booted{_ago(facts.uptime)}"
        yield Finding(Trouble.KILLS, Severity.NOTE, machine.name, sentence, _smaller(machine))
    if facts.cores and facts.load >= BUSY_LOAD * facts.cores:
        sentence = f"{facts.load:.0f} programs want its {facts.cores} cores"
        yield Finding(Trouble.LOAD, Severity.NOTE, machine.name, sentence, _smaller(machine))


def _smaller(machine: Machine) -> str:
    pool = machine.pool.name if machine.pool else "NAME"
    return f"a smaller pools.{pool}.capacity, or larger types"


def _leftovers(machine: Machine, facts: HostFacts) -> Iterator[Finding]:
    left = facts.leftovers
    if not left.many:
        return
    kinds = {"containers": left.containers, "volumes": left.volumes, "networks": left.networks}
    told = ", ".join(f"{len(found)} {kind}" for kind, found in kinds.items() if found)
    oldest = f"; the oldest was made{_ago(int(facts.clock - left.oldest))}" if left.oldest else ""
    sentence = f"jobs have left {told} behind{oldest}"
    yield Finding(Trouble.LEFTOVERS, Severity.WARNING, machine.name, sentence, _clean(machine))


def _old_tasks(machine: Machine, facts: HostFacts) -> Iterator[Finding]:
    """A container that outlives its job's limit, while Gitea knows of no job there."""
    if machine.pool is None or machine.jobs:
        return
    limit = machine.pool.runner.job_timeout + OVER_TIME.total_seconds()
    for task in facts.task_containers:
        if facts.clock - task.created > limit:
            age = int(facts.clock - task.created)
            sentence = f"{task.name} was started{_ago(age)}, longer than a job may take, and Gitea knows of no job here"
            hint = f"fleet ssh {machine.name} -- docker rm --force {task.name}"
            yield Finding(Trouble.OLD_TASK, Severity.WARNING, machine.name, sentence, hint)
            return


def _clock(machine: Machine, off: float) -> Iterator[Finding]:
    wrong = abs(off)
    if wrong < CLOCK_WARNS:
        return
    severity = Severity.ERROR if wrong >= CLOCK_FAILS else Severity.WARNING
    way = "fast" if off > 0 else "slow"
    hint = f"fleet ssh {machine.name} -- timedatectl set-ntp true"
    yield Finding(Trouble.CLOCK, severity, machine.name, f"its clock is {wrong:.0f} s {way} beside ours", hint)


def _tailnet(machine: Machine, facts: HostFacts, wanted: HostWanted) -> Iterator[Finding]:
    if wanted.tailnet is None:
        return
    seen = standing(facts.tailnet, wanted.tailnet)
    if seen in _OUT:
        sentence = f"{seen.value}{mended_later(machine)}"
        yield Finding(Trouble.TAILNET, Severity.ERROR, machine.name, sentence, "fleet up")


def _drift(machine: Machine, facts: HostFacts, wanted: HostWanted) -> Iterator[Finding]:
    """What differs, without what has a finding of its own."""
    if machine.phase not in _IN_SERVICE or not facts.docker:
        return
    own = {*(one.value for one in _OUT), LOAD_GUARD if is_flushed(facts) else "", registered_at(facts)}
    found = [one.what for one in drift(facts, wanted) if one.what not in own]
    if found:
        more = f" and {len(found) - 3} things more" if len(found) > 3 else ""
        sentence = f"differs from the inventory: {', '.join(found[:3])}{more}{mended_later(machine)}"
        yield Finding(Trouble.DRIFT, _drifts(machine, facts), machine.name, sentence, "fleet up")


def _drifts(machine: Machine, facts: HostFacts) -> Severity:
    """How bad it is that something differs. What waits for a job to end is as wanted."""
    if facts.socket_lost:
        return Severity.ERROR
    return Severity.NOTE if machine.phase is Phase.BUSY else Severity.WARNING


def _clean(machine: Machine) -> str:
    return f"fleet ssh {machine.name} -- {HOME}/bin/clean --now"


def _gb(size: int) -> str:
    return f"{size / 10**9:.1f} GB"


def _ago(seconds: int) -> str:
    """In the one unit that says enough."""
    if seconds <= 0:
        return ""
    for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= 2 * length or (seconds >= length and unit == "minute"):
            count = seconds // length
            return f" {count} {unit}{'s' if count > 1 else ''} ago"
    return " just now"
