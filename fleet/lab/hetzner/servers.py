"""Servers: seen, renamed, labelled, deleted. How they are made is in server_create.py."""

from fleet.lab.hetzner.actions import Failure, Resource
from fleet.lab.hetzner.catalog import image_json, location_json, server_type_json
from fleet.lab.hetzner.errors import invalid, locked, protected
from fleet.lab.hetzner.exchange import Answer, Json, Request
from fleet.lab.hetzner.fields import free_name, record, text
from fleet.lab.hetzner.firewalls import firewalls_of, push
from fleet.lab.hetzner.hostnames import is_hostname
from fleet.lab.hetzner.labels import read_labels
from fleet.lab.hetzner.networks import group_json
from fleet.lab.hetzner.pages import record_page
from fleet.lab.hetzner.project import Project
from fleet.lab.hetzner.state import PrimaryIp, Server


def list_servers(project: Project, request: Request) -> Answer:
    wanted = request.query.get("status")
    found = [server for server in project.records.servers.values() if wanted is None or server.status in wanted]
    return record_page(request, "servers", found, lambda server: server_json(project, server))


def get_server(project: Project, request: Request) -> Answer:
    return Answer(200, {"server": server_json(project, _server(project, request))})


def update_server(project: Project, request: Request) -> Answer:
    """Labels replace the whole map, as at Hetzner."""
    server, body = _server(project, request), request.body()
    if "name" in body:
        server.name = read_name(project, body, server)
    if "labels" in body:
        server.labels = read_labels(body["labels"])
        project.background(lambda: push(project, server.id))
    return Answer(200, {"server": server_json(project, server)})


def delete_server(project: Project, request: Request) -> Answer:
    """It stays listed as `deleting` until the machine below has let it go."""
    server = unlocked(project, _server(project, request))
    if server.keep:
        raise protected("server")
    status, server.status = server.status, "deleting"

    def work() -> None:
        with project.host_lock(server.id):
            project.hypervisor.delete(server.id)

    def then(failure: Failure | None) -> None:
        if failure is None:
            _forget(project, server)
        else:
            server.status = status

    action = project.act("delete_server", [Resource(server.id, "server")], work=work, then=then)
    return Answer(200, {"action": action.as_json(project.clock())})


def read_name(project: Project, body: Json, owner: Server | None = None) -> str:
    name = text(body, "name", longest=253)
    if not is_hostname(name):
        raise invalid("name", "must be a valid hostname")
    return free_name(project.records.servers.values(), "server", name, owner)


def unlocked(project: Project, server: Server) -> Server:
    """The server, if no action runs on it. Raises ApiError 423."""
    if project.busy("server", server.id):
        raise locked("server")
    return server


def server_json(project: Project, server: Server) -> Json:
    return {
        "id": server.id,
        "name": server.name,
        "status": server.status,
        "created": server.created.isoformat(),
        "public_net": _public_net(project, server),
        "private_net": _private_net(project, server),
        "server_type": server_type_json(project, server.type),
        "location": location_json(server.location),
        "image": image_json(server.image),
        "iso": None,
        "rescue_enabled": False,
        "locked": project.busy("server", server.id),
        "backup_window": None,
        "outgoing_traffic": 0,
        "ingoing_traffic": 0,
        "included_traffic": server.location.traffic_tb * 1024**4,
        "primary_disk_size": server.type.disk,
        "protection": {"delete": server.keep, "rebuild": server.keep_disk},
        "labels": server.labels,
        "volumes": [volume.id for volume in project.records.volumes.values() if volume.server == server.id],
        "load_balancers": [],
        "placement_group": group_json(project, project.records.placement_groups[server.placement_group])
        if server.placement_group
        else None,
    }


def _public_net(project: Project, server: Server) -> Json:
    addresses = {ip.type: ip for ip in project.records.primary_ips.values() if ip.assignee == server.id}
    return {
        "ipv4": _ipv4(addresses["ipv4"]) if "ipv4" in addresses else None,
        "ipv6": _ipv6(addresses["ipv6"]) if "ipv6" in addresses else None,
        "floating_ips": [],
        "firewalls": [{"id": firewall.id, "status": "applied"} for firewall in firewalls_of(project, server)],
    }


def _ipv4(address: PrimaryIp) -> Json:
    name = f"static.{address.ip}.clients.your-server.example"
    return {"id": address.id, "ip": address.ip, "blocked": False, "dns_ptr": name}


def _ipv6(address: PrimaryIp) -> Json:
    return {"id": address.id, "ip": address.ip, "blocked": False, "dns_ptr": []}


def _private_net(project: Project, server: Server) -> list[Json]:
    return [
        {
            "network": network.id,
            "ip": network.members[server.id],
            "alias_ips": [],
            "mac_address": f"86:00:00:00:{server.id >> 8 & 255:02x}:{server.id & 255:02x}",
        }
        for network in project.records.networks.values()
        if server.id in network.members
    ]


def _forget(project: Project, server: Server) -> None:
    """Only IPs made with the server go with it; everything else is detached."""
    records = project.records
    del records.servers[server.id]
    project.forget_rules(server.id)
    for address in [ip for ip in records.primary_ips.values() if ip.assignee == server.id]:
        address.assignee = None
        if address.auto_delete:
            del records.primary_ips[address.id]
    for volume in records.volumes.values():
        volume.server = None if volume.server == server.id else volume.server
    for network in records.networks.values():
        network.members.pop(server.id, None)
    for firewall in records.firewalls.values():
        firewall.servers = [number for number in firewall.servers if number != server.id]


def _server(project: Project, request: Request) -> Server:
    return record(project.records.servers, "server", request.ids[0])
