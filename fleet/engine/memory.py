"""The fleet's record: read from and written to the tags of its managed firewall."""

from collections.abc import Mapping
from dataclasses import replace

from fleet.core.record import Record, read_record, with_floors
from fleet.engine import firewall, record_on_hosts
from fleet.engine.world import World


def read(world: World) -> Record:
    """What earlier passes left; an empty record where there is no firewall yet."""
    if not world.has_cloud:
        return read_record(record_on_hosts.read(world))
    found = firewall.look(world)
    return replace(read_record(found.tags), kept=True) if found is not None else Record()


def raised(world: World) -> tuple[World, Record]:
    """The world with the mins that a person has raised for now (``up --add N --for T``), and the record."""
    record = read(world)
    inventory = with_floors(world.inventory, record, world.cloud.now())
    return replace(world, inventory=inventory), record


def write(world: World, changes: Mapping[str, str | None]) -> None:
    """Change these tags of the record and no others; the firewall is made when there is none. Raises Refused when
    there is neither an account nor a static host in service."""
    if not world.has_cloud:
        record_on_hosts.write(world, changes)
        return
    world.cloud.set_firewall_tags(firewall.ensure(world), changes)
