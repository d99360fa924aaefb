"""What belongs to servers or outlives them: keys, Primary IPs, volumes, networks, placement groups."""

import pytest

from fleet.lab.hetzner import Addresses
from fleet.lab.hetzner.hypervisor import PrivateAddress
from tests.lab.hetzner_lab import Lab, order, public_key


@pytest.fixture
def lab() -> Lab:
    return Lab()


def test_a_key_has_the_fingerprint_that_ssh_shows(lab: Lab) -> None:
    key = lab.post("/ssh_keys", {"name": "me", "public_key": public_key()})["ssh_key"]
    assert key["fingerprint"] == "d6:9a:30:45:17:cf:91:c4:27:94:f3:22:92:a3:00:0e"
    assert lab.get(f"/ssh_keys?fingerprint={key['fingerprint']}")["ssh_keys"] == [key]
    assert lab.get("/ssh_keys?fingerprint=00")["ssh_keys"] == []


def test_a_key_is_taken_once_under_any_name(lab: Lab) -> None:
    key = lab.post("/ssh_keys", {"name": "me", "public_key": public_key()})["ssh_key"]
    same_key = {"name": "other", "public_key": public_key().replace("someone", "else")}
    assert lab.refused("POST", "/ssh_keys", same_key) == (409, "uniqueness_error")
    same_name = {"name": "me", "public_key": public_key(2)}
    assert lab.refused("POST", "/ssh_keys", same_name) == (409, "uniqueness_error")
    assert lab.refused("POST", "/ssh_keys", {"name": "x", "public_key": "nonsense"}) == (422, "invalid_input")
    lab.delete(f"/ssh_keys/{key['id']}")
    lab.post("/ssh_keys", same_key)


def test_an_ip_made_with_a_server_goes_with_it(lab: Lab) -> None:
    server = lab.server()
    first = lab.get("/primary_ips")["primary_ips"][0]
    assert (first["assignee_id"], first["auto_delete"]) == (server["id"], True)
    assert lab.refused("DELETE", f"/primary_ips/{first['id']}") == (422, "must_be_unassigned")
    lab.delete(f"/servers/{server['id']}")
    lab.settle()
    assert lab.get("/primary_ips")["primary_ips"] == []


def test_an_ip_that_is_kept_outlives_its_server(lab: Lab) -> None:
    server = lab.server()
    number = server["public_net"]["ipv4"]["id"]
    lab.put(f"/primary_ips/{number}", {"auto_delete": False, "labels": {"fleet": "ci"}, "name": "kept"})
    lab.delete(f"/servers/{server['id']}")
    lab.settle()
    (kept,) = lab.get("/primary_ips?label_selector=fleet=ci")["primary_ips"]
    assert (kept["name"], kept["assignee_id"]) == ("kept", None)
    lab.delete(f"/primary_ips/{number}")
    assert lab.refused("GET", f"/primary_ips/{number}") == (404, "not_found")


def test_an_ip_made_by_hand_is_used_by_a_server_and_stays(lab: Lab) -> None:
    made = lab.post("/primary_ips", {"name": "mine", "type": "ipv4", "location": "nbg1"})["primary_ip"]
    assert made["auto_delete"] is False
    server = lab.server(public_net={"ipv4": made["id"]})
    assert server["public_net"]["ipv4"]["id"] == made["id"]
    taken = order("b", public_net={"ipv4": made["id"]})
    assert lab.refused("POST", "/servers", taken) == (422, "primary_ip_assigned")
    wrong = order("b", public_net={"ipv6": made["id"]})
    assert lab.refused("POST", "/servers", wrong) == (412, "primary_ip_version_mismatch")
    assert len(lab.get("/servers")["servers"]) == 1
    lab.post(f"/primary_ips/{made['id']}/actions/unassign")
    lab.post(f"/primary_ips/{made['id']}/actions/assign", {"assignee_id": server["id"], "assignee_type": "server"})
    lab.delete(f"/servers/{server['id']}")
    lab.settle()
    assert [ip["name"] for ip in lab.get("/primary_ips")["primary_ips"]] == ["mine"]


def test_a_volume_outlives_its_server(lab: Lab) -> None:
    server = lab.server()
    made = lab.post("/volumes", {"name": "data", "size": 10, "server": server["id"], "labels": {"a": "b"}})
    number = made["volume"]["id"]
    assert [action["command"] for action in made["next_actions"]] == ["attach_volume"]
    assert lab.get(f"/servers/{server['id']}")["server"]["volumes"] == [number]
    assert lab.refused("DELETE", f"/volumes/{number}") == (422, "resource_in_use")
    lab.settle()
    lab.delete(f"/servers/{server['id']}")
    lab.settle()
    (left,) = lab.get("/volumes?label_selector=a=b")["volumes"]
    assert left["server"] is None
    lab.delete(f"/volumes/{number}")


