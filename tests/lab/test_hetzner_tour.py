"""Every path of the emulated API once, each answer of the official types."""

import copy
import re
from typing import Any

from fleet.lab.hetzner.routes import ROUTES, Route
from tests.lab.hetzner_lab import Lab, order, public_key
from tests.lab.hetzner_types import complaint

READ_ONLY_KINDS = ("locations", "server_types", "images")
NOBODY_HAS = ("isos", "load_balancers", "load_balancer_types", "floating_ips", "certificates")


def test_a_tour_of_all_paths_gets_answers_of_the_official_types() -> None:
    lab = Lab()
    tour_catalog(lab)
    tour_resources(lab)
    # Each answer was checked as it came; here, that none was left out.
    assert [route for route in ROUTES if not was_asked(lab, route)] == []


def tour_catalog(lab: Lab) -> None:
    for kind in READ_ONLY_KINDS:
        found = lab.get(f"/{kind}?per_page=50&sort=id")[kind]
        assert lab.get(f"/{kind}/{found[0]['id']}")
        assert lab.get(f"/{kind}?name={found[0]['name']}")[kind]
    for kind in NOBODY_HAS:
        assert lab.get(f"/{kind}")[kind] == []
        assert lab.refused("GET", f"/{kind}/1") == (404, "not_found")
    for path in ("/datacenters", "/datacenters/1"):
        assert lab.refused("GET", path) == (410, "deprecated_api_endpoint")
    lab.get("/pricing")


def tour_resources(lab: Lab) -> None:
    server = lab.server("tour")["id"]
    tour_of(lab, "ssh_keys", {"name": "k", "public_key": public_key()})
    firewall = lab.post("/firewalls", {"name": "f"})["firewall"]["id"]
    target = [{"type": "server", "server": {"id": server}}]
    selector = [{"type": "label_selector", "label_selector": {"selector": "a=b"}}]
    act(lab, "firewalls", firewall, "apply_to_resources", {"apply_to": target + selector})
    lab.get("/firewalls")
    act(lab, "firewalls", firewall, "set_rules", {"rules": []})
    act(lab, "firewalls", firewall, "remove_from_resources", {"remove_from": target + selector})
    tour_of(lab, "firewalls", {"name": "f2"})
    address = tour_of(lab, "primary_ips", {"name": "p", "type": "ipv6", "location": "hel1"}, delete=False)
    act(lab, "primary_ips", address, "assign", {"assignee_id": server, "assignee_type": "server"}, settle=True)
    act(lab, "primary_ips", address, "unassign")
    act(lab, "primary_ips", address, "change_protection", {"delete": True})
    assert lab.refused("DELETE", f"/primary_ips/{address}") == (423, "protected")
    volume = tour_of(lab, "volumes", {"name": "v", "size": 10, "location": "nbg1"}, delete=False)
    act(lab, "volumes", volume, "attach", {"server": server}, settle=True)
    act(lab, "volumes", volume, "detach")
    act(lab, "volumes", volume, "change_protection", {"delete": True})
    assert lab.refused("DELETE", f"/volumes/{volume}") == (423, "protected")
    tour_of(lab, "networks", {"name": "n", "ip_range": "10.0.0.0/16"}, update=False)
    tour_of(lab, "placement_groups", {"name": "g", "type": "spread"}, update=False)
    tour_of_servers(lab, server)


def tour_of_servers(lab: Lab, server: int) -> None:
    for command in ("poweroff", "poweron", "reboot", "reset", "shutdown"):
        act(lab, "servers", server, command, settle=True)
    act(lab, "servers", server, "rebuild", {"image": "debian-12"}, settle=True)
    act(lab, "servers", server, "change_protection", {"delete": False}, settle=True)
    lab.put(f"/servers/{server}", {"name": "renamed", "labels": {"a": "b"}})
    group = lab.post("/placement_groups", {"name": "g", "type": "spread"})["placement_group"]["id"]
    network = lab.post("/networks", {"name": "n", "ip_range": "10.0.0.0/16"})["network"]["id"]
    lab.post("/servers", order("full", placement_group=group, networks=[network]))
    lab.get("/servers")
    lab.delete(f"/servers/{server}")
    lab.settle()


