"""Every fault, ordered and absent."""

import time
from datetime import datetime, timedelta
from typing import Any

import pytest

from fleet.lab.hetzner import Faults
from fleet.lab.hetzner.faults import KINDS
from tests.lab.hetzner_lab import Lab, order


@pytest.fixture
def lab() -> Lab:
    return Lab()


REFUSALS = [
    ("no_capacity", {}, "POST", "/servers", (412, "resource_unavailable")),
    ("no_capacity", {"server_type": "cx33"}, "POST", "/servers", (412, "resource_unavailable")),
    ("no_capacity", {"location": "nbg1"}, "POST", "/servers", (412, "resource_unavailable")),
    ("quota", {"limit": 0}, "POST", "/servers", (403, "resource_limit_exceeded")),
    ("rate_limit", {}, "GET", "/servers", (429, "rate_limit_exceeded")),
    ("dead", {}, "GET", "/servers", (503, "unavailable")),
    ("unauthorized", {}, "GET", "/servers", (401, "unauthorized")),
    ("conflict", {}, "POST", "/servers", (409, "conflict")),
    ("locked", {}, "PUT", "/servers/1001", (423, "locked")),
]


@pytest.mark.parametrize(("kind", "fields", "method", "path", "refusal"), REFUSALS)
def test_a_fault_refuses_as_often_as_ordered_and_then_no_more(
    lab: Lab, kind: str, fields: dict[str, Any], method: str, path: str, refusal: tuple[int, str]
) -> None:
    lab.server("first")
    body = order("second") if method == "POST" else {"labels": {}} if method == "PUT" else None
    lab.faults.order(kind, times=2, **fields)
    assert [lab.refused(method, path, body) for _ in range(2)] == [refusal, refusal]
    assert lab.ask(method, path, body).status < 300


@pytest.mark.parametrize(("kind", "fields", "method", "path", "refusal"), REFUSALS)
def test_a_fault_without_times_lasts_until_it_is_taken_back(
    lab: Lab, kind: str, fields: dict[str, Any], method: str, path: str, refusal: tuple[int, str]
) -> None:
    lab.server("first")
    body = order("second") if method == "POST" else {"labels": {}} if method == "PUT" else None
    fault = lab.faults.order(kind, **fields)
    assert [lab.refused(method, path, body) for _ in range(3)] == [refusal] * 3
    lab.faults.cancel(fault.id)
    assert lab.ask(method, path, body).status < 300


def test_missing_capacity_is_of_one_type_in_one_place(lab: Lab) -> None:
    lab.faults.order("no_capacity", server_type="cx33", location="nbg1")
    assert lab.refused("POST", "/servers", order()) == (412, "resource_unavailable")
    lab.server("a", location="hel1")
    lab.server("b", server_type="cx43")


def test_missing_capacity_is_shown_in_the_catalog_only_when_ordered_so(lab: Lab) -> None:
    def available() -> dict[str, bool]:
        kind = lab.get("/server_types?name=cx33")["server_types"][0]
        return {place["name"]: place["available"] for place in kind["locations"]}

    lab.faults.order("no_capacity", location="nbg1")
    assert available() == {"nbg1": True, "fsn1": True, "hel1": True}
    lab.faults.order("no_capacity", location="fsn1", shown=True)
    assert available() == {"nbg1": True, "fsn1": False, "hel1": True}


def test_the_quota_names_its_limit_and_counts_servers(lab: Lab) -> None:
    lab.faults.order("quota", limit=1)
    server = lab.server("a")
    answer = lab.ask("POST", "/servers", order("b"))
    assert answer.body is not None
    assert answer.body["error"]["details"] == {"limits": [{"name": "server_limit"}]}
    lab.delete(f"/servers/{server['id']}")
    lab.settle()
    lab.server("b")


def test_an_action_fails_after_it_was_accepted(lab: Lab) -> None:
    lab.faults.order("action_fails", command="create_server", times=1)
    made = lab.post("/servers", order("a"))
    assert made["action"]["status"] == "running"
    lab.settle()
    action = lab.get(f"/actions/{made['action']['id']}")["action"]
    assert (action["status"], action["error"]["code"]) == ("error", "action_failed")
    assert lab.get(f"/servers/{made['server']['id']}")["server"]["status"] == "off"
    assert lab.below.calls == []
    assert lab.server("b")["status"] == "running"


