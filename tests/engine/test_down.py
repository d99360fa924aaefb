"""``fleet down``: machines leave, and no job is lost, whenever it comes and wherever we are cut off."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, Literal

import pytest

from fleet.cli import exits
from fleet.cli.down import BETWEEN_LOOKS
from fleet.core.facts import HostFacts
from fleet.core.plan import plan_down
from fleet.core.report import Report, Verdict
from fleet.engine import probe as probe_module
from fleet.engine import work as work_module
from fleet.engine.observe import observe
from tests.engine.checks import (
    assert_gone,
    assert_nothing_lost,
    assert_succeeds,
    call_numbers,
    dies,
    in_service,
    made_once,
    only,
    with_log,
)
from tests.fakes.gitea import FakeJob
from tests.fakes.host import FakeHost
from tests.fakes.world import FakeWorld, Process, build_inventory, build_pool

pytestmark = pytest.mark.thorough

PATCH = pytest.mark.parametrize("can_disable", [True, False], ids=["with PATCH", "without PATCH"])
WHEN = pytest.mark.parametrize("when", ["before", "after"])

ROOMY = build_inventory(build_pool(capacity=2))

Arrival = Callable[[FakeWorld], FakeJob]


def taken_at_once(world: FakeWorld) -> FakeJob:
    """A runner that may have it gets the job in this very moment."""
    return world.gitea.start_at_once(world.processes, seconds=25)


def in_flight(world: FakeWorld) -> FakeJob:
    """Gitea gives it away in this moment, and the answer is under way for some seconds."""
    return world.gitea.send_off(world.processes, seconds=25)


def very_short(world: FakeWorld) -> FakeJob:
    """It is over before anybody looks twice."""
    return world.gitea.start_at_once(world.processes, seconds=1)


ARRIVALS = pytest.mark.parametrize("arrive", [taken_at_once, in_flight, very_short])


def test_down_leaves_nothing_behind(any_world: FakeWorld) -> None:
    any_world.process(with_log("info", least=2)).up()
    report = any_world.process().down()
    assert [one.verdict for one in report.outcomes] == [Verdict.DONE, Verdict.DONE]
    assert_gone(any_world)


def test_down_typed_again_finds_nothing_to_do(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.process().down()
    again = any_world.process()
    assert again.down().outcomes == ()
    assert again.calls.changes == ["cloud.remove_shared"]


def test_down_of_one_machine_leaves_the_others_and_what_they_share(any_world: FakeWorld) -> None:
    any_world.process(with_log("info", least=2)).up()
    any_world.process().down("ci-build-1")
    assert any_world.server_names == ["ci-build-2"]
    assert len(any_world.project.keys) == len(any_world.project.firewalls) == 1


def test_down_waits_for_a_job_and_then_removes_the_machine(any_world: FakeWorld) -> None:
    any_world.process().up()
    job = any_world.gitea.queue(seconds=400)
    any_world.clock.sleep(20)
    report = any_world.process().down()
    assert only(report).verdict is Verdict.DONE
    assert job.end == "success"
    assert_gone(any_world)


def test_down_without_waiting_says_what_still_runs_and_ends_well(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.gitea.queue(seconds=400)
    any_world.clock.sleep(20)
    report = any_world.process().down(wait=False)
    assert (only(report).verdict, only(report).text) == (Verdict.DEFERRED, "ci-build-1 runs job 1 (job 1 of us/app)")
    assert exits.code_of(report) == exits.OK
    any_world.clock.sleep(500)
    any_world.process().down(wait=False)
    assert_gone(any_world)


def test_no_lock_is_held_while_down_waits_for_a_job(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.gitea.queue(seconds=100)
    any_world.clock.sleep(20)
    host, process, held = any_world.host("ci-build-1"), any_world.process(), []
    sleep = process.world.clock.sleep

    def watched(seconds: float) -> None:
        if seconds == BETWEEN_LOOKS:
            held.append(host.locked_by)
        sleep(seconds)

    process.world.clock.sleep = watched  # type: ignore[method-assign]
    process.down()
    assert len(held) > 5
    assert set(held) == {None}


def test_a_cordoned_machine_gets_no_job_while_it_drains(any_world: FakeWorld) -> None:
    any_world.process(ROOMY).up()
    first = any_world.gitea.queue(seconds=200)
    any_world.clock.sleep(20)
    any_world.process(ROOMY).down(wait=False)
    second = any_world.gitea.queue(seconds=5)
    any_world.clock.sleep(60)
    assert (first.end, second.end, second.runner_id) == ("", "", None)


@PATCH
@WHEN
@pytest.mark.parametrize("seconds", [0, 40], ids=["idle", "with a job"])
def test_down_killed_at_any_call_is_finished_by_the_next_down(
    can_disable: bool, when: Literal["before", "after"], seconds: float
) -> None:
    for number in call_numbers():
        world = in_service(can_disable=can_disable)
        job = world.gitea.queue(seconds=seconds) if seconds else None
        world.clock.sleep(3)
        first = world.process(die_at=(number, when))
        if not dies(first.down):
            assert number > 25
            break
        report = world.process().down()
        assert exits.code_of(report) == exits.OK, f"killed {when} {first.calls.log[-1]}: {report}"
        assert job is None or job.end == "success"
        assert_gone(world)


@PATCH
@ARRIVALS
@pytest.mark.parametrize("capacity", [1, 2])
def test_a_job_that_arrives_at_any_call_of_down_is_not_lost(can_disable: bool, arrive: Arrival, capacity: int) -> None:
    inventory = build_inventory(build_pool(capacity=capacity))
    for number in call_numbers():
        world = in_service(can_disable=can_disable, inventory=inventory)
        others = [world.gitea.queue(seconds=30) for _ in range(capacity - 1)]
        world.clock.sleep(3)
        process = world.process(inventory)
        arrived = process.calls.before(number, partial(arrive, world))
        report = process.down()
        if not arrived:
            assert number > 25
            break
        assert exits.code_of(report) == exits.OK, f"before {process.calls.log[number]}: {report}"
        world.clock.sleep(10)
        assert_nothing_lost(world)
        for job in (*others, *arrived):
            assert_succeeds(world, job)


@PATCH
@ARRIVALS
def test_a_job_that_arrives_when_down_is_killed_is_not_lost_by_the_next(can_disable: bool, arrive: Arrival) -> None:
    for number in call_numbers():
        world = in_service(can_disable=can_disable)
        if not dies(world.process(die_at=(number, "after")).down):
            break
        job = arrive(world)
        world.process().down()
        world.clock.sleep(10)
        assert_succeeds(world, job)


@PATCH
@ARRIVALS
def test_a_host_that_restarts_when_down_is_killed_does_not_lose_a_job_to_the_next_down(
    can_disable: bool, arrive: Arrival
) -> None:
    for number in call_numbers():
        world = in_service(can_disable=can_disable)
        if not dies(world.process(die_at=(number, "after")).down):
            break
        for host in world.computers.hosts.values():
            host.reset()
        world.clock.sleep(15)
        job = arrive(world)
        world.process().down()
        world.clock.sleep(10)
        assert_succeeds(world, job)


def test_a_runner_that_was_stopped_stays_down_when_its_host_restarts(any_world: FakeWorld) -> None:
    any_world.process().up()
    host = any_world.host("ci-build-1")
    stop_and_die(any_world, host)
    host.reset()
    any_world.clock.sleep(60)
    assert host.process is None


def stop_and_die(world: FakeWorld, host: FakeHost) -> None:
    """A down that is killed when the runner has just stopped."""
    for number in call_numbers():
        dies(world.process(die_at=(number, "after")).down)
        if host.process is None:
            return


def test_a_job_that_gitea_calls_running_while_its_runner_is_gone_is_told_and_the_machine_kept(
    any_world: FakeWorld,
) -> None:
    any_world.process().up()
    process = any_world.process()
    stopped = log_of_down(can_disable=any_world.gitea.can_disable).index("host.is running")
    runner = any_world.processes
    process.calls.before(stopped, lambda: lose_one(any_world, runner[0].id))
    report = process.down(wait=False)
    assert only(report).verdict is Verdict.DEFERRED
    assert only(report).text == "ci-build-1 runs job 1 (job 1 of us/app)"
    assert any_world.server_names == ["ci-build-1"]


def log_of_down(*, can_disable: bool) -> list[str]:
    """The calls of a down of one idle machine."""
    world = in_service(can_disable=can_disable)
    process = world.process()
    process.down()
    return process.calls.log


def lose_one(world: FakeWorld, runner_id: int) -> None:
    """As if the runner had died with a job on it, by somebody else's hand."""
    job = world.gitea.queue(seconds=1000)
    job.runner_id, job.started, job.end, job.ended = runner_id, world.clock.now(), "lost", world.clock.now()


