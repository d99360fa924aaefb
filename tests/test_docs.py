"""The documents tell what is: their commands exist, their links lead somewhere, their example is the smallest."""

import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
import typer

from fleet.cli.main import app
from fleet.edges import inventory as inventory_file
from fleet.lab.tls import Authority
from tests.cli.terminal import children
from tests.core.builders import LOGIN
from tests.documents import BLOCK, BY_HAND, DOCUMENTS, LIVED, NOT_RUN, ROOT, blocks, scripts

README = ROOT / "README.md"
EXAMPLE = ROOT / "inventory.example.toml"

WIDEST = 80
"""Columns of a code block: what a terminal has at least."""

SMALLEST = """
name = "ci"
gitea.url = "https://gitea.internal.example"
[pools.build]
capacity = 3
max = 2
"""
"""The smallest inventory, as the program was designed for it."""

PLACEHOLDERS = {"N": "1", "SHELL": "bash"}
"""Words that stand for one of a few, where a command wants one."""

PROGRAM = typer.main.get_command(app)

INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
BETWEEN_COMMANDS = re.compile(r'&&|\$\(|[;|()"]| >+ ')
ASSIGNMENTS = re.compile(r"^(?:\w+=\S* )*")

in_each_written_by_hand = pytest.mark.parametrize("path", BY_HAND, ids=lambda path: str(path.relative_to(ROOT)))
in_each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


# --- what the documents say -----------------------------------------------------------------------


def _typed(path: Path) -> Iterator[str]:
    """The lines a reader may type: ``sh`` blocks, what stands after ``$`` in ``console`` blocks, code in a sentence."""
    for block in blocks(path, "sh"):
        yield from block.splitlines()
    for block in blocks(path, "console"):
        yield from (line[2:] for line in block.splitlines() if line.startswith("$ "))
    yield from INLINE.findall(BLOCK.sub("", path.read_text("utf-8")))


def _commands(lines: Iterator[str], program: str) -> Iterator[list[str]]:
    """The words after ``program``, wherever it is called."""
    for line in lines:
        for part in BETWEEN_COMMANDS.split(line.partition(" #")[0]):
            words = ASSIGNMENTS.sub("", part.strip()).split()
            if words and words[0].rpartition("/")[2] == program and not words[0].endswith("/"):
                yield words[1:]


def _said_to_fleet() -> list[str]:
    """Each different command line of the documents and of the example, without its first word."""
    example = iter(INLINE.findall(EXAMPLE.read_text("utf-8")))
    lines = chain(*map(_typed, BY_HAND), example)
    return sorted({" ".join(words) for words in _commands(lines, "fleet") if words})


# --- what the program knows -----------------------------------------------------------------------


def _parse(words: list[str], command: Any = PROGRAM) -> None:
    """Take the words as the program would, and run nothing. Raises what the program says of wrong ones."""
    known = children(command)
    if known and words and not words[0].startswith("-"):
        assert words[0] in known, f"there is no command {words[0]}"
        _parse(words[1:], known[words[0]])
    elif words and words != ["--help"]:
        command.make_context("fleet", [PLACEHOLDERS.get(word, word) for word in words])


def _every_command(command: Any = PROGRAM, path: str = "fleet") -> Iterator[str]:
    known = children(command)
    if not known:
        yield path
    for name, below in known.items():
        yield from _every_command(below, f"{path} {name}")


# --- and that they agree --------------------------------------------------------------------------


@pytest.mark.parametrize("line", _said_to_fleet())
def test_a_command_in_the_documents_is_one_the_program_knows(line: str) -> None:
    _parse(line.split())


@pytest.mark.parametrize("line", ["upp", "lab upp", "up --ad 1", "down --no-wat", "--versoin", "version now"])
def test_a_wrong_command_would_be_found(line: str) -> None:
    with pytest.raises(Exception, match=r"[Nn]o such option|no command|unexpected extra argument"):
        _parse(line.split())


@pytest.mark.parametrize("command", tuple(_every_command()))
def test_every_command_is_documented(command: str) -> None:
    path = command.removeprefix("fleet ").split()
    assert any(line.split()[: len(path)] == path for line in _said_to_fleet())


@in_each_document
def test_a_make_target_in_the_documents_exists(path: Path) -> None:
    rules = re.findall(r"^([\w./]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    assert {word for words in _commands(_typed(path), "make") for word in words} <= set(rules)


@in_each_document
def test_a_link_leads_to_a_file_that_is_there(path: Path) -> None:
    missing = [link for link in LINK.findall(path.read_text("utf-8")) if not (path.parent / link).exists()]
    assert not missing


@in_each_written_by_hand
def test_no_line_of_a_code_block_is_wider_than_a_terminal(path: Path) -> None:
    wide = [line for block in blocks(path) for line in block.splitlines() if len(line) > WIDEST]
    assert not wide


def test_the_readme_shows_the_smallest_inventory() -> None:
    shown = next(blocks(README, "toml"))
    assert inventory_file.parse(shown, "inventory.toml") == inventory_file.parse(SMALLEST, "inventory.toml")
    assert len(shown.strip().splitlines()) <= 7


def test_a_key_of_the_inventory_in_the_readme_exists() -> None:
    """Keys are written with their table, like ``gitea.scope``."""
    tables = {key.partition(".")[0] for key in inventory_file.known_keys()}
    said = {word for word in INLINE.findall(README.read_text("utf-8")) if re.fullmatch(r"[a-z_]+\.[a-z_.]+", word)}
    wrong = {word for word in said if word.partition(".")[0] in tables} - inventory_file.known_keys()
    assert not wrong


# --- what is run, and what is read ----------------------------------------------------------------


def test_a_line_that_is_not_run_is_still_there() -> None:
    typed = {line for page in LIVED for section in scripts(page) for line in section}
    assert set(NOT_RUN) <= typed


def test_most_lines_of_the_tutorial_and_the_guides_are_run() -> None:
    typed = [line for page in LIVED for section in scripts(page) for line in section]
    assert len([line for line in typed if line not in NOT_RUN]) > 3 * len(NOT_RUN)


def _inventories() -> Iterator[Any]:
    for path in BY_HAND:
        for number, text in enumerate(blocks(path, "toml")):
            yield pytest.param(text, id=f"{path.name}-{number}")


@pytest.mark.parametrize("text", list(_inventories()))
def test_a_piece_of_an_inventory_in_the_documents_is_read_without_a_problem(text: str, tmp_path: Path) -> None:
    text = text.replace("ssh-ed25519 AAAA...", LOGIN)
    piece = tomllib.loads(text)
    before = "" if "name" in piece else 'name = "ci"\n'
    before += "" if "gitea" in piece else 'gitea.url = "https://gitea.example"\n'
    after = "" if "pools" in piece else "\n[pools.build]\n"
    (tmp_path / "ca.pem").write_text(Authority.new("ours").pem)
    inventory_file.parse(before + text + after, str(tmp_path / "inventory.toml"))
