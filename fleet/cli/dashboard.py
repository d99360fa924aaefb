"""The screen of ``fleet status``: what is seen in one look, as something to print, and as JSON."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fleet.cli.ages import age
from fleet.cli.columns import Fitting, as_json
from fleet.cli.findings_table import findings_table
from fleet.cli.hinted import Hinted
from fleet.cli.machine_columns import COLUMNS, Row
from fleet.cli.passes import passes
from fleet.core.change import Plan
from fleet.core.health import Finding, Severity
from fleet.core.machine import Machine, join
from fleet.core.money import FREE
from fleet.core.names import read_machine_name
from fleet.core.observation import Observation
from fleet.core.plan import plan_up
from fleet.core.pricing import server_price
from fleet.core.record import Record
from fleet.core.waiting import Wait
from fleet.engine import firewall, memory, preflight
from fleet.engine.findings import findings_now
from fleet.engine.observe import observe
from fleet.engine.waiting import waits_now
from fleet.engine.world import World

FORM = 1
"""The form of the JSON. It counts up when a key goes or changes its meaning; new keys may come at any time."""

GROUPS = 4
"""Groups of waiting jobs that are told one by one."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a fleet, and what should be done about it. ``world`` has the inventory of that moment.

    ``gitea``: its version. ``findings``: what is not as wanted, errors first. ``waits``: jobs ready for a runner, the
    oldest first, each with its reason.
    """

    world: World
    seen: Observation
    machines: tuple[Machine, ...]
    plan: Plan
    record: Record
    gitea: str
    findings: tuple[Finding, ...]
    waits: tuple[Wait, ...]

    @property
    def troubles(self) -> tuple[Finding, ...]:
        """Those findings that are more than worth knowing."""
        return tuple(one for one in self.findings if one.severity is not Severity.NOTE)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The machines, each with its findings."""
        found: dict[str, tuple[Finding, ...]] = {}
        for one in self.findings:
            found[one.machine] = (*found.get(one.machine, ()), one)
        catalog, cache = self.world.catalog, self.world.inventory.cache
        return tuple(Row(one, self.seen.at, catalog, cache, found.get(one.name, ())) for one in self.machines)


def look(opened: World, seen: Callable[[str], None] = lambda _: None) -> Sight:
    """Look at everything; nothing is changed. Raises Refused when Hetzner or Gitea do not answer."""
    with ThreadPoolExecutor(3) as pool:  # while the hosts are asked, which takes longest
        raised = pool.submit(memory.raised, opened)
        of_firewall = pool.submit(firewall.notes, opened)
        version = pool.submit(opened.gitea.version)
        observation = observe(opened, seen=seen)
        world, record = raised.result()
        plan = plan_up(world.inventory, observation, world.catalog, world.wants(observation))
        plan = replace(plan, notes=(*plan.notes, *of_firewall.result(), *preflight.notes(world, observation)))
        return _sight(world, observation, plan, record, version.result())


def _sight(world: World, seen: Observation, plan: Plan, record: Record, gitea: str) -> Sight:
    machines = join(world.inventory, seen)
    waits = waits_now(world, seen, machines, paused=record.paused(seen.at))
    found = findings_now(world, seen, machines, plan, record, waits)
    findings = tuple(sorted(found, key=lambda one: list(Severity).index(one.severity)))
    return Sight(world, seen, machines, plan, record, gitea, findings, waits)


def only(sight: Sight, names: Sequence[str]) -> Sight:
    """The same look at these machines and pools alone; all of it without names."""
    if not names:
        return sight

    def named(machine: str) -> bool:
        parts = read_machine_name(machine)
        return machine in names or (parts is not None and parts.pool in names)

    changes = tuple(change for change in sight.plan.changes if named(change.machine))
    machines = tuple(machine for machine in sight.machines if named(machine.name))
    findings = tuple(one for one in sight.findings if not one.machine or named(one.machine))
    return replace(sight, machines=machines, plan=replace(sight.plan, changes=changes), findings=findings)


def screen(sight: Sight, *, wide: bool = False, rows: tuple[Row, ...] | None = None) -> RenderableType:
    """All of it, with the columns that have room, from 80 characters on; ``wide`` has all columns, room or not.

    ``rows``: only these machines have a row; the others are counted.
    """
    shown = sight.rows if rows is None else rows
    parts: list[RenderableType] = [_title(sight), _summary(sight)]
    if shown:
        parts += [Text(), Fitting(COLUMNS, shown, wide=wide)]
    if len(shown) < len(sight.machines):
        names = {row.machine.name for row in shown}
        others = [machine for machine in sight.machines if machine.name not in names]
        parts.append(Text.assemble("and ", _machines(others), " that need a higher screen"))
    if sight.findings:
        parts += [Text(), findings_table(sight.findings)]
    if sight.plan.notes:
        parts += [Text(), *(Text(f"note: {note}", "dim") for note in sight.plan.notes)]
    return Group(*parts)


