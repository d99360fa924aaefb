"""A `crontab` command that keeps its table in a file, and answers as Debian's does."""

from dataclasses import dataclass
from pathlib import Path

SCRIPT = r"""#!/bin/sh
tab='{tab}'
if [ -f '{refusal}' ]; then /bin/cat '{refusal}' >&2; exit 1; fi
case "$1" in
-l) [ -f "$tab" ] && exec /bin/cat "$tab"; echo "no crontab for ann" >&2; exit 1 ;;
-) /bin/cat > "$tab.new"
   if [ -n "$(/usr/bin/tail -c 1 "$tab.new")" ]; then
     echo 'new crontab file is missing newline before EOF, can'"'"'t install.' >&2; exit 1
   fi
   echo x >> '{writes}'
   exec /bin/mv "$tab.new" "$tab" ;;
esac
exit 2
"""


@dataclass(frozen=True, slots=True)
class FakeCrontab:
    """``folder`` goes first on PATH."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "FakeCrontab":
        fake = cls(folder)
        folder.mkdir()
        names = {name: str(folder / name) for name in ("tab", "refusal", "writes")}
        text = SCRIPT
        for name, path in names.items():
            text = text.replace(f"{{{name}}}", path)
        (folder / "crontab").write_text(text, "utf-8")
        (folder / "crontab").chmod(0o755)
        return fake

    @property
    def content(self) -> bytes:
        """The table; empty when there is none."""
        return self._tab.read_bytes() if self._tab.exists() else b""

    def put(self, content: bytes) -> None:
        """The table, as somebody else has left it."""
        self._tab.write_bytes(content)

    @property
    def writes(self) -> int:
        """How often it was written by the command."""
        path = self.folder / "writes"
        return len(path.read_text().split()) if path.exists() else 0

    def refuse(self, message: str) -> None:
        """From now on, whatever is asked."""
        (self.folder / "refusal").write_text(f"{message}\n")

    @property
    def _tab(self) -> Path:
        return self.folder / "tab"
