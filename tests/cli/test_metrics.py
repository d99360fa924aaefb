"""``fleet status --prometheus``, and the figures of ``--wide`` and ``--json``."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fleet.cli import cron_pass, figures, metrics, sight, status_answer
from fleet.cli.exits import NOT_AS_WANTED, OK, UNTOUCHED
from fleet.cli.main import app
from fleet.core.change import Plan
from fleet.core.errors import Unreachable
from fleet.core.facts import Disk, Memory, Registration
from fleet.core.inventory import CronSettings
from fleet.core.machine import join
from fleet.core.money import FREE
from fleet.core.names import Tag
from fleet.core.observation import EndedJobs, Job, JobState
from fleet.core.record import Record
from fleet.core.report import Report
from fleet.core.waited import Waited, WaitFigures
from fleet.engine import passes
from fleet.engine.passes import Look
from fleet.engine.world import World
from tests.cli.scenes import CALM, FLEET
from tests.cli.terminal import NOTHING, PLAIN, golden, set_scene, shown, typed
from tests.core.builders import GITEA, NOW, facts, inventory, job, runner, seen, server
from tests.fakes.clock import FakeClock

Error = Unreachable | None

HOST = facts(
    registration=Registration(1, "u-1", "ci-build-1", GITEA.runner_url),
    disks=(Disk("/", 40 * 2**30, 30 * 2**30, 1000, 900),),
    ram=Memory(8 * 2**30, 6 * 2**30),
    load=1.0,
    cores=4,
)
TAKEN = seen(
    server(tags={Tag.STAGES: f"c14.b32.s41.r0.o3.e{int(NOW.timestamp()) - 600}"}),
    server("ci-build-2", tags={Tag.STAGES: "c20.b30"}),
    server("ci-build-3"),
    *(runner(f"ci-build-{n}", id=n) for n in (1, 2, 3)),
    job(id=900, runner_id=1, created=NOW - timedelta(seconds=60), started=NOW - timedelta(seconds=10), run=900),
    job(id=901, state=JobState.WAITING, runner_id=None, started=None, created=NOW - timedelta(seconds=30)),
    hosts={"ci-build-1": HOST},
)


def ended(wait: float, number: int, **more: int) -> Job:
    """A job that ended well, five minutes after the machines came online."""
    start = NOW - timedelta(seconds=300)
    times = {"created": start - timedelta(seconds=wait), "started": start, "ended": NOW}
    return job(**{"id": number, "run": number, "state": JobState.ENDED, "runner_id": 1, **times, **more})


ENDED = EndedJobs(tuple(ended(number, number) for number in range(1, 101)))


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, metrics, FLEET, TAKEN, ended=ENDED)
    monkeypatch.setattr(metrics, "load_inventory", lambda _: FLEET)
    monkeypatch.setattr(metrics, "RealClock", FakeClock)


@pytest.mark.usefixtures("scene")
def test_the_file_of_a_busy_day_and_nothing_on_the_screen(tmp_path: Path) -> None:
    file = tmp_path / "fleet.prom"
    result = typed("status", "--prometheus", str(file))
    assert (result.exit_code, result.said) == (OK, "")
    assert without_findings(file) == golden("status.prom")
    assert 'fleet_findings{fleet="ci",severity="warning",trouble="' in file.read_text()


def without_findings(file: Path) -> str:
    """What can be wrong grows by itself."""
    lines = file.read_text().splitlines(keepends=True)
    return "".join(line for line in lines if not line.startswith("fleet_findings{"))


@pytest.mark.usefixtures("scene")
def test_check_says_the_same_with_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = str(tmp_path / "fleet.prom")
    assert typed("status", "--check", "--prometheus", file).exit_code == NOT_AS_WANTED
    set_scene(monkeypatch, metrics, inventory(), CALM)
    assert typed("status", "--check", "--prometheus", file).exit_code == OK


@pytest.mark.usefixtures("scene")
def test_when_nobody_answers_the_old_numbers_go_and_the_file_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "fleet.prom"
    typed("status", "--prometheus", str(file))

    def silent(*_: object, **__: object) -> None:
        raise Unreachable("Gitea did not answer", hint="is it up?")

    monkeypatch.setattr(sight, "observe", silent)
    result = typed("status", "--prometheus", str(file))
    assert (result.exit_code, result.stdout) == (UNTOUCHED, "")
    assert "Gitea did not answer" in result.stderr
    told = [line for line in file.read_text().splitlines() if not line.startswith("#")]
    assert told[0] == 'fleet_look_success{fleet="ci"} 0.0'
    assert [line.partition("{")[0] for line in told[1:]] == [
        "fleet_look_timestamp_seconds",
        "fleet_look_duration_seconds",
        "fleet_pass_period_seconds",
    ]


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize("more", [["--json"], ["--watch"], ["--wide"], ["build"]])
def test_a_file_is_of_the_whole_fleet_and_alone(tmp_path: Path, more: list[str]) -> None:
    result = typed("status", *more, "--prometheus", str(tmp_path / "fleet.prom"))
    assert (result.exit_code, result.stdout) == (UNTOUCHED, "")
    assert list(tmp_path.iterdir()) == []


# --- each pass from cron ----------------------------------------------------------------------------------


Passed = Callable[..., tuple[int, Path]]


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Passed:
    """A pass over TAKEN, as cron runs it: how it ended, and its file. ``look``, ``work``: what happens meanwhile."""

    def run(look: Error = None, work: Error = None, record: Record = NOTHING, folder: str = ".") -> tuple[int, Path]:
        file = tmp_path / folder / "ci.prom"
        wanted = replace(FLEET, cron=CronSettings(prometheus=str(file)))
        set_scene(monkeypatch, cron_pass, wanted, TAKEN, ended=ENDED)

        def looked(world: World, **_: object) -> Look:
            if look is not None:
                raise look
            return Look(world, TAKEN, join(wanted, TAKEN), record, Plan((), FREE, FREE))

        def worked(*_: object, **__: object) -> Report:
            if work is not None:
                raise work
            return Report(())

        monkeypatch.setattr(cron_pass, "load_inventory", lambda _: wanted)
        monkeypatch.setattr(passes, "look", looked)
        monkeypatch.setattr(cron_pass, "carry_out", worked)
        monkeypatch.setattr(cron_pass, "tell", lambda _: "")
        monkeypatch.setattr(metrics, "RealClock", FakeClock)
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        return cron_pass.run(None, only_down=False), file

    return run


def test_a_pass_writes_what_it_has_seen(passed: Passed) -> None:
    code, file = passed()
    assert code == OK
    assert without_findings(file) == golden("status.prom")


def test_a_pass_that_is_paused_writes_it_too(passed: Passed) -> None:
    code, file = passed(record=Record(paused_until=0))
    assert code == OK
    assert 'fleet_paused{fleet="ci"} 1.0' in file.read_text()


def test_a_pass_that_cannot_look_says_so_in_the_file(passed: Passed, tmp_path: Path) -> None:
    passed()
    with pytest.raises(Unreachable):
        passed(look=Unreachable("Gitea did not answer"))
    assert 'fleet_look_success{fleet="ci"} 0.0' in (tmp_path / "ci.prom").read_text()


def test_a_pass_that_fails_at_its_work_does_not_say_that_it_could_not_look(passed: Passed, tmp_path: Path) -> None:
    passed()
    with pytest.raises(Unreachable):
        passed(work=Unreachable("Hetzner did not answer"))
    assert 'fleet_look_success{fleet="ci"} 1.0' in (tmp_path / "ci.prom").read_text()


def test_a_file_that_cannot_be_written_is_a_line_in_the_log_and_no_failure(passed: Passed, tmp_path: Path) -> None:
    code, file = passed(folder="none")
    assert code == OK
    log = (tmp_path / "state" / "fleet" / "ci.log").read_text()
    assert f"no metrics: could not write {file}: No such file or directory" in log


def test_the_reason_of_a_failed_look_is_told_even_where_its_file_cannot_be_written(passed: Passed) -> None:
    with pytest.raises(Unreachable, match="Gitea did not answer"):
        passed(look=Unreachable("Gitea did not answer"), folder="none")


# --- for people -------------------------------------------------------------------------------------------


def test_wide_shows_how_long_jobs_waited_and_machines_took(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, status_answer, FLEET, TAKEN, ended=ENDED)
    wide = CliRunner().invoke(app, ["status", "--wide"], env={**PLAIN, "COLUMNS": "140"}, catch_exceptions=False)
    assert shown_end(wide.stdout) == [
        "jobs waited for a runner: p50 50 s, p95 95 s (101 jobs of the last day)",
        "",
        "INTO SERVICE  CREATE  BOOT  SET-UP  REGISTER  ONLINE  FIRST-JOB",
        "p50             14 s  30 s    41 s       0 s     3 s      5 min",
        "p95             20 s  32 s    41 s       0 s     3 s      5 min",
        "machines           2     2       1         1       1          1",
    ]
    assert "jobs waited" not in typed("status").stdout


def shown_end(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.splitlines()]
    return lines[next(number for number, line in enumerate(lines) if line.startswith("jobs waited")) :]


@pytest.mark.parametrize(
    ("wait", "line"),
    [
        (None, "how long jobs waited is not known: Gitea did not say"),
        (WaitFigures(), "how long jobs waited is not known: none that ended well has begun in the last day"),
        (
            WaitFigures(1, Waited(3, 3), Waited(3, 3)),
            "jobs waited for a runner: p50 3 s, p95 3 s (1 job of the last day)",
        ),
        (
            WaitFigures(9, Waited(3, 3), Waited(10, 310)),
            "jobs waited for a runner: p50 3 s, p95 10 s to 5 min (9 jobs of the last day)",
        ),
    ],
)
def test_a_wait_that_is_not_known_is_told_as_such_and_bounds_that_differ_are_both_there(
    wait: WaitFigures | None, line: str
) -> None:
    assert shown(figures.shown(figures.Figures(wait, {})), width=140) == f"{line}\n"


def test_json_has_the_waits_and_the_stages_of_each_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, status_answer, FLEET, TAKEN, ended=ENDED)
    answer = json.loads(typed("status", "--json").stdout)
    assert answer["wait"] == {"jobs": 101, "p50": {"least": 50, "most": 50}, "p95": {"least": 95, "most": 95}}
    assert answer["stages"]["boot"] == {"p50": 30, "p95": 32, "machines": {"ci-build-1": 32, "ci-build-2": 30}}
    assert answer["stages"]["first-job"]["machines"] == {"ci-build-1": 300}


def test_a_gitea_that_does_not_say_what_ended_fails_no_look(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def ended_jobs(self) -> EndedJobs:
            raise Unreachable("Gitea did not answer")

    class World:
        gitea = Silent()

    assert figures.ended_jobs(World()) is None  # type: ignore[arg-type]
