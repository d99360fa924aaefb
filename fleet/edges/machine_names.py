"""The machines that fleet saw last: a small file, for completion alone. Deleting it loses nothing."""

from collections.abc import Iterable
from pathlib import Path


def keep(folder: Path, fleet: str, machines: Iterable[str]) -> None:
    """Remember these. A folder that cannot be written is no reason to fail."""
    path, text = _path(folder, fleet), "".join(f"{name}\n" for name in sorted(machines))
    try:
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(text, "utf-8")
    except (OSError, ValueError):
        return


def read(folder: Path, fleet: str) -> tuple[str, ...]:
    """What was there then; nothing when nobody has looked yet."""
    try:
        return tuple(_path(folder, fleet).read_text("utf-8").split())
    except (OSError, ValueError):
        return ()


def _path(folder: Path, fleet: str) -> Path:
    return folder / f"{fleet}.machines"
