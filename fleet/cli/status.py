"""``fleet status``: who is there, what runs, what is wrong, what it costs; once, or as a page left open."""

from pathlib import Path
from typing import Annotated

import typer

from fleet.cli.exits import with_verdict
from fleet.cli.options import InventoryOption, JsonOption


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
    from fleet.cli import status_answer  # imported once it is asked for: its help is there at once

    asked = status_answer.Asked(tuple(machines or ()), check, watch, wide, json)
    return status_answer.answer(inventory, asked, prometheus)
