"""Time that only moves when somebody sleeps or calls; what is going on in the world goes on with it."""

from collections.abc import Callable

START = 1_800_000_000.0
"""Some moment in January 2027."""

TICK = 0.5
"""Seconds; nothing in the simulated world happens more often."""


class FakeClock:
    """The clock of one simulated world."""

    def __init__(self) -> None:
        self._now = START
        self._watchers: list[Callable[[], None]] = []

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._now

    def sleep(self, seconds: float) -> None:
        """Let that much time go by, tick by tick."""
        end = self._now + seconds
        while self._now < end:
            self._now = min(self._now + TICK, end)
            for watch in self._watchers:
                watch()

    def at_each_tick(self, watch: Callable[[], None]) -> None:
        """From now on ``watch`` is called whenever time has moved, in the order of these calls."""
        self._watchers.append(watch)
