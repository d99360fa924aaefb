"""One call answers all who ask at the same time, and for a moment after."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")

SHARED_FOR = 0.7  # seconds, counted from when the call began


class Shared(Generic[T]):
    """The value of ``load``. A failure goes to all who waited for that call and is not kept."""

    def __init__(self, load: Callable[[], T], monotonic: Callable[[], float]) -> None:
        self._load = load
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._flight: Future[T] | None = None
        self._until = 0.0

    def get(self, *, fresh: bool = False) -> T:
        """The value; ``fresh``: from a call that begins now."""
        with self._lock:
            now = self._monotonic()
            flight = self._flight
            theirs = flight is not None and not fresh and (not flight.done() or now < self._until)
            if flight is None or not theirs:
                flight = self._flight = Future()
                self._until = now + SHARED_FOR
        if not theirs:
            self._fly(flight)
        return flight.result()

    def forget(self) -> None:
        """After a change of ours: who asks from now on gets a call that begins later."""
        with self._lock:
            self._flight = None

    def _fly(self, flight: Future[T]) -> None:
        try:
            flight.set_result(self._load())
        except BaseException as error:  # an interrupt too: nobody may wait for ever
            self.forget()
            flight.set_exception(error)
