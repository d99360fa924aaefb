"""Waiting for Hetzner's actions: one look per second answers everybody who waits."""

import threading
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

from hcloud import Client
from hcloud.actions import BoundAction

from fleet.core.errors import CloudError, FleetError
from fleet.edges.hetzner.errors import failure
from fleet.edges.hetzner.gate import Gate
from fleet.edges.hetzner.sharing import Shared

TICK = 1.0
"""Seconds between looks."""
LONGEST = 15 * 60.0
"""Seconds an action may take: some servers took that long to be made."""
AT_ONCE = 25
"""Ids in one call: what the official clients ask for at once (and the API's page)."""


class Actions:
    """One thread at a time looks for all. N threads that wait cost one call per tick for each 25 actions."""

    def __init__(self, gate: Gate, changed: Shared[Any]) -> None:
        self._gate = gate
        self._changed = changed
        self._turn = threading.Condition()
        self._turns = 0
        self._led = False
        self._unanswered: FleetError | None = None
        self._pending: set[int] = set()
        self._errors: dict[int, tuple[str, str]] = {}

    def wait(self, doing: str, actions: Iterable[BoundAction | None]) -> None:
        """Return when all have ended well. Raises the CloudError that a failed one stands for."""
        failed = self.failure_of(doing, actions)
        if failed is not None:
            raise failed

    def failure_of(self, doing: str, actions: Iterable[BoundAction | None]) -> CloudError | None:
        """Wait for all; the error that a failed one stands for, or None.

        What is raised (no answer, not done in time) says nothing about the actions: they may still end well.
        """
        awaited = [action for action in actions if action is not None]
        self._note([_seen(action) for action in awaited])
        ids = {action.id for action in awaited}
        self._wait_for(doing, {action.id for action in awaited if action.status == action.STATUS_RUNNING})
        return next((failure(doing, *self._errors[one]) for one in sorted(ids & self._errors.keys())), None)

    def _wait_for(self, doing: str, ids: set[int]) -> None:
        deadline = self._gate.monotonic() + LONGEST
        with self._turn:
            self._pending |= ids
        try:
            while ids & self._pending:
                if self._gate.monotonic() > deadline:
                    raise _too_slow(doing)
                self._lead_or_follow()
        finally:
            with self._turn:
                self._pending -= ids

    def _lead_or_follow(self) -> None:
        """Look for all if nobody does, else wait for the one that does; its failure is everybody's."""
        with self._turn:
            if self._led:
                seen = self._turns
                self._turn.wait_for(lambda: self._turns != seen)
                if self._unanswered is not None:
                    raise self._unanswered
                return
            self._led, self._unanswered = True, None
        try:
            self._gate.sleep(TICK)
            self._look()
        except FleetError as error:
            self._unanswered = error
            raise
        finally:
            with self._turn:
                self._led = False
                self._turns += 1
                self._turn.notify_all()

    def _look(self) -> None:
        with self._turn:
            ids = sorted(self._pending)
        for start in range(0, len(ids), AT_ONCE):
            chunk = ids[start : start + AT_ONCE]
            self._note(self._gate.call("look at running actions", partial(_ask, ids=chunk)))

    def _note(self, answer: Sequence[dict[str, Any]]) -> None:
        """Keep what ended. The cached list of servers is older than that, so it is dropped first."""
        ended = [action for action in answer if action["status"] != "running"]
        if not ended:
            return
        self._changed.forget()
        with self._turn:
            for action in ended:
                if action["status"] == "error":
                    self._errors[action["id"]] = _code_and_text(action["error"])
                self._pending.discard(action["id"])


def _ask(client: Client, ids: Sequence[int]) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = client.request("GET", "/actions", params={"id": list(ids)})["actions"]
    return answer


def _seen(action: BoundAction) -> dict[str, Any]:
    return {"id": action.id, "status": action.status, "error": action.error}


def _code_and_text(error: Any) -> tuple[str, str]:
    error = error or {}
    return str(error.get("code", "action_failed")), str(error.get("message", "the action failed"))


def _too_slow(doing: str) -> CloudError:
    return CloudError(
        f"could not {doing}: Hetzner did not finish in {LONGEST / 60:.0f} min",
        code="action_timeout",
        hint="type the command again: it goes on from what is there (status.hetzner.com)",
    )
