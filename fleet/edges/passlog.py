"""The log of passes that cron runs: each line with its time, and never more than a few megabytes."""

import os
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from fleet.core.errors import FleetError

MOST_BYTES = 1_000_000
OLD_ONES = 3


def append(path: Path, text: str, *, at: datetime | None = None) -> None:
    """Add this text, each of its lines with the time in UTC. Raises FleetError when it cannot be written.

    A full log becomes ``NAME.1``, that one ``NAME.2`` and so on; the oldest goes. Call it under the fleet's lock.
    """
    time = f"{at or datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    lines = "".join(f"{time} {line}".rstrip() + "\n" for line in text.splitlines()).encode(errors="replace")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _size(path) + len(lines) > MOST_BYTES:
            _rotate(path)
        _add(path, lines)
    except OSError as error:
        raise FleetError(f"the log {path} could not be written: {error.strerror}") from None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _rotate(path: Path) -> None:
    names = [path, *(path.with_name(f"{path.name}.{n}") for n in range(1, OLD_ONES + 1))]
    for newer, older in reversed(list(pairwise(names))):
        if newer.exists():
            newer.replace(older)


def _add(path: Path, lines: bytes) -> None:
    """For the user alone, also when the file was there before."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "ab") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(lines)
