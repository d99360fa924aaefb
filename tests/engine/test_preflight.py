"""Before a server is made: everything its pool names is looked up, and nothing is asked where it names nothing."""

from dataclasses import replace

import pytest

from fleet.core.belongings import Belongings, Network, Volume
from fleet.core.errors import InventoryError
from fleet.core.inventory import Inventory, Pool
from fleet.core.report import Verdict
from fleet.engine import preflight
from fleet.engine.observe import observe
from tests.engine.checks import only
from tests.fakes.world import FakeWorld, build_inventory, build_pool

THERE = Belongings(
    groups={"apart": (7, frozenset())},
    networks={"inside": Network(8, frozenset({"eu"}))},
    firewalls={"office": 9},
    volumes={"cache-1": Volume(10, "nbg1"), "cache-2": Volume(11, "fsn1"), "cache-3": Volume(12, "fsn1")},
    zones={"fsn1": "eu", "nbg1": "eu"},
)


def fleet(pool: Pool, **more: object) -> Inventory:
    return replace(build_inventory(pool), **more)  # type: ignore[arg-type]


def named(**wishes: object) -> Pool:
    given: dict[str, object] = {
        "placement_group": "apart",
        "networks": ("inside",),
        "firewalls": ("office",),
        "volumes": ("cache-{n}",),
    }
    return replace(build_pool(), **{**given, **wishes})  # type: ignore[arg-type]


@pytest.fixture
def world() -> FakeWorld:
    world = FakeWorld()
    world.project.belongings = THERE
    world.project.networks = {"inside": 8}
    return world


def test_a_pool_that_names_nothing_costs_no_call(world: FakeWorld) -> None:
    process = world.process()
    preflight.check_pools(process.world, process.world.inventory.pools)
    preflight.notes(process.world, observe(process.world))
    process.up()
    assert "cloud.belongings" not in process.calls.log


def test_each_server_is_ordered_with_what_its_pool_names_where_its_volume_is(world: FakeWorld) -> None:
    report = world.process(fleet(named(min=2))).up()
    assert {one.verdict for one in report.outcomes} == {Verdict.DONE}
    first, second = world.project.orders
    assert (first.given.group, first.networks, first.given.firewalls) == (7, (8,), (9,))
    assert first.given.volumes == (10,)
    assert (first.location, second.location) == ("nbg1", "fsn1")
    assert second.given.volumes == (11,)


def test_what_is_not_there_is_told_before_anything_is_made(world: FakeWorld) -> None:
    wrong = fleet(named(placement_group="apartt", firewalls=("offices",)))
    process = world.process(wrong)
    plan, _ = process.plan_up()
    with pytest.raises(InventoryError) as caught:
        preflight.check(process.world, plan.changes)
    assert [problem.path for problem in caught.value.problems] == [
        "pools.build.placement_group",
        "pools.build.firewalls[0]",
    ]
    assert process.calls.changes == []


def test_a_pass_goes_on_with_other_machines_and_makes_none_of_a_pool_that_is_wrong(world: FakeWorld) -> None:
    world.process().up()
    report = world.process(fleet(named(placement_group="apartt", min=2))).up()
    verdicts = {one.machine: one.verdict for one in report.outcomes}
    assert verdicts == {"ci-build-1": Verdict.KEPT, "ci-build-2": Verdict.FAILED}
    assert world.server_names == ["ci-build-1"]


def test_nothing_is_checked_when_nothing_is_to_be_made(world: FakeWorld) -> None:
    world.process().up()
    process = world.process(fleet(named(placement_group="apartt")))
    plan, _ = process.plan_up()
    preflight.check(process.world, plan.changes)


def test_a_server_made_before_is_told_of_and_left_as_it_is(world: FakeWorld) -> None:
    world.process().up()
    process = world.process(fleet(named()))
    told = preflight.notes(process.world, observe(process.world))
    assert told == (
        "ci-build-1 is not in placement group apart, is not in network inside, has no firewall office, "
        "has no volume cache-1: fleet down ci-build-1, then fleet up",
    )
    assert only(process.up()).verdict is Verdict.KEPT


def test_ipv6_alone_is_refused_where_gitea_has_none_and_ordered_where_it_has(world: FakeWorld) -> None:
    alone = fleet(named(ipv4=False))
    world.operator.only_ipv4 = frozenset({"git.example"})
    outcome = only(world.process(alone).up())
    assert outcome.verdict is Verdict.FAILED
    assert "git.example (Gitea) has no IPv6 address" in outcome.text
    world.operator.only_ipv4 = frozenset()
    world.process(alone).up()
    assert [order.ipv4 for order in world.project.orders] == [False]


def test_a_computer_without_ipv6_makes_no_server_that_it_could_not_reach(world: FakeWorld) -> None:
    world.operator.ipv6 = False
    assert "this computer has no IPv6" in only(world.process(fleet(named(ipv4=False))).up()).text
    assert world.project.orders == []
