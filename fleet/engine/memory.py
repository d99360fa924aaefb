"""The fleet's record: read from and written to the tags of its managed firewall."""

from collections.abc import Mapping
from dataclasses import replace

from fleet.core.record import Record, read_record, with_floors
from fleet.engine import firewall
from fleet.engine.world import World


def read(world: World) -> Record:
    """What earlier passes left; an empty record where there is no firewall yet."""
    found = firewall.look(world)
    return replace(read_record(found.tags), kept=True) if found is not None else Record()


def raised(world: World) -> tuple[World, Record]:
    """The world with the mins that a person has raised for now (``up --add N --for T``), and the record."""
    record = read(world)
    inventory = with_floors(world.inventory, record, world.cloud.now())
    return replace(world, inventory=inventory), record


def write(world: World, changes: Mapping[str, str | None]) -> None:
    """Change these tags of the record and no others; the firewall is made when there is none."""
    world.cloud.set_firewall_tags(firewall.ensure(world), changes)
