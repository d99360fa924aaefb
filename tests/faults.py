"""The table of faults: ``python -m tests.faults`` makes each of them in the lab and writes ``docs/faults.md``.

The seconds come from the test that makes them, ``tests/e2e/test_faults.py``, by a property of its report: so they also
stand in the last lines of any run of it.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "faults.md"
PROPERTY = "fault"

HEAD = """\
# Faults, found and repaired

Each was really made on a machine of the lab, by `make faults`. Found: seconds until `fleet status` tells it. Repaired:
seconds from then, or from the end of the job that ran, until `fleet repair` has left nothing that is wrong. Most of
either is the time of one command on {cores} cores. Under "busy": a job ran, a repair and a pass were typed, and no
container, file or service of the machine was touched until the job had ended well. Where that is empty, no job ran.

| fault | found after | told as | busy | repaired after |
|---|---|---|---|---|
"""

FOOT = """
What stands in for something: servers of the lab share their machine's disk and clock. The full disk is a small one
that Docker's folder was given; the wrong clock is a `date` that goes before the real one.
"""

Row = dict[str, object]


def rows_of(reports: Iterable[pytest.TestReport]) -> list[Row]:
    """What the reports of passed tests say of faults, in their order."""
    found = (value for report in reports for name, value in report.user_properties if name == PROPERTY)
    return [value for value in found if isinstance(value, dict)]


def cells(row: Row) -> tuple[str, ...]:
    """A row as the columns of the page."""
    busy = "told, nothing touched" if row["busy"] else ""
    return (str(row["what"]), f"{row['found']:.1f} s", f"`{row['told']}`", busy, f"{row['repaired']:.1f} s{row['how']}")


def page(rows: Sequence[Row]) -> str:
    """The whole page."""
    lines = "".join(f"| {' | '.join(cells(row))} |\n" for row in rows)
    return HEAD.format(cores=os.cpu_count()) + lines + FOOT


@dataclass
class _Listener:
    reports: list[pytest.TestReport] = field(default_factory=list)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" and report.passed:
            self.reports.append(report)


def main() -> None:
    """The exit code is that of the tests; the page is written when all have passed."""
    listener = _Listener()
    code = pytest.main(["-q", "-m", "e2e", "--timeout", "900", "tests/e2e/test_faults.py"], plugins=[listener])
    if code == 0:
        PAGE.write_text(page(rows_of(listener.reports)), "utf-8")
    sys.exit(code)


if __name__ == "__main__":
    main()
