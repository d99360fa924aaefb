"""What can be known to be wrong before a server is made, beyond the catalogue: what pools name, and IPv6 alone."""

from collections.abc import Iterator, Sequence

from fleet.core import ipv6_only
from fleet.core.belongings import Belongings, differences, names_any, problems
from fleet.core.change import Change
from fleet.core.errors import InventoryError, Problem
from fleet.core.inventory import Inventory, Pool
from fleet.core.lifecycle import Step
from fleet.core.observation import Observation
from fleet.engine.ports import Cloud, Operator
from fleet.engine.world import World


def check(world: World, changes: Sequence[Change]) -> None:
    """Raises InventoryError with all problems of all pools when a server is to be made."""
    if any(Step.CREATE in change.steps for change in changes):
        check_pools(world, world.inventory.pools)


def check_pools(world: World, pools: Sequence[Pool]) -> None:
    """Raises InventoryError with all problems of these pools. Asks the cloud once a run, and only when it must."""
    found = problems_of(world.inventory, world.cloud, world.operator, pools)
    if found:
        raise InventoryError(world.inventory.source, found)


def problems_of(inventory: Inventory, cloud: Cloud, operator: Operator, pools: Sequence[Pool]) -> list[Problem]:
    """All that is wrong with what these pools name, and all that those without IPv4 could not reach."""
    return list(_problems(inventory, cloud, operator, pools))


def look(world: World, pools: Sequence[Pool]) -> Belongings:
    """What these pools name, as the cloud has it; nothing is asked where they name nothing."""
    return _look(world.cloud, pools)


def notes(world: World, seen: Observation) -> tuple[str, ...]:
    """Servers that have other things than their pools say, as sentences."""
    return differences(world.inventory, seen.servers, look(world, world.inventory.pools))


def _problems(inventory: Inventory, cloud: Cloud, operator: Operator, pools: Sequence[Pool]) -> Iterator[Problem]:
    there = _look(cloud, pools)
    if any(map(names_any, pools)):
        yield from problems(inventory, pools, there, cloud.servers())
    for pool in pools:
        yield from ipv6_only.problems(inventory, pool, there, operator.answers_ipv6)
    alone = [problem for pool in pools if (problem := ipv6_only.blind(inventory, pool)) is not None]
    if alone and not operator.has_ipv6():
        yield from alone


def _look(cloud: Cloud, pools: Sequence[Pool]) -> Belongings:
    return cloud.belongings() if any(map(names_any, pools)) else Belongings()
