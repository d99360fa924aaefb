"""Columns that are declared once, for the screen and for JSON; those that have room are shown."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

Row = TypeVar("Row")

GAP = 2
LEAST = 16
"""What a column that may be cut keeps at least."""

ONLY_WIDE = 99
"""The rank of what is shown only when all of it is asked for."""


@dataclass(frozen=True, slots=True)
class Column(Generic[Row]):
    """``title`` is empty where it is for JSON alone. ``rank``: the lowest are shown where room is short, 0 always.

    ``cut``: its text may end in dots where all of it has no room.
    """

    title: str
    key: str
    value: Callable[[Row], Any]
    cell: Callable[[Row], str | Text] = lambda _: ""
    rank: int = 0
    right: bool = False
    cut: bool = False


def as_json(columns: Sequence[Column[Row]], row: Row) -> dict[str, Any]:
    """The row's stable form."""
    return {column.key: column.value(row) for column in columns}


@dataclass(frozen=True, slots=True)
class Fitting(Generic[Row]):
    """A table of the columns that say something and have room; ``wide``: of all that say something. There are rows."""

    columns: Sequence[Column[Row]]
    rows: Sequence[Row]
    wide: bool = False

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As rich asks for it, for the width of this moment."""
        found = [_Filled(column, [_text(column.cell(row)) for row in self.rows]) for column in self.columns]
        telling = [one for one in found if one.column.title and any(cell.plain for cell in one.cells)]
        if self.wide:
            table = _table([(one, one.width) for one in telling])
            yield from console.render(table, options.update(max_width=sum(one.width + GAP for one in telling)))
        else:
            yield _table(_that_fit(telling, options.max_width))


@dataclass(frozen=True, slots=True)
class _Filled(Generic[Row]):
    """A column with what stands in it."""

    column: Column[Row]
    cells: Sequence[Text]

    @property
    def width(self) -> int:
        return max(cell_len(self.column.title), *(cell_len(cell.plain) for cell in self.cells))

    @property
    def least(self) -> int:
        return min(self.width, LEAST) if self.column.cut else self.width


def _that_fit(columns: Sequence[_Filled[Row]], room: int) -> list[tuple[_Filled[Row], int]]:
    """Those that have room, with their widths. One that is too wide leaves its room to those after it."""
    widths: dict[str, int] = {}
    left = room + GAP
    for one in sorted(columns, key=lambda filled: filled.column.rank):
        if one.column.rank == 0 or (one.column.rank < ONLY_WIDE and one.least + GAP <= left):
            widths[one.column.key] = one.least
            left -= one.least + GAP
    if left < 0:  # what always stands there has no room: the names are folded
        widths[columns[0].column.key] = max(columns[0].least + left, LEAST)
    for one in columns:
        if one.column.cut and one.column.key in widths and left > 0:
            widths[one.column.key] = min(one.width, one.least + left)
    return [(one, widths[one.column.key]) for one in columns if one.column.key in widths]


def _table(columns: Sequence[tuple[_Filled[Row], int]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0), header_style="dim")
    for one, width in columns:
        column = one.column
        table.add_column(
            column.title,
            justify="right" if column.right else "left",
            no_wrap=column.cut,
            overflow="ellipsis" if column.cut else "fold",
            width=width,
        )
    for cells in zip(*(one.cells for one, _ in columns), strict=True):
        table.add_row(*cells)
    return table


def _text(cell: str | Text) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)
