"""A pass as cron runs it: what of its telling stands in its log, and that a failure of that is none of the pass."""

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from fleet.cli import cron_pass
from fleet.cli.exits import OK
from fleet.core.change import Plan
from fleet.core.money import FREE
from fleet.core.record import Record
from fleet.core.report import Report
from fleet.engine import passes, telling
from tests.core.builders import NOW, inventory

UNTOLD = "nobody was told of what is new, the next pass tries again: no route"


@pytest.fixture
def a_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str, Record], tuple[int, str]]:
    """Runs a pass that keeps every machine, whose telling ends like this; its exit code and its log."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(cron_pass, "load_inventory", lambda _: inventory())

    @contextmanager
    def opened(_: str | None):  # type: ignore[no-untyped-def]
        yield SimpleNamespace()

    monkeypatch.setattr(cron_pass, "open_world", opened)
    monkeypatch.setattr(cron_pass, "carry_out", lambda look, quiet: Report(()))

    def run(said: str, record: Record) -> tuple[int, str]:
        look = SimpleNamespace(
            record=record,
            seen=SimpleNamespace(at=NOW),
            plan=Plan((), FREE, FREE),
            world=SimpleNamespace(inventory=inventory()),
        )
        monkeypatch.setattr(passes, "look", lambda *_, **__: look)
        monkeypatch.setattr(telling, "after_pass", lambda *_: said)
        code = cron_pass.run(None, only_down=False)
        log = tmp_path / "fleet" / "ci.log"
        return code, log.read_text() if log.exists() else ""

    return run


def test_what_could_not_be_told_is_in_the_log_and_the_pass_is_good(
    a_pass: Callable[[str, Record], tuple[int, str]],
) -> None:
    code, log = a_pass(UNTOLD, Record())
    assert code == OK
    assert log.rstrip().endswith(UNTOLD)


def test_a_calm_pass_has_nothing_in_the_log(a_pass: Callable[[str, Record], tuple[int, str]]) -> None:
    assert a_pass("", Record()) == (OK, "")


def test_while_passes_are_paused_nobody_is_told(a_pass: Callable[[str, Record], tuple[int, str]]) -> None:
    assert a_pass(UNTOLD, Record(paused_until=0)) == (OK, "")
