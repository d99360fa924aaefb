"""A small client of the stand-in Gitea for tests: one connection per call, always closed."""

import http.client
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

NONE: Mapping[str, str] = {}
RPC = "/api/actions/runner.v1.RunnerService/"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The JSON of the answer, its text, or None where there is nothing."""
        kind = self.headers.get("content-type", "")
        return None if not self.raw else json.loads(self.raw) if "json" in kind else self.raw.decode()


def call(
    url: str,
    method: str,
    path: str,
    body: Any = None,
    *,
    raw: bytes | None = None,
    headers: Mapping[str, str] = NONE,
) -> Reply:
    """One request; ``raw`` is sent as it is, ``body`` as JSON."""
    content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request(method, path, content, {"Content-Type": "application/json"} | dict(headers))
        answer = connection.getresponse()
        seen = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, seen, answer.read())
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class Api:
    """The REST API with one token."""

    url: str
    token: str = ""

    def __call__(self, method: str, path: str, body: Any = None) -> Reply:
        headers = {"Authorization": f"token {self.token}"} if self.token else {}
        return call(self.url, method, f"/api/v1{path}", body, headers=headers)

    def get(self, path: str) -> Any:
        reply = self("GET", path)
        assert reply.status == 200, reply
        return reply.body


@dataclass(frozen=True, slots=True)
class Agent:
    """A runner's side of the protocol."""

    url: str
    id: int = 0
    uuid: str = ""
    token: str = ""

    def rpc(self, method: str, body: Any = None) -> Reply:
        headers = {"x-runner-uuid": self.uuid, "x-runner-token": self.token}
        return call(self.url, "POST", RPC + method, body or {}, headers=headers)

    def ask(self, method: str, body: Any = None) -> Any:
        reply = self.rpc(method, body)
        assert reply.status == 200, reply
        return reply.body

    def fetch(self, known: int = 0) -> Any:
        """The task given, or None."""
        return self.ask("FetchTask", {"tasksVersion": str(known)}).get("task")

    def end(self, task_id: str, result: str = "SUCCESS", outputs: Any = None) -> Any:
        state = {"id": task_id, "result": f"RESULT_{result}"}
        return self.ask("UpdateTask", {"state": state, "outputs": outputs or {}})


def register(url: str, token: str, name: str = "one", labels: str = "ubuntu-latest", **more: Any) -> Agent:
    """A new runner, online by its Declare; labels are separated by commas."""
    request = {"name": name, "token": token, "labels": labels.split(","), "version": "v1"} | more
    row = Agent(url).ask("Register", request)["runner"]
    agent = Agent(url, int(row["id"]), row["uuid"], row["token"])
    agent.ask("Declare", {"version": "v1", "labels": labels.split(",")})
    return agent
