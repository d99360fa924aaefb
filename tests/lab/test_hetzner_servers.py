"""The life of a server in the emulated API."""

from typing import Any

import pytest

from fleet.lab.hetzner.server_order import USER_DATA_LIMIT
from tests.lab.hetzner_lab import Lab, order, public_key


@pytest.fixture
def lab() -> Lab:
    return Lab()


def status_of(lab: Lab, number: int) -> str:
    found: str = lab.get(f"/servers/{number}")["server"]["status"]
    return found


def test_a_server_is_initializing_then_starting_then_running(lab: Lab) -> None:
    made = lab.post("/servers", order())
    number = made["server"]["id"]
    assert made["server"]["status"] == "initializing"
    assert (made["action"]["command"], made["action"]["status"]) == ("create_server", "running")
    lab.settle(9.9)
    assert status_of(lab, number) == "initializing"
    lab.settle(0.1)
    assert status_of(lab, number) == "starting"
    lab.settle(2.0)
    assert status_of(lab, number) == "running"
    ids = [made["action"]["id"], made["next_actions"][0]["id"]]
    ended = lab.get(f"/actions?id={ids[0]}&id={ids[1]}")["actions"]
    assert [(one["command"], one["status"], one["progress"]) for one in ended] == [
        ("create_server", "success", 100),
        ("start_server", "success", 100),
    ]


def test_a_server_waits_for_the_machine_below_however_long_it_takes(lab: Lab) -> None:
    lab.below.gate.clear()
    number = lab.post("/servers", order())["server"]["id"]
    lab.clock.pass_(1000)
    assert status_of(lab, number) == "initializing"
    lab.below.gate.set()
    lab.settle()
    assert status_of(lab, number) == "running"


def test_the_addresses_are_known_before_the_server_is_there(lab: Lab) -> None:
    net = lab.post("/servers", order())["server"]["public_net"]
    assert (net["ipv4"]["ip"], net["ipv6"]["ip"]) == ("192.0.2.240", "2001:db8:0:3e9::/64")


def test_a_server_without_ipv4_has_none(lab: Lab) -> None:
    server = lab.server(public_net={"enable_ipv4": False})
    assert server["public_net"]["ipv4"] is None
    assert [ip["type"] for ip in lab.get("/primary_ips")["primary_ips"]] == ["ipv6"]


def test_the_machine_below_is_told_what_to_make(lab: Lab) -> None:
    key = lab.post("/ssh_keys", {"name": "me", "public_key": public_key()})["ssh_key"]
    lab.server(server_type="cax11", location="hel1", user_data="#cloud-config\n", ssh_keys=[key["id"]])
    ((_, spec),) = lab.below.calls
    assert (spec.name, spec.image, spec.architecture) == ("ci-build-1", "debian-13", "arm")
    assert (spec.cores, spec.memory_gb) == (2, 4)
    assert (spec.user_data, spec.ssh_keys) == ("#cloud-config\n", (public_key(),))


def test_a_root_password_is_given_only_without_keys(lab: Lab) -> None:
    lab.post("/ssh_keys", {"name": "me", "public_key": public_key()})
    assert lab.post("/servers", order("a"))["root_password"]
    assert lab.post("/servers", order("b", ssh_keys=["me"]))["root_password"] is None


def test_a_server_that_is_not_to_start_is_off(lab: Lab) -> None:
    assert lab.server(start_after_create=False)["status"] == "off"
    assert lab.below.calls[-1] == ("power", 1001, False)


def test_a_machine_below_that_fails_fails_the_action_and_leaves_the_server_off(lab: Lab) -> None:
    lab.below.refusals["create"] = "no space left"
    made = lab.post("/servers", order())
    lab.settle()
    action = lab.get(f"/actions/{made['action']['id']}")["action"]
    assert action["error"] == {"code": "server_error", "message": "no space left"}
    assert lab.get(f"/actions/{made['next_actions'][0]['id']}")["action"]["status"] == "error"
    assert status_of(lab, made["server"]["id"]) == "off"


def test_a_machine_below_without_addresses_refuses_the_order(lab: Lab) -> None:
    lab.below.refusals["reserve"] = "no address left"
    assert lab.refused("POST", "/servers", order()) == (422, "service_error")
    assert lab.get("/servers")["servers"] == []


