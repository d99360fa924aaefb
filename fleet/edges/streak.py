"""How many passes in a row have failed on this computer: one small file, gone after a good one."""

from pathlib import Path


def add(path: Path) -> int:
    """One more bad pass; how many there are now."""
    count = _read(path) + 1
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{count}\n", "utf-8")
    return count


def end(path: Path) -> None:
    """A good pass."""
    path.unlink(missing_ok=True)


def _read(path: Path) -> int:
    try:
        return int(path.read_text("utf-8"))
    except (OSError, ValueError):
        return 0
