"""One project: its records, its actions, and the machine below; one lock guards them."""

import itertools
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from fleet.lab.hetzner.actions import Action, Done, Failure, Resource
from fleet.lab.hetzner.faults import Faults
from fleet.lab.hetzner.hypervisor import OPEN, FirewallRule, Hypervisor
from fleet.lab.hetzner.offers import IMAGES, LOCATIONS, SERVER_TYPES
from fleet.lab.hetzner.state import Firewall, Network, PlacementGroup, PrimaryIp, Server, SshKey, Volume

LOG = logging.getLogger(__name__)

# Each kind counts in its own range, so that a client that mixes ids up is found out.
FIRST_IDS = {
    "server": 1_001,
    "ssh_key": 20_001,
    "firewall": 30_001,
    "primary_ip": 40_001,
    "volume": 50_001,
    "network": 60_001,
    "placement_group": 70_001,
    "action": 500_001,
}


@dataclass(slots=True)
class Records:
    """Everything that exists, by id."""

    servers: dict[int, Server] = field(default_factory=dict)
    ssh_keys: dict[int, SshKey] = field(default_factory=dict)
    firewalls: dict[int, Firewall] = field(default_factory=dict)
    primary_ips: dict[int, PrimaryIp] = field(default_factory=dict)
    volumes: dict[int, Volume] = field(default_factory=dict)
    networks: dict[int, Network] = field(default_factory=dict)
    placement_groups: dict[int, PlacementGroup] = field(default_factory=dict)


class Project:
    """Records are read and changed only inside `locked()`; hypervisor calls are made only outside of it."""

    def __init__(
        self, hypervisor: Hypervisor, faults: Faults, clock: Callable[[], datetime], create_seconds: float
    ) -> None:
        self.hypervisor = hypervisor
        self.faults = faults
        self._ahead = timedelta()
        self._clock = clock
        self.create_seconds = create_seconds
        self.records = Records()
        self.actions: dict[int, Action] = {}
        self.locations = {location.name: location for location in LOCATIONS}
        self.server_types = {kind.name: kind for kind in SERVER_TYPES}
        self.images = {image.id: image for image in IMAGES}
        self._open: list[Action] = []
        self._ids = {kind: itertools.count(first) for kind, first in FIRST_IDS.items()}
        self._lock = threading.RLock()
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="hypervisor")
        self._running: set[Future[None]] = set()
        self._host_locks: dict[int, threading.Lock] = {}
        self._pushed: dict[int, tuple[FirewallRule, ...]] = {}

    def clock(self) -> datetime:
        """The time here."""
        return self._clock() + self._ahead

    def age(self, by: timedelta) -> None:
        """Move this API's time on, or back."""
        self._ahead += by

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone with the records, after all that is due has ended."""
        with self._lock:
            self._settle()
            yield

    def new_id(self, kind: str) -> int:
        return next(self._ids[kind])

    def act(
        self,
        command: str,
        resources: Sequence[Resource],
        *,
        seconds: float = 0.0,
        work: Callable[[], None] | None = None,
        before: Action | None = None,
        then: Done | None = None,
    ) -> Action:
        """Accept an action that takes at least `seconds`: `work` runs in the background, `then` at the end."""
        now = self.clock()
        action = Action(
            self.new_id("action"), command, tuple(resources), now, now + timedelta(seconds=seconds), then=then
        )
        if self.faults.take("action_fails", command=command):
            action.failure = Failure("action_failed", "Action failed")
        elif work is not None:
            action.work = self.background(work)
        action.before = before
        self.actions[action.id] = action
        self._open.append(action)
        return action

    def background(self, work: Callable[[], None]) -> "Future[None]":
        future = self._pool.submit(work)
        self._running.add(future)
        future.add_done_callback(self._ended)
        return future

    def host_lock(self, server_id: int) -> threading.Lock:
        """Held around hypervisor calls, so that those for one server never overlap."""
        with self._lock:
            return self._host_locks.setdefault(server_id, threading.Lock())

    def push_rules(self, server_id: int, effective: Callable[[], tuple[FirewallRule, ...] | None]) -> None:
        """Bring the host's rules up to date. They are read here, so that late and early pushes agree."""
        with self.host_lock(server_id):
            with self._lock:
                rules, pushed = effective(), self._pushed.get(server_id, OPEN)
            if rules is not None and rules != pushed:
                self.hypervisor.firewall(server_id, rules)
                self._pushed[server_id] = rules

    def forget_rules(self, server_id: int) -> None:
        """A host just made, or made again, is open."""
        self._pushed.pop(server_id, None)

    def wait_idle(self, seconds: float = 60.0) -> None:
        """Wait until nothing runs in the background."""
        wait(set(self._running), timeout=seconds)

    def busy(self, kind: str, number: int) -> bool:
        """Whether an action about this runs; firewalls change beside other actions and do not count."""
        return any(
            action.finished is None and action.about(kind, number) and "firewall" not in action.command
            for action in self._open
        )

    def _ended(self, future: "Future[None]") -> None:
        self._running.discard(future)
        if error := future.exception():
            LOG.warning("the machine below refused: %s", error)

    def _settle(self) -> None:
        now = self.clock()
        for action in self._open:
            action.settle(now)
        self._open = [action for action in self._open if action.finished is None]
