"""``fleet pause`` and ``fleet resume``: stop all passes, from any computer."""

from typing import Annotated

import typer
from rich.console import Console

from fleet.cli.durations import seconds
from fleet.cli.exits import OK, with_verdict
from fleet.cli.options import InventoryOption
from fleet.cli.wiring import open_world
from fleet.core.record import paused_tag
from fleet.engine import memory


@with_verdict
def pause(
    for_: Annotated[str | None, typer.Option("--for", help="How long: 30m, 4h, 2d. Default: until resumed.")] = None,
    inventory: InventoryOption = None,
) -> int:
    """Passes (`fleet scale`, `fleet scale-down`) do nothing until `fleet resume`, on whatever computer they run."""
    length = seconds(for_) if for_ else None
    with open_world(inventory, ask_gitea=False) as world:
        until = int(world.cloud.now().timestamp()) + length if length else 0
        memory.write(world, paused_tag(until))
        Console(highlight=False).print(f"fleet {world.inventory.name} is paused{f' for {for_}' if for_ else ''}")
    return OK


@with_verdict
def resume(inventory: InventoryOption = None) -> int:
    """Passes work again."""
    with open_world(inventory, ask_gitea=False) as world:
        memory.write(world, paused_tag(None))
        Console(highlight=False).print(f"fleet {world.inventory.name} is not paused")
    return OK
