"""One call in flight answers everybody who asks, and its answer is kept for a moment."""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Answers by key, each kept ``keep`` seconds. A failure goes to all who waited for it and is not kept."""

    def __init__(self, keep: float, monotonic: Callable[[], float]) -> None:
        self._keep = keep
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._flights: dict[Hashable, tuple[Future[T], float]] = {}

    def get(self, key: Hashable, load: Callable[[], T]) -> T:
        """The answer to ``key``: a fresh one that is there, the one under way, or ours."""
        with self._lock:
            flight = self._flying(key)
            if flight is None:
                own = Future[T]()
                self._flights[key] = (own, float("inf"))
        if flight is not None:
            return flight.result()
        self._land(key, own, load)
        return own.result()

    def forget(self) -> None:
        """Who asks from now on gets an answer that was asked for after now."""
        with self._lock:
            self._flights.clear()

    def _flying(self, key: Hashable) -> Future[T] | None:
        flight, until = self._flights.get(key, (None, 0.0))
        return flight if self._monotonic() < until else None

    def _land(self, key: Hashable, own: Future[T], load: Callable[[], T]) -> None:
        until = float("-inf")
        try:
            own.set_result(load())
            until = self._monotonic() + self._keep
        except BaseException as error:
            own.set_exception(error)
        with self._lock:
            if self._flights.get(key, (None,))[0] is own:
                self._flights[key] = (own, until)
