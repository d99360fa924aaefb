"""What one fleet process asks of its ports: counted, written down, and cut off where a test says so."""

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from tests.fakes.clock import FakeClock

T = TypeVar("T")

LATENCY = 0.05
"""Seconds that each call takes."""

READS = frozenset(
    {
        "clock.sleep",
        "cloud.now",
        "cloud.servers",
        "cloud.server",
        "cloud.server_named",
        "cloud.belongings",
        "cloud.firewall",
        "cloud.ssh_key_names",
        "gitea.runners",
        "gitea.runner",
        "gitea.jobs",
        "tailnet.check",
        "tailnet.devices",
        "hosts.connect",
        "hosts.public_key",
        "host.lock",
        "host.unlock",
        "host.docker",
        "host.probe",
        "host.true",
        "host.wait for cloud-init",
        "host.read cloud-init",
        "host.is running",
        "host.read log",
        "host.read .runner",
    }
)
"""Calls that change nothing outside; whatever is not here counts as a change."""

Moment = tuple[int, Literal["before", "after"]]


class Killed(BaseException):
    """The process is dead: nothing that it does after this has an effect."""


class Calls:
    """The calls of one process, in order. ``guard`` lets one thread at a time into the world."""

    def __init__(self, clock: FakeClock, guard: threading.RLock, die_at: Moment | None = None) -> None:
        self.log: list[str] = []
        self.dead = False
        self._clock = clock
        self._guard = guard
        self._die_at = die_at
        self._failures: defaultdict[str, list[Exception]] = defaultdict(list)
        self._hooks: dict[int, Callable[[], None]] = {}

    @property
    def changes(self) -> list[str]:
        """The calls that were to change something outside."""
        return [name for name in self.log if name not in READS]

    def fail_next(self, name: str, *errors: Exception) -> None:
        """The next calls of this name raise these, and do nothing."""
        self._failures[name] += errors

    def before(self, number: int, do: Callable[[], T]) -> list[T]:
        """Something else happens in the world right before this process makes its call ``number``.

        The list gets what ``do`` gives back, and stays empty when there is no such call.
        """
        given: list[T] = []
        self._hooks[number] = lambda: given.append(do())
        return given

    def make(self, name: str, do: Callable[[], T]) -> T:
        """One call through a port."""
        if len(self.log) in self._hooks:
            self._hooks.pop(len(self.log))()
        with self._guard:
            number = len(self.log)
            self._die_if((number, "before"))
            self.log.append(name)
            self._clock.sleep(LATENCY)
            try:
                if self._failures[name]:
                    raise self._failures[name].pop(0)
                return do()
            finally:
                self._die_if((number, "after"))

    def _die_if(self, moment: Moment) -> None:
        if self.dead or moment == self._die_at:
            self.dead = True
            raise Killed


class Counted:
    """A port whose calls all go through ``calls``."""

    def __init__(self, name: str, port: object, calls: Calls) -> None:
        self._name = name
        self._port = port
        self._calls = calls

    def __getattr__(self, method: str) -> Callable[..., Any]:
        do = getattr(self._port, method)
        return lambda *args, **kwargs: self._calls.make(f"{self._name}.{method}", lambda: do(*args, **kwargs))


class ProcessClock:
    """The world's clock in one process: a sleep is a call, a look at the time is none."""

    def __init__(self, clock: FakeClock, calls: Calls) -> None:
        self._clock = clock
        self._calls = calls

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        """Let that much time go by."""
        self._calls.make("clock.sleep", lambda: self._clock.sleep(seconds))