def test_a_ghost_is_deregistered(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.process().world.cloud.delete_server(any_world.server("ci-build-1"))
    any_world.clock.sleep(120)
    assert only(any_world.process().down()).verdict is Verdict.DONE
    assert_gone(any_world)


def test_a_machine_that_does_not_answer_and_is_offline_is_removed(any_world: FakeWorld) -> None:
    any_world.process().up()
    host = any_world.host("ci-build-1")
    host.mute, host.reaches_gitea = "always", False
    any_world.clock.sleep(120)
    assert only(any_world.process().down()).verdict is Verdict.DONE
    assert_gone(any_world)


@made_once
def away(can_disable: bool) -> tuple[FakeWorld, FakeHost]:
    """A machine that neither we nor Gitea have heard of for a while; its runner goes on."""
    world = in_service(can_disable=can_disable)
    host = world.host("ci-build-1")
    host.mute, host.reaches_gitea = "always", False
    world.clock.sleep(120)
    return world, host


def comes_back(world: FakeWorld, host: FakeHost, arrive: Arrival) -> FakeJob:
    """It asks for a job in the moment in which it is there again."""
    host.mute, host.reaches_gitea = "", True
    if host.process is not None:
        world.gitea.heard_of(host.process)
    return arrive(world)


@ARRIVALS
def test_a_runner_that_was_away_and_comes_back_while_down_works_on_it_loses_no_job(arrive: Arrival) -> None:
    for number in call_numbers():
        world, host = away(can_disable=True)
        process = world.process()
        arrived = process.calls.before(number, partial(comes_back, world, host, arrive))
        process.down(wait=False)
        if not arrived:
            assert number > 10
            break
        world.clock.sleep(30)
        assert_nothing_lost(world)


@ARRIVALS
@pytest.mark.parametrize("docker", ["", "Docker gave no answer in 15 s"])
def test_where_gitea_cannot_disable_a_runner_that_is_there_again_is_not_stopped_while_it_may_get_a_job(
    arrive: Arrival, docker: str
) -> None:
    """Nor is it passed by as stopped, where its Docker does not say."""
    world, host = away(can_disable=False)
    host.docker_trouble = docker
    process = world.process()
    looks = itertools.count()

    def probe(*arguments: Any) -> HostFacts:
        if next(looks) == 1:  # the look of the step that stops the runner
            comes_back(world, host, arrive)
        return real(*arguments)

    real = probe_module.probe
    with pytest.MonkeyPatch.context() as patch:
        host.mute = ""
        patch.setattr(work_module, "probe", probe)
        report = process.down(wait=False)
    assert only(report).verdict is Verdict.DEFERRED
    world.clock.sleep(30)
    assert_nothing_lost(world)


def test_a_machine_whose_docker_does_not_answer_can_leave(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.host("ci-build-1").docker_trouble = "Docker gave no answer in 15 s"
    assert only(any_world.process().down()).verdict is Verdict.DONE
    assert_gone(any_world)


def test_a_machine_that_does_not_answer_but_is_online_is_kept(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.host("ci-build-1").mute = "always"
    any_world.clock.sleep(30)
    report = any_world.process().down()
    assert only(report).verdict is Verdict.FAILED
    assert exits.code_of(report) == exits.FAILED
    assert any_world.server_names == ["ci-build-1"]


def test_by_force_it_is_removed_where_gitea_gives_it_no_job_any_more(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.host("ci-build-1").mute = "always"
    any_world.clock.sleep(30)
    outcome = only(by_force(any_world.process()))
    if any_world.gitea.can_disable:
        assert outcome.verdict is Verdict.DONE
        assert_gone(any_world)
    else:
        assert outcome.verdict is Verdict.FAILED
        assert any_world.server_names == ["ci-build-1"]


@PATCH
@ARRIVALS
def test_a_job_that_comes_while_a_silent_host_is_passed_by_is_not_lost(can_disable: bool, arrive: Arrival) -> None:
    for number in call_numbers():
        world = in_service(can_disable=can_disable)
        world.host("ci-build-1").mute = "always"
        process = world.process()
        jobs = process.calls.before(number, partial(arrive, world))
        by_force(process)
        if not jobs:
            assert number > 10
            break
        world.clock.sleep(60)
        assert_nothing_lost(world)


def by_force(process: Process) -> Report:
    """``fleet down --force``, of which a look has told that no job dies."""
    seen = observe(process.world)
    return process.go_down(plan_down(process.world.inventory, seen, process.world.catalog, force=True), seen)


def test_a_server_without_a_readable_host_key_can_be_removed_as_its_hint_says(any_world: FakeWorld) -> None:
    any_world.process().up()
    host = any_world.host("ci-build-1")
    any_world.process().world.cloud.set_tags(any_world.server("ci-build-1").id, {"hostkey": None})
    host.reaches_gitea = False
    any_world.clock.sleep(120)
    assert only(any_world.process().down("ci-build-1")).verdict is Verdict.DONE
    assert any_world.server_names == []


def test_a_held_machine_is_kept(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.process().world.cloud.set_tags(any_world.server("ci-build-1").id, {"held": "ann"})
    process = any_world.process()
    assert only(process.down()).verdict is Verdict.KEPT
    assert any_world.server_names == ["ci-build-1"]


def test_a_server_that_got_another_name_meanwhile_is_not_deleted(any_world: FakeWorld) -> None:
    any_world.process().up()
    process = any_world.process()
    last = log_of_down(can_disable=any_world.gitea.can_disable).index("cloud.server")
    server = any_world.server("ci-build-1")
    renamed = replace(server, name="web-1")
    process.calls.before(last, lambda: any_world.project.servers.update({server.id: renamed}))
    assert only(process.down("ci-build-1")).verdict is Verdict.FAILED
    assert any_world.server_names == ["web-1"]


def test_a_connection_that_breaks_while_down_waits_is_opened_again(any_world: FakeWorld) -> None:
    any_world.process().up()
    job = any_world.gitea.queue(seconds=100)
    any_world.clock.sleep(20)
    process = any_world.process()
    host = any_world.host("ci-build-1")
    process.calls.before(20, lambda: setattr(host, "boots", host.boots + 1))
    assert only(process.down()).verdict is Verdict.DONE
    assert job.end == "success"
    assert_gone(any_world)