def test_a_name_is_taken_once(lab: Lab) -> None:
    lab.server("one")
    answer = lab.ask("POST", "/servers", order("one"))
    assert answer.status == 409
    assert answer.body is not None
    assert answer.body["error"]["code"] == "uniqueness_error"
    assert answer.body["error"]["details"]["fields"][0]["name"] == "name"
    other = lab.server("two")
    assert lab.refused("PUT", f"/servers/{other['id']}", {"name": "one"}) == (409, "uniqueness_error")
    assert lab.put(f"/servers/{other['id']}", {"name": "two"})["server"]["name"] == "two"


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"name": "under_score"}, "name"),
        ({"name": "-dash"}, "name"),
        ({"name": "x" * 64}, "name"),
        ({"server_type": "cx22"}, "server_type"),
        ({"image": "debian-99"}, "image"),
        ({"image": 310557661}, "image"),
        ({"location": "mars1"}, "location"),
        ({"labels": {"url": "https://x"}}, "labels"),
        ({"labels": {"hetzner.cloud/x": "y"}}, "labels"),
        ({"labels": {"at": "2026-11-23T12:00"}}, "labels"),
        ({"labels": {"long": "x" * 64}}, "labels"),
        ({"user_data": "x" * (USER_DATA_LIMIT + 1)}, "user_data"),
        ({"ssh_keys": ["nobody"]}, "ssh_keys"),
        ({"datacenter": "nbg1-dc3"}, "datacenter"),
    ],
)
def test_a_wrong_field_is_named(lab: Lab, more: dict[str, Any], field: str) -> None:
    answer = lab.ask("POST", "/servers", {**order(), **more})
    assert answer.status == 422
    assert answer.body is not None
    assert answer.body["error"]["code"] == "invalid_input"
    assert answer.body["error"]["details"]["fields"][0]["name"] == field
    assert lab.get("/servers")["servers"] == []


def test_the_largest_user_data_is_taken(lab: Lab) -> None:
    lab.server(user_data="x" * USER_DATA_LIMIT)


def test_a_type_is_refused_where_it_is_not_sold(lab: Lab) -> None:
    assert lab.refused("POST", "/servers", order(location="ash")) == (422, "invalid_input")
    assert lab.refused("POST", "/servers", order(server_type="cpx31")) == (422, "invalid_input")
    lab.server(server_type="cpx31", location="ash")


def test_labels_replace_the_whole_map(lab: Lab) -> None:
    server = lab.server(labels={"fleet": "ci", "pool": "build"})
    after = lab.put(f"/servers/{server['id']}", {"labels": {"held": ""}})["server"]
    assert after["labels"] == {"held": ""}


def test_sixty_servers_come_in_pages_of_at_most_fifty(lab: Lab) -> None:
    for number in range(60):
        lab.post("/servers", order(f"s{number}", labels={"even": str(number % 2 == 0).lower()}))
    first = lab.get("/servers?per_page=50")
    assert first["meta"]["pagination"] == {
        "page": 1,
        "per_page": 50,
        "previous_page": None,
        "next_page": 2,
        "last_page": 2,
        "total_entries": 60,
    }
    second = lab.get("/servers?per_page=50&page=2")
    assert len({server["id"] for server in first["servers"] + second["servers"]}) == 60
    assert len(lab.get("/servers")["servers"]) == 25
    assert len(lab.get("/servers?per_page=999")["servers"]) == 50
    assert lab.get("/servers?label_selector=even==true")["meta"]["pagination"]["total_entries"] == 30
    assert lab.get("/servers?page=9")["servers"] == []
    assert lab.refused("GET", "/servers?page=0") == (422, "invalid_input")


def test_the_link_header_leads_to_the_other_pages(lab: Lab) -> None:
    for number in range(5):
        lab.post("/servers", order(f"s{number}"))
    links = dict(lab.ask("GET", "/servers?per_page=2&page=2&name=").headers)["Link"]
    assert links == '<http://lab/v1/servers?per_page=2&page=1&name=>; rel="prev", ' + (
        '<http://lab/v1/servers?per_page=2&page=1&name=>; rel="last"'
    )
    links = dict(lab.ask("GET", "/servers?per_page=2").headers)["Link"]
    assert links == '<http://lab/v1/servers?per_page=2&page=2>; rel="next", ' + (
        '<http://lab/v1/servers?per_page=2&page=3>; rel="last"'
    )


