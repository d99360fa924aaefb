"""Completion as a shell sees it: by the script that ``fleet completion`` prints."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fleet.cli.complete import SHELL
from fleet.edges import machine_names
from tests.cli.terminal import typed

INVENTORY = """
name = "ci"
gitea.url = "https://gitea.example"
[pools.build]
[pools.big]
hosts = [{ name = "desk", address = "desk.example" }]
"""

TRY = """
compopt() { printf 'files\\n'; }
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_fleet
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""After the script: what a press of TAB would offer after these words."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "inventory.toml").write_text(INVENTORY)
    machine_names.keep(tmp_path / "state" / "fleet", "ci", ["ci-build-1", "ci-build-2"])
    (tmp_path / "fleet").write_text(f'#!/bin/sh\nexec {sys.executable} -P -m fleet "$@"\n')
    (tmp_path / "fleet").chmod(0o755)
    return tmp_path


def _environment(home: Path, **more: str) -> dict[str, str]:
    folder = str(Path(__file__).parents[2])
    return {
        "PATH": f"{home}:{os.environ['PATH']}",
        "HOME": str(home),
        "XDG_STATE_HOME": str(home / "state"),
        "PYTHONPATH": folder,
        **more,
    }


def _tab(home: Path, line: str, **more: str) -> list[str]:
    script = typed("completion", "bash").stdout + TRY
    done = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", *line.split(" ")],
        cwd=home,
        env=_environment(home, **more),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("fleet res", ["resume"]),
        ("fleet cron ", ["install", "show", "remove"]),
        ("fleet rotate ", ["sshkey", "runners"]),
        ("fleet up ", ["build", "big"]),
        ("fleet hold ci-b", ["ci-build-1", "ci-build-2", "ci-big.desk"]),
        ("fleet status ci-big", ["ci-big.desk"]),
        ("fleet down --no", ["--no-wait"]),
        ("fleet status -i inv", ["files"]),
        ("fleet completion ", ["bash", "zsh", "fish"]),
    ],
)
def test_bash_completes(home: Path, line: str, expected: list[str]) -> None:
    assert _tab(home, line) == expected


def test_an_inventory_that_the_line_or_the_environment_names_is_the_one(home: Path) -> None:
    (home / "other.toml").write_text('name = "night"\n[pools.small]\n')
    assert _tab(home, "fleet up -i other.toml ") == ["small"]
    assert _tab(home, "fleet up ", FLEET_INVENTORY="other.toml") == ["small"]


@pytest.mark.parametrize("text", ["", "name = ", "name = 1\npools = 2", 'pools.build = "x"', "\0"])
def test_a_broken_inventory_offers_nothing_and_says_nothing(home: Path, text: str) -> None:
    (home / "inventory.toml").write_text(text)
    assert _tab(home, "fleet hold ") == []


def test_without_an_inventory_commands_are_completed_all_the_same(home: Path) -> None:
    (home / "inventory.toml").unlink()
    assert _tab(home, "fleet hold ") == []
    assert _tab(home, "fleet hol") == ["hold"]


@pytest.mark.parametrize(
    ("shell", "probe"),
    [
        ("zsh", "{ _describe() { print -l $candidates }; words=(fleet hold ci-build); CURRENT=3; _fleet }"),
        ("fish", "complete -C 'fleet hold ci-build'"),
    ],
)
def test_other_shells_complete(home: Path, shell: str, probe: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here")
    before = "compdef() { : }\n" if shell == "zsh" else ""
    script = before + typed("completion", shell).stdout + probe
    done = subprocess.run([shell, "-c", script], cwd=home, env=_environment(home), capture_output=True, text=True)
    assert (done.stdout.split(), done.stderr) == (["ci-build-1", "ci-build-2"], "")


def test_an_answer_loads_neither_typer_nor_what_speaks_to_the_outside(home: Path) -> None:
    program = (
        "import sys, json\nfrom fleet.__main__ import main\n"
        "try:\n    main()\nexcept SystemExit:\n    print(json.dumps(sorted(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "hold", "ci-build-1"],
        cwd=home,
        env=_environment(home, _FLEET_COMPLETE="bash"),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == "ci-build-1\n"
    assert not {"typer", "rich", "pydantic", "hcloud", "requests", "paramiko", "socket"} & set(json.loads(done.stderr))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(shell: str) -> None:
    assert typed("completion", shell).stdout == (SHELL / f"fleet.{shell}").read_text("utf-8")


def test_a_shell_that_is_not_known_is_a_mistake_of_usage() -> None:
    assert typed("completion", "tcsh").exit_code == 2
