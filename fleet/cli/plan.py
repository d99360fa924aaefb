"""``fleet plan``: what would happen, why, and what it costs."""

from dataclasses import replace
from typing import Annotated

import typer
from rich.console import Console

from fleet.cli import show
from fleet.cli.exits import NOT_AS_WANTED, OK, with_verdict
from fleet.cli.options import InventoryOption, JsonOption
from fleet.cli.story import looking
from fleet.cli.wiring import open_world
from fleet.core.errors import Refused
from fleet.core.inventory import Inventory
from fleet.core.plan import plan_up
from fleet.engine import firewall, memory, preflight
from fleet.engine.observe import observe
from fleet.engine.world import World


@with_verdict
def plan(
    pool: Annotated[str | None, typer.Argument(help="Only this pool.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit 3 when something would change.")] = False,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Show what `fleet up` would do, why, and what it costs. Touches nothing."""
    with open_world(inventory) as opened:
        world, _ = memory.raised(opened)
        must_know(world.inventory, pool)
        with looking(f"looking at fleet {world.inventory.name}", quiet=json) as seen:
            observation = observe(world, seen=seen)
        preflight.check_pools(world, world.inventory.pools)
        made = plan_up(world.inventory, observation, world.catalog, world.wants(observation), only=pool)
        left = [
            f"{one} is of this fleet, and no server has it: it is billed; delete it in Hetzner"
            for one in _billed(world)
        ]
        made = replace(made, notes=(*made.notes, *left, *firewall.notes(world), *preflight.notes(world, observation)))
        console = Console(highlight=False)
        if json:
            console.print_json(data=show.plan_json(world.inventory.name, made))
        else:
            console.print(show.plan_table(world.inventory.name, made))
        return NOT_AS_WANTED if check and made.todo else OK


def _billed(world: World) -> tuple[str, ...]:
    """Told, never deleted by us: fleet makes no volumes and reserves no addresses, so a person put our tags there."""
    return world.cloud.leftovers(world.fleet_tags)


def must_know(inventory: Inventory, pool: str | None) -> None:
    """Raises Refused when the inventory has no such pool."""
    if pool is not None and inventory.pool(pool) is None:
        known = ", ".join(one.name for one in inventory.pools)
        raise Refused(f"the inventory has no pool {pool}", hint=f"pools: {known}")
