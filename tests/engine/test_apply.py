"""The engine with its own threads: one machine's failure is that machine's row."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from fleet.core.errors import CloudError, Unreachable
from fleet.core.machine import join
from fleet.core.report import Verdict
from fleet.engine.apply import apply
from fleet.engine.observe import observe, without_gitea
from tests.engine.checks import assert_in_service, assert_nothing_lost
from tests.fakes.world import FakeWorld, Process, build_inventory, build_pool

MANY = build_inventory(build_pool(least=8, most=8))


def up_in_threads(process: Process) -> list[tuple[str, Verdict]]:
    """``fleet up`` as the command does it."""
    plan, machines = process.plan_up()
    report = apply(process.world, plan.changes, machines, process.events.append)
    return [(one.machine, one.verdict) for one in report.outcomes]


def test_all_machines_are_made_at_once_and_told_in_the_order_of_the_plan(world: FakeWorld) -> None:
    rows = up_in_threads(world.process(MANY))
    names = [f"ci-build-{n}" for n in range(1, 9)]
    assert rows == [(name, Verdict.DONE) for name in names]
    assert_in_service(world, *names)


def test_one_machines_failure_does_not_end_the_others(world: FakeWorld) -> None:
    process = world.process(MANY)
    process.calls.fail_next("cloud.create_server", CloudError("could not create: no"))
    verdicts = [verdict for _, verdict in up_in_threads(process)]
    assert sorted(verdicts) == [Verdict.DONE] * 7 + [Verdict.FAILED]


def test_a_fault_of_our_own_is_a_row_that_says_so(world: FakeWorld) -> None:
    process = world.process()
    process.calls.fail_next("gitea.register", KeyError("uuid"))
    plan, machines = process.plan_up()
    (outcome,) = apply(process.world, plan.changes, machines, process.events.append).outcomes
    assert outcome.verdict is Verdict.FAILED
    assert outcome.text == "fleet itself failed at 'register': KeyError: 'uuid'"


@pytest.mark.parametrize("call", ["cloud.servers", "gitea.runners", "gitea.jobs"])
def test_nothing_is_touched_when_hetzner_or_gitea_do_not_answer(world: FakeWorld, call: str) -> None:
    world.process().up()
    process = world.process()
    process.calls.fail_next(call, Unreachable("no answer"))
    with pytest.raises(Unreachable):
        process.down()
    assert process.calls.changes == []
    assert_nothing_lost(world)


@pytest.mark.parametrize(
    "call",
    [
        "cloud.set_tags",
        "gitea.set_disabled",
        "gitea.jobs",
        "gitea.runner",
        "host.probe",
        "host.stop runner",
        "gitea.delete_runner",
        "cloud.server",
        "cloud.delete_server",
    ],
)
def test_a_call_of_down_that_fails_stops_that_machine_there_and_the_next_down_goes_on(
    world: FakeWorld, call: str
) -> None:
    world.process().up()
    process = world.process()
    plan, seen = process.plan_down()
    process.calls.fail_next(call, CloudError("no"))
    process.go_down(plan, seen)
    assert world.server_names == ["ci-build-1"]
    world.process().down()
    assert world.server_names == []
    assert_nothing_lost(world)


def test_a_look_joins_what_it_saw(world: FakeWorld) -> None:
    process = world.process(MANY)
    process.up()
    seen = observe(process.world)
    assert [machine.phase.value for machine in join(MANY, seen)] == ["idle"] * 8
    assert observe(process.world, hosts=False).hosts == {}


def test_the_machines_that_a_person_wants_to_reach_are_known_while_gitea_is_away(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = world.process(MANY)
    process.up()

    def away(**_: object) -> None:
        raise Unreachable("Gitea did not answer")

    for question in ("runners", "jobs"):
        monkeypatch.setattr(process.world.gitea, question, away)
    seen = without_gitea(process.world)
    assert (seen.runners, seen.jobs, seen.hosts) == (None, None, {})
    assert [machine.server is not None for machine in join(MANY, seen)] == [True] * 8


@pytest.mark.parametrize("error", [Unreachable("Gitea did not answer"), KeyboardInterrupt()], ids=["refused", "Ctrl-C"])
def test_who_leaves_a_look_early_waits_for_no_host(
    world: FakeWorld, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    process = world.process()
    process.up()
    answers, asked = Event(), Event()
    waited: list[bool] = []

    def hangs(_: object) -> None:
        asked.set()
        waited.append(answers.wait(5))

    def fails(**_: object) -> None:
        asked.wait(30)
        raise error

    monkeypatch.setattr("fleet.engine.workers.ThreadPoolExecutor", ThreadPoolExecutor)
    monkeypatch.setattr(process.world.sessions, "get", hangs)
    monkeypatch.setattr(process.world.gitea, "jobs", fails)
    try:
        with pytest.raises(type(error)):
            observe(process.world)
        assert waited == []
    finally:
        answers.set()