def _title(sight: Sight) -> Text:
    world = sight.world
    title = Text.assemble((f"fleet {world.inventory.name}", "bold"), f"  Gitea {sight.gitea}")
    return title.append(f"  €{_hour(sight):.4f} per hour")


def _hour(sight: Sight) -> float:
    servers = (machine.server for machine in sight.machines if machine.server)
    return float(sum((server_price(server, sight.world.catalog) for server in servers), FREE).hour)


def _summary(sight: Sight) -> Table:
    """Lines with a word before them."""
    now, record = sight.seen.at, sight.record
    table = _grid()
    table.add_row(Text("machines", "dim"), _machines(sight.machines))
    table.add_row(Text("jobs", "dim"), Group(*_jobs(sight)))
    said = passes(record, now, sight.world.inventory.cron.minutes)
    table.add_row(Text("passes", "dim"), Hinted(Text(said.text, "bold" if record.paused(now) else ""), said.hint))
    return table


def _machines(machines: Sequence[Machine]) -> Text:
    counts = Counter(machine.phase for machine in machines)
    return Text(", ".join(f"{number} {phase}" for phase, number in counts.most_common()) or "none")


def _jobs(sight: Sight) -> Iterator[RenderableType]:
    """How many, and why the waiting ones wait: those of one reason together, the oldest first."""
    running, waits = sum(len(machine.jobs) for machine in sight.machines), sight.waits
    longest = f", the longest for {age(waits[0].job.created, sight.seen.at)}" if waits else ""
    yield Text(f"{running} running, {len(waits)} waiting{longest}")
    groups = _by_labels(waits)
    for (labels, reason, hint), alike in groups[:GROUPS]:
        yield Hinted(Text.assemble((f"{len(alike)} for {labels}", "bold"), f": {reason}"), hint)
    if groups[GROUPS:]:
        yield Hinted(Text(f"and {sum(len(alike) for _, alike in groups[GROUPS:])} more"), "fleet jobs")


Alike = tuple[tuple[str, str, str], list[Wait]]


def _by_labels(waits: Sequence[Wait]) -> list[Alike]:
    """Waiting jobs by labels, reason and hint."""
    groups: dict[tuple[str, str, str], list[Wait]] = {}
    for wait in waits:
        labels = ", ".join(sorted(wait.job.labels)) or "any runner"
        groups.setdefault((labels, wait.reason, wait.hint), []).append(wait)
    return list(groups.items())


def _grid() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table


def to_json(sight: Sight) -> dict[str, Any]:
    """The stable form of the answer."""
    at, waits, until = sight.seen.at, sight.waits, sight.record.paused_until
    return {
        "form": FORM,
        "fleet": sight.world.inventory.name,
        "at": at.isoformat(),
        "gitea": sight.gitea,
        "eur_per_hour": _hour(sight),
        "last_pass": _time(sight.record.last_pass),
        "paused": sight.record.paused(at),
        "paused_until": _time(until) if until and sight.record.paused(at) else None,
        "running": sum(len(machine.jobs) for machine in sight.machines),
        "waiting": len(waits),
        "longest_wait_seconds": _seconds(waits, at),
        "waiting_for": [_alike_json(alike, at) for alike in _by_labels(waits)],
        "machines": [as_json(COLUMNS, row) for row in sight.rows],
        "findings": [asdict(found) for found in sight.findings],
        "notes": list(sight.plan.notes),
    }


def _alike_json(alike: Alike, at: datetime) -> dict[str, Any]:
    (_, reason, hint), waits = alike
    return {
        "labels": sorted(waits[0].job.labels),
        "jobs": len(waits),
        "longest_wait_seconds": _seconds(waits, at),
        "reason": reason,
        "hint": hint,
    }


def _seconds(waits: Sequence[Wait], at: datetime) -> int:
    return int((at - waits[0].job.created).total_seconds()) if waits else 0


def _time(epoch: int | None) -> str | None:
    return datetime.fromtimestamp(epoch, UTC).isoformat() if epoch is not None else None
