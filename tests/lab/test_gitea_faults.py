"""What can be made to go wrong with the stand-in Gitea, and its log of requests."""

import base64
import http.client
import time
from collections.abc import Iterator

import pytest

from fleet.lab.gitea import Gitea
from fleet.lab.gitea.faults import Faults
from tests.lab.gitea_client import Agent, Api, call, register


@pytest.fixture
def api() -> Iterator[Api]:
    gitea = Gitea()
    token = gitea.add_token(gitea.add_user("acme", admin=True), ["all"])
    with gitea.serve() as served:
        yield Api(served.url, token)


def order(api: Api, **fault: object) -> int:
    return call(api.url, "POST", "/_lab/faults", fault).status


def test_a_dead_server_drops_connections_as_often_as_ordered(api: Api) -> None:
    assert order(api, kind="dead", times=2) == 204
    for _ in range(2):
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            api("GET", "/version")
    assert api("GET", "/version").status == 200


def test_every_credential_is_refused_until_the_fault_is_taken_back(api: Api) -> None:
    order(api, kind="unauthorized")
    assert api("GET", "/user").status == 401
    assert "unregistered runner" in Agent(api.url).rpc("FetchTask").body["message"]
    assert call(api.url, "DELETE", "/_lab/faults").status == 204
    assert api("GET", "/user").status == 200


def test_a_slow_server_waits_before_it_answers(api: Api) -> None:
    order(api, kind="slow", seconds=0.05)
    before = time.monotonic()
    api("GET", "/version")
    assert time.monotonic() - before >= 0.05
    waited: list[float] = []
    Faults(slow=3.0).delay(waited.append)
    assert waited == [3.0]


def test_an_unknown_fault_is_refused(api: Api) -> None:
    assert order(api, kind="gremlins") == 422
    assert call(api.url, "GET", "/_lab/none").status == 404


def test_the_log_tells_what_was_asked_and_answered(api: Api) -> None:
    api("GET", "/admin/actions/jobs?status=bogus")
    (seen,) = call(api.url, "GET", "/_lab/log").body["requests"]
    assert seen == {"method": "GET", "path": "/api/v1/admin/actions/jobs?status=bogus", "status": 400}


def test_time_is_moved_on_by_an_order(api: Api) -> None:
    token = api("POST", "/admin/actions/runners/registration-token").body["token"]
    register(api.url, token)
    assert call(api.url, "POST", "/_lab/age", {"seconds": 61}).status == 204
    assert api.get("/admin/actions/runners/1")["status"] == "offline"


def test_a_run_is_cancelled_by_an_order(api: Api) -> None:
    api("POST", "/user/repos", {"name": "app"})
    workflow = b"on: push\njobs: {a: {runs-on: x, steps: [{run: echo}]}}\n"
    content = {"content": base64.b64encode(workflow).decode()}
    api("POST", "/repos/acme/app/contents/.gitea/workflows/x.yml", content)
    assert call(api.url, "POST", "/_lab/cancel", {"run": 2}).status == 404
    assert call(api.url, "POST", "/_lab/cancel", {"run": 1}).status == 204
    assert api.get("/repos/acme/app/actions/jobs/1")["conclusion"] == "cancelled"