def test_servers_are_found_by_name_status_and_order(lab: Lab) -> None:
    lab.server("a")
    lab.server("b", start_after_create=False)
    lab.server("c")
    names = [server["name"] for server in lab.get("/servers?sort=name:desc")["servers"]]
    assert names == ["c", "b", "a"]
    assert [server["name"] for server in lab.get("/servers?name=b")["servers"]] == ["b"]
    assert [server["name"] for server in lab.get("/servers?status=off")["servers"]] == ["b"]
    assert len(lab.get("/servers?status=off&status=running")["servers"]) == 3
    assert lab.refused("GET", "/servers?sort=colour") == (422, "invalid_input")


def test_a_deleted_server_is_deleting_and_then_gone(lab: Lab) -> None:
    server = lab.server()
    action = lab.delete(f"/servers/{server['id']}")["action"]
    assert (action["command"], action["status"]) == ("delete_server", "running")
    lab.settle(0)
    assert lab.refused("GET", f"/servers/{server['id']}") == (404, "not_found")
    assert lab.refused("DELETE", f"/servers/{server['id']}") == (404, "not_found")
    assert lab.get("/servers")["servers"] == []
    assert lab.get(f"/actions/{action['id']}")["action"]["status"] == "success"
    assert lab.below.words() == ["create", "delete"]


def test_a_server_that_could_not_be_deleted_stays(lab: Lab) -> None:
    server = lab.server()
    lab.below.refusals["delete"] = "stuck"
    action = lab.delete(f"/servers/{server['id']}")["action"]
    lab.settle()
    assert lab.get(f"/actions/{action['id']}")["action"]["error"]["message"] == "stuck"
    assert status_of(lab, server["id"]) == "running"


def test_a_protected_server_is_not_deleted(lab: Lab) -> None:
    path = f"/servers/{lab.server()['id']}"
    lab.post(f"{path}/actions/change_protection", {"delete": True, "rebuild": True})
    assert lab.refused("DELETE", path) == (423, "protected")
    rebuild = {"image": "debian-13"}
    assert lab.refused("POST", f"{path}/actions/rebuild", rebuild) == (423, "protected")
    lab.post(f"{path}/actions/change_protection", {"delete": False, "rebuild": False})
    lab.delete(path)


def test_a_server_is_locked_while_an_action_runs(lab: Lab) -> None:
    made = lab.post("/servers", order())["server"]
    assert made["locked"] is True
    assert lab.refused("DELETE", f"/servers/{made['id']}") == (423, "locked")
    assert lab.refused("POST", f"/servers/{made['id']}/actions/reset") == (423, "locked")
    lab.settle()
    assert lab.get(f"/servers/{made['id']}")["server"]["locked"] is False


@pytest.mark.parametrize(
    ("command", "meanwhile", "end", "below"),
    [
        ("poweroff", "stopping", "off", ("power", 1001, False)),
        ("shutdown", "stopping", "off", ("power", 1001, False)),
        ("poweron", "starting", "running", ("power", 1001, True)),
        ("reboot", "running", "running", ("reset", 1001)),
        ("reset", "running", "running", ("reset", 1001)),
    ],
)
def test_power_reaches_the_machine_below(
    lab: Lab, command: str, meanwhile: str, end: str, below: tuple[Any, ...]
) -> None:
    server = lab.server()
    lab.post(f"/servers/{server['id']}/actions/{command}")
    assert status_of(lab, server["id"]) == meanwhile
    lab.settle()
    assert status_of(lab, server["id"]) == end
    assert lab.below.calls[-1] == below


def test_a_rebuilt_server_keeps_its_id_and_addresses(lab: Lab) -> None:
    server = lab.server(user_data="old")
    path = f"/servers/{server['id']}"
    lab.post(f"{path}/actions/rebuild", {"image": "ubuntu-24.04", "user_data": "new"})
    assert status_of(lab, server["id"]) == "rebuilding"
    lab.settle()
    after = lab.get(path)["server"]
    assert (after["status"], after["public_net"]) == ("running", server["public_net"])
    assert after["image"]["name"] == "ubuntu-24.04"
    word, spec = lab.below.calls[-1]
    assert (word, spec.image, spec.user_data) == ("rebuild", "ubuntu-24.04", "new")


def test_actions_are_listed_by_id_only(lab: Lab) -> None:
    server = lab.server()
    assert lab.refused("GET", "/actions") == (410, "deprecated_api_endpoint")
    mine = lab.get(f"/servers/{server['id']}/actions?sort=id:desc&status=success")["actions"]
    assert [action["command"] for action in mine] == ["start_server", "create_server"]
    one = lab.get(f"/servers/{server['id']}/actions/{mine[0]['id']}")["action"]
    assert one == mine[0]
    assert lab.refused("GET", "/actions/1") == (404, "not_found")
