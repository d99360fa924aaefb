"""What the commands put on the screen, whole: 80 columns, no colour; and the JSON, whole."""

import json
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner

from fleet.cli import plan, status_answer, up
from fleet.cli.exits import FAILED, NOT_AS_WANTED, OK, UNTOUCHED
from fleet.cli.main import app
from fleet.core.names import Tag
from fleet.core.record import Record
from fleet.core.report import Outcome, Report, Verdict
from tests.cli.scenes import CALM, DAY, FLEET, REPORT
from tests.cli.terminal import PLAIN, golden, set_scene, trimmed, typed
from tests.core.builders import NOW, inventory, seen, server


@pytest.fixture
def busy_day(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, plan, FLEET, DAY)
    set_scene(monkeypatch, status_answer, FLEET, DAY)
    set_scene(monkeypatch, up, FLEET, DAY, REPORT)


@pytest.fixture
def calm_day(monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Report((Outcome("ci-build-1", REPORT.outcomes[0].verb, Verdict.KEPT, "online, idle, as wanted"),))
    set_scene(monkeypatch, plan, inventory(), CALM)
    set_scene(monkeypatch, status_answer, inventory(), CALM)
    set_scene(monkeypatch, up, inventory(), CALM, quiet)


@pytest.mark.usefixtures("busy_day")
@pytest.mark.parametrize("command", ["plan", "status"])
def test_the_screen_of_a_busy_day(command: str) -> None:
    result = typed(command)
    assert trimmed(result.stdout) == golden(f"{command}.txt")
    assert (result.exit_code, result.stderr) == (OK, "")


@pytest.mark.usefixtures("busy_day")
def test_the_report_of_up() -> None:
    result = typed("up", "--yes")
    assert trimmed(result.stdout) == golden("up.txt")
    assert result.stderr == "note: type cx33 is on its way out\n"
    assert result.exit_code == FAILED


@pytest.mark.usefixtures("busy_day")
@pytest.mark.parametrize("command", [["plan"], ["status"], ["up", "--yes"]])
def test_the_json_of_a_busy_day_is_the_only_thing_on_stdout(command: list[str]) -> None:
    result = typed(*command, "--json")
    form: dict[str, Any] = json.loads(golden(f"{command[0]}.json"))
    assert json.loads(result.stdout) == form


@pytest.mark.usefixtures("calm_day")
@pytest.mark.parametrize("command", ["plan", "status"])
def test_the_screen_of_a_calm_day(command: str) -> None:
    assert trimmed(typed(command).stdout) == golden(f"{command}_calm.txt")


@pytest.mark.parametrize("command", ["plan", "status"])
def test_check_says_by_its_exit_code_whether_all_is_as_wanted(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    module = {"plan": plan, "status": status_answer}[command]
    set_scene(monkeypatch, module, FLEET, DAY)
    assert (typed(command, "--check").exit_code, typed(command).exit_code) == (NOT_AS_WANTED, OK)
    set_scene(monkeypatch, module, inventory(), CALM)
    assert (typed(command, "--check").exit_code, typed(command).exit_code) == (OK, OK)


def test_what_is_billed_and_belongs_to_no_server_is_told_of_by_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, plan, replace(inventory(), name="left"), seen())
    assert "volume old (7) is of this fleet, and no server has it" in typed("plan").stdout


@pytest.mark.parametrize("command", ["plan", "status"])
def test_what_is_to_be_known_of_the_firewall_is_told(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    set_scene(monkeypatch, {"plan": plan, "status": status_answer}[command], replace(inventory(), name="left"), seen())
    assert "the firewall does not let you in" in typed(command).stdout
    assert "the firewall does not let you in" in json.loads(typed(command, "--json").stdout)["notes"][-1]


def test_an_empty_fleet_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = inventory()
    of = type(nothing)(nothing.name, nothing.gitea, ())
    set_scene(monkeypatch, plan, of, seen())
    assert trimmed(typed("plan").stdout) == (
        "fleet ci: no machines, and none wanted\nfleet ci costs €0.0000 per hour (€0.00 per month); net list prices\n"
    )


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (Record(), "none has ended well yet -> fleet cron install"),
        (Record(last_pass=int(NOW.timestamp()) - 240), "the last good one was 4 min ago"),
        (Record(last_pass=int(NOW.timestamp()) - 3600), "the last good one was 60 min ago: overdue -> fleet cron show"),
        (Record(paused_until=0), "paused -> fleet resume"),
        (Record(paused_until=int(NOW.timestamp()) + 60), "paused until 2026-03-02 12:01 UTC -> fleet resume"),
        (Record(paused_until=int(NOW.timestamp())), "none has ended well yet -> fleet cron install"),
    ],
)
def test_status_says_when_the_last_pass_was(monkeypatch: pytest.MonkeyPatch, record: Record, line: str) -> None:
    set_scene(monkeypatch, status_answer, inventory(), CALM, record=record)
    assert f"passes    {line}\n" in trimmed(typed("status").stdout)


