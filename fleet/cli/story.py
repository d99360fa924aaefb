"""What a person sees while machines change: live rows on a terminal, plain lines elsewhere. On stderr."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fleet.core.report import Event
from fleet.engine.apply import Listener

MARKS = {"done": ("✓", "green"), "deferred": ("…", "yellow"), "kept": ("·", "dim")}
FAILED_MARK = ("✗", "red")


@contextmanager
def telling(*, quiet: bool = False) -> Iterator[Listener]:
    """A listener for the length of a run."""
    console = Console(stderr=True, highlight=False)
    if quiet:
        yield lambda _: None
    elif console.is_terminal:
        rows = _Rows()
        with Live(get_renderable=rows.render, console=console, refresh_per_second=5):
            yield rows.listen
    else:
        yield _plain(console)


def _plain(console: Console) -> Listener:
    """One line per new thing; the same words again say nothing new."""
    last: dict[str, str] = {}
    lock = threading.Lock()

    def listen(event: Event) -> None:
        line = _line(event)
        with lock:
            if last.get(event.machine) != line:
                last[event.machine] = line
                console.print(f"{event.machine}  {line}  [{event.seconds:.0f} s]", markup=False, soft_wrap=True)

    return listen


def _line(event: Event) -> str:
    return ": ".join(part for part in (event.step, event.text) if part)


class _Rows:
    """The newest word of each machine, and the seconds it has taken."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._rows: dict[str, tuple[Event, float]] = {}
        self._lock = threading.Lock()

    def listen(self, event: Event) -> None:
        with self._lock:
            self._rows[event.machine] = (event, self._now())

    def render(self) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="ellipsis", no_wrap=True)
        with self._lock:
            rows = sorted(self._rows.items())
        for name, (event, at) in rows:
            ended = not event.step
            seconds = event.seconds if ended else event.seconds + self._now() - at
            first = event.text.splitlines()[0] if event.text else ""
            table.add_row(_mark(event), Text(name, "bold"), f"{seconds:.0f} s", Text(_words(event, first)))
        return table


def _words(event: Event, first: str) -> str:
    return first if not event.step else ": ".join(part for part in (event.step, first) if part)


def _mark(event: Event) -> Text:
    if event.step:
        return Text("▸", "cyan")
    mark, style = MARKS.get(event.text.split(":")[0], FAILED_MARK)
    return Text(mark, style)


@contextmanager
def looking(what: str, *, quiet: bool = False) -> Iterator[Callable[[str], None]]:
    """A word for the wait before anything is known; on a terminal it goes away again."""
    console = Console(stderr=True, highlight=False)
    if quiet or not console.is_terminal:
        yield lambda _: None
        return
    with console.status(what) as status:
        yield lambda more: status.update(f"{what}: {more}")


def say(sentence: str) -> None:
    """A line of a lab's own story."""
    Console(stderr=True, highlight=False).print(f"lab: {sentence}", markup=False, soft_wrap=True)


def note(sentence: str) -> None:
    """A line beside the answer."""
    Console(stderr=True, highlight=False).print(f"note: {sentence}", markup=False, soft_wrap=True)
