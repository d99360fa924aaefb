"""``fleet drain`` and ``fleet enable``: out of service and back, by a person's word."""

from typing import Annotated

import typer
from rich.console import Console

from fleet.cli import show
from fleet.cli.down import wait_for_jobs
from fleet.cli.exits import code_of, with_verdict
from fleet.cli.machines import MachineNames, chosen
from fleet.cli.options import InventoryOption, QuietOption
from fleet.cli.story import looking, telling
from fleet.cli.wiring import open_world
from fleet.core.leaving import plan_drain, plan_enable
from fleet.core.machine import join
from fleet.core.report import Report, Verdict
from fleet.engine import firewall
from fleet.engine.apply import apply
from fleet.engine.observe import observe


@with_verdict
def drain(
    machines: MachineNames,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until their jobs have ended. Holds no lock.")] = False,
    quiet: QuietOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Give machines no new job; the running ones end, and the machines stay until `fleet enable` or `fleet down`."""
    with open_world(inventory) as world:
        firewall.let_in(world)
        with looking(f"looking at fleet {world.inventory.name}", quiet=quiet) as seen:
            rows = join(world.inventory, observe(world, seen=seen))
        changes = plan_drain(chosen(rows, machines))
        with telling(quiet=quiet) as listen:
            report = apply(world, changes, rows, listen)
            outcomes = {one.machine: one for one in report.outcomes}
            while wait and (later := [o.machine for o in outcomes.values() if o.verdict is Verdict.DEFERRED]):
                wait_for_jobs(world, [row for row in rows if row.name in later], outcomes, listen)
                rows = join(world.inventory, observe(world))
                again = apply(world, plan_drain(chosen(rows, later)), rows, listen)
                outcomes |= {one.machine: one for one in again.outcomes}
        report = Report(tuple(outcomes.values()))
        Console(highlight=False).print(show.report_table(report))
        return code_of(report)


@with_verdict
def enable(machines: MachineNames, quiet: QuietOption = False, inventory: InventoryOption = None) -> int:
    """Put machines that were drained, by whomever, back into service: jobs that wait reach them."""
    with open_world(inventory) as world:
        firewall.let_in(world)
        with looking(f"looking at fleet {world.inventory.name}", quiet=quiet) as seen:
            rows = join(world.inventory, observe(world, seen=seen))
        with telling(quiet=quiet) as listen:
            report = apply(world, plan_enable(chosen(rows, machines)), rows, listen)
        Console(highlight=False).print(show.report_table(report))
        return code_of(report)
