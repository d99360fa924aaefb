"""Findings as they stand on the screen: errors first, and one row for many of a kind."""

import re
from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from fleet.cli.hinted import Hinted
from fleet.cli.machine_columns import SEVERITY_STYLES
from fleet.core.health import Finding, Severity, Trouble

ALIKE = 4
"""From so many on, findings that differ by their machine alone share a row."""


def findings_table(found: Sequence[Finding]) -> Table:
    """A word says how bad it is, so that black and white loses nothing."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for alike in _grouped(found):
        shown = [alike] if len(alike) >= ALIKE else [(one,) for one in alike]
        for group in shown:
            table.add_row(_word(group[0].severity), *_row(group))
    return table


def _word(severity: Severity) -> Text:
    return Text(severity.value, SEVERITY_STYLES[severity])


def _row(group: Sequence[Finding]) -> tuple[str, Hinted]:
    first = group[0]
    if len(group) == 1:
        return first.machine or "fleet", Hinted(Text(first.sentence), first.hint)
    names = in_short([one.machine for one in group])
    return f"{len(group)} machines", Hinted(
        Text(f"{_of_any(first.sentence, first)}: {names}"), _of_any(first.hint, first)
    )


def _grouped(found: Sequence[Finding]) -> list[tuple[Finding, ...]]:
    groups: dict[tuple[Trouble, Severity, str, str], tuple[Finding, ...]] = {}
    for one in found:
        key = (one.trouble, one.severity, _of_any(one.sentence, one), _of_any(one.hint, one))
        groups[key] = (*groups.get(key, ()), one)
    return list(groups.values())


def in_short(machines: Sequence[str]) -> str:
    """``ci-build-1 to 4, ci-build-7``: those whose numbers follow each other together."""
    runs: list[list[tuple[str, int]]] = []
    for name in machines:
        stem, dash, number = name.rpartition("-")
        n = int(number) if dash and number.isdigit() else -1
        if runs and n >= 0 and runs[-1][-1] == (stem, n - 1):
            runs[-1].append((stem, n))
        else:
            runs.append([(stem, n) if n >= 0 else (name, n)])
    return ", ".join(_run(run) for run in runs)


def _run(run: Sequence[tuple[str, int]]) -> str:
    (stem, first), (_, last) = run[0], run[-1]
    if first < 0:
        return stem
    return f"{stem}-{first}" + (f" to {last}" if last > first else "")


def _of_any(text: str, one: Finding) -> str:
    """What it says of whatever machine, wherever that is: ``ci-build-1 (192.0.2.7)`` is one of many that are silent."""
    return re.sub(rf"{re.escape(one.machine)}(?![\w-]|\.\w)( \([^()]*\))?", "MACHINE", text) if one.machine else text
