"""The lab's Hetzner on a real socket, with a clock of ours, and the real client for it."""

import base64
import json
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fleet.core.firewall import Rule
from fleet.core.orders import ServerOrder
from fleet.core.secret import Secret
from fleet.edges.hetzner import HetznerCloud
from fleet.engine.ports import Cloud
from fleet.lab.hetzner import HetznerApi
from fleet.lab.hetzner.exchange import Answer, Request

START = datetime(2026, 11, 1, 12, tzinfo=UTC)
TOKEN, READ_ONLY = "the-token", "the-read-only-token"
TAGS = {"fleet": "ci", "gitea": "abc"}
COVERS = {"fleet": "ci"}
SSH = Rule("in", "tcp", "22", ("0.0.0.0/0", "::/0"), description="SSH")
Tamper = Callable[[Request, Callable[[], Answer]], Answer]


class Time:
    """One clock for the API and its client. A sleep takes no time, and ends when ``ready`` says so."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        self.ready = threading.Event()
        self.ready.set()
        self._lock = threading.Lock()

    def sleep(self, seconds: float) -> None:
        assert self.ready.wait(20)
        with self._lock:
            self.slept.append(seconds)
            self.seconds += seconds

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return START + timedelta(seconds=self.seconds)


class Api(HetznerApi):
    """The lab's Hetzner, with somebody between it and its client."""

    tamper: Tamper | None = None

    def answer(self, request: Request) -> Answer:
        if self.tamper is None:
            return super().answer(request)
        return self.tamper(request, lambda: HetznerApi.answer(self, request))

    def asked(self, method: str, path: str) -> int:
        """How often this was asked since the start; a path ends where its query begins."""
        return sum(
            one.method == method and one.path.removeprefix("/v1").partition("?")[0] == path for one in self.requests()
        )


def connect(endpoint: str, time: Time, token: str = TOKEN) -> HetznerCloud:
    cloud = HetznerCloud(endpoint, Secret(token), fleet_tag="ci", sleep=time.sleep, monotonic=time.monotonic)
    port: Cloud = cloud
    assert port is cloud
    return cloud


def public_key() -> str:
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + (32).to_bytes(4, "big") + os.urandom(32)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} somebody"


def order(cloud: Cloud, name: str = "ci-build-1", **changes: Any) -> ServerOrder:
    """A server that can be had; the key and firewall are there once they were asked for."""
    key = cloud.ensure_ssh_key("fleet-ci", KEY, TAGS)
    firewall = cloud.ensure_firewall("fleet-ci", lambda seen: (SSH,), TAGS, COVERS)
    plain = ServerOrder(
        name, "cx33", "hel1", "debian-13", Secret("#cloud-config\n{}"), {**TAGS, "pool": "build"}, key, firewall
    )
    return replace(plain, **changes)


KEY = public_key()


def until_awaited(cloud: HetznerCloud, actions: int) -> None:
    """Return when that many actions are awaited; the clock stands still meanwhile."""
    for _ in range(2000):
        if len(cloud._actions._pending) == actions:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"{len(cloud._actions._pending)} actions are awaited")


def raw(api: Api, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, object]:
    """Somebody else's call, past our client."""
    content = json.dumps(body).encode() if body is not None else b""
    answer = HetznerApi.answer(api, Request(method, f"/v1{path}", {}, f"Bearer {TOKEN}", content))
    assert answer.status < 300, answer.body
    return answer.body or {}


def path_of(request: Request) -> str:
    return request.path.removeprefix("/v1")


def error(status: int, code: str, message: str = "no") -> Answer:
    return Answer(status, {"error": {"code": code, "message": message, "details": None}})


def first_time(method: str, path: str, answer: Callable[[Callable[[], Answer]], Answer]) -> Tamper:
    """Answer the first such request so, and all others as usual."""
    left = [1]

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        if left and request.method == method and path_of(request) == path:
            left.pop()
            return answer(usual)
        return usual()

    return tamper
