"""``fleet rotate sshkey``: each machine lets in a key that the operator has, always; in the end, the new one alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.cli import exits, rotate_key
from fleet.core.names import Tag
from fleet.core.ssh_key import fingerprint, sshkey_tag
from fleet.edges.own_key import OwnKey
from fleet.edges.ssh_keys import OperatorKey
from tests.engine.checks import assert_in_service, assert_nothing_lost, call_numbers, dies
from tests.fakes.calls import Killed, Moment
from tests.fakes.host import LOGIN_FILES
from tests.fakes.hosts import FakeHosts
from tests.fakes.world import STACK, FakeWorld, Process, build_inventory, build_pool, run_changes

TWO = build_inventory(build_pool(least=2))
MACHINES = ("ci-build-1", "ci-build-2")


class Operator:
    """Somebody with the fleet's own key in a folder, at whose computer commands are typed and killed."""

    def __init__(self, world: FakeWorld, folder: Path) -> None:
        self.world = world
        self.own = OwnKey(folder / "ci.ed25519")
        OperatorKey(self.own.path, own=True).public_line()
        self.first = self.key()

    def key(self) -> str:
        """The key in use, as it is in the file now."""
        return self.own.current().public_line()

    def keys(self) -> tuple[str, ...]:
        """What a new process logs in with."""
        return (self.key(), *([self.own.former().public_line()] if self.own._old.exists() else []))

    def process(self, die_at: Moment | None = None) -> Process:
        self.world.operator_keys = self.keys()
        return self.world.process(TWO, die_at=die_at)

    def rotate(self, die_at: Moment | None = None) -> int:
        """``fleet rotate sshkey``."""
        process = self.process(die_at)

        def hosts(*keys: str) -> FakeHosts:
            return FakeHosts(self.world.computers, STACK, process.calls, *keys)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(rotate_key, "own_key", lambda _: self.own)
            patch.setattr(rotate_key, "only_with", lambda key: hosts(key.public_line()))
            patch.setattr(rotate_key, "open_hosts", lambda _: hosts(*self.keys()))
            return rotate_key._own(process.world, process.events.append)

    def can_log_in(self, name: str) -> bool:
        host = self.world.host(name)
        return any(host.lets_in(key) for key in self.keys())


@pytest.fixture(autouse=True)
def no_threads_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.engine.key_rotation.apply", run_changes)


@pytest.fixture
def operator(world: FakeWorld, tmp_path: Path) -> Operator:
    """Two machines are in service, made with the first key."""
    operator = Operator(world, tmp_path)
    operator.process().up()
    world.clock.sleep(60)
    return operator


def lets_in(operator: Operator, name: str) -> set[str]:
    """The keys in the file that cloud-init has written."""
    text = operator.world.host(name).disk.files[LOGIN_FILES[0]]
    return {fingerprint(line) for line in text.splitlines()}


def assert_only_the_new_one(operator: Operator, *names: str) -> None:
    """The operator has one key, another than the first, and it alone opens these machines and new ones."""
    assert operator.key() != operator.first
    assert not operator.own.unfinished
    assert [path.name for path in sorted(operator.own.path.parent.iterdir())] == ["ci.ed25519", "ci.ed25519.pub"]
    assert (operator.own.path.parent / "ci.ed25519.pub").read_text().split() == operator.key().split()
    for name in names:
        assert lets_in(operator, name) == {fingerprint(operator.key())}
        assert operator.world.server(name).tags[Tag.SSHKEY] == sshkey_tag(operator.key())
    assert list(operator.world.project.key_lines.values()) == [operator.key()]


def test_a_new_key_takes_over_on_all_machines_and_the_old_one_opens_none(operator: Operator) -> None:
    assert operator.rotate() == exits.OK
    assert_only_the_new_one(operator, *MACHINES)
    assert operator.process().up().any() is False
    assert_in_service(operator.world, *MACHINES)


def test_jobs_go_on_meanwhile(operator: Operator) -> None:
    jobs = [operator.world.gitea.queue(seconds=300) for _ in MACHINES]
    operator.world.clock.sleep(20)
    assert operator.rotate() == exits.OK
    operator.world.clock.sleep(400)
    assert [job.end for job in jobs] == ["success"] * 2
    assert_nothing_lost(operator.world)


def test_lines_of_others_stay_where_they_are(operator: Operator) -> None:
    ann = "ssh-ed25519 BBBB ann@laptop"
    files = operator.world.host("ci-build-1").disk.files
    files[LOGIN_FILES[0]] += f"{ann}\n"
    operator.rotate()
    assert lets_in(operator, "ci-build-1") == {fingerprint(operator.key()), fingerprint(ann)}


