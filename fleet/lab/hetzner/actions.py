"""Actions: what was accepted and is not done yet."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime

from fleet.lab.hetzner.exchange import Json

Done = Callable[["Failure | None"], None]


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an action ended in error."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Resource:
    """What an action is about."""

    id: int
    type: str


@dataclass(slots=True)
class Action:
    """Ends when `due` has passed, its work is done and the action before it has ended."""

    id: int
    command: str
    resources: tuple[Resource, ...]
    started: datetime
    due: datetime
    work: "Future[None] | None" = None
    before: "Action | None" = None
    failure: Failure | None = None
    finished: datetime | None = None
    then: Done | None = None

    def settle(self, now: datetime) -> None:
        """End it if it can end; `then` is told how."""
        if not self._ready(now):
            return
        self.finished = now
        self.failure = self.failure or self._inherited() or self._raised()
        if self.then is not None:
            self.then(self.failure)

    def about(self, kind: str, number: int) -> bool:
        return Resource(number, kind) in self.resources

    def status(self) -> str:
        if self.finished is None:
            return "running"
        return "error" if self.failure else "success"

    def as_json(self, now: datetime) -> Json:
        return {
            "id": self.id,
            "command": self.command,
            "status": self.status(),
            "progress": self._progress(now),
            "started": self.started.isoformat(),
            "finished": self.finished.isoformat() if self.finished else None,
            "resources": [{"id": resource.id, "type": resource.type} for resource in self.resources],
            "error": {"code": self.failure.code, "message": self.failure.message}
            if self.finished and self.failure
            else None,
        }

    def _ready(self, now: datetime) -> bool:
        waits = self.before is not None and self.before.finished is None
        works = self.work is not None and not self.work.done()
        return self.finished is None and now >= self.due and not waits and not works

    def _inherited(self) -> Failure | None:
        return self.before.failure if self.before else None

    def _raised(self) -> Failure | None:
        error = self.work.exception() if self.work else None
        return Failure("server_error", str(error) or type(error).__name__) if error else None

    def _progress(self, now: datetime) -> int:
        if self.finished is not None:
            return 100
        whole = (self.due - self.started).total_seconds()
        gone = (now - self.started).total_seconds()
        return min(99, max(0, int(100 * gone / whole))) if whole > 0 else 0
