"""Waiting: by polling through the given clock, with a limit and a word for what is awaited."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from fleet.engine.ports import Clock

T = TypeVar("T")


def wait_for(
    clock: Clock, poll: Callable[[], T | None], *, limit: float, first: float = 0.5, longest: float = 5.0
) -> T | None:
    """The first answer of ``poll`` that is not None, or None after ``limit`` seconds.

    Pauses grow from ``first`` to ``longest`` seconds.
    """
    end = clock.now() + limit
    for pause in _pauses(first, longest):
        found = poll()
        if found is not None or clock.now() >= end:
            return found
        clock.sleep(min(pause, max(end - clock.now(), 0.05)))
    return None


def _pauses(first: float, longest: float) -> Iterator[float]:
    pause = first
    while True:
        yield pause
        pause = min(pause * 1.3, longest)
