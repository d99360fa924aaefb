"""Private networks and placement groups. The machine below makes a network when its first server needs it."""

from ipaddress import ip_network
from typing import Any

from fleet.lab.hetzner.errors import ApiError, invalid
from fleet.lab.hetzner.exchange import Answer, Json, Request
from fleet.lab.hetzner.fields import free_name, listing, record, text
from fleet.lab.hetzner.hypervisor import PrivateAddress
from fleet.lab.hetzner.labels import read_labels
from fleet.lab.hetzner.pages import record_page
from fleet.lab.hetzner.project import Project
from fleet.lab.hetzner.state import Network, PlacementGroup


def list_networks(project: Project, request: Request) -> Answer:
    return record_page(request, "networks", project.records.networks.values(), network_json)


def get_network(project: Project, request: Request) -> Answer:
    return Answer(200, {"network": network_json(record(project.records.networks, "network", request.ids[0]))})


def create_network(project: Project, request: Request) -> Answer:
    body, known = request.body(), project.records.networks
    name, labels = free_name(known.values(), "network", text(body, "name")), read_labels(body.get("labels"))
    ip_range = _private_range(body.get("ip_range"), "ip_range")
    subnets = tuple(_subnet(found, ip_range) for found in listing(body, "subnets"))
    routes = tuple(_route(found) for found in listing(body, "routes"))
    network = Network(project.new_id("network"), name, project.clock(), labels, ip_range, subnets, routes)
    known[network.id] = network
    return Answer(201, {"network": network_json(network)})


def delete_network(project: Project, request: Request) -> Answer:
    network = record(project.records.networks, "network", request.ids[0])
    if network.members:
        raise ApiError(422, "resource_in_use", "network still has servers")
    del project.records.networks[network.id]
    project.background(lambda: project.hypervisor.remove_network(network.id))
    return Answer(204)


def list_groups(project: Project, request: Request) -> Answer:
    return record_page(
        request,
        "placement_groups",
        project.records.placement_groups.values(),
        lambda group: group_json(project, group),
    )


def get_group(project: Project, request: Request) -> Answer:
    group = record(project.records.placement_groups, "placement_group", request.ids[0])
    return Answer(200, {"placement_group": group_json(project, group)})


def create_group(project: Project, request: Request) -> Answer:
    body, known = request.body(), project.records.placement_groups
    name = free_name(known.values(), "placement group", text(body, "name"))
    if body.get("type") != "spread":
        raise invalid("type", "must be spread")
    group = PlacementGroup(project.new_id("placement_group"), name, project.clock(), read_labels(body.get("labels")))
    known[group.id] = group
    return Answer(201, {"placement_group": group_json(project, group), "action": None})


def delete_group(project: Project, request: Request) -> Answer:
    group = record(project.records.placement_groups, "placement_group", request.ids[0])
    for server in project.records.servers.values():
        if server.placement_group == group.id:
            server.placement_group = None
    del project.records.placement_groups[group.id]
    return Answer(204)


def network_json(network: Network) -> Json:
    return {
        "id": network.id,
        "name": network.name,
        "created": network.created.isoformat(),
        "ip_range": network.ip_range,
        "subnets": [
            {"type": kind, "ip_range": ip_range, "network_zone": zone, "gateway": _gateway(network)}
            for kind, ip_range, zone in network.subnets
        ],
        "routes": [{"destination": where, "gateway": gateway} for where, gateway in network.routes],
        "servers": list(network.members),
        "load_balancers": [],
        "protection": {"delete": network.keep},
        "labels": network.labels,
        "expose_routes_to_vswitch": False,
    }


def group_json(project: Project, group: PlacementGroup) -> Json:
    members = [server.id for server in project.records.servers.values() if server.placement_group == group.id]
    return {
        "id": group.id,
        "name": group.name,
        "created": group.created.isoformat(),
        "labels": group.labels,
        "servers": members,
        "type": "spread",
    }


def private_addresses(project: Project, server_id: int) -> tuple[PrivateAddress, ...]:
    """The server's place in each of its networks."""
    return tuple(
        PrivateAddress(network.id, network.ip_range, network.members[server_id])
        for network in project.records.networks.values()
        if server_id in network.members
    )


def next_address(network: Network) -> str:
    """The lowest free address; the first one is the gateway's. Raises ApiError."""
    used = {_gateway(network), *network.members.values()}
    for address in ip_network(network.ip_range).hosts():
        if str(address) not in used:
            return str(address)
    raise ApiError(403, "resource_limit_exceeded", "the network has no free address")


def _subnet(found: Any, otherwise: str) -> tuple[str, str, str]:
    if not isinstance(found, dict):
        raise invalid("subnets", "must be a list of objects")
    ip_range = _private_range(found.get("ip_range") or otherwise, "subnets.ip_range")
    return text(found, "type"), ip_range, text(found, "network_zone")


def _route(found: Any) -> tuple[str, str]:
    if not isinstance(found, dict):
        raise invalid("routes", "must be a list of objects")
    return text(found, "destination"), text(found, "gateway")


def _private_range(found: Any, field: str) -> str:
    try:
        network = ip_network(found)
    except ValueError as error:
        raise invalid(field, str(error)) from None
    if network.version != 4 or not network.is_private or network.prefixlen > 24:
        raise invalid(field, "must be a private IPv4 network of /24 or larger")
    return str(network)


def _gateway(network: Network) -> str:
    return str(ip_network(network.ip_range)[1])
