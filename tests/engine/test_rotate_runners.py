"""``fleet rotate runners``: other credentials for each runner, one machine after the other, and no job is lost."""

import json
from functools import partial

import pytest

from fleet.cli import exits, rotate
from fleet.core.errors import GiteaError
from fleet.core.machine import join
from fleet.core.names import Tag
from fleet.core.report import Outcome, Report, Verdict
from fleet.core.rotation import plan_renewals
from fleet.engine.observe import observe
from tests.engine.checks import assert_in_service, assert_nothing_lost, call_numbers, dies, in_service
from tests.fakes.host import RUNNER_FILE
from tests.fakes.world import FakeWorld, Process, build_inventory, build_pool, run_changes

TWO = build_inventory(build_pool(least=2))
MACHINES = ("ci-build-1", "ci-build-2")


@pytest.fixture(autouse=True)
def no_threads_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.cli.rotate.apply", run_changes)


def renew(process: Process, *, wait: bool = True) -> Report:
    """``fleet rotate runners``."""
    world = process.world
    rows = join(world.inventory, observe(world))
    return rotate._one_by_one(world, plan_renewals(rows, wait=wait), rows, process.events.append, wait=wait)


def credentials(world: FakeWorld) -> dict[str, tuple[int, str]]:
    """Who each machine's runner is: its id and its token."""
    files = {name: json.loads(world.host(name).disk.files[RUNNER_FILE]) for name in MACHINES}
    return {name: (data["id"], data["token"]) for name, data in files.items()}


def assert_all_new(world: FakeWorld, old: dict[str, tuple[int, str]]) -> None:
    """Other ids, other tokens, and nothing that knows the old ones is anybody any more."""
    new = credentials(world)
    for name in MACHINES:
        assert new[name][0] != old[name][0]
        assert new[name][1] != old[name][1]
    assert {number for number, _ in old.values()} & world.gitea.records.keys() == set()
    assert_in_service(world, *MACHINES)


def verdicts(report: Report) -> list[Verdict]:
    return [one.verdict for one in report.outcomes]


@pytest.mark.parametrize("can_disable", [True, False])
def test_each_runner_gets_other_credentials_and_the_old_record_goes(can_disable: bool) -> None:
    world = in_service(can_disable=can_disable, inventory=TWO)
    old = credentials(world)
    assert verdicts(renew(world.process(TWO))) == [Verdict.DONE] * 2
    assert_all_new(world, old)


def test_one_machine_after_the_other_so_that_jobs_find_the_rest(world: FakeWorld) -> None:
    world = in_service(inventory=TWO)
    process = world.process(TWO)
    renew(process)
    steps = [(event.machine, event.step) for event in process.events if event.step]
    assert [machine for machine, _ in steps] == sorted(machine for machine, _ in steps)


def test_a_busy_machine_comes_last_and_its_job_ends_first() -> None:
    world = in_service(inventory=TWO)
    old = credentials(world)
    job = world.gitea.queue(seconds=300)
    world.clock.sleep(20)
    busy = next(record.name for record in world.gitea.records.values() if record.id == job.runner_id)
    report = renew(world.process(TWO))
    assert [one.machine for one in report.outcomes][-1] == busy
    assert verdicts(report) == [Verdict.DONE] * 2
    assert job.end == "success"
    assert_all_new(world, old)


def test_without_waiting_a_busy_machine_is_not_touched_and_told() -> None:
    world = in_service(inventory=TWO)
    job = world.gitea.queue(seconds=300)
    world.clock.sleep(20)
    busy = next(record.name for record in world.gitea.records.values() if record.id == job.runner_id)
    old = credentials(world)
    report = renew(world.process(TWO), wait=False)
    last = report.outcomes[-1]
    assert (last.machine, last.verdict, last.hint) == (busy, Verdict.KEPT, f"fleet rotate runners {busy}")
    assert credentials(world)[busy] == old[busy]
    assert Tag.DRAINING not in world.server(busy).tags
    assert job.end == ""
    assert exits.code_of(report) == exits.OK


def test_after_a_failure_the_others_are_left_as_they_are() -> None:
    world = in_service(inventory=TWO)
    old = credentials(world)
    process = world.process(TWO)
    process.calls.fail_next("gitea.register", GiteaError("could not register: HTTP 500"))
    report = renew(process)
    assert verdicts(report) == [Verdict.FAILED, Verdict.KEPT]
    assert report.outcomes[1].text == "not begun: ci-build-1 failed first"
    assert credentials(world)["ci-build-2"] == old["ci-build-2"]
    world.process(TWO).up()
    assert_in_service(world, *MACHINES)


def one(world: FakeWorld, *, name: str = "ci-build-2") -> Outcome:
    return next(one for one in renew(world.process(TWO)).outcomes if one.machine == name)


def test_a_host_that_does_not_answer_keeps_its_credentials_and_is_told() -> None:
    world = in_service(inventory=TWO)
    old = credentials(world)
    world.host("ci-build-2").mute = "always"
    outcome = one(world)
    assert outcome.verdict is Verdict.KEPT
    assert "keeps its credentials" in outcome.text
    assert outcome.hint == "fleet rotate runners ci-build-2, when it answers"
    assert credentials(world)["ci-build-2"] == old["ci-build-2"]


@pytest.mark.parametrize("mark", [{Tag.HELD: "person"}, {Tag.DRAINING: "person.1"}])
def test_a_machine_that_a_person_keeps_from_work_is_not_put_to_work(mark: dict[str, str]) -> None:
    world = in_service(inventory=TWO)
    old = credentials(world)
    world.process(TWO).world.cloud.set_tags(world.server("ci-build-2").id, mark)
    outcome = one(world)
    assert (outcome.verdict, bool(outcome.hint)) == (Verdict.KEPT, True)
    assert credentials(world)["ci-build-2"] == old["ci-build-2"]


@pytest.mark.thorough
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("can_disable", [True, False])
def test_killed_at_any_call_the_next_run_ends_it(when: str, can_disable: bool) -> None:
    for number in call_numbers():
        world = in_service(can_disable=can_disable, inventory=TWO)
        old = credentials(world)
        died = dies(partial(renew, world.process(TWO, die_at=(number, when))))  # type: ignore[arg-type]
        world.clock.sleep(90)  # what was stopped is offline by now
        renew(world.process(TWO))
        world.process(TWO).up()
        assert_all_new(world, old)
        if not died:
            return


@pytest.mark.thorough
@pytest.mark.parametrize("can_disable", [True, False])
def test_a_job_that_comes_at_any_moment_is_not_lost(can_disable: bool) -> None:
    for number in call_numbers():
        world = in_service(can_disable=can_disable, inventory=TWO)
        process = world.process(TWO)
        jobs = process.calls.before(number, partial(world.gitea.queue, seconds=30))
        renew(process)
        world.clock.sleep(60)
        assert_nothing_lost(world)
        if not jobs:
            return
        assert jobs[0].end == "success", f"before call {number}"
