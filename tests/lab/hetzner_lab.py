"""What the tests of the emulated API share: a clock, a recording machine below, and checked answers."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from fleet.lab.hetzner import (
    Addresses,
    FirewallRule,
    HetznerApi,
    HypervisorError,
    NoHypervisor,
    ServerSpec,
    Serving,
)
from fleet.lab.hetzner.exchange import Answer, Request
from tests.lab.hetzner_types import complaint

TOKEN = "t" * 64
READONLY = "r" * 64
START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that moves when told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Recorder(NoHypervisor):
    """Writes down what it is asked to do; raises what is in `refusals` for that word; waits at `gate`."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.refusals: dict[str, str] = {}
        self.gate = threading.Event()
        self.gate.set()

    def reserve(self, server_id: int) -> Addresses:
        if "reserve" in self.refusals:
            raise HypervisorError(self.refusals["reserve"])
        return super().reserve(server_id)

    def create(self, spec: ServerSpec) -> Addresses:
        self._note("create", spec)
        return super().create(spec)

    def rebuild(self, spec: ServerSpec) -> Addresses:
        self._note("rebuild", spec)
        return super().rebuild(spec)

    def delete(self, server_id: int) -> None:
        self._note("delete", server_id)

    def power(self, server_id: int, on: bool) -> None:
        self._note("power", server_id, on)

    def reset(self, server_id: int) -> None:
        self._note("reset", server_id)

    def remove_network(self, network_id: int) -> None:
        self._note("remove_network", network_id)

    def firewall(self, server_id: int, rules: tuple[FirewallRule, ...]) -> None:
        self._note("firewall", server_id, rules)

    def words(self) -> list[str]:
        return [call[0] for call in self.calls]

    def _note(self, word: str, *rest: Any) -> None:
        self.gate.wait(30)
        self.calls.append((word, *rest))
        if word in self.refusals:
            raise HypervisorError(self.refusals[word])


class CheckedApi(HetznerApi):
    """Keeps every complaint about an answer that is not of the official types."""

    complaints: list[str]
    seen: set[str]

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        if request.path.startswith("/v1/"):
            body = json.loads(json.dumps(answer.body)) if answer.body is not None else None
            found = complaint(request.method, request.path.removeprefix("/v1"), answer.status, body)
            self.seen.add(f"{request.method} {request.path} {answer.status}")
            if found:
                self.complaints.append(found)
        return answer


class Lab:
    """The API asked without a socket, at a time of our choosing."""

    def __init__(self, **settings: Any) -> None:
        self.clock = Clock()
        self.below = Recorder()
        self.api = checked_api(self.below, clock=self.clock, create_seconds=10.0, **settings)
        self.faults = self.api.faults

    def ask(self, method: str, path: str, body: Any = None, token: str | None = TOKEN) -> Answer:
        parts = urlsplit(path)
        prefix = "" if path.startswith("/_lab") else "/v1"
        request = Request(
            method=method,
            path=prefix + parts.path,
            query=parse_qs(parts.query, keep_blank_values=True),
            authorization=f"Bearer {token}" if token is not None else "",
            raw=b"" if body is None else json.dumps(body).encode(),
            origin="http://lab/v1",
        )
        answer = self.api.answer(request)
        assert self.api.complaints == []
        return answer

    def get(self, path: str) -> Any:
        return self._ok("GET", path, None)

    def post(self, path: str, body: Any = None) -> Any:
        return self._ok("POST", path, body)

    def put(self, path: str, body: Any) -> Any:
        return self._ok("PUT", path, body)

    def delete(self, path: str) -> Any:
        return self._ok("DELETE", path, None)

    def refused(self, method: str, path: str, body: Any = None, token: str | None = TOKEN) -> tuple[int, str]:
        """Status and code of a refusal."""
        answer = self.ask(method, path, body, token)
        assert answer.body is not None
        return answer.status, answer.body["error"]["code"]

    def settle(self, seconds: float = 60.0) -> None:
        """Let the machine below finish, and time pass."""
        self.api.wait_idle()
        self.clock.pass_(seconds)

    def server(self, name: str = "ci-build-1", **more: Any) -> Any:
        """A new server, already running."""
        made = self.post("/servers", order(name, **more))["server"]
        self.settle()
        return self.get(f"/servers/{made['id']}")["server"]

    def _ok(self, method: str, path: str, body: Any) -> Any:
        answer = self.ask(method, path, body)
        assert answer.status < 400, answer.body
        return answer.body


def checked_api(below: NoHypervisor, **settings: Any) -> CheckedApi:
    api = CheckedApi(below, token=TOKEN, readonly_token=READONLY, **settings)
    api.complaints, api.seen = [], set()
    return api


@contextmanager
def served(**settings: Any) -> Iterator[tuple[CheckedApi, Serving]]:
    """A quick API on the loopback; at the end every answer it gave must have been of the official types."""
    api = checked_api(Recorder(), create_seconds=0.01, **settings)
    with api.serve() as serving:
        yield api, serving
    assert api.complaints == []


def order(name: str = "ci-build-1", **more: Any) -> dict[str, Any]:
    return {"name": name, "server_type": "cx33", "image": "debian-13", "location": "nbg1", **more}


def public_key(seed: int = 1) -> str:
    raw = b"\0\0\0\x0bssh-ed25519\0\0\0 " + bytes([seed]) * 32
    return f"ssh-ed25519 {base64.b64encode(raw).decode()} someone"