def tour_of(lab: Lab, kind: str, body: dict[str, Any], *, update: bool = True, delete: bool = True) -> int:
    """Make one, see it, change it, delete it; its id."""
    made = lab.post(f"/{kind}", body)[kind.removesuffix("s")]
    number: int = made["id"]
    lab.get(f"/{kind}")
    lab.get(f"/{kind}/{number}")
    if update:
        lab.put(f"/{kind}/{number}", {"name": "other", "labels": {"a": "b"}})
    if delete:
        lab.delete(f"/{kind}/{number}")
    return number


def act(lab: Lab, kind: str, number: int, command: str, body: Any = None, *, settle: bool = False) -> None:
    """Do it, and see its actions in all four places."""
    answer = lab.post(f"/{kind}/{number}/actions/{command}", body)
    action = answer["actions"][0] if "actions" in answer else answer["action"]
    for path in (f"/{kind}/actions", f"/{kind}/{number}/actions", "/actions"):
        assert action["id"] in [one["id"] for one in lab.get(f"{path}?id={action['id']}")["actions"]]
        lab.get(f"{path}/{action['id']}")
    if settle:
        lab.settle()


def was_asked(lab: Lab, route: Route) -> bool:
    pattern = re.escape(f"{route.method} /v1{route.template}").replace(r"\{\}", r"\d+") + r" \d+"
    return any(re.fullmatch(pattern, seen) for seen in lab.api.seen)


def test_the_check_notices_what_is_not_of_the_types() -> None:
    lab = Lab()
    lab.server()
    good = lab.get("/servers")
    assert complaint("GET", "/servers", 200, good) is None
    missing, renamed = copy.deepcopy(good), copy.deepcopy(good)
    del missing["servers"][0]["location"]
    renamed["servers"][0]["status"] = "asleep"
    assert complaint("GET", "/servers", 200, missing)
    assert complaint("GET", "/servers", 200, renamed)
    assert complaint("GET", "/servers", 404, good)
    assert complaint("POST", "/servers", 200, good)
    assert complaint("GET", "/nothing", 200, good)
    assert complaint("DELETE", "/firewalls/1", 204, {})


def test_prices_are_net_and_gross_strings_in_every_location() -> None:
    lab = Lab()
    (kind,) = lab.get("/server_types?name=cx23")["server_types"]
    (price,) = [price for price in kind["prices"] if price["location"] == "nbg1"]
    assert price["price_monthly"] == {"net": "5.4900000000", "gross": "6.5331000000000000"}
    assert price["price_hourly"] == {"net": "0.0088000000", "gross": "0.0104720000000000"}
    assert {entry["name"] for entry in kind["locations"]} == {entry["location"] for entry in kind["prices"]}
    listed = lab.get("/pricing")["pricing"]
    assert {"id": kind["id"], "name": "cx23", "prices": kind["prices"]} in listed["server_types"]


def test_a_type_that_is_retired_somewhere_says_where() -> None:
    (kind,) = Lab().get("/server_types?name=cpx31")["server_types"]
    places = {place["name"]: place for place in kind["locations"]}
    assert places["nbg1"]["deprecation"]["unavailable_after"] == "2026-01-01T00:00:00+00:00"
    assert (places["nbg1"]["available"], places["ash"]["available"]) == (False, True)
    assert places["ash"]["deprecation"] is None


def test_an_image_name_has_one_image_per_architecture() -> None:
    lab = Lab()
    for name in ("debian-12", "debian-13", "ubuntu-24.04", "docker-ce"):
        found = lab.get(f"/images?name={name}")["images"]
        assert [image["architecture"] for image in found] == ["x86", "arm"]
        assert len(lab.get(f"/images?name={name}&architecture=arm")["images"]) == 1
    assert {image["name"] for image in lab.get("/images?type=app")["images"]} == {"docker-ce"}
