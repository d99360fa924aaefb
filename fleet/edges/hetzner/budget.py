"""The project's rate limit as its answers tell it, and the API's clock."""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from fleet.core.errors import RateLimited

RESERVE = 10
"""Calls we leave to other users of the project before we slow down."""
LONGEST_WAIT = 60.0
"""Seconds one call may wait for the limit to refill."""


class Budget:
    """All threads pass here before a request. Calls refill evenly (API: rate limiting): we wait for one.

    The limit belongs to the project: others spend of it too, and each answer says what is left.
    """

    def __init__(self, sleep: Callable[[float], None], monotonic: Callable[[], float]) -> None:
        self._sleep = sleep
        self._monotonic = monotonic
        self._door = threading.Lock()
        self._state = threading.Lock()
        self._left = float("inf")
        self._limit = float("inf")
        self._reserve = 0.0
        self._per_second = 1.0
        self._at = monotonic()
        self._date: datetime | None = None
        self._date_at = self._at

    def spend(self) -> None:
        """Wait until a call may be made; later ones wait behind. Raises RateLimited when that is long."""
        with self._door:
            wait = self._missing() / self._per_second
            if wait > LONGEST_WAIT:
                raise RateLimited(
                    f"this project's calls are used up; the next is possible in {wait / 60:.0f} min",
                    code="rate_limit_exceeded",
                    hint="wait that long: all users of this project share its calls",
                )
            if wait > 0:
                self._sleep(wait)
            self._take_one()

    def heard(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers; those that are missing or unreadable change nothing."""
        with self._state:
            date = _read_date(headers.get("Date", ""))
            if date is not None:
                self._date, self._date_at = date, self._monotonic()
            try:
                limit = float(headers["RateLimit-Limit"])
                left = float(headers["RateLimit-Remaining"])
                reset = float(headers.get("RateLimit-Reset", 0))
            except (KeyError, ValueError):
                return
            self._left, self._limit, self._at = left, limit, self._monotonic()
            self._reserve = min(RESERVE, limit // 10)
            self._per_second = self._refill(limit, left, reset)

    def calls_left(self) -> tuple[int, int] | None:
        """What was left when an answer last told, and the limit."""
        with self._state:
            return None if self._limit == float("inf") else (int(self._left), int(self._limit))

    def now(self) -> datetime | None:
        """The API's time now, or None before its first answer."""
        with self._state:
            return self._date and self._date + timedelta(seconds=self._monotonic() - self._date_at)

    def _refill(self, limit: float, left: float, reset: float) -> float:
        """Calls per second: those that are missing come back until ``reset`` (seconds since the epoch)."""
        seconds = reset - self._date.timestamp() if self._date else 0
        return (limit - left) / seconds if seconds > 0 and limit > left else max(limit, 1) / 3600

    def _missing(self) -> float:
        with self._state:
            refilled = (self._monotonic() - self._at) * self._per_second
            return self._reserve - (self._left + refilled)

    def _take_one(self) -> None:
        with self._state:
            now = self._monotonic()
            self._left += (now - self._at) * self._per_second - 1
            self._at = now


def _read_date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text).astimezone(UTC)
    except ValueError:
        return None
