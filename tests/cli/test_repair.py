"""``fleet repair``: what it shows, asks and refuses, and that it makes nothing."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fleet.cli import repair
from fleet.cli.exits import FAILED, OK, UNTOUCHED
from fleet.core.names import Tag
from fleet.engine.world import World
from tests.cli.terminal import typed
from tests.engine.checks import assert_in_service, in_service
from tests.fakes.world import FakeWorld, run_changes

NAME = "ci-build-1"


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> FakeWorld:
    """A machine whose runner has been stopped by somebody."""
    outside = in_service()
    outside.host(NAME).terminate()
    outside.clock.sleep(120)

    @contextmanager
    def opened(_: str | None) -> Iterator[World]:
        yield outside.process().world

    monkeypatch.setattr(repair, "open_world", opened)
    monkeypatch.setattr(repair, "apply", run_changes)
    return outside


def test_without_a_terminal_the_plan_is_shown_and_nothing_is_touched(world: FakeWorld) -> None:
    before = world.server(NAME)
    result = typed("repair")
    assert result.exit_code == UNTOUCHED
    assert "next is a restart of its runner" in " ".join(result.stderr.split())
    assert "Repair 1 machine of fleet ci?" in result.stderr
    assert "add --yes" in result.stderr
    assert world.server(NAME) == before


def test_what_is_broken_is_repaired_and_typed_again_there_is_nothing_to_do(world: FakeWorld) -> None:
    result = typed("repair", NAME, "--yes")
    assert (result.exit_code, "repaired" in result.stdout) == (OK, True)
    assert_in_service(world, NAME)
    again = typed("repair", "build")
    assert (again.exit_code, "online, idle, as wanted" in again.stdout) == (OK, True)


def test_what_does_not_help_is_a_failure_and_the_next_word_tries_the_next_thing(world: FakeWorld) -> None:
    world.host(NAME).deaf = "register"
    assert typed("repair", "--yes").exit_code == FAILED
    assert world.server(NAME).tags[Tag.REPAIR].startswith("restart.")
    assert typed("repair", "--yes").exit_code == OK
    assert world.server(NAME).tags[Tag.REPAIR].startswith("register.")
    assert_in_service(world, NAME)


def test_the_answer_as_json_is_alone_on_standard_output(world: FakeWorld) -> None:
    result = typed("repair", "--yes", "--json")
    (machine,) = json.loads(result.stdout)["machines"]
    assert (machine["machine"], machine["verdict"]) == (NAME, "done")
    assert result.stderr == ""
    assert_in_service(world, NAME)


def test_a_name_that_is_not_there_is_refused(world: FakeWorld) -> None:
    result = typed("repair", "ci-build-9", "--yes")
    assert (result.exit_code, "there is no machine or pool ci-build-9" in result.stderr) == (UNTOUCHED, True)
    assert world.host(NAME).process is None


def test_nothing_is_made(world: FakeWorld) -> None:
    world.process().down()
    result = typed("repair", "--yes")
    assert (result.exit_code, world.server_names) == (OK, [])
    assert "no machines" in result.stdout
