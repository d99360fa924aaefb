"""Faults that can be ordered, in Python or over HTTP, to see how a client bears them."""

import itertools
import threading
from dataclasses import asdict, dataclass
from typing import Any, Final, get_args, get_type_hints

KINDS: Final = {
    "no_capacity": "creating is refused: 412 resource_unavailable; `shown` also says it in the catalog",
    "action_fails": "the action ends in error after it was accepted",
    "quota": "creating is refused from `limit` servers on: 403 resource_limit_exceeded",
    "rate_limit": "429 rate_limit_exceeded",
    "slow": "every answer takes `seconds` longer",
    "dead": "503 unavailable",
    "unauthorized": "401 although the token is right",
    "locked": "changes of servers are refused: 423 locked",
    "never_boots": "the server is made and said to run, but no host is there",
    "conflict": "changes are refused: 409 conflict",
}


@dataclass(slots=True)
class Fault:
    """One order. None matches everything; `times` None is for ever, else it counts down to its end."""

    id: int
    kind: str
    server_type: str | None = None
    location: str | None = None
    name: str | None = None
    command: str | None = None
    method: str | None = None
    limit: int | None = None
    seconds: float | None = None
    shown: bool = False
    times: int | None = None

    def concerns(self, about: dict[str, Any]) -> bool:
        return all(getattr(self, key) in (None, value) for key, value in about.items())


class Faults:
    """The orders of one API, oldest first."""

    def __init__(self) -> None:
        self._orders: dict[int, Fault] = {}
        self._ids = itertools.count(1)
        self._lock = threading.Lock()

    def order(self, kind: str, **fields: Any) -> Fault:
        """Raises ValueError with a sentence where kind or a field is unknown."""
        _check(kind, fields)
        with self._lock:
            fault = Fault(next(self._ids), kind, **fields)
            self._orders[fault.id] = fault
        return fault

    def cancel(self, number: int | None = None) -> None:
        """Take back one order, or all of them."""
        with self._lock:
            for key in list(self._orders) if number is None else [number]:
                self._orders.pop(key, None)

    def find(self, kind: str, **about: Any) -> Fault | None:
        """The oldest order of this kind that concerns this, without using it up."""
        with self._lock:
            return self._find(kind, about)

    def take(self, kind: str, **about: Any) -> Fault | None:
        """As `find`, and one of its times is used."""
        with self._lock:
            fault = self._find(kind, about)
            if fault is not None and fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    del self._orders[fault.id]
            return fault

    def as_json(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._orders.values()]

    def _find(self, kind: str, about: dict[str, Any]) -> Fault | None:
        orders = self._orders.values()
        return next((fault for fault in orders if fault.kind == kind and fault.concerns(about)), None)


def _check(kind: str, fields: dict[str, Any]) -> None:
    if kind not in KINDS:
        raise ValueError(f"there is no fault '{kind}', only: {', '.join(KINDS)}")
    types = get_type_hints(Fault)
    for key, value in fields.items():
        if key not in types or key in ("id", "kind"):
            raise ValueError(f"a fault has no field '{key}'")
        if not _fits(value, get_args(types[key]) or (types[key],)):
            raise ValueError(f"'{value}' is no value for '{key}'")
    needed = {"quota": "limit", "slow": "seconds"}.get(kind)
    if needed and fields.get(needed) is None:
        raise ValueError(f"the fault '{kind}' needs '{needed}'")


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in kinds
    return isinstance(value, kinds) or (isinstance(value, int) and float in kinds)
