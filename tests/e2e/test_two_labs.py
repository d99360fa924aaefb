"""Labs side by side: each has its own, and one that was killed is cleaned up without touching the other."""

import os
import signal
from pathlib import Path

import pytest

from fleet.lab import life
from fleet.lab.place import Lab
from tests.e2e.keyboard import Person, lab_up, new_fleet, server_containers, soon

pytestmark = pytest.mark.e2e


def test_a_killed_lab_is_cleaned_up_and_the_other_lives_on(tmp_path: Path, lab: Lab, person: Person) -> None:
    stays = new_fleet(person, lab)
    stays.must("up", "--yes")
    with lab_up(person) as other:
        assert len({lab.hetzner, lab.gitea, lab.mirror, other.hetzner, other.gitea, other.mirror}) == 6
        assert lab.hetzner_token != other.hetzner_token
        assert lab.gitea_token != other.gitea_token
        goes = new_fleet(person, other)
        goes.must("up", "--yes")

        os.kill(other.pid, signal.SIGKILL)
        soon(lambda: not life.is_alive(other))
        assert person.type("lab", "status", "--name", other.name).code == 2
        assert len(server_containers(other)) == 1, "a killed lab leaves its servers"
        assert person.type("lab", "down", "--name", other.name).code == 0

    assert not any(life.leftovers(other.name).values())
    assert not Path(other.folder).exists()
    assert stays.must("status", "--check", "--json").json["machines"][0]["phase"] == "idle"
    stays.must("down", "--yes")
    assert stays.left() == []


def test_a_killed_lab_is_brought_up_again_by_up(person: Person) -> None:
    with lab_up(person) as first:
        os.kill(first.pid, signal.SIGKILL)
        soon(lambda: not life.is_alive(first))
        again = person.type("lab", "up", "--name", first.name)
        assert again.code == 0, again.said
        assert person.type("lab", "status", "--name", first.name).code == 0
