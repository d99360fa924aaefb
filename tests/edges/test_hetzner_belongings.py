"""What servers are given by name, with the real library against the lab's Hetzner: read, ordered, seen again."""

from collections.abc import Callable
from typing import Any

import pytest

from fleet.core.belongings import Belongings, Given, Network, Volume
from fleet.edges.hetzner import HetznerCloud
from fleet.lab.hetzner.exchange import Answer, Request
from tests.edges.hetzner_api import TAGS, Api, order, path_of, raw

SUBNET = {"type": "cloud", "ip_range": "10.0.0.0/24", "network_zone": "eu-central"}
WAY_OUT = {"destination": "0.0.0.0/0", "gateway": "10.0.0.2"}


def made(api: Api, kind: str, body: dict[str, Any]) -> int:
    answer: Any = raw(api, "POST", f"/{kind}", body)
    return int(answer[kind.removesuffix("s")]["id"])


@pytest.fixture
def ids(api: Api) -> dict[str, int]:
    """One of each in the project."""
    network: dict[str, Any] = {"name": "inside", "ip_range": "10.0.0.0/16", "subnets": [SUBNET], "routes": [WAY_OUT]}
    return {
        "group": made(api, "placement_groups", {"name": "apart", "type": "spread"}),
        "network": made(api, "networks", network),
        "plain": made(api, "networks", {"name": "plain", "ip_range": "10.1.0.0/16"}),
        "firewall": made(api, "firewalls", {"name": "office"}),
        "volume": made(api, "volumes", {"name": "cache-1", "size": 10, "location": "hel1", "labels": {"a": "b"}}),
    }


def test_everything_is_read_by_name(cloud: HetznerCloud, ids: dict[str, int]) -> None:
    found = cloud.belongings()
    assert found == Belongings(
        groups={"apart": (ids["group"], frozenset())},
        networks={
            "inside": Network(ids["network"], frozenset({"eu-central"}), leads_out=True),
            "plain": Network(ids["plain"]),
        },
        firewalls={"office": ids["firewall"]},
        volumes={"cache-1": Volume(ids["volume"], "hel1", None, {"a": "b"})},
        zones=found.zones,
    )
    assert found.zones.items() >= {"hel1": "eu-central", "ash": "us-east"}.items()


def test_it_is_asked_once_in_a_run(api: Api, cloud: HetznerCloud) -> None:
    cloud.belongings()
    before = len(api.requests())
    cloud.belongings()
    assert len(api.requests()) == before == 5


def test_what_is_ordered_by_name_is_passed_at_creation(api: Api, cloud: HetznerCloud, ids: dict[str, int]) -> None:
    bodies: list[dict[str, Any]] = []

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        if (request.method, path_of(request)) == ("POST", "/servers"):
            bodies.append(request.body())
        return usual()

    given = Given(ids["group"], (ids["network"],), (ids["firewall"],), (ids["volume"],), frozenset({"hel1"}))
    wanted = order(cloud, given=given, networks=given.networks)
    api.tamper = tamper
    server = cloud.create_server(wanted)
    (body,) = bodies
    assert body["placement_group"] == ids["group"]
    assert body["networks"] == [ids["network"]]
    assert body["firewalls"] == [{"firewall": wanted.firewall}, {"firewall": ids["firewall"]}]
    assert (body["volumes"], body["automount"]) == ([ids["volume"]], False)
    assert "public_net" not in body
    assert server.firewalls == {wanted.firewall, ids["firewall"]}
    assert set(server.networks) == {ids["network"]}
    assert server.volumes == (ids["volume"],)
    members: Any = raw(api, "GET", f"/placement_groups/{ids['group']}")["placement_group"]
    assert members["servers"] == [server.id]


def test_a_server_without_ipv4_is_ordered_so_and_read_so(api: Api, cloud: HetznerCloud) -> None:
    server = cloud.create_server(order(cloud, ipv4=False))
    assert server.ipv4 is None
    assert server.ipv6 is not None
    found: Any = raw(api, "GET", "/primary_ips")["primary_ips"]
    assert [one["type"] for one in found] == ["ipv6"]


def test_somebodys_things_outlive_the_server(api: Api, cloud: HetznerCloud, ids: dict[str, int]) -> None:
    given = Given(ids["group"], (ids["network"],), (ids["firewall"],), (ids["volume"],))
    server = cloud.create_server(order(cloud, given=given, networks=given.networks))
    cloud.delete_server(server)
    cloud.remove_shared(TAGS)
    left = {
        kind: raw(api, "GET", f"/{kind}")[kind] for kind in ("placement_groups", "networks", "firewalls", "volumes")
    }
    assert {kind: [one["name"] for one in things] for kind, things in left.items()} == {  # type: ignore[attr-defined]
        "placement_groups": ["apart"],
        "networks": ["inside", "plain"],
        "firewalls": ["office"],
        "volumes": ["cache-1"],
    }
