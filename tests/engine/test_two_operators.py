"""Two fleet processes at once: one starts, or goes on with a plan it made before, in the middle of the other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from threading import Event, Thread

import pytest

from fleet.cli import exits
from fleet.core.names import Tag
from fleet.core.report import Report, Verdict
from fleet.engine.world import public_target
from tests.engine.checks import (
    assert_gone,
    assert_in_service,
    assert_nothing_lost,
    assert_succeeds,
    call_numbers,
    in_service,
    only,
    with_log,
)
from tests.engine.test_down import PATCH, in_flight
from tests.fakes.host import FakeHost
from tests.fakes.world import FakeWorld, Process

pytestmark = pytest.mark.thorough

NEW = with_log("debug")


@contextmanager
def somebody_at_work(world: FakeWorld) -> Iterator[Process]:
    """Another process holds the lock of the first machine's host."""
    other = world.process()
    with other.world.sessions.get(public_target(world.server("ci-build-1"))).lock():
        yield other


def test_a_locked_host_is_a_row_of_its_own_and_exit_code_4(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.host("ci-build-1").terminate()
    any_world.clock.sleep(1)
    process = any_world.process()
    with somebody_at_work(any_world):
        report = process.up()
    assert only(report).verdict is Verdict.LOCKED
    assert exits.code_of(report) == exits.LOCKED == 4
    assert "host.compose up" not in process.calls.log


def test_down_of_a_locked_host_removes_nothing(any_world: FakeWorld) -> None:
    any_world.process().up()
    with somebody_at_work(any_world):
        report = any_world.process().down()
    assert only(report).verdict is Verdict.LOCKED
    assert any_world.server_names == ["ci-build-1"]
    assert len(any_world.gitea.records) == 1


def test_the_lock_of_a_process_that_died_is_free(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.host("ci-build-1").terminate()
    any_world.clock.sleep(1)
    with somebody_at_work(any_world) as other:
        other.calls.dead = True
        assert only(any_world.process().up()).verdict is Verdict.DONE


def test_a_second_up_at_any_call_of_the_first_never_makes_a_second_server() -> None:
    for number in call_numbers():
        world = FakeWorld()
        first, second = world.process(), world.process()
        seconds = first.calls.before(number, second.up)
        reports = [first.up(), *seconds]
        if not seconds:
            assert number > 35
            break
        assert world.project.created == ["ci-build-1"]
        codes = {exits.code_of(report) for report in reports}
        assert codes <= {exits.OK, exits.LOCKED}, f"before {first.calls.log[number]}: {reports}"
        world.process().up()
        assert_in_service(world, "ci-build-1")


@PATCH
def test_a_down_at_any_call_of_an_up_and_then_another_down_leave_nothing(can_disable: bool) -> None:
    for number in call_numbers():
        world = FakeWorld(can_disable=can_disable)
        first, second = world.process(), world.process()
        met = first.calls.before(number, second.down)
        first.up()
        if not met:
            break
        world.process().down()
        assert_gone(world)


@PATCH
def test_an_up_at_any_call_of_a_down_does_not_touch_the_machine_that_leaves(can_disable: bool) -> None:
    for number in call_numbers():
        world = in_service(can_disable=can_disable)
        first, second = world.process(), world.process(NEW)
        marked = first.calls.before(number, partial(is_leaving, world))
        met = first.calls.before(number + 1, second.up)
        report = first.down("ci-build-1")
        if not met:
            break
        if marked == [True]:
            assert only(report).verdict is Verdict.DONE, f"before {first.calls.log[number]}: {report}"
        assert_nothing_lost(world)


def is_leaving(world: FakeWorld) -> bool:
    """Whether the first machine is marked, or gone."""
    server = world.project.named("ci-build-1")
    return server is None or Tag.DRAINING in server.tags


@PATCH
def test_a_repair_planned_before_a_person_sent_the_machine_away_leaves_it_alone(can_disable: bool) -> None:
    world = in_service(can_disable=can_disable)
    repair = world.process(NEW)
    plan = repair.plan_up()
    job = world.gitea.queue(seconds=100)
    world.clock.sleep(5)
    assert only(world.process().down(wait=False)).verdict is Verdict.DEFERRED
    assert only(repair.apply(*plan)).verdict is Verdict.DEFERRED
    assert world.server("ci-build-1").tags[Tag.DRAINING].startswith("person.")
    world.clock.sleep(120)
    assert job.end == "success"
    world.process().down()
    assert_gone(world)


@PATCH
@pytest.mark.parametrize("first", ["down", "repair"])
def test_no_job_is_lost_when_a_down_and_a_repair_meet(can_disable: bool, first: str) -> None:
    """Both have looked and planned; the second goes on at any call of the first; a job comes at any later call."""
    for number in call_numbers():
        if not meets(can_disable, first, number, None):
            break
        for arrival in range(number + 1, number + 20):
            meets(can_disable, first, number, arrival)


def meets(can_disable: bool, first: str, number: int, arrival: int | None) -> bool:
    """One such meeting; whether the first came as far as that call."""
    world = in_service(can_disable=can_disable)
    down, repair = world.process(), world.process(NEW)
    leave, enter = down.plan_down(), repair.plan_up()
    runs: list[tuple[Process, Callable[[], Report]]] = [
        (down, lambda: down.go_down(*leave, wait=False)),
        (repair, lambda: repair.apply(*enter)),
    ]
    (process, run), (_, other) = runs if first == "down" else reversed(runs)
    planned = len(process.calls.log)
    met = process.calls.before(planned + number, other)
    if arrival is not None:
        process.calls.before(planned + arrival, partial(in_flight, world))
    run()
    world.clock.sleep(60)
    assert_nothing_lost(world)
    return bool(met)


@PATCH
def test_a_machine_that_is_being_deleted_is_not_brought_back_meanwhile(can_disable: bool) -> None:
    """Its runner was stopped; somebody else has planned to start it again, and does so at any call of the down."""
    for number in call_numbers():
        world = in_service(can_disable=can_disable)
        world.host("ci-build-1").terminate()
        world.clock.sleep(1)
        down, start = world.process(), world.process()
        leave, enter = down.plan_down(), start.plan_up()
        at = len(down.calls.log) + number
        met = down.calls.before(at, partial(start.apply, *enter))
        down.calls.before(at + 1, partial(in_flight, world))
        down.go_down(*leave, wait=False)
        if not met:
            break
        world.clock.sleep(30)
        assert_nothing_lost(world)


@PATCH
def test_a_repair_under_way_never_takes_back_the_cordon_of_a_down_that_goes_on(can_disable: bool) -> None:
    """The repair is paused at one call, the down comes as far as another, the repair ends, the down goes on."""
    for paused in range(4, 40, 3):
        for handed_back in range(1, 12):
            world = in_service(can_disable=can_disable)
            down, repair = world.process(), world.process(NEW)
            leave, enter = down.plan_down(), repair.plan_up()
            run = Paused(repair, len(repair.calls.log) + paused, partial(repair.apply, *enter))
            down.calls.before(len(down.calls.log) + handed_back, run.finish)
            down.calls.before(len(down.calls.log) + handed_back + 3, partial(in_flight, world))
            down.go_down(*leave, wait=False)
            run.finish()
            world.clock.sleep(60)
            assert_nothing_lost(world)


class Paused:
    """A run in a thread of its own that waits at one of its calls until it may go on."""

    def __init__(self, process: Process, number: int, run: Callable[[], object]) -> None:
        self._waits, self._may_go_on = Event(), Event()
        process.calls.before(number, self._pause)
        self._thread = Thread(target=self._run, args=(run,))
        self._thread.start()
        assert self._waits.wait(10)

    def _run(self, run: Callable[[], object]) -> None:
        run()
        self._waits.set()

    def _pause(self) -> None:
        self._waits.set()
        assert self._may_go_on.wait(10)

    def finish(self) -> None:
        """Let it go on to its end."""
        self._may_go_on.set()
        self._thread.join(10)


def test_a_lock_is_given_back_when_the_change_ends(any_world: FakeWorld) -> None:
    any_world.process(with_log("info", least=2)).up()
    hosts: list[FakeHost] = list(any_world.computers.hosts.values())
    assert [host.locked_by for host in hosts] == [None, None]
    job = any_world.gitea.queue(seconds=100)
    any_world.clock.sleep(10)
    any_world.process().down(wait=False)
    assert all(host.locked_by is None for host in any_world.computers.hosts.values())
    any_world.clock.sleep(120)
    assert_succeeds(any_world, job)
