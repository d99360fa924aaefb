"""What can be known to be wrong before a server is made, beyond the catalogue: what pools name, and IPv6 alone."""

from collections.abc import Iterator, Sequence

from fleet.core import ipv6_only
from fleet.core.belongings import Belongings, differences, names_any, problems
from fleet.core.change import Change
from fleet.core.errors import InventoryError, Problem
from fleet.core.inventory import Pool
from fleet.core.lifecycle import Step
from fleet.core.observation import Observation
from fleet.engine.world import World


def check(world: World, changes: Sequence[Change]) -> None:
    """Raises InventoryError with all problems of all pools when a server is to be made."""
    if any(Step.CREATE in change.steps for change in changes):
        check_pools(world, world.inventory.pools)


def check_pools(world: World, pools: Sequence[Pool]) -> None:
    """Raises InventoryError with all problems of these pools. Asks the cloud once a run, and only when it must."""
    found = list(_problems(world, pools))
    if found:
        raise InventoryError(world.inventory.source, found)


def look(world: World, pools: Sequence[Pool]) -> Belongings:
    """What these pools name, as the cloud has it; nothing is asked where they name nothing."""
    return world.cloud.belongings() if any(map(names_any, pools)) else Belongings()


def notes(world: World, seen: Observation) -> tuple[str, ...]:
    """Servers that have other things than their pools say, as sentences."""
    return differences(world.inventory, seen.servers, look(world, world.inventory.pools))


def _problems(world: World, pools: Sequence[Pool]) -> Iterator[Problem]:
    there = look(world, pools)
    if any(map(names_any, pools)):
        yield from problems(world.inventory, pools, there, world.cloud.servers())
    for pool in pools:
        yield from ipv6_only.problems(world.inventory, pool, there, world.operator.answers_ipv6)
    alone = [problem for pool in pools if (problem := ipv6_only.blind(world.inventory, pool)) is not None]
    if alone and not world.operator.has_ipv6():
        yield from alone
