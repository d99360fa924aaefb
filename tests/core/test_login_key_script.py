"""The script that lets an SSH key in or takes it off, run by a real shell on a folder of the test's own."""

import getpass
import os
import stat
import subprocess
from pathlib import Path

import pytest

from tests.core.builders import HOST_KEY, LOGIN, STACK, public_key

OLD, NEW, ANN = LOGIN, HOST_KEY, f"{public_key(bytes(32))} ann@laptop"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of whoever logs in, as ``getent`` tells it."""
    home = tmp_path / "home"
    home.mkdir()
    programs = tmp_path / "bin"
    programs.mkdir()
    getent = programs / "getent"
    getent.write_text(f'#!/bin/sh\necho "$2:x:0:0::{home}:/bin/sh"\n')
    getent.chmod(0o755)
    return home


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{home.parent}/bin:{os.environ['PATH']}", "SUDO_USER": getpass.getuser()}
    command = ["sh", "-s", "--", *arguments]
    return subprocess.run(command, input=STACK["login-key.sh"], env=environment, capture_output=True, text=True)


def write(home: Path, *lines: str, end: str = "\n") -> None:
    (home / ".ssh").mkdir(mode=0o700)
    (home / ".ssh" / "authorized_keys").write_text("\n".join(lines) + end)


def lines(home: Path) -> list[str]:
    return (home / ".ssh" / "authorized_keys").read_text().splitlines()


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("end", ["\n", "", "\n\n"])
def test_a_key_is_let_in_beside_the_others(home: Path, end: str) -> None:
    write(home, OLD, ANN, end=end)
    assert run(home, "add", NEW).returncode == 0
    assert lines(home) == [OLD, ANN, NEW]
    assert mode(home / ".ssh" / "authorized_keys") == 0o600
    assert [path.name for path in (home / ".ssh").iterdir()] == ["authorized_keys"]


def test_a_key_is_let_in_where_nobody_was(home: Path) -> None:
    assert run(home, "add", NEW).returncode == 0
    assert lines(home) == [NEW]
    assert mode(home / ".ssh") == 0o700


def test_a_key_that_is_there_is_not_added_again(home: Path) -> None:
    write(home, f"no-pty {NEW} somebody")
    assert run(home, "add", NEW).returncode == 0
    assert lines(home) == [f"no-pty {NEW} somebody"]


def test_a_key_that_is_commented_out_does_not_count(home: Path) -> None:
    write(home, f"# {NEW}")
    assert run(home, "add", NEW).returncode == 0
    assert lines(home) == [f"# {NEW}", NEW]


def test_the_old_key_goes_and_everything_else_stays(home: Path) -> None:
    write(home, f"{OLD} me@home", ANN, "# a word", NEW)
    assert run(home, "drop", OLD, NEW).returncode == 0
    assert lines(home) == [ANN, "# a word", NEW]
    assert run(home, "drop", OLD, NEW).returncode == 0
    assert lines(home) == [ANN, "# a word", NEW]


def test_the_old_key_stays_where_the_new_one_is_not(home: Path) -> None:
    write(home, OLD, f"# {NEW}")
    done = run(home, "drop", OLD, NEW)
    assert done.returncode != 0
    assert "the new key is not in" in done.stderr
    assert lines(home) == [OLD, f"# {NEW}"]