def test_the_old_key_goes_nowhere_before_the_new_one_is_proven_everywhere(operator: Operator) -> None:
    """The second machine's sshd does not read the file: the first one must not lose the old key for it."""
    stubborn = operator.world.host("ci-build-2")
    usual = stubborn.lets_in
    stubborn.lets_in = lambda key: usual(key) and key == operator.first  # type: ignore[method-assign]
    assert operator.rotate() == exits.FAILED
    assert operator.key() == operator.first
    assert fingerprint(operator.first) in lets_in(operator, "ci-build-1")
    stubborn.lets_in = usual  # type: ignore[method-assign]
    assert operator.rotate() == exits.OK
    assert_only_the_new_one(operator, *MACHINES)


def test_a_machine_that_does_not_answer_keeps_the_old_key_until_a_later_rotation(operator: Operator) -> None:
    silent = operator.world.host("ci-build-2")
    silent.mute = "always"
    assert operator.rotate() == exits.FAILED
    assert operator.key() != operator.first
    assert lets_in(operator, "ci-build-1") == {fingerprint(operator.key())}
    assert lets_in(operator, "ci-build-2") == {fingerprint(operator.first)}
    assert operator.own.former().public_line() == operator.first
    assert operator.own._old.stat().st_mode & 0o777 == 0o600

    new = operator.key()
    silent.mute = ""
    assert operator.process().up().outcomes[1].text == "online, idle, as wanted", "it is reached by the old key"
    assert operator.rotate() == exits.OK
    assert operator.key() == new, "it went on, and did not begin anew"
    assert_only_the_new_one(operator, *MACHINES)


def test_nothing_is_changed_when_no_machine_answers(operator: Operator) -> None:
    for name in MACHINES:
        operator.world.host(name).mute = "always"
    assert operator.rotate() == exits.FAILED
    assert operator.key() == operator.first


def test_a_machine_that_a_person_holds_is_not_touched(operator: Operator) -> None:
    number = operator.world.server("ci-build-2").id
    operator.process().world.cloud.set_tags(number, {Tag.HELD: "person"})
    assert operator.rotate() == exits.FAILED
    assert lets_in(operator, "ci-build-2") == {fingerprint(operator.first)}
    assert operator.can_log_in("ci-build-2")


def test_without_machines_the_key_is_just_another_one(world: FakeWorld, tmp_path: Path) -> None:
    operator = Operator(world, tmp_path)
    assert operator.rotate() == exits.OK
    assert operator.key() != operator.first
    assert not operator.own.unfinished


def test_the_key_of_a_person_at_hetzner_is_left_there(operator: Operator) -> None:
    (key,) = operator.world.project.keys
    operator.world.project.keys[key] = {}
    operator.rotate()
    assert operator.first in operator.world.project.key_lines.values()


@pytest.mark.thorough
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_call_each_machine_can_be_logged_into_and_the_next_run_ends_it(
    when: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for number in call_numbers():
        operator = fresh(tmp_path_factory.mktemp("operator"))
        died = dies(lambda at=(number, when), of=operator: of.rotate(at))  # type: ignore[misc]
        assert all(operator.can_log_in(name) for name in MACHINES)
        assert operator.rotate() == exits.OK
        if died:
            settled = operator.key() != operator.first
            assert settled, f"killed {when} call {number}"
        assert_only_the_new_one(operator, *MACHINES)
        if not died:
            return


FILE_CALLS = ("os.link", "pathlib.Path.replace", "pathlib.Path.unlink", "pathlib.Path.chmod")


@pytest.mark.parametrize("call", FILE_CALLS)
@pytest.mark.parametrize("nth", range(6))
def test_killed_between_two_files_the_next_run_ends_it(
    call: str, nth: int, operator: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        counted: Iterator[int] = iter(range(100))
        usual = {"os.link": __import__("os").link}.get(call) or getattr(Path, call.rpartition(".")[2])

        def cut(*args: object, **kwargs: object) -> object:
            if next(counted) == nth:
                raise Killed
            return usual(*args, **kwargs)

        patch.setattr(call, cut)
        dies(operator.rotate)
    assert all(operator.can_log_in(name) for name in MACHINES)
    assert operator.rotate() == exits.OK
    assert_only_the_new_one(operator, *MACHINES)


def fresh(folder: Path) -> Operator:
    operator = Operator(FakeWorld(), folder)
    operator.process().up()
    operator.world.clock.sleep(60)
    return operator
