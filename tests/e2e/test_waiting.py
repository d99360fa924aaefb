"""A Gitea that cannot disable runners: ``down`` all the same waits for the job, and lets no new one begin."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.lab.place import Lab
from tests.e2e.keyboard import Person, lab_up, new_fleet, soon, step_of

pytestmark = pytest.mark.e2e


@pytest.fixture
def old_gitea(tmp_path: Path) -> Iterator[Lab]:
    with lab_up(Person(tmp_path), "--no-patch") as lab:
        yield lab


def test_down_waits_for_the_job_and_the_leaving_runner_gets_no_other(tmp_path: Path, old_gitea: Lab) -> None:
    fleet = new_fleet(Person(tmp_path), old_gitea, pool="capacity = 2")
    fleet.must("up", "--yes")
    first = fleet.push("sleep 20")
    soon(lambda: first.word() == "in_progress")

    with fleet.start("down", "--yes") as down:
        assert down.stderr is not None
        story = iter(down.stderr.readline, "")
        assert any(step_of(line) == "look for jobs" for line in story), "cordoned"
        second = fleet.push("echo not here")
        assert soon(lambda: second.word()) in {"queued", "waiting"}
        out, rest = down.communicate(timeout=120)

    assert down.returncode == 0, out + rest
    assert "(try" in rest, "down names the job it waits for"
    assert first.word() == "success"
    assert second.word() == "queued"
    assert not second.seen().get("runner_id")
    assert fleet.left() == []
