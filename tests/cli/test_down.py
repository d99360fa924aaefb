"""``fleet down``: what is not gone is told, with what it costs."""

import pytest

from fleet.cli import down
from fleet.cli.exits import OK
from fleet.core.change import Verb
from fleet.core.report import Outcome, Report, Verdict
from tests.cli.terminal import set_scene, typed
from tests.core.builders import inventory, job, runner, seen, server

NAME = "ci-build-1"


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (
            Verdict.DEFERRED,
            "still there, for €0.0136 per hour (€8.49 per month): ci-build-1 -> fleet down ci-build-1\n",
        ),
        (Verdict.DONE, ""),
    ],
)
def test_who_does_not_wait_for_jobs_is_told_what_still_costs(
    monkeypatch: pytest.MonkeyPatch, verdict: Verdict, told: str
) -> None:
    report = Report((Outcome(NAME, Verb.REMOVE, verdict, "runs job 41 (test)"),))
    set_scene(monkeypatch, down, inventory(), seen(server(), runner(), job()), report)
    result = typed("down", NAME, "--no-wait", "--yes")
    assert (result.exit_code, result.stderr) == (OK, told)
    assert typed("down", NAME, "--no-wait", "--yes", "--quiet").stderr == ""
