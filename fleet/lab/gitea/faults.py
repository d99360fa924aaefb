"""What can be made to go wrong, and the log of requests: ``/_lab`` on the stand-in itself."""

import json
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from fleet.lab.gitea.http import PAGE_NOT_FOUND, Answer, ApiError, Request, give

PREFIX = "/_lab"
KEPT = 1000


@dataclass(frozen=True, slots=True)
class Seen:
    """One request of the log."""

    method: str
    path: str
    status: int


@dataclass(slots=True)
class Faults:
    """The faults ordered: seconds of delay, connections to drop, every credential refused."""

    slow: float = 0.0
    dead: int = 0
    unauthorized: bool = False
    log: deque[Seen] = field(default_factory=lambda: deque(maxlen=KEPT))

    def order(self, wanted: dict[str, object]) -> None:
        """One more fault; ApiError where it is not known."""
        match wanted:
            case {"kind": "slow", "seconds": int() | float() as seconds}:
                self.slow = float(seconds)
            case {"kind": "dead", "times": int() as times}:
                self.dead = times
            case {"kind": "unauthorized"}:
                self.unauthorized = True
            case _:
                raise ApiError(422, f"no such fault: {json.dumps(wanted)}")

    def clear(self) -> None:
        self.slow, self.dead, self.unauthorized = 0.0, 0, False

    def drops(self) -> bool:
        """Whether this connection is to be closed without an answer; counts down."""
        self.dead = max(self.dead, 0)
        dropping = self.dead > 0
        self.dead -= dropping
        return dropping

    def delay(self, sleep: Callable[[float], None] = time.sleep) -> None:
        if self.slow:
            sleep(self.slow)


def answer(faults: Faults, request: Request) -> Answer:
    """``GET log``, ``POST faults``, ``DELETE faults``."""
    try:
        match request.method, request.path.removeprefix(PREFIX):
            case "GET", "/log":
                return give({"requests": [asdict(seen) for seen in faults.log]})
            case "POST", "/faults":
                faults.order(request.json())
                return Answer(204)
            case "DELETE", "/faults":
                faults.clear()
                return Answer(204)
            case _:
                return PAGE_NOT_FOUND
    except ApiError as error:
        return error.answer(request.here)
