"""``fleet status --watch``: the page that is left open. It redraws in place, and no outage ends it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.text import Text

from fleet.cli import dashboard
from fleet.cli.exits import OK
from fleet.cli.hinted import Hinted
from fleet.cli.machine_columns import Row
from fleet.cli.sight import Sight
from fleet.core.errors import FleetError
from fleet.engine.ports import Clock

EVERY = 15
"""Seconds between two looks: four times a minute leaves most of Hetzner's calls to others."""

SLOW = 10
"""Seconds after which it is told that a look still goes on: whoever does not answer may take a minute to give up on."""

Look = Callable[[], Sight]


def watch(fleet: str, look: Look, clock: Clock, *, wide: bool) -> int:
    """Look again and again, until Ctrl-C. Whoever does not answer is told above the last page that was seen."""
    console = Console(highlight=False)
    page: RenderableType = Text(f"looking at fleet {fleet}")
    alive = console.is_terminal
    with Live(page, console=console, screen=alive, auto_refresh=alive, refresh_per_second=1, transient=True) as live:
        try:
            while True:
                _begin(live, page, clock)
                page = _next(look, page, wide=wide, fits=console.is_terminal)
                _show(live, page)
                _rest(live, page, clock)
        except KeyboardInterrupt:
            return OK


def _begin(live: Live, page: RenderableType, clock: Clock) -> None:
    """The last page stays while the next look goes on, and says so when it becomes old."""
    if live.console.is_terminal:
        live.update(Late(page, clock, clock.now()))


def _rest(live: Live, page: RenderableType, clock: Clock) -> None:
    """Until the next look. A screen that has another size is drawn anew at once."""
    size = live.console.size
    for _ in range(EVERY):
        clock.sleep(1)
        if live.console.is_terminal and live.console.size != size:
            size = live.console.size
            _show(live, page)


def _show(live: Live, page: RenderableType) -> None:
    """In place of the one before; where there is no terminal, below it."""
    if live.console.is_terminal:
        live.update(page, refresh=True)
    else:
        live.console.print(page, Text(), crop=False)


def _next(look: Look, last: RenderableType, *, wide: bool, fits: bool) -> RenderableType:
    """The next page; or the last one, and why there is no new one."""
    try:
        return Page(look(), wide=wide, fits=fits)
    except FleetError as error:
        return _told(last, error.message, error.hint)


def _told(page: RenderableType, why: str, hint: str = "") -> RenderableType:
    since = f" since {page.sight.seen.at.astimezone():%H:%M}" if isinstance(page, Page) else ""
    trouble = Hinted(Text.assemble((f"not up to date{since}: ", "bold red"), why), hint)
    return replace(page, trouble=trouble) if isinstance(page, Page) else Group(page, trouble)


@dataclass(frozen=True, slots=True)
class Late:
    """A page while the look for the next one goes on, drawn every second: an old one must not look like a new one."""

    page: RenderableType
    clock: Clock
    begun: float

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        seconds = self.clock.now() - self.begun
        known = isinstance(self.page, Page) and self.page.trouble is not None
        yield self.page if seconds < SLOW or known else _told(self.page, f"still looking, for {seconds:.0f} s")


@dataclass(frozen=True, slots=True)
class Page:
    """A look, for a screen of any height: where it is too low, the machines of which least is to be said give way.

    ``fits``: whether it must fit on the screen; what is printed line by line need not.
    """

    sight: Sight
    wide: bool = False
    fits: bool = True
    trouble: Hinted | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As rich asks for it, for the size of this moment. What is inside of others is not told its own height."""
        rows = dashboard.rows_of(self.sight)
        whole = self._screen(rows)
        excess = len(console.render_lines(whole, options.reset_height())) - options.size.height if self.fits else 0
        yield whole if excess <= 0 else self._screen(_without(rows, excess + 1))

    def _screen(self, rows: tuple[Row, ...]) -> RenderableType:
        parts = [dashboard.screen(self.sight, wide=self.wide, rows=rows)]
        return Group(self.trouble, Text(), *parts) if self.trouble else parts[0]


def _without(rows: tuple[Row, ...], number: int) -> tuple[Row, ...]:
    """First those on which nothing runs and nothing is wrong, then those on which nothing is wrong; the last first."""
    order = sorted(range(len(rows)), key=lambda n: (not rows[n].findings, not rows[n].jobs, n), reverse=True)
    gone = set(order[:number])
    return tuple(row for n, row in enumerate(rows) if n not in gone)
