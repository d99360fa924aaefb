"""The screen of ``fleet status``: what is seen in one look, as something to print, and as JSON."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fleet.cli import show
from fleet.cli.ages import age
from fleet.core import health
from fleet.core.change import Plan
from fleet.core.health import Finding
from fleet.core.machine import Machine, join
from fleet.core.money import FREE
from fleet.core.names import read_machine_name
from fleet.core.observation import Job, JobState, Observation
from fleet.core.plan import plan_up
from fleet.core.pricing import paid_minutes_left, server_price
from fleet.core.record import Record
from fleet.engine import firewall, memory, preflight
from fleet.engine.observe import observe
from fleet.engine.world import World

OVERDUE = 3
"""Passes that may be missed before we say so."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a fleet, and what should be done about it. ``world`` has the inventory of that moment."""

    world: World
    seen: Observation
    machines: tuple[Machine, ...]
    plan: Plan
    record: Record

    @property
    def waiting(self) -> tuple[Job, ...]:
        """Jobs ready for a runner, the oldest first."""
        jobs = (job for job in self.seen.jobs or () if job.state is JobState.WAITING)
        return tuple(sorted(jobs, key=lambda job: job.created))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is not as wanted."""
        return health.findings(self.machines, self.plan)


def look(opened: World, seen: Callable[[str], None] = lambda _: None) -> Sight:
    """Look at everything; nothing is changed. Raises Refused when Hetzner or Gitea do not answer."""
    world, record = memory.raised(opened)
    observation = observe(world, seen=seen)
    plan = plan_up(world.inventory, observation, world.catalog, world.wants(observation))
    plan = replace(plan, notes=(*plan.notes, *firewall.notes(world), *preflight.notes(world, observation)))
    return Sight(world, observation, join(world.inventory, observation), plan, record)


def only(sight: Sight, names: Sequence[str]) -> Sight:
    """The same look at these machines and pools alone; all of it without names."""
    if not names:
        return sight

    def named(machine: str) -> bool:
        parts = read_machine_name(machine)
        return machine in names or (parts is not None and parts.pool in names)

    changes = tuple(change for change in sight.plan.changes if named(change.machine))
    machines = tuple(machine for machine in sight.machines if named(machine.name))
    return replace(sight, machines=machines, plan=replace(sight.plan, changes=changes))


def screen(sight: Sight, *, wide: bool = False) -> RenderableType:
    """All of it, 80 columns wide; ``wide`` adds columns that need more."""
    parts: list[RenderableType] = [_header(sight)]
    if sight.machines:
        parts.append(_table(sight, wide=wide))
    parts += _waiting(sight)
    parts += _passes(sight)
    parts += [Text("")] if sight.findings else []
    parts += [_finding(found) for found in sight.findings]
    parts += [Text(note, "dim") for note in sight.plan.notes]
    return Group(*parts)


def _header(sight: Sight) -> Text:
    world = sight.world
    running = sum(len(machine.jobs) for machine in sight.machines)
    cost = sum((server_price(m.server, world.catalog) for m in sight.machines if m.server), FREE)
    jobs = f"{running} running, {len(sight.waiting)} waiting"
    return Text.assemble(
        (f"fleet {world.inventory.name}", "bold"),
        f"  Gitea {world.gitea.version()}  {jobs}  €{cost.hour:.4f} per hour",
    )


def _waiting(sight: Sight) -> list[RenderableType]:
    """How many wait for which labels, and the longest wait."""
    if not sight.waiting:
        return []
    counts = Counter(", ".join(sorted(job.labels)) or "any runner" for job in sight.waiting)
    asked = "; ".join(f"{number} for {labels}" for labels, number in sorted(counts.items()))
    longest = age(sight.waiting[0].created, sight.seen.at)
    return [Text.assemble(f"waiting: {asked}; the longest for {longest}. ", ("-> fleet jobs", "italic"))]


def _passes(sight: Sight) -> list[RenderableType]:
    """When the last pass was, on whatever computer; nothing where passes never ran."""
    now, record = sight.seen.at, sight.record
    if record.paused(now):
        return [Text("passes are paused. -> fleet resume", "yellow")]
    if record.last_pass is None:
        return []
    minutes = int(now.timestamp() - record.last_pass) // 60
    if minutes > OVERDUE * sight.world.inventory.cron.minutes:
        return [Text(f"the last good pass was {minutes} min ago: overdue. -> fleet cron show", "yellow")]
    return [Text(f"the last good pass was {minutes} min ago", "dim")]


def _table(sight: Sight, *, wide: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("MACHINE", "PHASE", "TYPE", "PLACE", "ADDRESS"):
        table.add_column(name, no_wrap=True)
    for name in ("JOBS", "PAID", "DISK"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("AGE", "JOB SINCE", "DOCKER", "RUNNER") if wide else ():
        table.add_column(name, no_wrap=True)
    for machine in sight.machines:
        more = _more_cells(machine, sight.seen.at) if wide else ()
        table.add_row(*_cells(machine, sight.seen.at), *more)
    return table


def _cells(machine: Machine, now: datetime) -> tuple[str | Text, ...]:
    server, facts, pool = machine.server, machine.facts, machine.pool
    capacity = f"/{pool.runner.capacity}" if pool else ""
    return (
        machine.name,
        show.phase_text(machine),
        server.type if server else "static" if machine.static else "",
        server.location if server else "",
        address(machine),
        f"{len(machine.jobs)}{capacity}",
        f"{paid_minutes_left(server.created, now)} min" if server else "",
        f"{100 - 100 * facts.disk_free // facts.disk_size}%" if facts and facts.disk_size else "?",
    )


def _more_cells(machine: Machine, now: datetime) -> tuple[str, ...]:
    facts, server = machine.facts, machine.server
    began = min((job.started or job.created for job in machine.jobs), default=None)
    container = facts.container if facts else None
    return (
        age(server.created, now) if server else "",
        age(began, now) if began else "",
        facts.docker if facts else "?",
        container.image.rpartition("/")[2] if container else "?",
    )


def address(machine: Machine) -> str:
    """Where its host is; empty when it has none."""
    if machine.server is not None:
        return machine.server.ipv4 or machine.server.ipv6 or ""
    return machine.static.host.address if machine.static is not None else ""


def _finding(found: Finding) -> Text:
    return Text.assemble((found.machine, "bold"), f": {found.sentence}. ", (f"-> {found.hint}", "italic"))


def to_json(sight: Sight) -> dict[str, Any]:
    """The stable form of the answer."""
    at, waiting = sight.seen.at, sight.waiting
    return {
        "fleet": sight.world.inventory.name,
        "at": at.isoformat(),
        "gitea": sight.world.gitea.version(),
        "last_pass": sight.record.last_pass,
        "paused": sight.record.paused(at),
        "waiting": len(waiting),
        "longest_wait_seconds": int((at - waiting[0].created).total_seconds()) if waiting else 0,
        "machines": [_machine_json(machine, at, sight.world) for machine in sight.machines],
        "findings": [asdict(found) for found in sight.findings],
        "notes": list(sight.plan.notes),
    }


def _machine_json(machine: Machine, now: datetime, world: World) -> dict[str, Any]:
    server, facts = machine.server, machine.facts
    return {
        "machine": machine.name,
        "pool": machine.pool.name if machine.pool else None,
        "phase": machine.phase.value,
        "server": server.id if server else None,
        "static": machine.static is not None,
        "type": server.type if server else None,
        "location": server.location if server else None,
        "address": address(machine) or None,
        "runner": machine.runner.id if machine.runner else None,
        "jobs": [{"id": job.id, "name": job.name, "repo": job.repo} for job in machine.jobs],
        "docker": facts.docker if facts else None,
        "disk_used": 1 - facts.disk_free / facts.disk_size if facts and facts.disk_size else None,
        "paid_minutes_left": paid_minutes_left(server.created, now) if server else None,
        "eur_per_hour": float(server_price(server, world.catalog).hour) if server else None,
    }
