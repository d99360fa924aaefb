"""The fleet's record: read from and written to the tags of its managed firewall."""

from collections.abc import Mapping
from dataclasses import replace

from fleet.core.record import Record, read_record, with_floors
from fleet.engine.world import World


def read(world: World) -> Record:
    """What earlier passes left; an empty record where there is no firewall yet."""
    return read_record(world.cloud.firewall_tags(shared_name(world), world.fleet_tags))


def raised(world: World) -> tuple[World, Record]:
    """The world with the mins that a person has raised for now (``up --add N --for T``), and the record."""
    record = read(world)
    inventory = with_floors(world.inventory, record, world.cloud.now())
    return replace(world, inventory=inventory), record


def write(world: World, changes: Mapping[str, str | None]) -> None:
    """Change these tags of the record and no others; the firewall is made when there is none."""
    world.cloud.set_firewall_tags(ensure_firewall(world), changes)


def ensure_firewall(world: World) -> int:
    """The id of the managed firewall, made when the first of this run needs it."""
    allow = world.inventory.ssh.allow_from
    return world.shared.once(
        "firewall", lambda: world.cloud.ensure_firewall(shared_name(world), allow, world.fleet_tags)
    )


def shared_name(world: World) -> str:
    """The name of what this fleet shares at Hetzner: its firewall, its SSH key."""
    return f"fleet-{world.inventory.name}"
