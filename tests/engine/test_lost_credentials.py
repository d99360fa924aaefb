"""A machine whose ``.runner`` is gone while its runner serves on: where Gitea cannot disable runners, nothing but the
runner's end keeps it from a new job.
"""

from functools import partial
from typing import Literal

import pytest

from fleet.cli import exits
from fleet.core.plan import plan_down
from fleet.core.report import Verdict
from fleet.engine.observe import observe
from tests.engine.checks import (
    assert_gone,
    assert_in_service,
    assert_nothing_lost,
    assert_succeeds,
    call_numbers,
    dies,
    in_service,
    made_once,
    only,
)
from tests.engine.test_down import ARRIVALS, PATCH, WHEN, Arrival, in_flight
from tests.fakes.host import RUNNER_FILE
from tests.fakes.world import FakeWorld

NAME = "ci-build-1"
FREEZE, THAW, END = "host.freeze runner", "host.thaw runner", "host.end frozen runner"


@made_once
def nameless(*, can_disable: bool = False) -> FakeWorld:
    """A machine in service whose host does not know any more who its runner is."""
    world = in_service(can_disable=can_disable)
    del world.host(NAME).disk.files[RUNNER_FILE]
    return world


@PATCH
def test_it_gets_a_new_record_and_serves_again(can_disable: bool) -> None:
    world = nameless(can_disable=can_disable)
    process = world.process()
    assert only(process.repair(NAME)).verdict is Verdict.DONE
    assert (END in process.calls.log) == (not can_disable)
    world.clock.sleep(60)  # until Gitea calls the old record offline
    world.process().scale()
    assert_in_service(world, NAME)


def test_credentials_that_open_nothing_are_as_good_as_none() -> None:
    world = in_service(can_disable=False)
    files = world.host(NAME).disk.files
    files[RUNNER_FILE] = files[RUNNER_FILE].replace('"token": "token-1"', '"token": "other"')
    process = world.process()
    assert only(process.down()).verdict is Verdict.DONE
    assert END in process.calls.log
    assert_gone(world)


@PATCH
def test_it_can_leave(can_disable: bool) -> None:
    world = nameless(can_disable=can_disable)
    assert only(world.process().down()).verdict is Verdict.DONE
    assert_gone(world)


def test_with_a_job_nothing_is_frozen_and_the_job_ends_well() -> None:
    world = nameless()
    process = world.process()
    plan, seen = process.plan_down()
    job = world.gitea.queue(seconds=120)
    world.clock.sleep(20)
    assert only(process.go_down(plan, seen, wait=False)).verdict is Verdict.DEFERRED
    assert FREEZE not in process.calls.log
    world.process().down()
    assert job.end == "success"
    assert_gone(world)


def test_a_job_in_an_answer_that_comes_while_it_is_frozen_is_kept() -> None:
    world = nameless()
    process = world.process()
    jobs = process.calls.before(_number_of(FREEZE), partial(in_flight, world))
    outcome = only(process.down())
    assert END not in process.calls.log[: process.calls.log.index(THAW)]
    assert jobs[0].end == "success"  # down waits for the job, and looks again
    assert outcome.verdict is Verdict.DONE
    assert_gone(world)


def _number_of(call: str) -> int:
    process = nameless().process()
    process.down()
    return process.calls.log.index(call)


def test_one_that_its_host_has_thawed_by_itself_is_not_ended() -> None:
    world = nameless()
    process = world.process()
    process.calls.before(_number_of(END), lambda: world.clock.sleep(60))
    outcome = only(process.repair(NAME))
    assert outcome.verdict is Verdict.FAILED
    assert "not frozen any more" in outcome.text
    world.process().repair(NAME)
    assert_in_service(world, NAME)


def test_a_record_that_stays_online_is_somebody_elses_runner_and_stays() -> None:
    world = nameless()
    record = next(iter(world.gitea.records.values()))
    process = world.process()

    def elsewhere() -> None:
        record.seen = world.clock.now() + 3600

    process.calls.before(_number_of(END) + 1, elsewhere)
    outcome = only(process.repair(NAME))
    assert outcome.verdict is Verdict.FAILED
    assert "it is not the one on this host" in outcome.text
    assert record.id in world.gitea.records


def test_by_force_it_goes_with_its_job() -> None:
    world = nameless()
    world.gitea.queue(seconds=600)
    world.clock.sleep(20)
    process = world.process()
    seen = observe(process.world)
    plan = plan_down(process.world.inventory, seen, process.world.catalog, force=True)
    assert only(process.go_down(plan, seen)).verdict is Verdict.DONE
    assert FREEZE not in process.calls.log
    assert (world.server_names, world.gitea.records) == ([], {})


@pytest.mark.thorough
@WHEN
def test_a_repair_killed_at_any_call_is_finished_by_a_later_one(when: Literal["before", "after"]) -> None:
    for number in call_numbers():
        world = nameless()
        killed = dies(partial(world.process(die_at=(number, when)).repair, NAME))
        for _ in range(2):  # a runner that was just ended seems online for a minute
            world.process().repair(NAME)
            world.clock.sleep(60)
        assert_in_service(world, NAME)
        if not killed:
            assert number > 30
            break


@pytest.mark.thorough
@WHEN
def test_a_down_killed_at_any_call_is_finished_by_the_next(when: Literal["before", "after"]) -> None:
    for number in call_numbers():
        world = nameless()
        killed = dies(world.process(die_at=(number, when)).down)
        world.process().down()
        assert_gone(world)
        if not killed:
            assert number > 20
            break


@pytest.mark.thorough
@PATCH
@ARRIVALS
@pytest.mark.parametrize("do", ["repair", "down"])
def test_a_job_that_arrives_at_any_call_is_not_lost(do: str, can_disable: bool, arrive: Arrival) -> None:
    for number in call_numbers():
        world = nameless(can_disable=can_disable)
        process = world.process()
        jobs = process.calls.before(number, partial(arrive, world))
        report = process.repair(NAME) if do == "repair" else process.down()
        if not jobs:
            assert number > 20
            break
        assert exits.code_of(report) == exits.OK, f"before {process.calls.log[number]}: {report}"
        world.clock.sleep(60)
        assert_nothing_lost(world)
        assert_succeeds(world, jobs[0])
