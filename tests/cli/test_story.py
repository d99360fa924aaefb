"""What a person sees while machines change: live rows on a terminal, plain lines elsewhere, nothing when quiet."""

import pytest
from rich.text import Text

from fleet.cli.story import _mark, _plain, _Rows, looking, telling
from fleet.core.report import Event
from tests.cli.terminal import shown


def event(text: str, *, machine: str = "ci-build-1", step: str = "set up", seconds: float = 0) -> Event:
    return Event(machine, step, text, seconds)


def test_without_a_terminal_each_new_thing_is_a_line_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    with telling() as listen:
        listen(event("install docker.io", seconds=3.4))
        listen(event("", step="register", seconds=30.6))
        listen(event("done: online", step="", seconds=31))
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "ci-build-1  set up: install docker.io  [3 s]\nci-build-1  register  [31 s]\nci-build-1  done: online  [31 s]\n"
    )


def test_the_same_words_again_say_nothing_new(capsys: pytest.CaptureFixture[str]) -> None:
    with telling() as listen:
        for seconds in (1, 2, 3):
            listen(event("SSH does not answer yet", seconds=seconds))
        listen(event("SSH does not answer yet", machine="ci-build-2", seconds=3))
        listen(event("it answers", seconds=4))
        listen(event("SSH does not answer yet", seconds=5))
    assert capsys.readouterr().err == (
        "ci-build-1  set up: SSH does not answer yet  [1 s]\n"
        "ci-build-2  set up: SSH does not answer yet  [3 s]\n"
        "ci-build-1  set up: it answers  [4 s]\n"
        "ci-build-1  set up: SSH does not answer yet  [5 s]\n"
    )


def test_a_line_is_neither_cut_nor_read_as_colours(capsys: pytest.CaptureFixture[str]) -> None:
    text = "[bold]not bold[/bold] pools.build.types[0] " + "word " * 40
    with telling() as listen:
        listen(event(text))
    assert text in capsys.readouterr().err


def test_quiet_tells_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with telling(quiet=True) as listen, looking("looking at fleet ci", quiet=True) as seen:
        listen(event("install"))
        seen("ci-build-1")
    assert capsys.readouterr() == ("", "")


def test_looking_says_nothing_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with looking("looking at fleet ci") as seen:
        seen("ci-build-1")
    assert capsys.readouterr() == ("", "")


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_on_a_terminal_each_machine_has_one_row_with_its_newest_word() -> None:
    clock = Clock()
    rows = _Rows(clock)
    rows.listen(event("", machine="ci-build-2", step="wait for boot", seconds=10))
    rows.listen(event("install docker.io", seconds=3))
    rows.listen(event("pull node:22", seconds=20))
    rows.listen(event("done: online", machine="ci-build-3", step="", seconds=61))
    rows.listen(event("failed: E: no\nmore lines", machine="ci-build-4", step="", seconds=9))
    rows.listen(event("deferred: a job runs", machine="ci-build-5", step="", seconds=1))
    clock.now += 5
    assert shown(rows.render()) == (
        "▸  ci-build-1  25 s  set up: pull node:22\n"
        "▸  ci-build-2  15 s  wait for boot\n"
        "✓  ci-build-3  61 s  done: online\n"
        "✗  ci-build-4   9 s  failed: E: no\n"
        "…  ci-build-5   1 s  deferred: a job runs\n"
    )


def test_a_row_fits_on_its_line() -> None:
    rows = _Rows(Clock())
    rows.listen(event("word " * 40))
    row = shown(rows.render())
    assert row.count("\n") == 1
    assert row.rstrip().endswith("…")


@pytest.mark.parametrize(
    ("text", "step", "mark"),
    [
        ("done: online", "", "✓"),
        ("kept: idle", "", "·"),
        ("deferred: a job runs", "", "…"),
        ("failed: no", "", "✗"),
        ("refused: no", "", "✗"),
        ("locked: no", "", "✗"),
        ("done: not yet", "set up", "▸"),
    ],
)
def test_a_row_begins_with_a_mark_for_how_it_goes(text: str, step: str, mark: str) -> None:
    assert _mark(event(text, step=step)) == Text(mark)


def test_lines_come_whole_from_many_threads(capsys: pytest.CaptureFixture[str]) -> None:
    from concurrent.futures import ThreadPoolExecutor

    from rich.console import Console

    listen = _plain(Console(stderr=True, highlight=False))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: listen(event("x" * 200, machine=f"ci-build-{n}")), range(1, 60)))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 59
    assert all(line.endswith("x  [0 s]") for line in lines)
