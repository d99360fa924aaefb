"""``fleet up``: create what is missing, repair what is broken, remove nothing."""

from typing import Annotated

import typer
from rich.console import Console

from fleet.cli import show
from fleet.cli.ask import confirm
from fleet.cli.durations import seconds
from fleet.cli.exits import FAILED, code_of, with_verdict
from fleet.cli.options import InventoryOption, JsonOption, QuietOption, YesOption
from fleet.cli.plan import must_know
from fleet.cli.story import looking, telling
from fleet.cli.wiring import open_world
from fleet.core.change import Plan, Verb
from fleet.core.errors import Refused
from fleet.core.machine import join
from fleet.core.money import Price
from fleet.core.plan import plan_up
from fleet.core.record import Floor, floor_tag
from fleet.engine import firewall, memory, preflight
from fleet.engine.apply import apply
from fleet.engine.observe import observe
from fleet.engine.world import World


@with_verdict
def up(
    pool: Annotated[str | None, typer.Argument(help="Only this pool.")] = None,
    add: Annotated[
        int, typer.Option("--add", min=0, help="So many machines more than there are, at most the pool's max.")
    ] = 0,
    for_: Annotated[
        str | None, typer.Option("--for", help="With --add: passes keep so many for that long: 30m, 4h, 2d.")
    ] = None,
    yes: YesOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Create the machines that are missing, repair what is broken. Removes nothing; typed again, goes on."""
    with open_world(inventory) as opened:
        world, _ = memory.raised(opened)
        must_know(world.inventory, pool)
        if add and pool is None and len(world.inventory.pools) > 1:
            raise Refused("--add needs to know which pool", hint=f"fleet up POOL --add {add}")
        if for_ and not add:
            raise Refused("--for goes with --add", hint="fleet up POOL --add N --for 4h")
        firewall.let_in(world)
        with looking(f"looking at fleet {world.inventory.name}", quiet=json or quiet) as seen:
            observation = observe(world, seen=seen)
        plan = plan_up(world.inventory, observation, world.catalog, world.wants(observation), only=pool, add=add)
        preflight.check(world, plan.changes)
        if any(change.verb is Verb.CREATE for change in plan.changes):
            confirm(_question(world.inventory.name, plan), yes=yes)
        if for_:
            _keep_floor(world, pool or world.inventory.pools[0].name, plan, seconds(for_))
        with telling(quiet=quiet or json) as listen:
            report = apply(world, plan.changes, join(world.inventory, observation), listen)
        console = Console(highlight=False)
        if json:
            console.print_json(data=show.report_json(world.inventory.name, report))
        else:
            console.print(show.report_table(report))
            for warning in (*world.inventory.warnings, *world.cloud.warnings()):
                Console(stderr=True, highlight=False).print(f"note: {warning}", soft_wrap=True, markup=False)
        limited = any(change.verb is Verb.LIMIT for change in plan.changes)
        return FAILED if limited else code_of(report)


def _keep_floor(world: World, pool: str, plan: Plan, length: int) -> None:
    """So that no pass takes the added machines away before their time."""
    machines = sum(change.pool == pool and change.verb not in {Verb.REFUSE, Verb.LIMIT} for change in plan.changes)
    until = int(world.cloud.now().timestamp()) + length
    memory.write(world, floor_tag(pool, Floor(machines, until)))


def _question(fleet: str, plan: Plan) -> str:
    new = [change for change in plan.changes if change.verb is Verb.CREATE]
    machines = "1 machine" if len(new) == 1 else f"{len(new)} machines"
    more = Price(plan.after.hour - plan.before.hour, plan.after.month - plan.before.month)
    return f"Create {machines} of fleet {fleet} for {show.euros(more)} more?"
