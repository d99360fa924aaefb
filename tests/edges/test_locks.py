"""The lock of a pass: held by one, told to the other, free again however the first one ends."""

import os
import re
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.core.errors import FleetLocked, Refused
from fleet.edges.locks import pass_lock

HOLD = """
import sys
from pathlib import Path
from fleet.edges.locks import pass_lock
with pass_lock("ci", Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_pass_is_told_who_runs_the_first(tmp_path: Path) -> None:
    with pass_lock("ci", tmp_path), pytest.raises(FleetLocked) as locked, pass_lock("ci", tmp_path):
        pass
    assert re.fullmatch(
        rf"another pass of fleet ci runs on this computer: process {os.getpid()} of \S+, "
        r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC",
        locked.value.message,
    )


def test_it_is_free_after_the_pass_and_after_a_pass_that_failed(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), pass_lock("ci", tmp_path):
            raise ZeroDivisionError
    with pass_lock("ci", tmp_path):
        pass


def test_fleets_do_not_lock_each_other(tmp_path: Path) -> None:
    with pass_lock("ci", tmp_path), pass_lock("qa", tmp_path):
        assert sorted(path.name for path in tmp_path.iterdir()) == ["ci.lock", "qa.lock"]


def test_only_the_user_may_read_it_and_its_new_folder(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "fleet"
    with pass_lock("ci", folder):
        assert stat.S_IMODE((folder / "ci.lock").stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_killed_pass_leaves_no_lock(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(FleetLocked, match=f"process {other.pid} of "), pass_lock("ci", tmp_path):
            pass
        other.send_signal(signal.SIGKILL)
        other.wait()
    with pass_lock("ci", tmp_path):
        pass


def test_a_command_started_by_a_pass_does_not_keep_its_lock(tmp_path: Path) -> None:
    with pass_lock("ci", tmp_path):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    with child, pass_lock("ci", tmp_path):
        child.communicate()


def test_a_state_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Refused) as refused, pass_lock("ci", tmp_path / "file" / "fleet"):
        pass
    assert refused.value.message.startswith(f"the lock {tmp_path}/file/fleet/ci.lock could not be opened: ")
    assert "XDG_STATE_HOME" in refused.value.hint


def test_a_user_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nobody(number: int) -> None:
        raise KeyError(number)

    monkeypatch.setattr("pwd.getpwuid", nobody)
    with pass_lock("ci", tmp_path):
        assert f"of user {os.getuid()}, since" in (tmp_path / "ci.lock").read_text()
