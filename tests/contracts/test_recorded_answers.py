"""The stand-in Gitea gives the answers that were recorded from a real one: codes, shapes and texts."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from fleet.lab.gitea import Gitea
from fleet.lab.gitea.protocol import Protocol
from tests.lab.gitea_client import Reply, call

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("gitea_answers.json").read_text())
START = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)
EXAMPLE = "http://gitea.example:3000"
# What differs each time. Of these only the type is compared.
LOOSE = {
    *("token", "uuid", "sha", "head_sha", "GITEA_TOKEN", "GITHUB_TOKEN", "gitea_runtime_token"),
    *("created_at", "started_at", "completed_at", "tasksVersion"),
}
REC = """
on: workflow_dispatch
jobs:
  first: {runs-on: [ubuntu-latest, special], steps: [{run: echo hi}]}
  second: {needs: first, runs-on: ubuntu-latest, steps: [{run: echo hi}]}
  nobody: {runs-on: macos-14, steps: [{run: echo hi}]}
"""


class Recording:
    """The stand-in, brought to where the real one was when the recording began."""

    def __init__(self) -> None:
        self.now = START
        self.gitea = Gitea(can_disable=False, clock=self.tick)
        self.acme = self.gitea.add_user("acme", admin=True)
        self.app = self.gitea.add_repo(self.acme, "app")
        self.tokens = {
            "token": self.gitea.add_token(self.acme, ["all"]),
            "wrong token": "nobody's",
            "token lacks a scope": self.gitea.add_token(self.acme, ["read:repository"]),
            "token may read, not write": self.gitea.add_token(self.acme, ["read:admin"]),
        }
        self.credentials = ("", "")
        self.prepare()

    def tick(self) -> datetime:
        return self.now

    def prepare(self) -> None:
        """29 runners of which one is gone, two runs that are over, and nobody online."""
        protocol = Protocol(self.gitea.state)
        names = {1: "vps1", 26: "h6", 29: "h7"}
        for number in range(1, 30):
            name = names.get(number, f"r{number}")
            request = {
                "name": name,
                "token": self.gitea.registration_token(),
                "labels": ["ubuntu-latest"],
            }
            protocol.register(request)
        state = self.gitea.state
        first = state.runners[1]
        protocol.fetch_task(first, {}, EXAMPLE)
        del state.runners[27]
        ci = base64.b64decode(case("fetch: the job that was blocked")["body"]["task"]["workflowPayload"])
        for path, text in ((".gitea/workflows/ci.yml", ci.decode()), (".gitea/workflows/rec.yml", REC)):
            self.gitea.push(self.app, path, text, title="rec")
            task = protocol.fetch_task(first, {}, EXAMPLE)["task"]
            end = {"state": {"id": task["id"], "result": "RESULT_SUCCESS"}}
            protocol.update_task(first, end, EXAMPLE)
        state.runners[26].last_online = START + timedelta(seconds=1)
        state.runners[29].last_online = START + timedelta(seconds=2)
        self.now = START + timedelta(hours=1)

    def replay(self, url: str, recorded: dict[str, Any]) -> Reply:
        self.now += timedelta(seconds=1)
        request = recorded["request"]
        path, body = request["path"], request["body"]
        if isinstance(body, dict) and str(body.get("token", "")).startswith("<"):
            body = body | {"token": self.gitea.registration_token()}
        if recorded["note"] == "paging beyond":
            self.gitea.age(timedelta(hours=1))
        reply = call(url, request["method"], path, body, headers=self.headers(recorded))
        if recorded["note"] == "register":
            self.credentials = (reply.body["runner"]["uuid"], reply.body["runner"]["token"])
        if recorded["note"] == "dispatch a workflow":
            # The recording has a push here: one more run of ci.yml.
            self.gitea.push(self.app, "x.txt", "x", title="rec")
        return reply

    def headers(self, recorded: dict[str, Any]) -> dict[str, str]:
        auth, rpc = recorded["request"]["auth"], recorded["request"]["path"].startswith("/api/actions")
        if auth == "none":
            return {}
        if rpc:
            return {"x-runner-uuid": self.credentials[0], "x-runner-token": self.credentials[1]}
        token = self.tokens["token"] if auth == "token" else self.tokens[recorded["note"]]
        return {"Authorization": f"token {token}"}


def case(note: str) -> dict[str, Any]:
    return next(recorded for recorded in CASES if recorded["note"] == note)


@pytest.fixture(scope="module")
def replies() -> Iterator[dict[str, tuple[str, Reply]]]:
    """Every recorded request, made again in its order."""
    recording = Recording()
    with recording.gitea.serve() as serving:
        yield {recorded["note"]: (serving.url, recording.replay(serving.url, recorded)) for recorded in CASES}


@pytest.mark.parametrize("note", [recorded["note"] for recorded in CASES])
def test_the_stand_in_answers_as_the_real_gitea_did(note: str, replies: dict[str, tuple[str, Reply]]) -> None:
    recorded, (url, reply) = case(note), replies[note]
    assert reply.status == recorded["status"]
    assert reply.headers.get("content-type") == recorded["headers"].get("Content-Type")
    if isinstance(recorded["body"], str):  # a log: its times differ
        assert [line[-6:] for line in reply.body.splitlines()] == [line[-6:] for line in recorded["body"].splitlines()]
        return
    text = reply.raw.decode().replace(url, EXAMPLE)
    compare(recorded["body"], json.loads(text) if text else None, "answer")


def compare(recorded: Any, got: Any, path: str) -> None:
    """Equal, but for what differs each time and for what the recording cut short."""
    key = path.rpartition(".")[2]
    if isinstance(recorded, str) and recorded.startswith("<"):
        assert got, f"{path} is empty"
    elif isinstance(recorded, dict):
        assert isinstance(got, dict), path
        assert set(got) == set(recorded), path
        for name in recorded:
            compare(recorded[name], got[name], f"{path}.{name}")
    elif isinstance(recorded, list):
        assert len(got) >= len(recorded), path
        for at, (one, other) in enumerate(zip(recorded, got, strict=False)):
            compare(one, other, f"{path}[{at}]")
    elif key == "workflowPayload":
        assert workflow(got) == workflow(recorded)
    elif key in LOOSE:
        assert type(got) is type(recorded), path
    else:
        assert got == recorded, path


def workflow(payload: str) -> Any:
    return yaml.safe_load(base64.b64decode(payload))
