"""What must hold at the end of a test, and the shortest ways to get a world to its beginning."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from functools import lru_cache, wraps
from itertools import count
from typing import ParamSpec, TypeVar

from fleet.core.inventory import Inventory
from fleet.core.names import Tag
from fleet.core.report import Outcome, Report
from tests.fakes.calls import Killed
from tests.fakes.gitea import FakeJob
from tests.fakes.world import FakeWorld, build_inventory, build_pool

P = ParamSpec("P")
T = TypeVar("T")

ENOUGH = 300
"""More calls than any run here makes: a loop that gets there does not end by itself."""


def made_once(make: Callable[P, T]) -> Callable[P, T]:
    """A world that takes long to make is made once for the same arguments; each caller gets a copy of it."""
    made = lru_cache(None)(make)

    @wraps(make)
    def copied(*args: P.args, **named: P.kwargs) -> T:
        return deepcopy(made(*args, **named))  # type: ignore[arg-type] # what cannot be hashed fails at once

    return copied


@made_once
def in_service(*, can_disable: bool = True, inventory: Inventory | None = None) -> FakeWorld:
    """A world in which ``fleet up`` was typed, and some time went by."""
    world = FakeWorld(can_disable=can_disable)
    world.process(inventory).up()
    world.clock.sleep(60)
    return world


def with_log(level: str, *, least: int = 1, capacity: int = 1) -> Inventory:
    """The inventory with another log level: a small change that needs a restart of the runner."""
    return build_inventory(build_pool(least=least, capacity=capacity, log=level))


def dies(do: Callable[[], object]) -> bool:
    """Whether the process was killed while it did this."""
    try:
        do()
    except Killed:
        return True
    return False


def call_numbers() -> Iterator[int]:
    """0, 1, 2 ... for a loop that ends when a run has no such call."""
    for number in count():
        assert number < ENOUGH, "the run does not come to its end"
        yield number


def only(report: Report) -> Outcome:
    """The one row of this report."""
    (outcome,) = report.outcomes
    return outcome


def assert_in_service(world: FakeWorld, *names: str) -> None:
    """Exactly these machines, each with one runner that is online, unmarked, and takes jobs; and no leftovers."""
    assert world.server_names == sorted(names)
    assert sorted(one.name for one in world.gitea.records.values()) == sorted(names)
    for name in names:
        process = world.host(name).process
        assert process is not None, f"the runner of {name} does not run"
        assert world.gitea.records[process.id].name == name
        assert not {Tag.DRAINING, Tag.SUSPECT} & world.server(name).tags.keys()
    assert len(world.project.keys) == len(world.project.firewalls) == 1
    assert_each_takes_a_job(world, len(names))
    assert_nothing_lost(world)


def assert_each_takes_a_job(world: FakeWorld, machines: int) -> None:
    """As many jobs as machines all run at once, on as many runners."""
    jobs = [world.gitea.queue(seconds=5) for _ in range(machines)]
    world.clock.sleep(20)
    assert [job.end for job in jobs] == ["success"] * machines
    assert len({job.runner_id for job in jobs}) == machines


def assert_gone(world: FakeWorld) -> None:
    """Nothing of the fleet is left anywhere, and no job was lost on the way."""
    assert world.server_names == []
    assert world.gitea.records == {}
    assert world.project.keys == world.project.firewalls == {}
    assert_nothing_lost(world)


def assert_nothing_lost(world: FakeWorld) -> None:
    """No job was killed, and nothing was restarted under one."""
    assert world.lost_jobs == []
    assert world.interrupted == []


def assert_succeeds(world: FakeWorld, job: FakeJob) -> None:
    """The job ends well: on the machine it is on, or on a new one if none had taken it."""
    if not job.end:
        world.process().up()
        world.clock.sleep(job.seconds + 30)
    assert job.end == "success"
    assert_nothing_lost(world)
