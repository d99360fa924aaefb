"""``fleet scale`` and ``fleet scale-down``: one pass, by hand or from cron."""

from typing import Annotated, Any

import typer
from rich.console import Console

from fleet.cli import show
from fleet.cli.exits import NOT_AS_WANTED, OK, code_of, with_verdict
from fleet.cli.options import InventoryOption, JsonOption, QuietOption
from fleet.cli.pass_report import carry_out, lines, tell, worth_saying
from fleet.cli.story import looking, note
from fleet.cli.wiring import open_world, state_folder
from fleet.core.change import Plan
from fleet.core.report import Report
from fleet.engine import passes

DryRun = Annotated[bool, typer.Option("--dry-run", "-n", help="Show what the pass would do, and do nothing.")]
Check = Annotated[bool, typer.Option("--check", help="Do nothing; exit 3 when the pass would do something.")]
Cron = Annotated[bool, typer.Option("--cron", help="As cron runs it: silent when all is well, and with a log.")]


@with_verdict
def scale(
    dry_run: DryRun = False,
    check: Check = False,
    cron: Cron = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """One pass: machines come for jobs that wait, and leave when their paid hour ends. Never with a job on them."""
    return _pass(inventory, only_down=False, dry_run=dry_run or check, check=check, quiet=quiet, json=json, cron=cron)


@with_verdict
def scale_down(
    dry_run: DryRun = False,
    check: Check = False,
    cron: Cron = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """The removing half of `fleet scale`: nothing is created, nothing is repaired."""
    return _pass(inventory, only_down=True, dry_run=dry_run or check, check=check, quiet=quiet, json=json, cron=cron)


def _pass(
    option: str | None, *, only_down: bool, dry_run: bool, check: bool, quiet: bool, json: bool, cron: bool
) -> int:
    from fleet.cli import cron_pass
    from fleet.edges.locks import pass_lock

    if cron:
        return cron_pass.run(option, only_down=only_down)
    with open_world(option) as world, pass_lock(world.inventory.name, state_folder()):
        fleet = world.inventory.name
        with looking(f"looking at fleet {fleet}", quiet=quiet or json) as seen:
            look = passes.look(world, only_down=only_down, seen=seen, let_in=not dry_run)
        if look.record.paused(look.seen.at):
            _print(f"fleet {fleet} is paused: fleet resume", quiet=quiet)
            return OK
        if dry_run:
            _show_plan(fleet, look.plan, json=json)
            return NOT_AS_WANTED if check and look.plan.todo else OK
        report = carry_out(look, quiet=quiet or json)
        _show_report(fleet, look.plan, report, quiet=quiet, json=json)
        if untold := tell(look):
            note(untold)
        return code_of(report)


def _show_plan(fleet: str, plan: Plan, *, json: bool) -> None:
    console = Console(highlight=False)
    if json:
        console.print_json(data=show.plan_json(fleet, plan))
    else:
        console.print(show.plan_table(fleet, plan))


def _show_report(fleet: str, plan: Plan, report: Report, *, quiet: bool, json: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    if json:
        data: dict[str, Any] = show.report_json(fleet, report) | {"notes": list(plan.notes)}
        console.print_json(data=data)
    elif not quiet or worth_saying(report):
        console.print(lines(plan, report))


def _print(text: str, *, quiet: bool) -> None:
    if not quiet:
        Console(highlight=False).print(text)
