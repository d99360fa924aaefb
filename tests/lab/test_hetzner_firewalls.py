"""Firewalls: kept, applied, and brought down to the hosts."""

from typing import Any

import pytest

from fleet.lab.hetzner import FirewallRule
from fleet.lab.hetzner.hypervisor import OPEN
from tests.lab.hetzner_lab import Lab

SSH = {"direction": "in", "protocol": "tcp", "port": "22", "source_ips": ["203.0.113.0/24"]}
PING = {"direction": "in", "protocol": "icmp", "source_ips": ["0.0.0.0/0", "::/0"]}
SSH_RULE = FirewallRule("in", "tcp", "22", ("203.0.113.0/24",))
PING_RULE = FirewallRule("in", "icmp", None, ("0.0.0.0/0", "::/0"))


@pytest.fixture
def lab() -> Lab:
    return Lab()


def firewall(lab: Lab, name: str = "fw", **more: Any) -> Any:
    return lab.post("/firewalls", {"name": name, **more})["firewall"]


def pushed(lab: Lab) -> list[tuple[int, tuple[FirewallRule, ...]]]:
    lab.settle()
    return [call[1:] for call in lab.below.calls if call[0] == "firewall"]


def test_a_server_without_a_firewall_is_left_open(lab: Lab) -> None:
    lab.server()
    assert pushed(lab) == []


def test_a_server_made_with_a_firewall_has_its_rules_from_the_start(lab: Lab) -> None:
    number = firewall(lab, rules=[SSH])["id"]
    server = lab.server(firewalls=[{"firewall": number}])
    assert pushed(lab) == [(server["id"], (SSH_RULE,))]
    assert server["public_net"]["firewalls"] == [{"id": number, "status": "applied"}]


def test_new_rules_reach_the_servers_and_equal_ones_do_not(lab: Lab) -> None:
    path = f"/firewalls/{firewall(lab, rules=[SSH])['id']}"
    server = lab.server(firewalls=[{"firewall": int(path.rsplit("/", 1)[1])}])
    answer = lab.post(f"{path}/actions/set_rules", {"rules": [SSH, PING]})
    assert [action["command"] for action in answer["actions"]] == ["set_firewall_rules"]
    lab.post(f"{path}/actions/set_rules", {"rules": [SSH, PING]})
    assert pushed(lab)[1:] == [(server["id"], (SSH_RULE, PING_RULE))]
    shown = lab.get(path)["firewall"]["rules"]
    assert [rule["port"] for rule in shown] == ["22", None]


def test_a_selector_covers_servers_that_come_later_and_those_that_are_labelled_later(lab: Lab) -> None:
    selector = {"type": "label_selector", "label_selector": {"selector": "fleet=ci"}}
    number = firewall(lab, rules=[SSH], apply_to=[selector])["id"]
    first = lab.server("first", labels={"fleet": "ci"})
    second = lab.server("second")
    lab.put(f"/servers/{second['id']}", {"labels": {"fleet": "ci"}})
    assert pushed(lab) == [(first["id"], (SSH_RULE,)), (second["id"], (SSH_RULE,))]
    shown = lab.get(f"/firewalls/{number}")["firewall"]["applied_to"]
    assert [one["server"]["id"] for one in shown[0]["applied_to_resources"]] == [first["id"], second["id"]]
    lab.put(f"/servers/{second['id']}", {"labels": {}})
    assert pushed(lab)[-1] == (second["id"], OPEN)


def test_a_firewall_is_applied_once_and_removed_once(lab: Lab) -> None:
    server = lab.server()
    path = f"/firewalls/{firewall(lab, rules=[SSH])['id']}/actions"
    target = [{"type": "server", "server": {"id": server["id"]}}]
    lab.post(f"{path}/apply_to_resources", {"apply_to": target})
    assert pushed(lab) == [(server["id"], (SSH_RULE,))]
    again = lab.refused("POST", f"{path}/apply_to_resources", {"apply_to": target})
    assert again == (422, "firewall_already_applied")
    lab.post(f"{path}/remove_from_resources", {"remove_from": target})
    again = lab.refused("POST", f"{path}/remove_from_resources", {"remove_from": target})
    assert again == (422, "firewall_resource_not_found")
    assert pushed(lab)[-1] == (server["id"], OPEN)


