"""``fleet jobs`` and ``fleet exec`` on the screen."""

import json
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from rich.text import Text

from fleet.cli import exec as exec_command
from fleet.cli import jobs
from fleet.cli.exits import FAILED, OK, UNTOUCHED
from fleet.core.errors import HostSilent
from fleet.core.observation import JobState
from fleet.core.orders import Result, Target
from fleet.core.record import FailedCreates, Record
from tests.cli.scenes import CALM, DAY, FLEET
from tests.cli.terminal import golden, set_scene, trimmed, typed
from tests.core.builders import inventory, job, seen


def test_the_screen_of_running_and_waiting_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, jobs, FLEET, DAY)
    result = typed("jobs")
    assert trimmed(result.stdout) == golden("jobs.txt")
    assert result.exit_code == OK


def test_the_json_of_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, jobs, FLEET, DAY)
    assert json.loads(typed("jobs", "--json").stdout) == json.loads(golden("jobs.json"))


def test_a_calm_fleet_has_no_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, jobs, inventory(), CALM)
    assert typed("jobs").stdout == "no job runs on this fleet, and none waits\n"


def test_a_name_that_looks_like_markup_is_shown_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    marked = replace(DAY, jobs=tuple(replace(one, name="[bold]b[/foo]") for one in DAY.jobs or ()))
    set_scene(monkeypatch, jobs, FLEET, marked)
    result = typed("jobs")
    assert (result.exit_code, "[bold]b[/foo]" in result.stdout) == (OK, True)


def test_creates_that_keep_failing_are_why_a_job_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    old = DAY.at - timedelta(minutes=5)
    lone = seen(job(state=JobState.WAITING, runner_id=None, created=old, started=None), at=DAY.at)
    record = Record(failed={"build": FailedCreates(2, int(DAY.at.timestamp()) - 60)})
    set_scene(monkeypatch, jobs, inventory(), lone, record=record)
    found = [one["reason"] for one in json.loads(typed("jobs", "--json").stdout)["waiting"]]
    assert "the last 2 creates have failed in pool build: the next pass tries again" in found


class Sessions:
    """ci-build-1 answers each command with its words, ci-build-2 does not answer."""

    def get(self, target: Target) -> SimpleNamespace:
        if target.name == "ci-build-2":
            raise HostSilent("ci-build-2 does not answer on SSH")
        return SimpleNamespace(run=lambda command, timeout: Result(int(command == "false"), f"{command}\n", ""))


@pytest.fixture
def two_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, exec_command, FLEET, replace(DAY, servers=DAY.servers[:2]), sessions=Sessions())


@pytest.mark.usefixtures("two_hosts")
def test_each_hosts_answer_is_in_one_piece_and_one_that_fails_is_its_own_row() -> None:
    result = typed("exec", "build", "--", "echo", "-n", "hello")
    assert result.stdout == "ci-build-1\n  echo -n hello\nci-build-2: ci-build-2 does not answer on SSH\n"
    assert result.exit_code == FAILED


@pytest.mark.usefixtures("two_hosts")
@pytest.mark.parametrize(("command", "code"), [("true", OK), ("false", FAILED)])
def test_the_exit_code_is_that_of_the_commands(command: str, code: int) -> None:
    assert typed("exec", "ci-build-1", "--", command).exit_code == code


@pytest.mark.usefixtures("two_hosts")
def test_a_machine_that_is_not_there_is_refused() -> None:
    result = typed("exec", "nope", "--", "true")
    assert (result.exit_code, result.stdout) == (UNTOUCHED, "")


@pytest.mark.usefixtures("two_hosts")
def test_what_a_host_prints_goes_out_as_it_is_and_is_not_laid_out(monkeypatch: pytest.MonkeyPatch) -> None:
    laid_out: list[str] = []
    usual = Text.__init__

    def seen(self: Text, text: str = "", *more: Any, **options: Any) -> None:
        laid_out.append(text)
        usual(self, text, *more, **options)

    monkeypatch.setattr(Text, "__init__", seen)
    words = "\x0c[bold]x " + "y" * 200
    assert typed("exec", "ci-build-1", "--", words).stdout == f"ci-build-1\n  {words}\n"
    assert not any("y" * 200 in text for text in laid_out)
