"""The documents as tests read them: their blocks of code, and which lines nobody runs, with the reason."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = tuple(sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]))
BY_HAND = tuple(path for path in DOCUMENTS if path.parent.name != "reference")
"""Without the pages that are written from the program."""

LIVED = (ROOT / "docs" / "tutorial.md", *sorted((ROOT / "docs" / "guides").glob("*.md")))
"""Pages whose commands are run, one after the other, on the lab: ``tests/e2e/test_documents.py``."""

BLOCK = re.compile(r"^```(?P<kind>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)

SHARED_LAB = "the lab of the tests is up, and others use it"
CRONTAB = "it would write to the crontab of whoever runs the tests; tests/e2e/test_cron.py has one of its own"

AGAIN = "it costs half a minute, and moving.md has it: the fleet goes and comes there"

NOT_RUN = {
    "fleet lab up": SHARED_LAB,
    "fleet lab down": SHARED_LAB,
    "fleet lab up --tls": "a lab of another kind: tests/e2e/test_private_ca.py",
    "PROGRAMS=$(tools/ensure-tailnet)": "needs Go: tests/e2e/test_tailnet.py",
    "fleet lab up --tailnet $PROGRAMS": "a lab of another kind: tests/e2e/test_tailnet.py",
    "fleet status --watch": "it ends with Ctrl-C",
    "fleet up build --add 1 --for 4h": "a second machine for all that follows: tests/e2e/test_scale.py",
    "fleet down build --no-wait": AGAIN,
    "fleet down ci-build-1": AGAIN,
    "fleet cron install": CRONTAB,
    "fleet cron install --every 10": CRONTAB,
    "fleet cron install --only-down": CRONTAB,
    "fleet cron show": CRONTAB,
    "fleet cron remove": CRONTAB,
    "fleet down ci-build.desk": "no static host is there: tests/e2e/test_static_hosts.py",
}
"""Lines, without their comments."""


def blocks(path: Path, kind: str = "") -> Iterator[str]:
    """The text of its blocks of code, of all kinds or of one."""
    yield from _blocks(path.read_text("utf-8"), kind)


def _blocks(text: str, kind: str) -> Iterator[str]:
    for found in BLOCK.finditer(text):
        if kind in {"", found["kind"]}:
            yield found["text"]


def scripts(path: Path) -> Iterator[list[str]]:
    """The lines a reader types, a list for each section: a new section is a new shell."""
    for section in re.split(r"^## ", path.read_text("utf-8"), flags=re.MULTILINE):
        lines = [line for block in _blocks(section, "sh") for line in block.splitlines()]
        typed = [without_comment(line) for line in lines]
        if any(typed):
            yield [line for line in typed if line]


def without_comment(line: str) -> str:
    """A comment begins with two spaces and a sign, or is the whole line."""
    return re.sub(r"(^|\s+)#\s.*$", "", line).rstrip()
