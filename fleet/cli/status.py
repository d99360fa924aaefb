"""``fleet status``: who is there, what runs, what is wrong, what it costs; once, or as a page left open."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fleet.cli import dashboard, figures, metrics
from fleet.cli import watch as watching
from fleet.cli.exits import NOT_AS_WANTED, OK, with_verdict
from fleet.cli.options import InventoryOption, JsonOption
from fleet.cli.story import looking
from fleet.cli.wiring import open_world
from fleet.core.errors import Refused
from fleet.core.names import read_machine_name
from fleet.engine.world import World


@with_verdict
def status(
    machines: Annotated[
        list[str] | None, typer.Argument(metavar="POOL|MACHINE...", help="Only these; all without names.")
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Exit 3 when something is not as wanted.")] = False,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Look again and again, until Ctrl-C.")] = False,
    wide: Annotated[
        bool, typer.Option("--wide", help="All columns, room or not; how long jobs and machines took.")
    ] = False,
    prometheus: Annotated[
        Path | None,
        typer.Option("--prometheus", metavar="FILE", help="Show nothing: write metrics to FILE, for node_exporter."),
    ] = None,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Show every machine: its phase, its jobs, what it costs, and what is wrong with what to type."""
    names = machines or []
    if watch and (json or check):
        raise Refused("--watch goes on and on, and --json and --check give one answer", hint="leave out one of them")
    if prometheus is not None:
        _alone("--prometheus", names, watch, wide, json)
        return _verdict(metrics.write_file(inventory, prometheus), check=check)
    with open_world(inventory) as world:
        _must_know(world, names)
        if watch:
            return watching.watch(
                world.inventory.name, lambda: dashboard.only(dashboard.look(world), names), world.clock, wide=wide
            )
        with looking(f"looking at fleet {world.inventory.name}", quiet=json) as seen:
            sight = dashboard.only(dashboard.look(world, seen), names)
        console = Console(highlight=False)
        if json:
            found = figures.figures(world, sight.seen, sight.machines)
            console.print_json(data=dashboard.to_json(sight) | figures.to_json(found))
        else:
            console.print(dashboard.screen(sight, wide=wide), crop=False)
        if wide and not json:
            console.print("", figures.shown(figures.figures(world, sight.seen, sight.machines)), sep="\n")
        return _verdict(sight, check=check)


def _verdict(sight: dashboard.Sight, *, check: bool) -> int:
    return NOT_AS_WANTED if check and sight.troubles else OK


def _alone(option: str, *others: object) -> None:
    """Raises Refused where something else is asked for, too."""
    if any(others):
        raise Refused(f"{option} is for the whole fleet, once, and shows nothing", hint=f"fleet status {option} FILE")


def _must_know(world: World, names: Sequence[str]) -> None:
    """A machine need not be there, but its pool must be in the inventory. Raises Refused."""
    pools = {pool.name for pool in world.inventory.pools}
    for name in names:
        parts = read_machine_name(name)
        if name not in pools and (parts is None or parts.fleet != world.inventory.name):
            raise Refused(f"there is no machine or pool {name}", hint=f"pools: {', '.join(sorted(pools))}")
