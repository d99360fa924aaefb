"""The ladder of repair in the simulated world: what helps is found, nothing is tried twice, nobody's job is lost."""

from typing import Literal

import pytest

from fleet.core.names import Tag
from fleet.core.report import Verdict
from fleet.core.rungs import Rung, tried_tag
from tests.engine.checks import (
    assert_gone,
    assert_in_service,
    assert_nothing_lost,
    call_numbers,
    dies,
    in_service,
    made_once,
    only,
)
from tests.engine.test_down import PATCH, WHEN
from tests.fakes.gitea import ZOMBIE
from tests.fakes.host import CURES
from tests.fakes.world import FakeWorld, build_inventory, build_pool

pytestmark = pytest.mark.thorough

NAME = "ci-build-1"
PERIOD = 300
HARD = ("cloud.reset_server", "cloud.rebuild_server", "cloud.create_server")


@made_once
def deaf(until: str, *, can_disable: bool = True, tried: Rung | None = None) -> FakeWorld:
    """A machine in service whose runner does not reach Gitea any more; perhaps an hour after something was tried."""
    world = in_service(can_disable=can_disable)
    world.host(NAME).deaf = until
    if tried is not None:
        world.process().world.cloud.set_tags(world.server(NAME).id, tried_tag(tried, world.project.time()))
    world.clock.sleep(3600)
    return world


def passes(world: FakeWorld, minutes: int) -> list[str]:
    """A pass every five minutes, and what they did to servers."""
    done: list[str] = []
    for _ in range(0, minutes, 5):
        process = world.process()
        process.scale()
        done += [call for call in process.calls.log if call in HARD]
        world.clock.sleep(PERIOD)
    return done


@pytest.mark.parametrize("until", CURES)
def test_a_runner_that_does_not_come_online_is_repaired_by_what_helps_and_by_nothing_harder(
    any_world: FakeWorld, until: str
) -> None:
    world = any_world
    world.process().up()
    world.clock.sleep(60)
    world.host(NAME).deaf = until
    world.clock.sleep(120)
    done = passes(world, 75)
    assert done == {"reset": ["cloud.reset_server"], "rebuild": ["cloud.reset_server", "cloud.rebuild_server"]}.get(
        until, []
    )
    assert_in_service(world, NAME)
    assert Tag.REPAIR not in world.server(NAME).tags


def test_at_the_end_of_the_ladder_a_person_is_told_and_nothing_is_tried_or_bought_any_more() -> None:
    world = deaf("always")
    assert passes(world, 90) == ["cloud.reset_server", "cloud.rebuild_server"]
    process = world.process()
    outcome = only(process.scale())
    assert outcome.verdict is Verdict.REFUSED
    assert "a hard reset and a rebuild" in outcome.text
    assert set(process.calls.changes) <= {"cloud.ensure_firewall", "cloud.set_firewall_tags"}
    assert world.project.created == [NAME]
    world.process().down()
    assert_gone(world)


def test_a_person_climbs_one_rung_with_each_word_and_begins_anew_after_the_last() -> None:
    world = deaf("always")
    done = []
    for _ in range(5):
        process = world.process()
        assert only(process.repair(NAME)).verdict is Verdict.FAILED
        done.append([call for call in process.calls.log if call in HARD])
    assert done == [[], [], ["cloud.reset_server"], ["cloud.rebuild_server"], []]
    assert world.server(NAME).tags[Tag.REPAIR].startswith("restart.")
    world.host(NAME).deaf = ""
    world.process().repair(NAME)
    assert_in_service(world, NAME)


@pytest.mark.parametrize("before", [None, Rung.RESTART])
def test_a_job_that_comes_in_the_middle_ends_well_and_the_rung_is_not_used_up(before: Rung | None) -> None:
    for number in call_numbers():
        world = deaf("always", tried=before)
        process = world.process()

        def job(world: FakeWorld = world) -> None:
            world.host(NAME).deaf = ""
            world.gitea.queue(seconds=200)
            world.clock.sleep(3)

        process.calls.before(number, job)
        process.repair(NAME)
        if len(process.calls.log) <= number:
            break
        passes(world, 60)
        assert [one.end for one in world.gitea.jobs] == ["success"], f"call {number}"
        assert_in_service(world, NAME)


@PATCH
@WHEN
@pytest.mark.parametrize("rung", [Rung.RESTART, Rung.REGISTER, Rung.RESET, Rung.REBUILD])
def test_a_repair_killed_at_any_call_is_ended_by_the_passes_that_follow(
    rung: Rung, can_disable: bool, when: Literal["before", "after"]
) -> None:
    before = {Rung.RESTART: None, Rung.REGISTER: Rung.RESTART, Rung.RESET: Rung.REGISTER, Rung.REBUILD: Rung.RESET}
    for number in call_numbers():
        world = deaf(str(rung), can_disable=can_disable, tried=before[rung])
        killed = dies(world.process(die_at=(number, when)).scale)
        passes(world, 60)
        if not _told_of_its_key(world):
            assert_in_service(world, NAME)
        if not killed:
            break


def _told_of_its_key(world: FakeWorld) -> bool:
    """Killed between the new key's tag and the rebuild: the old system answers, which is told and never trusted."""
    outcome = only(world.process().scale())
    return outcome.verdict is Verdict.REFUSED and outcome.text == f"{NAME} has another host key"


