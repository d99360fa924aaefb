"""``fleet status``: who is there, what runs, what is wrong, what it costs; once, or as a page left open."""

from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from fleet.cli import dashboard
from fleet.cli.exits import NOT_AS_WANTED, OK, with_verdict
from fleet.cli.options import InventoryOption, JsonOption
from fleet.cli.story import looking
from fleet.cli.wiring import open_world
from fleet.core.errors import FleetError, Refused
from fleet.core.names import read_machine_name
from fleet.engine.world import World

EVERY = 15
"""Seconds between two looks of ``--watch``: four times a minute leaves most of Hetzner's calls to others."""


@with_verdict
def status(
    machines: Annotated[
        list[str] | None, typer.Argument(metavar="POOL|MACHINE...", help="Only these; all without names.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit 3 when something is not as wanted.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,
    wide: Annotated[bool, typer.Option("--wide", help="More columns.")] = False,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Show every machine: its phase, its jobs, what it costs, and what is wrong with what to type."""
    names = machines or []
    with open_world(inventory) as world:
        _must_know(world, names)
        if watch:
            return _watch(world, names, wide=wide)
        with looking(f"looking at fleet {world.inventory.name}", quiet=json) as seen:
            sight = dashboard.only(dashboard.look(world, seen), names)
        console = Console(highlight=False)
        if json:
            console.print_json(data=dashboard.to_json(sight))
        else:
            console.print(dashboard.screen(sight, wide=wide))
        return NOT_AS_WANTED if check and sight.findings else OK


def _must_know(world: World, names: Sequence[str]) -> None:
    """A machine need not be there, but its pool must be in the inventory. Raises Refused."""
    pools = {pool.name for pool in world.inventory.pools}
    for name in names:
        parts = read_machine_name(name)
        if name not in pools and (parts is None or parts.fleet != world.inventory.name):
            raise Refused(f"there is no machine or pool {name}", hint=f"pools: {', '.join(sorted(pools))}")


def _watch(world: World, names: Sequence[str], *, wide: bool) -> int:
    """Redraw in place. Whoever does not answer is told below the last screen that was seen."""
    console = Console(highlight=False)
    screen: RenderableType = Text(f"looking at fleet {world.inventory.name}")
    with Live(screen, console=console, screen=console.is_terminal, auto_refresh=False, transient=True) as live:
        try:
            while True:
                screen, trouble = _next(lambda: dashboard.only(dashboard.look(world), names), screen, wide=wide)
                live.update(Group(screen, trouble) if trouble else screen, refresh=True)
                world.clock.sleep(EVERY)
        except KeyboardInterrupt:
            return OK


def _next(
    look: Callable[[], dashboard.Sight], last: RenderableType, *, wide: bool
) -> tuple[RenderableType, Text | None]:
    """The next screen; or the last one, and why there is no new one."""
    try:
        return dashboard.screen(look(), wide=wide), None
    except FleetError as error:
        hint = (f"\n-> {error.hint}", "italic") if error.hint else ""
        return last, Text.assemble(("\nnot up to date: ", "bold red"), error.message, hint)
