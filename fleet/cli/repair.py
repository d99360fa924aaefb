"""``fleet repair``: the repairing half of ``fleet up``, now."""

from typing import Annotated

import typer
from rich.console import Console

from fleet.cli import show
from fleet.cli.ask import confirm
from fleet.cli.exits import OK, code_of, with_verdict
from fleet.cli.machines import chosen
from fleet.cli.options import InventoryOption, JsonOption, QuietOption, YesOption
from fleet.cli.story import looking, telling
from fleet.cli.wiring import open_world
from fleet.core.change import Plan
from fleet.core.machine import join
from fleet.core.plan import plan_repair
from fleet.engine import firewall, memory
from fleet.engine.apply import apply
from fleet.engine.observe import observe


@with_verdict
def repair(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[POOL|MACHINE]...", help="Only these pools and machines.")
    ] = None,
    yes: YesOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Repair what is broken, and create nothing.

    As `fleet up` and passes do it, but now: of a machine on which something was tried, the next thing is tried without
    waiting whether the last one helps, and after the last one it begins anew. A restart of its runner, another set-up,
    another registration, a hard reset, a rebuild: the table says which one it is, before you are asked. Nothing is done
    to a machine with a job, to one that is held or drained, and to one that refuses our login.
    """
    with open_world(inventory) as opened:
        world, _ = memory.raised(opened)
        firewall.let_in(world)
        with looking(f"looking at fleet {world.inventory.name}", quiet=json or quiet) as seen:
            observation = observe(world, seen=seen)
        machines = join(world.inventory, observation)
        chosen(machines, names or ())
        plan = plan_repair(world.inventory, observation, world.catalog, world.wants(observation), names or ())
        if plan.todo:
            if not (json or quiet):
                Console(stderr=True, highlight=False).print(show.plan_table(world.inventory.name, plan))
            confirm(_question(world.inventory.name, plan), yes=yes)
        with telling(quiet=quiet or json) as listen:
            report = apply(world, plan.changes, machines, listen)
        console = Console(highlight=False)
        if json:
            console.print_json(data=show.report_json(world.inventory.name, report))
        else:
            console.print(show.report_of(world.inventory.name, report))
        return code_of(report) if report.outcomes else OK


def _question(fleet: str, plan: Plan) -> str:
    count = len(plan.todo)
    return f"Repair {'1 machine' if count == 1 else f'{count} machines'} of fleet {fleet}?"
