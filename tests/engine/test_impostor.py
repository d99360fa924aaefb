"""Another host answers at a machine's address: it is never spoken to, at whatever stage it comes.

What would be sent to it (the runner's credentials, commands) is what an impostor wants; a job there may be lost by
what it says.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fleet.core.orders import Result
from fleet.core.report import Outcome, Report, Verdict
from tests.engine.checks import assert_in_service, call_numbers, in_service, only
from tests.engine.test_login import GRACE, from_birth
from tests.fakes.calls import READS
from tests.fakes.hosts import FakeSession
from tests.fakes.world import FakeWorld, Process, build_inventory, build_pool

SAYS = "ci-build-1 has another host key"


def takes_the_address(world: FakeWorld, name: str = "ci-build-1") -> None:
    """From now on, another host answers there: sessions with the true one are dead, a new one finds another key."""
    host = world.host(name)
    host.boots += 1
    host.other_key_until = float("inf")


def goes_away(world: FakeWorld, name: str = "ci-build-1") -> None:
    world.host(name).other_key_until = 0.0


def said_to_it(process: Process, since: int = 0) -> list[str]:
    """What was tried on a host after the impostor came; every session with it would be one of these."""
    return [call for call in process.calls.log[since:] if call.startswith("host.") and call not in {"host.unlock"}]


def refused(outcome: Outcome) -> bool:
    return SAYS in outcome.text and outcome.verdict in {Verdict.FAILED, Verdict.REFUSED}


def test_at_the_first_boot(world: FakeWorld) -> None:
    process = from_birth(world, lambda host: setattr(host, "other_key_until", float("inf")))
    assert refused(only(process.up()))
    assert said_to_it(process) == []


def test_when_it_is_looked_at(world: FakeWorld) -> None:
    """``plan`` and ``status``: the machine's row says it, with what may be behind it."""
    world = in_service()
    takes_the_address(world)
    process = world.process()
    plan, (machine,) = process.plan_up()
    assert SAYS in plan.changes[0].reason
    assert plan.changes[0].hint
    assert plan.todo == ()
    assert machine.facts is None
    assert said_to_it(process) == []


@pytest.mark.parametrize("can_disable", [True, False])
def test_in_the_middle_of_any_command_that_sets_a_machine_up(can_disable: bool) -> None:
    """At any call of ``up``: the session breaks, and who answers next is another. Nothing is sent to it."""
    for number in call_numbers():
        world = FakeWorld(can_disable=can_disable)
        process = world.process()
        came = process.calls.before(number, lambda of=world: _comes(of))  # type: ignore[misc]
        with _no_word_to_another(world):
            report = process.up()
        if not came:
            return
        if came == [True] and only(report).verdict is not Verdict.DONE:
            assert only(report).verdict in {Verdict.FAILED, Verdict.REFUSED}, only(report)
            goes_away(world)
            world.clock.sleep(90)
            world.process().up()
            world.clock.sleep(90)
            world.process().up()
        if came == [True]:
            goes_away(world)
            assert_in_service(world, "ci-build-1")


def _comes(world: FakeWorld) -> bool:
    """Whether there is a machine yet whose address can be taken."""
    if "ci-build-1" not in world.server_names:
        return False
    takes_the_address(world)
    return True


@contextmanager
def _no_word_to_another(world: FakeWorld) -> Iterator[None]:
    """Fails when a command goes over a session that was opened while another host answered."""
    usual = FakeSession.run

    def run(session: FakeSession, command: str, *, stdin: bytes = b"", timeout: float = 60) -> Result:
        impostor = world.clock.now() < session._host.other_key_until
        assert not impostor or session._boots != session._host.boots, f"said to another host: {command}"
        return usual(session, command, stdin=stdin, timeout=timeout)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeSession, "run", run)
        yield


def leaving(process: Process) -> Report:
    return process.down(wait=False)


@pytest.mark.parametrize("can_disable", [True, False])
def test_a_machine_that_leaves_is_not_deleted_on_the_word_of_another(can_disable: bool) -> None:
    """With a job on it: Gitea's list counts, and the impostor, which would say that it is empty, is not asked."""
    world = in_service(can_disable=can_disable)
    job = world.gitea.queue(seconds=600)
    world.clock.sleep(20)
    takes_the_address(world)
    report = leaving(world.process())
    assert only(report).verdict in {Verdict.DEFERRED, Verdict.FAILED}
    assert world.server_names == ["ci-build-1"]
    goes_away(world)
    world.clock.sleep(700)
    assert job.end == "success"


def test_a_machine_whose_runner_is_online_is_not_deleted_while_another_answers(world: FakeWorld) -> None:
    world = in_service()
    takes_the_address(world)
    report = leaving(world.process())
    assert only(report).verdict is Verdict.FAILED
    assert "its runner is online" in only(report).text
    assert world.server_names == ["ci-build-1"]


def test_in_the_middle_of_leaving(world: FakeWorld) -> None:
    """At any call of ``down``: no word to the other one, and no job is lost."""
    for number in call_numbers():
        world = in_service()
        process = world.process()
        came = process.calls.before(number, lambda of=world: _comes(of))  # type: ignore[misc]
        with _no_word_to_another(world):
            leaving(process)
        if not came:
            return
        assert world.lost_jobs == []


def test_a_rebuild_is_not_believed_before_its_own_key_answers(world: FakeWorld) -> None:
    """The new key is in the tag before the server is made anew; whoever answers with the old one is another."""
    process = from_birth(world, lambda host: setattr(host, "mute", "rebuild"))
    process.up()
    for _ in range(2):
        world.clock.sleep(GRACE)
        world.process().up()
    rebuild = world.computers.rebuild

    def and_another_answers(server_id: int, user_data: str) -> None:
        rebuild(server_id, user_data)
        takes_the_address(world)

    world.project.machinery.rebuild = and_another_answers  # type: ignore[method-assign]
    world.clock.sleep(GRACE)
    process = world.process()
    report = process.up()
    assert "cloud.rebuild_server" in process.calls.log
    assert refused(only(report))
    assert said_to_it(process) == []


def test_it_is_never_a_reason_to_reset_rebuild_or_delete(world: FakeWorld) -> None:
    world = in_service()
    takes_the_address(world)
    world.host("ci-build-1").reaches_gitea = False
    for _ in range(6):
        world.clock.sleep(GRACE)
        process = world.process()
        assert refused(only(process.up()))
        assert {call for call in process.calls.log if call not in READS} == set()


def test_other_machines_are_looked_after_meanwhile() -> None:
    two = build_inventory(build_pool(least=2))
    world = in_service(inventory=two)
    takes_the_address(world)
    world.host("ci-build-2").terminate()
    world.clock.sleep(60)
    first, second = world.process(two).up().outcomes
    assert refused(first)
    assert (second.machine, second.verdict) == ("ci-build-2", Verdict.DONE)
