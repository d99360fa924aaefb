"""``fleet status --watch``: a page that no outage ends, on screens of any height."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from io import StringIO
from types import SimpleNamespace
from typing import Any, cast

import pytest
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.screen import Screen

from fleet.cli import sight, status_answer, watch
from fleet.cli.exits import OK, UNTOUCHED
from fleet.core.errors import FleetError, HostSilent, Unreachable
from fleet.core.observation import Observation
from tests.cli.scenes import CALM
from tests.cli.situations import BUILD, PASS, host, machine, running
from tests.cli.terminal import golden, set_scene, shown, typed
from tests.core.builders import inventory, runner, seen, server

SILENT = seen(server(), runner(id=1, online=False), hosts={"ci-build-1": HostSilent("ci-build-1 does not answer")})


class Glances:
    """A clock that ends the page after so many looks, as Ctrl-C does. ``tick`` is told of each second."""

    def __init__(self, looks: int, tick: Callable[[], None] = lambda: None) -> None:
        self.left = looks * watch.EVERY
        self._tick = tick

    def now(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        assert seconds == 1
        self._tick()
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt


def pages(monkeypatch: pytest.MonkeyPatch, *answers: Observation | FleetError) -> list[str]:
    """What the page shows, look by look."""
    set_scene(monkeypatch, status_answer, inventory(), CALM, clock=Glances(len(answers)))
    looks = iter(answers)
    told: list[str] = []

    def next_look(world: object, **_: object) -> Observation:
        found = next(looks)
        if isinstance(found, FleetError):
            raise found
        return found

    monkeypatch.setattr(sight, "observe", next_look)
    monkeypatch.setattr(watch, "_show", lambda live, page: told.append(shown(page)))
    assert typed("status", "--watch").exit_code == OK
    return told


@pytest.mark.parametrize("who", ["Gitea", "Hetzner", "the network"])
def test_a_page_left_open_survives_that_nobody_answers(monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    away = Unreachable(f"{who} did not answer", hint="is it up?")
    calm = golden("status_calm.txt")
    told = pages(monkeypatch, CALM, away, away, CALM)
    since = f"{CALM.at.astimezone():%H:%M}"
    assert told == [calm, *2 * [f"not up to date since {since}: {who} did not answer -> is it up?\n\n{calm}"], calm]


def test_a_look_that_takes_long_is_told_above_the_page_that_becomes_old(monkeypatch: pytest.MonkeyPatch) -> None:
    calm = golden("status_calm.txt")
    clock: Any = SimpleNamespace(now=lambda: 100.0)
    drawn: list[str] = []

    def begin(live: Live, page: RenderableType, _: object) -> None:
        terminal = Live(console=Console(force_terminal=True, file=StringIO()))
        real(terminal, page, clock)
        later = (replace(cast(watch.Late, terminal.get_renderable()), begun=100.0 - passed) for passed in (9, 12))
        drawn.extend(shown(one) for one in later)

    real = vars(watch)["_begin"]
    monkeypatch.setattr(watch, "_begin", begin)
    away = Unreachable("Gitea did not answer")
    pages(monkeypatch, CALM, away, CALM)
    first, slow, *others = drawn
    assert (first, slow) == ("looking at fleet ci\n", "looking at fleet ci\nnot up to date: still looking, for 12 s\n")
    since = f"not up to date since {CALM.at.astimezone():%H:%M}"
    assert others[:2] == [calm, f"{since}: still looking, for 12 s\n\n{calm}"]
    assert others[2:] == 2 * [f"{since}: Gitea did not answer\n\n{calm}"], "which says more"


def test_a_page_that_never_had_an_answer_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    told = pages(monkeypatch, Unreachable("Gitea did not answer", hint="is it up?"), CALM)
    assert told[0] == "looking at fleet ci\nnot up to date: Gitea did not answer -> is it up?\n"
    assert told[1] == golden("status_calm.txt")


def test_a_screen_that_has_another_size_is_drawn_anew_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    console = Console(file=StringIO(), width=80, height=24, force_terminal=True)
    told: list[tuple[int, int]] = []
    clock = Glances(1, lambda: setattr(console, "size", (50, 12)) if clock.left == 5 else None)
    monkeypatch.setattr(watch, "_show", lambda live, page: told.append((live.console.width, clock.left)))
    with pytest.raises(KeyboardInterrupt):
        watch._rest(Live(console=console), "page", clock)
    assert told == [(50, 4)]


def test_a_host_that_goes_away_and_comes_back_is_a_row_and_no_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    well, gone, back = pages(monkeypatch, CALM, SILENT, CALM)
    assert well == back
    assert "not up to date" not in gone
    assert [line for line in gone.splitlines() if line.startswith("ci-build-1") and "silent" in line]


def test_each_look_is_at_the_inventory_as_its_schedules_have_it_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """By day two machines are wanted, and by night there is one less."""
    told: list[str] = []
    set_scene(monkeypatch, status_answer, inventory(), CALM, clock=Glances(2))
    hours = iter((inventory(replace(BUILD, min=2)), inventory(replace(BUILD, min=1))))
    opened: Any = vars(status_answer)["open_world"]

    @contextmanager
    def by_schedule(option: str | None) -> Iterator[SimpleNamespace]:
        with opened(option) as world:
            moving: Any = world
            moving.by_now = lambda: SimpleNamespace(**{**vars(moving), "inventory": next(hours)})
            yield moving

    monkeypatch.setattr(status_answer, "open_world", by_schedule)
    monkeypatch.setattr(watch, "_show", lambda live, page: told.append(shown(page)))
    typed("status", "--watch")
    assert ["ci-build-2  pool build has 1 of 2" in page for page in told] == [True, False]


@pytest.mark.parametrize("option", ["--json", "--check"])
def test_a_page_that_goes_on_and_on_gives_no_single_answer(option: str) -> None:
    result = typed("status", "--watch", option)
    assert (result.exit_code, result.stdout) == (UNTOUCHED, "")
    assert "leave out one of them" in result.stderr


def test_each_look_is_printed_below_the_last_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, status_answer, inventory(), CALM, clock=Glances(2))
    said = typed("status", "--watch").stdout
    assert said.count("fleet ci  Gitea 1.26.0") == 2


# --- a screen that is too low ------------------------------------------------------------------------------

BIG = inventory(replace(BUILD, max=30))
MANY = seen(
    *(part for n in range(1, 31) for part in machine(f"ci-build-{n}", n, online=n != 17)),
    running(51, "test", 23, 5),
    hosts={
        f"ci-build-{n}": HostSilent(f"ci-build-{n} does not answer") if n == 17 else host(f"ci-build-{n}", n)
        for n in range(1, 31)
    },
)


def on_a_screen(monkeypatch: pytest.MonkeyPatch, height: int) -> list[str]:
    """The lines of a page of 30 machines on a screen so high."""
    told: list[str] = []

    def show(live: Live, page: watch.Page) -> None:
        console = Console(file=StringIO(), width=80, height=height, no_color=True, highlight=False)
        inside = Screen(Group(replace(page, fits=True)))  # as Live has it on a terminal
        lines = console.render_lines(inside, pad=False)
        told.extend("".join(part.text for part in line).rstrip() for line in lines)

    monkeypatch.setattr(watch, "_show", show)
    set_scene(monkeypatch, status_answer, BIG, MANY, record=PASS, clock=Glances(1))
    typed("status", "--watch")
    return told


def test_a_high_screen_shows_all_machines(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [line for line in on_a_screen(monkeypatch, 60) if line.startswith("ci-build-")]
    assert len(rows) == 30


def test_on_a_low_screen_what_is_wrong_and_what_is_busy_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line for line in on_a_screen(monkeypatch, 16) if line]
    rows = [line.split()[:2] for line in lines if line.startswith("ci-build-")]
    assert ["ci-build-17", "lost"] in rows
    assert ["ci-build-23", "busy"] in rows
    assert len(rows) < 30
    assert f"and {30 - len(rows)} idle that need a higher screen" in lines
    assert lines[-1].startswith("error  ci-build-17  SSH is silent")
