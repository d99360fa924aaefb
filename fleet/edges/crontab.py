"""The user's crontab: one block of lines for each fleet, between two comments; all else stays as it is, byte for byte.

A block is known by the name of its fleet: the lock and the log of passes are, too.
"""

import os
import re
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleet.core.errors import FleetError, Refused

SECONDS = 20.0

_MARKER = re.compile(r"# (begin|end) fleet ([a-z0-9]+): (/.*)")
_LIKE_A_MARKER = re.compile(r"#\s*(begin|end) fleet\b")


@dataclass(frozen=True, slots=True)
class Block:
    """The lines of one fleet. ``inventory``: its absolute path. ``first``, ``last``: the marker lines, from 0."""

    fleet: str
    inventory: str
    first: int
    last: int


# --- the text --------------------------------------------------------------------------------------


def line(minutes: int, words: Sequence[str], variables: Mapping[str, str]) -> str:
    """The line that runs these words every so many minutes, a number that divides 60. Raises Refused."""
    when = {1: "* * * * *", 60: "0 * * * *"}.get(minutes, f"*/{minutes} * * * *")
    return f"{when} {_for_cron(shell(words, variables))}"


def shell(words: Sequence[str], variables: Mapping[str, str]) -> str:
    """The command as cron's shell reads it."""
    return " ".join([*(f"{name}={shlex.quote(value)}" for name, value in variables.items()), shlex.join(words)])


def _for_cron(command: str) -> str:
    """To cron a % is the end of the line. Crons differ in what a backslash does to another character."""
    if "\\" in command or not command.isprintable():
        raise Refused(
            "a path in the command has a backslash or a line break, and cron cannot be told that one",
            hint=f"give it another name: {command!r}",
        )
    return command.replace("%", r"\%")


def blocks(text: str) -> list[Block]:
    """The blocks of all fleets. Raises Refused where a person must look first."""
    found: list[Block] = []
    begun: Block | None = None
    for n, one in enumerate(text.split("\n")):
        if not _LIKE_A_MARKER.match(one):
            continue
        match = _MARKER.fullmatch(one)
        kind, fleet, inventory = match.groups() if match else ("", "", "")
        if kind == "begin" and begun is None and fleet not in {block.fleet for block in found}:
            begun = Block(fleet, inventory, n, n)
        elif kind == "end" and begun is not None and (fleet, inventory) == (begun.fleet, begun.inventory):
            found.append(Block(fleet, inventory, begun.first, n))
            begun = None
        else:
            raise _unclear(n)
    if begun is not None:
        raise _unclear(begun.first)
    return found


def _unclear(n: int) -> Refused:
    return Refused(
        f"line {n + 1} of the crontab begins or ends a block of fleet a second time, or without its other end",
        hint="type `crontab -e`, remove the lines that are left over, and try again",
    )


def block_of(text: str, fleet: str) -> Block | None:
    """The block of this fleet. Raises Refused where the markers are unclear."""
    return next((block for block in blocks(text) if block.fleet == fleet), None)


def shown(text: str, block: Block) -> str:
    """The lines of a block, markers too."""
    return "\n".join(text.split("\n")[block.first : block.last + 1])


def with_block(text: str, fleet: str, inventory: str, lines: Sequence[str]) -> str:
    """The crontab with this block: in the place of the fleet's old one, else at the end."""
    new = [f"# begin fleet {fleet}: {inventory}", *lines, f"# end fleet {fleet}: {inventory}"]
    old, rows = block_of(text, fleet), text.split("\n")
    if old is not None:
        return "\n".join([*rows[: old.first], *new, *rows[old.last + 1 :]])
    between = "" if not text or text.endswith("\n") else "\n"
    return text + between + "\n".join(new) + "\n"


def without_block(text: str, fleet: str) -> str:
    """The crontab without the fleet's block."""
    old, rows = block_of(text, fleet), text.split("\n")
    return "\n".join([*rows[: old.first], *rows[old.last + 1 :]]) if old is not None else text


# --- the crontab itself ----------------------------------------------------------------------------


def read() -> str:
    """The user's crontab; empty when there is none. Bytes that are no UTF-8 survive. Raises Refused."""
    done = _crontab("-l")
    if done.returncode == 0:
        return done.stdout.decode(errors="surrogateescape")
    if b"no crontab for" in done.stderr:
        return ""
    raise Refused(f"the crontab could not be read: {_said(done)}", hint="type `crontab -l`")


def write(text: str) -> None:
    """Replace the crontab, and see that it is so. Raises FleetError."""
    done = _crontab("-", text.encode(errors="surrogateescape"))
    if done.returncode != 0:
        raise FleetError(f"the crontab could not be written: {_said(done)}", hint="type `crontab -l`")
    if read() != text:
        raise FleetError("the crontab is not what was written: somebody else changed it", hint="try again")


def _crontab(argument: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Its messages are read above, so they must be English."""
    english = {**os.environ, "LC_ALL": "C"}
    try:
        return subprocess.run(
            ["crontab", argument], input=stdin, env=english, capture_output=True, timeout=SECONDS, check=False
        )
    except FileNotFoundError:
        hint = "type `sudo apt-get install cron`, or use the container recipe in deploy/"
        raise Refused("there is no cron on this computer: `crontab` was not found", hint=hint) from None
    except subprocess.TimeoutExpired:
        raise FleetError(f"`crontab {argument}` took over {SECONDS:g} s") from None


def _said(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return "; ".join(lines) or f"`crontab` ended with {done.returncode}"
