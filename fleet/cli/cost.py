"""``fleet cost``: what each machine costs, how long it is paid, and what nobody used."""

from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.table import Table

from fleet.cli.exits import OK, with_verdict
from fleet.cli.options import InventoryOption, JsonOption
from fleet.cli.story import looking
from fleet.cli.wiring import open_world
from fleet.core.machine import Machine, Phase, join
from fleet.core.money import FREE, Catalog, Price
from fleet.core.observation import Observation
from fleet.core.pricing import paid_minutes_left, server_price
from fleet.engine.observe import observe

NOTE = "An estimate: net list prices and hours since creation; Hetzner's invoice is what counts."


@with_verdict
def cost(json: JsonOption = False, inventory: InventoryOption = None) -> int:
    """Show each machine's price, its paid minutes left, and what the idle ones cost. An estimate."""
    with open_world(inventory) as world:
        with looking(f"looking at fleet {world.inventory.name}", quiet=json) as _:
            seen = observe(world, hosts=False)
        rows = [_row(m, seen, world.catalog) for m in join(world.inventory, seen) if m.server is not None]
        console = Console(highlight=False)
        if json:
            console.print_json(data={"fleet": world.inventory.name, "machines": rows, "note": NOTE})
        else:
            console.print(_table(rows), NOTE, sep="\n")
    return OK


def _row(machine: Machine, seen: Observation, catalog: Catalog) -> dict[str, Any]:
    assert machine.server is not None
    price = server_price(machine.server, catalog)
    hours = _started_hours(machine, seen)
    return {
        "machine": machine.name,
        "phase": machine.phase.value,
        "eur_per_hour": float(price.hour),
        "paid_minutes_left": paid_minutes_left(machine.server.created, seen.at),
        "hours": hours,
        "eur_so_far": float(_so_far(price, hours)),
        "idle": machine.phase is Phase.IDLE,
    }


def _started_hours(machine: Machine, seen: Observation) -> int:
    """Hetzner bills every started hour since ``created``."""
    assert machine.server is not None
    return int((seen.at - machine.server.created).total_seconds() // 3600) + 1


def _so_far(price: Price, hours: int) -> Decimal:
    """At most the monthly price per month."""
    return min(price.hour * hours, price.month * (hours // 730 + 1))


def _table(rows: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_footer=True)
    total = sum((row["eur_per_hour"] for row in rows), float(FREE.hour))
    idle = sum(row["eur_per_hour"] for row in rows if row["idle"])
    so_far = sum(row["eur_so_far"] for row in rows)
    table.add_column("MACHINE", footer="all")
    table.add_column("PHASE", footer=f"idle: €{idle:.4f}/h")
    table.add_column("€ PER HOUR", footer=f"{total:.4f}", justify="right")
    table.add_column("PAID", justify="right")
    table.add_column("HOURS", justify="right")
    table.add_column("€ SO FAR", footer=f"{so_far:.4f}", justify="right")
    for row in rows:
        table.add_row(
            row["machine"],
            row["phase"],
            f"{row['eur_per_hour']:.4f}",
            f"{row['paid_minutes_left']} min",
            str(row["hours"]),
            f"{row['eur_so_far']:.4f}",
        )
    return table
