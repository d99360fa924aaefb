"""``fleet hold`` and ``fleet release``: no pass touches a machine that a person keeps as it is."""

from typing import Annotated

import typer
from rich.console import Console

from fleet.cli.durations import seconds
from fleet.cli.exits import OK, with_verdict
from fleet.cli.machines import MachineNames, chosen
from fleet.cli.options import InventoryOption
from fleet.cli.wiring import open_world
from fleet.core.machine import join
from fleet.core.names import Tag
from fleet.engine.marks import mark
from fleet.engine.observe import observe


@with_verdict
def hold(
    machines: MachineNames,
    for_: Annotated[str | None, typer.Option("--for", help="How long: 30m, 4h, 2d. Default: until released.")] = None,
    inventory: InventoryOption = None,
) -> int:
    """Keep machines as they are: no pass and no command touches them. Jobs go on, and new ones come."""
    length = seconds(for_) if for_ else None
    with open_world(inventory) as world:
        until = f"until.{int(world.cloud.now().timestamp()) + length}" if length else "person"
        for machine in chosen(join(world.inventory, observe(world, hosts=False)), machines):
            mark(world, machine, {Tag.HELD: until})
            Console(highlight=False).print(f"{machine.name} is held{f' for {for_}' if for_ else ''}")
    return OK


@with_verdict
def release(machines: MachineNames, inventory: InventoryOption = None) -> int:
    """Let passes and commands touch held machines again."""
    with open_world(inventory) as world:
        for machine in chosen(join(world.inventory, observe(world, hosts=False)), machines):
            mark(world, machine, {Tag.HELD: None})
            Console(highlight=False).print(f"{machine.name} is released")
    return OK