def test_a_server_that_never_boots_says_it_runs_until_it_is_rebuilt(lab: Lab) -> None:
    lab.faults.order("never_boots", times=1)
    server = lab.server("a")
    path = f"/servers/{server['id']}"
    assert (server["status"], lab.below.calls) == ("running", [])
    for command in ("reset", "poweroff", "poweron"):
        lab.post(f"{path}/actions/{command}")
        lab.settle()
    assert lab.below.calls == []
    lab.post(f"{path}/actions/rebuild", {"image": "debian-13"})
    lab.settle()
    assert lab.below.words() == ["create"]
    lab.server("b")
    assert lab.below.words() == ["create", "create"]


def test_never_booting_can_be_ordered_for_one_name(lab: Lab) -> None:
    lab.faults.order("never_boots", name="b")
    lab.server("a")
    lab.server("b")
    assert [spec.name for _, spec in lab.below.calls] == ["a"]


def test_a_slow_api_takes_its_time(lab: Lab) -> None:
    lab.faults.order("slow", seconds=0.05, times=1)
    began = time.monotonic()
    lab.get("/servers")
    assert time.monotonic() - began >= 0.05
    assert lab.faults.as_json() == []


def test_a_fault_can_be_for_one_method(lab: Lab) -> None:
    lab.faults.order("dead", method="POST")
    lab.get("/servers")
    assert lab.refused("POST", "/servers", order()) == (503, "unavailable")


def test_faults_are_ordered_listed_and_taken_back_by_path(lab: Lab) -> None:
    wish = {"kind": "no_capacity", "server_type": "cx33", "times": 3}
    fault = lab.ask("POST", "/_lab/faults", wish, token=None)
    assert fault.status == 201
    assert fault.body is not None
    listed = lab.get("/_lab/faults")
    assert listed["faults"] == [fault.body["fault"]]
    assert set(listed["kinds"]) == set(KINDS)
    lab.delete(f"/_lab/faults/{fault.body['fault']['id']}")
    lab.post("/_lab/faults", {"kind": "dead"})
    lab.delete("/_lab/faults")
    assert lab.get("/_lab/faults")["faults"] == []


@pytest.mark.parametrize(
    "wish",
    [
        {},
        {"kind": "boredom"},
        {"kind": "dead", "colour": "red"},
        {"kind": "dead", "id": 3},
        {"kind": "dead", "times": "many"},
        {"kind": "dead", "times": True},
        {"kind": "quota"},
        {"kind": "slow"},
    ],
)
def test_a_wrong_order_is_refused(lab: Lab, wish: dict[str, Any]) -> None:
    assert lab.refused("POST", "/_lab/faults", wish) == (422, "invalid_input")


def test_time_is_moved_on_and_back_by_an_order(lab: Lab) -> None:
    before = datetime.fromisoformat(lab.get("/_lab/state")["time"])
    assert lab.ask("POST", "/_lab/age", {"seconds": 900}, token=None).status == 204
    later = before + timedelta(seconds=900)
    assert lab.api.clock() == later
    lab.post("/servers", order("young"))
    assert datetime.fromisoformat(lab.get("/servers")["servers"][0]["created"]) == later
    lab.post("/_lab/age", {"seconds": -900})
    assert lab.api.clock() == before
    assert lab.refused("POST", "/_lab/age", {"seconds": "many"}) == (422, "invalid_input")


def test_an_order_that_ran_out_is_forgotten() -> None:
    faults = Faults()
    faults.order("dead", times=1)
    assert faults.take("dead") is not None
    assert faults.take("dead") is None


def test_the_state_is_one_look(lab: Lab) -> None:
    lab.server("a", labels={"fleet": "ci"})
    state = lab.get("/_lab/state")
    assert state["servers"] == [
        {
            "id": 1001,
            "name": "a",
            "status": "running",
            "server_type": "cx33",
            "location": "nbg1",
            "labels": {"fleet": "ci"},
            "hosted": True,
        }
    ]
    assert state["counts"]["primary_ips"] == 2
    assert state["counts"]["running_actions"] == 0
    assert lab.refused("GET", "/_lab/nothing") == (404, "not_found")
