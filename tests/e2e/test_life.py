"""The main job, on plain Debian servers: up, a job, status, up again, down; and then nothing is left."""

from pathlib import Path

import pytest

from fleet.lab import life, look
from tests.e2e.keyboard import Person, Typed, lab_up, server_containers

pytestmark = pytest.mark.e2e


def _ok(typed: Typed) -> Typed:
    assert typed.code == 0, typed.said
    return typed


def test_the_whole_life_of_a_fleet_leaves_nothing_behind(tmp_path: Path) -> None:
    person = Person(tmp_path)
    with lab_up(person) as lab:
        env = lab.env()
        assert "create" in _ok(person.type("plan", env=env)).out
        assert person.type("plan", "--check", env=env).code == 3
        up = _ok(person.type("up", "--yes", "--json", env=env)).json
        assert {one["verdict"] for one in up["machines"]} == {"done"}
        assert {"create server", "set up", "register"} <= up["machines"][0]["stages"].keys()

        assert "Job succeeded" in _ok(person.type("lab", "job", "--name", lab.name, env=env)).out

        status = _ok(person.type("status", "--json", "--check", env=env)).json
        assert [one["phase"] for one in status["machines"]] == ["idle", "idle"]
        found = [one for one in status["findings"] if one["trouble"] != "load"]  # which is the whole computer's
        assert found == []

        again = _ok(person.type("up", "--json", env=env)).json
        assert [one["verdict"] for one in again["machines"]] == ["kept", "kept"]

        _ok(person.type("down", "--yes", env=env))
        assert not any(look.everything(lab).values())
        assert server_containers(lab) == []
    assert not any(life.leftovers(lab.name).values())
    assert not life.is_alive(lab)
    assert not Path(lab.folder).exists()