def test_a_full_disk_is_cleaned_at_once_and_a_job_that_comes_meanwhile_ends_well() -> None:
    world = in_service()
    world.host(NAME).full = True
    world.gitea.queue(seconds=600)
    world.clock.sleep(60)
    assert "host.clean" not in pass_calls(world)
    world.clock.sleep(600)
    assert pass_calls(world).count("host.clean") == 1
    assert "host.clean" not in pass_calls(world)
    assert_in_service(world, NAME)


def pass_calls(world: FakeWorld) -> list[str]:
    """What one pass calls."""
    process = world.process()
    process.scale()
    return process.calls.log


@PATCH
@WHEN
def test_a_reboot_that_an_update_asks_for_is_done_once_wherever_it_is_killed(
    can_disable: bool, when: Literal["before", "after"]
) -> None:
    for number in call_numbers():
        world = in_service(can_disable=can_disable)
        world.host(NAME).asks_for_reboot = True
        killed = dies(world.process(die_at=(number, when)).scale)
        passes(world, 60)
        assert world.host(NAME).boots == 2, f"call {number}"
        assert_in_service(world, NAME)
        assert Tag.REPAIR not in world.server(NAME).tags
        if not killed:
            break


def test_a_job_that_comes_before_a_reboot_ends_well_first() -> None:
    for number in call_numbers():
        world = in_service()
        world.host(NAME).asks_for_reboot = True
        process = world.process()
        process.calls.before(number, lambda world=world: (world.gitea.queue(seconds=200), world.clock.sleep(3)))  # type: ignore[misc]  # fmt: skip
        process.scale()
        if len(process.calls.log) <= number:
            break
        passes(world, 30)
        assert [one.end for one in world.gitea.jobs] == ["success"], f"call {number}"
        assert world.host(NAME).boots == 2
        assert_nothing_lost(world)


def test_nothing_is_bought_while_something_is_left_to_be_tried() -> None:
    world = deaf("always")
    job = world.gitea.queue(seconds=60)
    assert passes(world, 40) == ["cloud.reset_server", "cloud.rebuild_server"]
    assert "cloud.create_server" in passes(world, 60)
    assert job.end == "success"


def test_two_who_repair_at_once_climb_one_rung() -> None:
    for number in call_numbers():
        world = deaf("register")
        process, second = world.process(), world.process()
        process.calls.before(number, lambda second=second: second.scale())  # type: ignore[misc]
        process.scale()
        if len(process.calls.log) <= number:
            break
        tag = world.server(NAME).tags[Tag.REPAIR]
        assert tag.startswith("restart."), f"call {number}: {tag}"
        passes(world, 60)
        assert_in_service(world, NAME)


def test_a_machine_that_is_held_in_the_middle_is_not_reset() -> None:
    for number in call_numbers():
        world = deaf("always", tried=Rung.REGISTER)
        process = world.process()

        def hold(world: FakeWorld = world) -> None:
            world.process().world.cloud.set_tags(world.server(NAME).id, {Tag.HELD: "person"})

        process.calls.before(number, hold)
        process.scale()
        log = process.calls.log
        if len(log) <= number:
            break
        looks = [at for at, call in enumerate(log) if call == "cloud.server"]
        assert "cloud.reset_server" not in log or number >= looks[-1]
        world.host(NAME).deaf = ""
        assert_nothing_lost(world)


def test_no_machine_is_made_anew_while_gitea_hears_of_none() -> None:
    world = in_service(inventory=(two := build_inventory(build_pool(least=2))))
    for name in world.server_names:
        world.host(name).deaf = "rebuild"
    world.clock.sleep(120)
    for _ in range(30):
        process = world.process(two)
        process.scale()
        assert not set(HARD) & set(process.calls.log)
        world.clock.sleep(PERIOD)


def test_a_runner_that_lived_through_a_stop_of_docker_gets_its_new_socket_in_the_same_repair(
    any_world: FakeWorld,
) -> None:
    any_world.process().up()
    any_world.host(NAME).stop_docker()
    assert only(any_world.process().up()).verdict is Verdict.DONE
    assert not any_world.host(NAME).socket_lost
    assert_in_service(any_world, NAME)
    assert only(any_world.process().up()).text == "online, idle, as wanted"


def test_a_runner_that_could_not_be_stopped_for_want_of_docker_gets_jobs_again(any_world: FakeWorld) -> None:
    any_world.process().up()
    host = any_world.host(NAME)
    host.stop_docker()
    assert host.disk.container is not None
    host.disk.container.socket_lost = False
    assert only(any_world.process().up()).verdict is Verdict.DONE
    job = any_world.gitea.queue(seconds=10)
    any_world.clock.sleep(60)
    assert job.end == "success"


@pytest.mark.parametrize("came_back", [True, False])
def test_what_a_killed_runner_left_running_neither_keeps_the_machine_nor_stays(
    any_world: FakeWorld, came_back: bool
) -> None:
    any_world.process().up()
    any_world.gitea.queue(seconds=300)
    any_world.clock.sleep(20)
    host = any_world.host(NAME)
    host.crash(comes_back=came_back)
    assert only(any_world.process().up()).verdict is Verdict.KEPT, "for Gitea the job runs"
    any_world.clock.sleep(ZOMBIE)
    assert only(any_world.process().up()).verdict is Verdict.DONE
    assert host.left_tasks == ()
    assert only(any_world.process().up()).text == "online, idle, as wanted"


def test_what_a_killed_runner_left_running_does_not_keep_a_machine_from_leaving(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.host(NAME).left_tasks = ("GITEA-ACTIONS-TASK-1-WORKFLOW-ci",)
    assert only(any_world.process().down()).verdict is Verdict.DONE
    assert_gone(any_world)
