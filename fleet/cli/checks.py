"""Checks as a table and as JSON: what was looked at, how it is, and what mends it."""

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from fleet.core.doctor import Check, Grade, counted

STYLES = {Grade.OK: "green", Grade.WARNING: "yellow", Grade.ERROR: "bold red"}


def checks_table(checks: Sequence[Check]) -> Table:
    """A row for each."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for _ in range(2):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        fix = (f"\n-> {check.fix}", "italic") if check.fix else ""
        table.add_row(Text(check.grade, STYLES[check.grade]), check.area, Text.assemble(check.text, fix))
    return table


def summary(checks: Sequence[Check], well: str) -> str:
    """How many of them are wrong; ``well``: what is said when none is."""
    count = {grade: sum(check.grade is grade for check in checks) for grade in Grade}
    if not count[Grade.ERROR] and not count[Grade.WARNING]:
        return well
    return f"{counted(count[Grade.ERROR], 'error')}, {counted(count[Grade.WARNING], 'warning')}"


def check_json(check: Check) -> dict[str, str]:
    """One check as ``--json`` gives it."""
    return {"area": check.area, "grade": check.grade.value, "text": check.text, "fix": check.fix}