def test_a_volume_is_attached_only_where_it_is(lab: Lab) -> None:
    server = lab.server()
    far = lab.post("/volumes", {"name": "far", "size": 10, "location": "hel1"})["volume"]["id"]
    near = lab.post("/volumes", {"name": "near", "size": 10, "location": "nbg1"})["volume"]["id"]
    body = {"server": server["id"]}
    assert lab.refused("POST", f"/volumes/{far}/actions/attach", body) == (422, "invalid_input")
    lab.post(f"/volumes/{near}/actions/attach", body)
    assert lab.refused("POST", f"/volumes/{near}/actions/attach", body) == (422, "volume_already_attached")
    lab.post(f"/volumes/{near}/actions/detach")
    small = {"name": "small", "size": 1, "location": "nbg1"}
    assert lab.refused("POST", "/volumes", small) == (422, "invalid_input")


def test_a_network_gives_its_servers_addresses(lab: Lab) -> None:
    subnet = {"type": "cloud", "ip_range": "10.0.0.0/24", "network_zone": "eu-central"}
    body = {"name": "net", "ip_range": "10.0.0.0/16", "subnets": [subnet]}
    number = lab.post("/networks", body)["network"]["id"]
    first, second = lab.server("a", networks=[number]), lab.server("b", networks=[number])
    assert [server["private_net"][0]["ip"] for server in (first, second)] == ["10.0.0.2", "10.0.0.3"]
    assert lab.refused("DELETE", f"/networks/{number}") == (422, "resource_in_use")
    created = [call[1] for call in lab.below.calls if call[0] == "create"]
    assert [spec.private for spec in created] == [
        (PrivateAddress(number, "10.0.0.0/16", "10.0.0.2"),),
        (PrivateAddress(number, "10.0.0.0/16", "10.0.0.3"),),
    ]
    public = {"name": "x", "ip_range": "8.8.8.0/24"}
    assert lab.refused("POST", "/networks", public) == (422, "invalid_input")


def test_a_network_that_is_deleted_goes_from_the_machine_below(lab: Lab) -> None:
    number = lab.post("/networks", {"name": "net", "ip_range": "10.0.0.0/24"})["network"]["id"]
    lab.delete(f"/networks/{number}")
    lab.settle()
    assert ("remove_network", number) in lab.below.calls


def test_a_network_is_for_the_zones_of_its_subnets_and_says_its_routes(lab: Lab) -> None:
    subnet = {"type": "cloud", "ip_range": "10.0.0.0/24", "network_zone": "us-east"}
    route = {"destination": "0.0.0.0/0", "gateway": "10.0.0.2"}
    body = {"name": "far", "ip_range": "10.0.0.0/16", "subnets": [subnet], "routes": [route]}
    made = lab.post("/networks", body)["network"]
    assert made["routes"] == [route]
    here = order("a", networks=[made["id"]])
    assert lab.refused("POST", "/servers", here) == (422, "no_subnet_available")


def test_a_volume_is_ordered_with_a_server_where_it_is_and_once(lab: Lab) -> None:
    far = lab.post("/volumes", {"name": "far", "size": 10, "location": "hel1"})["volume"]["id"]
    near = lab.post("/volumes", {"name": "near", "size": 10, "location": "nbg1"})["volume"]["id"]
    assert lab.refused("POST", "/servers", order("a", volumes=[far])) == (422, "invalid_input")
    assert lab.server("a", volumes=[near], automount=False)["volumes"] == [near]
    assert lab.refused("POST", "/servers", order("b", volumes=[near])) == (422, "volume_already_attached")


def test_a_server_without_ipv4_has_ipv6_alone(lab: Lab) -> None:
    server = lab.server(public_net={"enable_ipv4": False, "enable_ipv6": True})
    assert server["public_net"]["ipv4"] is None
    assert server["public_net"]["ipv6"]["ip"].endswith("::/64")
    assert [ip["type"] for ip in lab.get("/primary_ips")["primary_ips"]] == ["ipv6"]


def test_a_machine_below_without_ipv6_makes_no_server_of_ipv6_alone(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab.below, "reserve", lambda _: Addresses("10.213.0.9", None))
    alone = order("a", public_net={"enable_ipv4": False, "enable_ipv6": True})
    assert lab.refused("POST", "/servers", alone) == (422, "service_error")
    assert lab.server("b")["public_net"]["ipv4"]["ip"] == "10.213.0.9"


def test_a_placement_group_holds_ten(lab: Lab) -> None:
    number = lab.post("/placement_groups", {"name": "apart", "type": "spread"})["placement_group"]["id"]
    for count in range(10):
        lab.server(f"s{count}", placement_group=number)
    full = order("s10", placement_group=number)
    assert lab.refused("POST", "/servers", full) == (422, "placement_error")
    lab.delete(f"/placement_groups/{number}")
    assert lab.get("/servers?name=s0")["servers"][0]["placement_group"] is None
