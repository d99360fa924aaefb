"""Puts one fault at a time into a copy of the code, and runs the tests that must notice."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutants.list import MUTANTS, Mutant

HERE = Path(__file__).parents[2]
PARTS = ("fleet", "tests", "cloud-init", "pyproject.toml")

HISTORIES = ("histories", ("-m", "tests.histories", "0-599"))
ENGINE = ("engine", ("-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/engine"))

PATIENCE = 1800
"""Seconds for one run. A test that hangs fails by its own limit long before; a run without an end proves nothing."""


def main(names: Sequence[str]) -> int:
    """0 when every mutant is caught; those of these names, or all."""
    chosen = [one for one in MUTANTS if not names or one.name in names]
    with tempfile.TemporaryDirectory() as folder:
        told = _told_of_sound_code(Path(folder))
        if told:
            _say(f"nothing can be proved: the code fails without any fault ({told})")
            return 1
        with ThreadPoolExecutor(os.cpu_count()) as workers:
            caught = list(workers.map(lambda one: _row(one, Path(folder)), chosen))
    _say(f"{sum(caught)} of {len(caught)} mutants are caught")
    return 0 if all(caught) else 1


def _told_of_sound_code(folder: Path) -> str:
    """Which tests fail on the code as it is, if any."""
    place = _copy(folder / "sound")
    return ", ".join(name for name, command in (HISTORIES, ENGINE) if _fails(place, command))


def _row(mutant: Mutant, folder: Path) -> bool:
    start = time.monotonic()
    by = _caught_by(mutant, _copy(folder / mutant.name.replace(" ", "-")))
    _say(f"{mutant.name} | {by or 'NOBODY: ' + mutant.why} | {time.monotonic() - start:.0f} s")
    return bool(by) and by != NOT_FOUND


NOT_FOUND = "its old text is not there exactly once"


def _caught_by(mutant: Mutant, place: Path) -> str:
    """The tests that notice it first, or nothing."""
    file = place / mutant.file
    text = file.read_text()
    if text.count(mutant.old) != 1:
        return NOT_FOUND
    file.write_text(text.replace(mutant.old, mutant.new))
    order = (ENGINE, HISTORIES) if mutant.engine else (HISTORIES, ENGINE)
    return next((name for name, command in order if _fails(place, command)), "")


def _copy(place: Path) -> Path:
    place.mkdir()
    for part in PARTS:
        if (HERE / part).is_dir():
            shutil.copytree(HERE / part, place / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(HERE / part, place / part)
    return place


def _fails(place: Path, command: Sequence[str]) -> bool:
    """Whether this ends badly there; the copy is what is imported, not the installed package."""
    env = {**os.environ, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [sys.executable, *command], cwd=place, env=env, capture_output=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode != 0


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