@pytest.mark.usefixtures("busy_day")
@pytest.mark.parametrize("command", ["plan", "up"])
def test_a_pool_that_is_not_there_is_refused_with_those_that_are(command: str) -> None:
    result = typed(command, "nope")
    assert (result.exit_code, result.stdout) == (UNTOUCHED, "")
    assert trimmed(result.stderr) == "fleet: the inventory has no pool nope\nwhat to do: pools: build, arm\n"


@pytest.mark.usefixtures("busy_day")
def test_money_is_not_spent_without_a_yes() -> None:
    result = typed("up")
    assert (result.exit_code, result.stdout) == (UNTOUCHED, "")
    assert trimmed(result.stderr) == (
        "fleet: Create 1 machine of fleet ci for €0.0136 per hour (€8.49 per month) more?"
        " Nobody can answer here: there is no terminal.\nwhat to do: add --yes\n"
    )


@pytest.mark.usefixtures("calm_day")
def test_a_repair_or_nothing_to_do_asks_no_question() -> None:
    assert typed("up").exit_code == OK


@pytest.mark.usefixtures("busy_day")
def test_adding_needs_to_know_where() -> None:
    result = typed("up", "--add", "1", "--yes")
    assert (result.exit_code, result.stdout) == (UNTOUCHED, "")
    assert "fleet up POOL --add 1" in result.stderr


def test_a_machine_that_a_person_drained_is_a_finding_of_status_that_says_both_ways_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    leaving = seen(server(tags={Tag.DRAINING: "person.1"}))
    set_scene(monkeypatch, status_answer, inventory(), leaving)
    told = " ".join(typed("status").stdout.split())
    assert "ci-build-1 drained by a person: it takes no new job -> fleet enable ci-build-1, or fleet down" in told


# --- status, as a page left open ---------------------------------------------------------------------------


@pytest.mark.usefixtures("busy_day")
def test_the_wide_screen() -> None:
    wide = CliRunner().invoke(app, ["status", "--wide"], env={**PLAIN, "COLUMNS": "140"}, catch_exceptions=False)
    assert trimmed(wide.stdout) == golden("status_wide.txt")


@pytest.mark.usefixtures("busy_day")
@pytest.mark.parametrize(
    ("names", "rows"),
    [
        (["ci-build-2"], ["ci-build-2"]),
        (["arm"], []),
        (["ci-build-2", "ci-old-1"], ["ci-build-2", "ci-old-1"]),
        (["build"], ["ci-build-1", "ci-build-2", "ci-build-3", "ci-build-4"]),
    ],
)
def test_only_the_machines_that_were_named_are_shown(names: list[str], rows: list[str]) -> None:
    answer = json.loads(typed("status", *names, "--json").stdout)
    assert [one["machine"] for one in answer["machines"]] == rows
    assert {one["machine"] for one in answer["findings"]} <= {*rows, "ci-build-5"}


@pytest.mark.usefixtures("busy_day")
@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("nope", "there are: arm, build, ci-arm-1"),
        ("other-build-1", "do you mean ci-build-1"),
        ("buidl", "do you mean build?"),
        ("BUILD-2", "do you mean ci-build-2?"),
        ("ci-build-99", "do you mean ci-build-"),
        ("ci-nope-1", "do you mean ci-"),
    ],
)
def test_the_name_of_what_is_not_there_is_refused_with_what_may_have_been_meant(name: str, hint: str) -> None:
    for more in ((), ("--json",), ("--check",)):
        result = typed("status", name, *more)
        assert (result.exit_code, result.stdout) == (UNTOUCHED, "")
        assert hint in result.stderr


@pytest.mark.usefixtures("busy_day")
def test_what_the_fleet_costs_does_not_depend_on_the_machines_that_are_shown() -> None:
    whole, part = (json.loads(typed("status", *names, "--json").stdout) for names in ((), ("arm",)))
    assert part["eur_per_hour"] == whole["eur_per_hour"] > 0
    assert typed("status", "arm").stdout.splitlines()[0] == typed("status").stdout.splitlines()[0]


@pytest.mark.usefixtures("busy_day")
def test_why_a_job_waits_does_not_depend_on_the_machines_that_are_shown() -> None:
    whole, part = (json.loads(typed("status", *names, "--json").stdout) for names in ((), ("arm",)))
    assert part["waiting_for"] == whole["waiting_for"] != []
