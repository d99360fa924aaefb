"""Plans, reports and machines as tables and as JSON. Return renderables; the commands print them."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fleet.core.change import Change, Plan, Verb
from fleet.core.machine import Machine, Phase
from fleet.core.money import Price
from fleet.core.report import Outcome, Report, Verdict

VERB_STYLES = {
    Verb.CREATE: "green",
    Verb.FINISH: "green",
    Verb.REPAIR: "yellow",
    Verb.KEEP: "dim",
    Verb.REMOVE: "red",
    Verb.DRAIN: "yellow",
    Verb.TAKE_BACK: "green",
    Verb.ROTATE: "green",
    Verb.REFUSE: "bold red",
    Verb.LIMIT: "bold yellow",
}

PHASE_STYLES = {
    Phase.IDLE: "green",
    Phase.BUSY: "cyan",
    Phase.LOST: "bold red",
    Phase.GHOST: "red",
    Phase.STRAY: "red",
    Phase.UNKNOWN: "yellow",
    Phase.ORPHAN: "red",
    Phase.OFFLINE: "yellow",
}

VERDICT_STYLES = {
    Verdict.DONE: "green",
    Verdict.KEPT: "dim",
    Verdict.DEFERRED: "yellow",
    Verdict.LOCKED: "yellow",
    Verdict.FAILED: "bold red",
    Verdict.REFUSED: "bold red",
}


def euros(price: Price) -> str:
    """``€0.0136 per hour, at most €8.49 per month``, net."""
    return f"€{price.hour:.4f} per hour (€{price.month:.2f} per month)"


def plan_table(fleet: str, plan: Plan) -> RenderableType:
    """Each machine with what happens to it and why, then what it costs."""
    table = _grid("", "MACHINE", "WHY")
    for change in plan.changes:
        table.add_row(
            Text(change.verb, VERB_STYLES[change.verb]), change.machine, _with_hint(change.reason, change.hint)
        )
    parts: list[RenderableType] = [table] if plan.changes else [Text(f"fleet {fleet}: no machines, and none wanted")]
    return Group(*parts, *(Text(note) for note in plan.notes), _cost(fleet, plan))


def _cost(fleet: str, plan: Plan) -> Text:
    if plan.before == plan.after:
        return Text(f"fleet {fleet} costs {euros(plan.after)}; net list prices")
    return Text(f"fleet {fleet} costs €{plan.before.hour:.4f} per hour now, then {euros(plan.after)}; net")


def _with_hint(text: str, hint: str) -> Text:
    return Text.assemble(text, ("\n" + hint, "italic")) if hint else Text(text)


def report_of(fleet: str, report: Report) -> RenderableType:
    """The table; or that there was nothing to report on."""
    return report_table(report) if report.outcomes else Text(f"fleet {fleet} has no machines")


def report_table(report: Report) -> RenderableType:
    """One row per machine; the end of a failing command's output is in its row."""
    table = _grid("", "MACHINE", "WHAT", right="SECONDS")
    for one in report.outcomes:
        verdict = Text(one.verdict, VERDICT_STYLES[one.verdict])
        seconds = f"{one.seconds:.0f}" if one.stages else ""
        table.add_row(verdict, one.machine, _with_hint(one.text, one.hint), seconds)
    return table


def _grid(*names: str, right: str = "") -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in names[:-1]:
        table.add_column(name, no_wrap=True)
    table.add_column(names[-1], overflow="fold")
    if right:
        table.add_column(right, justify="right", no_wrap=True)
    return table


def plan_json(fleet: str, plan: Plan) -> dict[str, Any]:
    """The plan's stable form."""
    return {
        "fleet": fleet,
        "changes": [_change_json(change) for change in plan.changes],
        "notes": list(plan.notes),
        "eur_per_hour": {"before": float(plan.before.hour), "after": float(plan.after.hour)},
        "eur_per_month": {"before": float(plan.before.month), "after": float(plan.after.month)},
    }


def _change_json(change: Change) -> dict[str, Any]:
    return {
        "verb": change.verb.value,
        "machine": change.machine,
        "pool": change.pool,
        "reason": change.reason,
        "steps": [step.value for step in change.steps],
        "hint": change.hint,
    }


def report_json(fleet: str, report: Report) -> dict[str, Any]:
    """The report's stable form."""
    return {"fleet": fleet, "machines": [_outcome_json(one) for one in report.outcomes]}


def _outcome_json(one: Outcome) -> dict[str, Any]:
    return {
        "machine": one.machine,
        "verb": one.verb.value,
        "verdict": one.verdict.value,
        "text": one.text,
        "hint": one.hint,
        "seconds": round(one.seconds, 1),
        "stages": {name: round(seconds, 1) for name, seconds in one.stages},
    }


def phase_text(machine: Machine) -> Text:
    """The phase in its colour; it is a word first, so black and white loses nothing."""
    return Text(machine.phase, PHASE_STYLES.get(machine.phase, ""))
