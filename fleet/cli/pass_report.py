"""What a pass did, one line per machine: for a person, and for the log of cron's passes."""

from rich.console import Group, RenderableType
from rich.text import Text

from fleet.cli.story import telling
from fleet.cli.wiring import teller
from fleet.core.change import Plan, Verb
from fleet.core.report import Report, Verdict
from fleet.engine import passes
from fleet.engine import telling as telling_of
from fleet.engine.apply import apply
from fleet.engine.passes import Look


def carry_out(look: Look, *, quiet: bool) -> Report:
    """Do what the pass has decided, and remember that it ran."""
    with telling(quiet=quiet) as listen:
        report = apply(look.world, look.plan.changes, look.machines, listen)
    passes.remember(look, report)
    return report


def tell(look: Look) -> str:
    """Tell people what came and went, as the inventory says. What went wrong with that, else nothing."""
    return telling_of.after_pass(look, teller(look.world.inventory))


def worth_saying(report: Report) -> bool:
    """Whether anything happened, or should have: a pass that kept every machine has nothing to say."""
    return any(one.verdict is not Verdict.KEPT for one in report.outcomes)


def lines(plan: Plan, report: Report) -> RenderableType:
    """One line per machine with its reason, kept ones too."""
    reasons = {change.machine: change for change in plan.changes}
    rows = [
        _line(one.machine, one.verdict, one.text, one.hint, reasons[one.machine].verb, reasons[one.machine].reason)
        for one in report.outcomes
    ]
    return Group(*rows, *(Text(note) for note in plan.notes))


def _line(machine: str, verdict: Verdict, text: str, hint: str, verb: Verb, reason: str) -> Text:
    why = reason if text == reason else f"{text} ({reason})"
    told = verb.value if verdict is Verdict.KEPT and verb is Verb.LIMIT else verdict.value
    return Text.assemble((machine, "bold"), f" {told}: {why}", (f"\n  {hint}" if hint else "", "italic"))
