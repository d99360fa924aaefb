"""The metadata guard: rules that somebody flushed are loaded again at once, whatever the machine does."""

from fleet.core.report import Verdict
from tests.engine.checks import assert_in_service, assert_nothing_lost, in_service, only
from tests.fakes.world import FakeWorld


def test_a_new_machine_is_guarded(any_world: FakeWorld) -> None:
    any_world.process().up()
    assert any_world.host("ci-build-1").guarded


def test_a_reset_brings_the_guard_back_by_itself() -> None:
    world = in_service()
    world.host("ci-build-1").reset()
    assert world.host("ci-build-1").guarded


def test_a_flushed_guard_of_an_idle_machine_is_loaded_without_a_cordon() -> None:
    world = in_service()
    world.host("ci-build-1").guarded = False
    process = world.process()
    assert only(process.up()).verdict is Verdict.DONE
    assert process.calls.changes == ["host.load guard"]
    assert_in_service(world, "ci-build-1")


def test_a_flushed_guard_of_a_busy_machine_is_loaded_and_its_job_goes_on() -> None:
    world = in_service()
    job = world.gitea.queue(seconds=300)
    world.clock.sleep(20)
    world.host("ci-build-1").guarded = False
    process = world.process()
    assert only(process.up()).verdict is Verdict.DONE
    assert process.calls.changes == ["host.load guard"]
    world.clock.sleep(300)
    assert job.end == "success"
    assert_nothing_lost(world)
