"""``fleet status``: who is there, what runs, what is wrong, what it costs."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from fleet.cli import show
from fleet.cli.exits import NOT_AS_WANTED, OK, with_verdict
from fleet.cli.options import InventoryOption, JsonOption
from fleet.cli.story import looking
from fleet.cli.wiring import open_world
from fleet.core.change import Plan, Verb
from fleet.core.machine import Machine, join
from fleet.core.money import FREE
from fleet.core.observation import JobState, Observation
from fleet.core.plan import plan_up
from fleet.core.pricing import paid_minutes_left, server_price
from fleet.core.record import Record
from fleet.engine import firewall, memory
from fleet.engine.observe import observe
from fleet.engine.world import World

OVERDUE = 3
"""Passes that may be missed before we say so."""


@with_verdict
def status(
    check: Annotated[bool, typer.Option("--check", help="Exit 3 when something is not as wanted.")] = False,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Show every machine: its phase, its jobs, what it costs, and what is wrong with what to type."""
    with open_world(inventory) as opened:
        world, record = memory.raised(opened)
        with looking(f"looking at fleet {world.inventory.name}", quiet=json) as seen:
            observation = observe(world, seen=seen)
        machines = join(world.inventory, observation)
        plan = plan_up(world.inventory, observation, world.catalog, dict(world.wanted))
        plan = replace(plan, notes=(*plan.notes, *firewall.notes(world)))
        console = Console(highlight=False)
        if json:
            console.print_json(data=_json(world, observation, machines, plan, record))
        else:
            console.print(_screen(world, observation, machines, plan, record))
        return NOT_AS_WANTED if check and _findings(plan) else OK


def _screen(
    world: World, observation: Observation, machines: tuple[Machine, ...], plan: Plan, record: Record
) -> RenderableType:
    parts: list[RenderableType] = [_header(world, observation, machines)]
    if machines:
        parts.append(_table(world, machines, observation.at))
    parts += _passes(world, record, observation.at)
    findings = _findings(plan)
    parts += [Text("")] if findings else []
    parts += [_finding(change.machine, change.reason, change.hint or "fleet up") for change in findings]
    parts += [Text(note, "dim") for note in plan.notes]
    return Group(*parts)


def _header(world: World, observation: Observation, machines: tuple[Machine, ...]) -> Text:
    jobs = observation.jobs or ()
    waiting = sum(job.state is JobState.WAITING for job in jobs)
    running = sum(len(machine.jobs) for machine in machines)
    cost = sum((server_price(m.server, world.catalog) for m in machines if m.server), FREE)
    return Text.assemble(
        (f"fleet {world.inventory.name}", "bold"),
        f"  Gitea {world.gitea.version()}  {running} running, {waiting} waiting  €{cost.hour:.4f} per hour",
    )


def _passes(world: World, record: Record, now: datetime) -> list[RenderableType]:
    """When the last pass was, on whatever computer; nothing where passes never ran."""
    if record.paused(now):
        return [Text("passes are paused. -> fleet resume", "yellow")]
    if record.last_pass is None:
        return []
    minutes = int(now.timestamp() - record.last_pass) // 60
    if minutes > OVERDUE * world.inventory.cron.minutes:
        return [Text(f"the last good pass was {minutes} min ago: overdue. -> fleet cron show", "yellow")]
    return [Text(f"the last good pass was {minutes} min ago", "dim")]


def _table(world: World, machines: tuple[Machine, ...], now: datetime) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("MACHINE", "PHASE", "TYPE", "PLACE", "ADDRESS"):
        table.add_column(name, no_wrap=True)
    for name in ("JOBS", "PAID", "DISK"):
        table.add_column(name, justify="right", no_wrap=True)
    for machine in machines:
        table.add_row(*_cells(machine, now))
    return table


def _cells(machine: Machine, now: datetime) -> tuple[str | Text, ...]:
    server, facts, pool = machine.server, machine.facts, machine.pool
    capacity = f"/{pool.runner.capacity}" if pool else ""
    return (
        machine.name,
        show.phase_text(machine),
        server.type if server else "static" if machine.static else "",
        server.location if server else "",
        _address(machine),
        f"{len(machine.jobs)}{capacity}",
        f"{paid_minutes_left(server.created, now)} min" if server else "",
        f"{100 - 100 * facts.disk_free // facts.disk_size}%" if facts and facts.disk_size else "?",
    )


def _address(machine: Machine) -> str:
    if machine.server is not None:
        return machine.server.ipv4 or machine.server.ipv6 or ""
    return machine.static.host.address if machine.static is not None else ""


def _findings(plan: Plan) -> list[Any]:
    return [change for change in plan.changes if change.verb is not Verb.KEEP or change.hint]


def _finding(machine: str, reason: str, hint: str) -> Text:
    return Text.assemble((machine, "bold"), f": {reason}. ", ("-> " + hint, "italic"))


def _json(
    world: World, observation: Observation, machines: tuple[Machine, ...], plan: Plan, record: Record
) -> dict[str, Any]:
    """The stable form of the answer."""
    return {
        "fleet": world.inventory.name,
        "at": observation.at.isoformat(),
        "gitea": world.gitea.version(),
        "last_pass": record.last_pass,
        "paused": record.paused(observation.at),
        "waiting": sum(job.state is JobState.WAITING for job in observation.jobs or ()),
        "machines": [_machine_json(machine, observation.at, world) for machine in machines],
        "findings": [
            {"machine": change.machine, "reason": change.reason, "hint": change.hint or "fleet up"}
            for change in _findings(plan)
        ],
        "notes": list(plan.notes),
    }


def _machine_json(machine: Machine, now: datetime, world: World) -> dict[str, Any]:
    server = machine.server
    return {
        "machine": machine.name,
        "pool": machine.pool.name if machine.pool else None,
        "phase": machine.phase.value,
        "server": server.id if server else None,
        "static": machine.static is not None,
        "type": server.type if server else None,
        "location": server.location if server else None,
        "address": _address(machine) or None,
        "runner": machine.runner.id if machine.runner else None,
        "jobs": [{"id": job.id, "name": job.name, "repo": job.repo} for job in machine.jobs],
        "paid_minutes_left": paid_minutes_left(server.created, now) if server else None,
        "eur_per_hour": float(server_price(server, world.catalog).hour) if server else None,
    }
