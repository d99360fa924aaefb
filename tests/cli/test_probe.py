"""``fleet probe`` on the screen: a row for each ability, and the exit code."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from fleet.cli import probe
from fleet.cli.exits import FAILED, LOCKED, OK, UNTOUCHED
from fleet.core.abilities import arguments
from fleet.core.errors import HostLocked
from fleet.core.orders import Result, Target
from tests.cli.scenes import DAY, FLEET, WANTED
from tests.cli.terminal import set_scene, typed
from tests.core.builders import STACK
from tests.core.test_abilities import GOOD


class Sessions:
    """Hosts that give this answer to the script, and to nothing else; ``locked``: somebody else has the lock."""

    def __init__(self, *, locked: bool = False, **changes: str) -> None:
        self.answer = "".join(f"{key}\t{value}\n" for key, value in {**GOOD, **changes}.items())
        self.locked = locked
        self.held = False

    def get(self, target: Target) -> SimpleNamespace:
        def run(command: str, *, stdin: bytes, timeout: float) -> Result:
            assert (command, stdin.decode()) == (f"sh -s -- {arguments(WANTED)}", STACK["abilities.sh"])
            assert self.held
            assert timeout > 0
            return Result(0, self.answer, "")

        @contextmanager
        def lock() -> Iterator[None]:
            if self.locked:
                raise HostLocked(f"another fleet works on {target.name}")
            self.held = True
            yield
            self.held = False

        return SimpleNamespace(run=run, lock=lock)


def test_each_ability_is_a_row_and_all_of_them_are_exit_0(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, probe, FLEET, DAY, sessions=Sessions())
    result = typed("probe", "ci-build-1")
    rows = [line.split()[:2] for line in result.stdout.splitlines() if line.startswith("ok ")]
    assert rows[0] == ["ok", "container"]
    assert rows[-1] == ["ok", "disk"]
    assert "jobs can do all of this on ci-build-1" in result.stdout
    assert result.exit_code == OK


def test_one_that_fails_says_what_to_type_and_is_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, probe, FLEET, DAY, sessions=Sessions(metadata_job="200|"))
    result = typed("probe", "ci-build-1")
    assert "error  metadata   containers reach the cloud's metadata" in result.stdout
    assert "-> fleet up" in result.stdout
    assert "1 error, 0 warnings" in result.stdout
    assert result.exit_code == FAILED


def test_the_json_of_a_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, probe, FLEET, DAY, sessions=Sessions(socket="no"))
    result = typed("probe", "ci-build-1", "--json")
    told = json.loads(result.stdout)
    assert told["machine"] == "ci-build-1"
    assert told["checks"][1] == {
        "area": "socket",
        "grade": "error",
        "text": "Docker's socket is not in a job's container",
        "fix": "fleet logs ci-build-1 --docker",
    }
    assert result.exit_code == FAILED


def test_a_pool_is_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, probe, FLEET, DAY, sessions=Sessions())
    result = typed("probe", "build")
    assert (result.exit_code, result.stdout) == (UNTOUCHED, "")
    assert "fleet probe ci-build-1" in result.stderr


def test_a_machine_that_another_fleet_works_on_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, probe, FLEET, DAY, sessions=Sessions(locked=True))
    result = typed("probe", "ci-build-1")
    assert result.exit_code == LOCKED
    assert "another fleet works on ci-build-1" in result.stderr
