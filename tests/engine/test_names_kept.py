"""Each look and each change leaves the names of the machines: completion offers them."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from fleet.core.errors import CloudError
from fleet.core.machine import join
from fleet.core.plan import plan_down, plan_up
from fleet.engine.apply import apply
from fleet.engine.observe import observe
from fleet.engine.world import World
from tests.fakes.world import FakeWorld, Process


class Kept:
    """The names as they were told last."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def keep(self, names: Iterable[str]) -> None:
        self.names = sorted(names)


def _with(process: Process, keep: Callable[[Iterable[str]], None]) -> World:
    return replace(process.world, keep_names=keep)


def _up(world: World) -> None:
    seen = observe(world)
    plan = plan_up(world.inventory, seen, world.catalog, world.wants(seen))
    apply(world, plan.changes, join(world.inventory, seen), lambda _: None)


def test_a_machine_that_was_made_is_known_at_once(world: FakeWorld) -> None:
    kept = Kept()
    _up(_with(world.process(), kept.keep))
    assert kept.names == ["ci-build-1"]


def test_one_that_could_not_be_made_is_not(world: FakeWorld) -> None:
    kept, process = Kept(), world.process()
    process.calls.fail_next("cloud.create_server", CloudError("could not create: no"))
    _up(_with(process, kept.keep))
    assert kept.names == []


def test_a_look_knows_what_another_computer_has_made(world: FakeWorld) -> None:
    world.process().up()
    kept = Kept()
    observe(_with(world.process(), kept.keep), hosts=False)
    assert kept.names == ["ci-build-1"]


def test_one_that_has_left_is_no_longer_offered(world: FakeWorld) -> None:
    world.process().up()
    kept, process = Kept(), world.process()
    told = _with(process, kept.keep)
    seen = observe(told)
    plan = plan_down(told.inventory, seen, told.catalog, names=())
    apply(told, plan.changes, join(told.inventory, seen), lambda _: None)
    assert kept.names == []
