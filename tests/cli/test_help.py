"""Every command says in one line what it does, and help costs nothing."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer

from fleet.cli.main import app
from tests.cli.terminal import children, typed

# Typer itself takes pydantic, where it is installed, to read the options of a command.
NOT_FOR_COMMANDS = {"hcloud", "paramiko", "docker", "requests", "yaml", "google.protobuf"}
NOT_FOR_HELP = NOT_FOR_COMMANDS | {"pydantic"}


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command below this one, with the words that lead to it."""
    for name, command in children(group).items():
        yield (*path, name), command
        yield from commands(command, (*path, name))


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_command_has_a_help_that_begins_with_one_sentence(path: tuple[str, ...]) -> None:
    first = (ALL[path].help or "").splitlines()[0]
    assert 10 < len(first) <= 110
    assert first[0].isupper()


@pytest.mark.parametrize("path", ALL, ids=" ".join)
def test_every_option_and_argument_says_what_it_is(path: tuple[str, ...]) -> None:
    for parameter in ALL[path].params:
        assert getattr(parameter, "help", None), f"{' '.join(path)}: {parameter.name}"


@pytest.mark.parametrize("path", ALL, ids=" ".join)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_is_an_answer(path: tuple[str, ...], option: str) -> None:
    result = typed(*path, option)
    assert result.exit_code == 0
    assert f"fleet {' '.join(path)}" in result.stdout.replace("root ", "fleet ")


def test_the_first_help_lists_every_command() -> None:
    screen = typed("--help").stdout
    assert all(path[0] in screen for path in ALL)
    assert {("plan",), ("up",), ("status",), ("down",), ("version",), ("lab", "up")} <= set(ALL)


def test_a_command_that_is_not_there_is_a_mistake_of_usage() -> None:
    result = typed("no-such-command")
    assert (result.exit_code, result.stdout) == (2, "")


@pytest.mark.parametrize("arguments", [["--help"], ["up", "--help"], ["lab", "--help"], ["version"]])
def test_help_does_not_load_what_only_the_outside_needs(arguments: list[str]) -> None:
    program = (
        "import sys, json\n"
        "from fleet.cli.main import main\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    print(json.dumps([end.code, sorted(sys.modules)]), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60)
    code, modules = json.loads(done.stderr.splitlines()[-1])
    assert code in {0, None}
    assert done.stdout
    unwanted = NOT_FOR_HELP if arguments == ["--help"] else NOT_FOR_COMMANDS
    assert not unwanted & set(modules)


def test_the_version_is_a_number() -> None:
    assert typed("version").stdout.strip().replace(".", "").isdigit()


def test_a_terminal_without_a_character_gets_another_one_and_no_traceback() -> None:
    program = "import sys; sys.argv = ['fleet', 'version']\nfrom fleet import __main__\n"
    program += "import fleet.cli.main\nfleet.cli.main.main = lambda: print('€1')\n__main__.main()"
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, timeout=60)
    assert (done.returncode, done.stdout) == (0, "?1\n")
