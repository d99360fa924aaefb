"""The screen of ``fleet status`` in six situations, whole, where it is narrow and where it is wide."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from fleet.cli import status_answer
from fleet.cli.exits import NOT_AS_WANTED, OK
from fleet.cli.findings_table import in_short
from fleet.cli.main import app
from fleet.core.errors import HostSilent
from tests.cli.situations import BUILD, FLEET, SITUATIONS, Situation, host, machine
from tests.cli.terminal import PLAIN, golden, set_scene, trimmed, typed
from tests.core.builders import seen

WIDTHS = (80, 140)


def screen(monkeypatch: pytest.MonkeyPatch, situation: Situation, width: int, *options: str) -> str:
    """What ``fleet status`` prints on a terminal this wide."""
    set_scene(monkeypatch, status_answer, situation.inventory, situation.seen, record=situation.record)
    env = {**PLAIN, "COLUMNS": str(width)}
    return CliRunner().invoke(app, ["status", *options], env=env, catch_exceptions=False).stdout


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", SITUATIONS)
def test_the_screen_of_each_situation(monkeypatch: pytest.MonkeyPatch, name: str, width: int) -> None:
    shown = trimmed(screen(monkeypatch, SITUATIONS[name], width))
    assert shown == golden(f"status/{name.replace(' ', '_')}_{width}.txt")


@pytest.mark.parametrize(
    ("name", "code"),
    [("all well", OK), ("paused", OK), ("one disk full", NOT_AS_WANTED), ("no matching pool", NOT_AS_WANTED)],
)
def test_check_minds_errors_and_warnings_and_no_notes(monkeypatch: pytest.MonkeyPatch, name: str, code: int) -> None:
    situation = SITUATIONS[name]
    set_scene(monkeypatch, status_answer, situation.inventory, situation.seen, record=situation.record)
    assert typed("status", "--check").exit_code == code


@pytest.mark.parametrize("name", SITUATIONS)
@pytest.mark.parametrize("width", [80, 97, 120, 140])
def test_no_line_is_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch, name: str, width: int) -> None:
    assert max(map(len, screen(monkeypatch, SITUATIONS[name], width).splitlines())) <= width


def test_wide_has_all_columns_and_cuts_nothing_where_the_terminal_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = screen(monkeypatch, SITUATIONS["all well"], 80, "--wide")
    assert "integration tests of the web shop (postgres 17)" in shown
    header = next(line for line in shown.splitlines() if line.startswith("MACHINE"))
    assert header.split() == [
        *("MACHINE", "POOL", "PHASE", "JOBS", "SINCE", "OLDEST", "JOB", "TYPE", "PLACE", "AGE", "PAID", "DISK"),
        *("DOCKER", "RUNNER", "CACHE", "ADDRESS"),
    ]


def test_many_findings_of_a_kind_share_a_row_that_names_all_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = [part for n in range(3, 13) for part in machine(f"ci-build-{n}", n)]
    hosts = {f"ci-build-{n}": host(f"ci-build-{n}", n) for n in range(3, 13)}
    many = Situation(replace(FLEET, pools=(replace(BUILD, max=2),)), seen(*extra, hosts=hosts))
    lines = screen(monkeypatch, many, 140).splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("warning  10 machines  the inventory does not"))
    row = " ".join(" ".join(lines[first:]).split())
    assert row.endswith("(any more): ci-build-3 to 12 -> fleet down MACHINE")


def test_many_hosts_that_are_silent_share_a_row_wherever_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    extra = [part for n in range(1, 13) for part in machine(f"ci-build-{n}", n)]
    names = [f"ci-build-{n}" for n in range(1, 13)]
    hosts = {name: HostSilent(f"{name} (192.0.2.{n}) does not answer on SSH") for n, name in enumerate(names)}
    many = Situation(replace(FLEET, pools=(replace(BUILD, max=12),)), seen(*extra, hosts=hosts))
    said = " ".join(screen(monkeypatch, many, 140).split())
    assert "warning 12 machines MACHINE does not answer on SSH: ci-build-1 to 12" in said


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (["ci-a-1", "ci-a-2", "ci-a-3", "ci-a-5"], "ci-a-1 to 3, ci-a-5"),
        (["ci-a-9", "ci-a-10", "ci-b-11"], "ci-a-9 to 10, ci-b-11"),
        (["ci-a-2", "ci-a-1", "ci-a.desk", "ci-a-b.desk-2"], "ci-a-2, ci-a-1, ci-a.desk, ci-a-b.desk-2"),
    ],
)
def test_machines_whose_numbers_follow_each_other_are_named_in_short(names: list[str], short: str) -> None:
    assert in_short(names) == short


def test_a_very_long_name_stands_there_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    pool_name = "p" * 24
    long = replace(BUILD, name=pool_name, min=1)
    name = f"ci-{pool_name}-1"
    of = replace(FLEET, pools=(long,))
    only = Situation(of, seen(*machine(name, 1, online=False), hosts={name: HostSilent("it does not answer")}))
    shown = screen(monkeypatch, only, 80)
    assert max(map(len, shown.splitlines())) <= 80
    row = next(line for line in shown.splitlines() if line.startswith(name))
    assert row.split()[1:3] == ["lost", "error"]
