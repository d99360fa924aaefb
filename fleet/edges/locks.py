"""One pass of a fleet at a time on this computer: a file that is locked while it runs, and says by whom.

The kernel gives the lock back when the process ends, however it ends. The file stays: whoever removed it could
remove one that somebody else has just locked.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from fleet.core.errors import FleetLocked, Refused
from fleet.edges.whoami import user


@contextmanager
def pass_lock(fleet: str, folder: Path) -> Iterator[None]:
    """Hold the lock of this fleet. Raises FleetLocked with who holds it, Refused when there is no place for it."""
    file = _open(folder / f"{fleet}.lock")
    try:
        _take(file, fleet)
        os.ftruncate(file, 0)
        os.pwrite(file, _holder().encode(), 0)
        yield
        os.ftruncate(file, 0)
    finally:
        os.close(file)


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise Refused(
            f"the lock {path} could not be opened: {error.strerror}",
            hint="name a folder you may write in XDG_STATE_HOME",
        ) from None


def _take(file: int, fleet: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(file, 200, 0).decode(errors="replace").strip() or "it has just begun"
        raise FleetLocked(
            f"another pass of fleet {fleet} runs on this computer: {holder}",
            hint="wait until it has ended",
        ) from None


def _holder() -> str:
    return f"process {os.getpid()} of {user()}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC\n"
