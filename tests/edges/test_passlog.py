"""The log of passes: times, turning, and who may read it."""

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleet.core.errors import FleetError
from fleet.edges import passlog
from fleet.edges.passlog import append

AT = datetime(2026, 6, 2, 6, 5, 4, 999, tzinfo=UTC)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "state" / "fleet" / "ci.log"


def test_each_line_has_its_time(log: Path) -> None:
    append(log, "ci-build-1 done: deleted\n\nci-build-2 kept: idle\n", at=AT)
    append(log, "failed: ä", at=AT)
    assert log.read_text("utf-8") == (
        "2026-06-02T06:05:04Z ci-build-1 done: deleted\n"
        "2026-06-02T06:05:04Z\n"
        "2026-06-02T06:05:04Z ci-build-2 kept: idle\n"
        "2026-06-02T06:05:04Z failed: ä\n"
    )


def test_without_a_time_it_is_now(log: Path) -> None:
    append(log, "x")
    time = datetime.fromisoformat(log.read_text().split()[0])
    assert abs((datetime.now(UTC) - time).total_seconds()) < 60


def test_a_full_log_makes_room_and_three_old_ones_are_kept(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passlog, "MOST_BYTES", 30)  # one line is 23 bytes
    for n in range(6):
        append(log, f"{n}", at=AT)
    found = {path.name: path.read_text().split()[1] for path in log.parent.iterdir()}
    assert found == {"ci.log": "5", "ci.log.1": "4", "ci.log.2": "3", "ci.log.3": "2"}


def test_it_fills_up_to_the_limit_before_it_turns(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passlog, "MOST_BYTES", 46)
    append(log, "0", at=AT)
    append(log, "1", at=AT)
    assert [path.name for path in log.parent.iterdir()] == ["ci.log"]


def test_only_the_user_may_read_it(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passlog, "MOST_BYTES", 30)
    log.parent.mkdir(parents=True)
    log.touch(mode=0o644)
    append(log, "0")
    append(log, "1")
    assert {stat.S_IMODE(path.stat().st_mode) for path in log.parent.iterdir()} == {0o600}


def test_a_log_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "ci.log").mkdir()
    with pytest.raises(FleetError, match=rf"^the log {tmp_path}/ci.log could not be written: Is a directory$"):
        append(tmp_path / "ci.log", "x")
