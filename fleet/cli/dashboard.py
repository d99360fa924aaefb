"""The screen of ``fleet status``: what was seen in one look, as something to print, and as JSON."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
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
from fleet.cli.sight import Sight
from fleet.core.health import Finding
from fleet.core.machine import Machine
from fleet.core.waiting import Wait

FORM = 1
"""The form of the JSON. It counts up when a key goes or changes its meaning; new keys may come at any time."""

GROUPS = 4
"""Groups of waiting jobs that are told one by one."""


def screen(sight: Sight, *, wide: bool = False, rows: tuple[Row, ...] | None = None) -> RenderableType:
    """All of it, with the columns that have room, from 80 characters on; ``wide`` has all columns, room or not.

    ``rows``: only these machines have a row; the others are counted.
    """
    shown = rows_of(sight) if rows is None else rows
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


def rows_of(sight: Sight) -> tuple[Row, ...]:
    """The machines, each with its findings."""
    found: dict[str, tuple[Finding, ...]] = {}
    for one in sight.findings:
        found[one.machine] = (*found.get(one.machine, ()), one)
    catalog, cache = sight.world.catalog, sight.world.inventory.cache
    return tuple(Row(one, sight.seen.at, catalog, cache, found.get(one.name, ())) for one in sight.machines)


def _title(sight: Sight) -> Text:
    world = sight.world
    title = Text.assemble((f"fleet {world.inventory.name}", "bold"), f"  Gitea {sight.gitea}")
    return title.append(f"  €{sight.eur_per_hour:.4f} per hour")


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
        "eur_per_hour": sight.eur_per_hour,
        "last_pass": _time(sight.record.last_pass),
        "paused": sight.record.paused(at),
        "paused_until": _time(until) if until and sight.record.paused(at) else None,
        "running": sum(len(machine.jobs) for machine in sight.machines),
        "waiting": len(waits),
        "longest_wait_seconds": _seconds(waits, at),
        "waiting_for": [_alike_json(alike, at) for alike in _by_labels(waits)],
        "machines": [as_json(COLUMNS, row) for row in rows_of(sight)],
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