def test_a_firewall_on_its_way_does_not_lock_the_server(lab: Lab) -> None:
    server = lab.server()
    lab.below.gate.clear()
    target = [{"type": "server", "server": {"id": server["id"]}}]
    made = lab.post("/firewalls", {"name": "fw", "rules": [SSH], "apply_to": target})
    running = lab.get(f"/actions?id={made['actions'][1]['id']}")["actions"][0]
    assert (running["command"], running["status"]) == ("apply_firewall", "running")
    assert lab.get(f"/servers/{server['id']}")["server"]["locked"] is False
    lab.below.gate.set()
    assert pushed(lab) == [(server["id"], (SSH_RULE,))]


def test_a_firewall_without_rules_lets_nothing_in(lab: Lab) -> None:
    number = firewall(lab)["id"]
    server = lab.server(firewalls=[{"firewall": number}])
    assert pushed(lab) == [(server["id"], ())]


def test_two_firewalls_add_up(lab: Lab) -> None:
    both = [{"firewall": firewall(lab, name, rules=[rule])["id"]} for name, rule in (("a", SSH), ("b", PING))]
    server = lab.server(firewalls=both)
    assert pushed(lab) == [(server["id"], (SSH_RULE, PING_RULE))]


def test_a_rebuilt_server_gets_its_rules_again(lab: Lab) -> None:
    number = firewall(lab, rules=[SSH])["id"]
    server = lab.server(firewalls=[{"firewall": number}])
    lab.post(f"/servers/{server['id']}/actions/rebuild", {"image": "debian-13"})
    assert pushed(lab) == [(server["id"], (SSH_RULE,))] * 2


def test_a_firewall_in_use_is_not_deleted(lab: Lab) -> None:
    number = firewall(lab)["id"]
    server = lab.server(firewalls=[{"firewall": number}])
    assert lab.refused("DELETE", f"/firewalls/{number}") == (422, "resource_in_use")
    lab.delete(f"/servers/{server['id']}")
    lab.settle()
    selector = [{"type": "label_selector", "label_selector": {"selector": "a=b"}}]
    lab.post(f"/firewalls/{number}/actions/apply_to_resources", {"apply_to": selector})
    assert lab.refused("DELETE", f"/firewalls/{number}") == (422, "resource_in_use")
    lab.post(f"/firewalls/{number}/actions/remove_from_resources", {"remove_from": selector})
    lab.delete(f"/firewalls/{number}")
    assert lab.get("/firewalls")["firewalls"] == []


def test_names_of_firewalls_are_unique_and_labels_are_replaced(lab: Lab) -> None:
    number = firewall(lab, labels={"fleet": "ci", "pass": "1"})["id"]
    assert lab.refused("POST", "/firewalls", {"name": "fw"}) == (409, "uniqueness_error")
    after = lab.put(f"/firewalls/{number}", {"labels": {"pass": "2"}})["firewall"]
    assert after["labels"] == {"pass": "2"}
    assert len(lab.get("/firewalls?label_selector=pass=2")["firewalls"]) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"direction": "up"},
        {"protocol": "http"},
        {"port": None},
        {"port": "0"},
        {"port": "90-80"},
        {"protocol": "icmp"},
        {"source_ips": []},
        {"source_ips": ["203.0.113.1/24"]},
        {"source_ips": ["203.0.113.1"]},
        {"source_ips": ["10.0.0.0/8"] * 101},
    ],
)
def test_a_wrong_rule_is_refused(lab: Lab, change: dict[str, Any]) -> None:
    body = {"name": "fw", "rules": [{**SSH, **change}]}
    assert lab.refused("POST", "/firewalls", body) == (422, "invalid_input")
    assert lab.refused("POST", "/firewalls", {"name": "fw", "rules": [SSH] * 51}) == (422, "invalid_input")
    assert lab.get("/firewalls")["firewalls"] == []
