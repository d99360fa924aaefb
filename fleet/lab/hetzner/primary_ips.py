"""Primary IPs: made with servers or by hand; what outlives its server still costs."""

from fleet.lab.hetzner.actions import Action, Resource
from fleet.lab.hetzner.catalog import location_json
from fleet.lab.hetzner.errors import ApiError, invalid, protected
from fleet.lab.hetzner.exchange import Answer, Json, Request
from fleet.lab.hetzner.fields import flag, free_name, location, number, record, text
from fleet.lab.hetzner.labels import read_labels
from fleet.lab.hetzner.pages import record_page
from fleet.lab.hetzner.project import Project
from fleet.lab.hetzner.state import PrimaryIp


def list_primary_ips(project: Project, request: Request) -> Answer:
    wanted = request.one("ip")
    found = [ip for ip in project.records.primary_ips.values() if wanted in (None, ip.ip)]
    return record_page(request, "primary_ips", found, primary_ip_json)


def get_primary_ip(project: Project, request: Request) -> Answer:
    return Answer(200, {"primary_ip": primary_ip_json(_address(project, request))})


def create_primary_ip(project: Project, request: Request) -> Answer:
    """One made by hand is kept when its server goes, unless `auto_delete` says otherwise."""
    body, known = request.body(), project.records.primary_ips
    name, labels = (
        free_name(known.values(), "primary IP", text(body, "name")),
        read_labels(body.get("labels")),
    )
    place, auto_delete = location(project.locations, body.get("location")), flag(body, "auto_delete", False)
    kind = body.get("type")
    if kind not in ("ipv4", "ipv6"):
        raise invalid("type", "must be ipv4 or ipv6")
    identity = project.new_id("primary_ip")
    address = PrimaryIp(identity, name, project.clock(), labels, kind, _spare(identity, kind), place, None, auto_delete)
    known[address.id] = address
    return Answer(201, {"primary_ip": primary_ip_json(address), "action": None})


def update_primary_ip(project: Project, request: Request) -> Answer:
    address, body = _address(project, request), request.body()
    if "name" in body:
        known = project.records.primary_ips.values()
        address.name = free_name(known, "primary IP", text(body, "name"), address)
    if "labels" in body:
        address.labels = read_labels(body["labels"])
    address.auto_delete = flag(body, "auto_delete", address.auto_delete)
    return Answer(200, {"primary_ip": primary_ip_json(address)})


def delete_primary_ip(project: Project, request: Request) -> Answer:
    address = _address(project, request)
    if address.keep:
        raise protected("primary IP")
    if address.assignee is not None:
        raise ApiError(422, "must_be_unassigned", "primary IP must be unassigned before it can be deleted")
    del project.records.primary_ips[address.id]
    return Answer(204)


def assign(project: Project, request: Request) -> Answer:
    address = _address(project, request)
    server = record(project.records.servers, "server", number(request.body(), "assignee_id"))
    if address.assignee is not None:
        raise ApiError(422, "primary_ip_assigned", "primary IP is already assigned")
    address.assignee = server.id
    return _accepted(project, project.act("assign_primary_ip", _about(address, server.id)))


def unassign(project: Project, request: Request) -> Answer:
    address = _address(project, request)
    if address.assignee is None:
        raise ApiError(422, "invalid_input", "primary IP is not assigned")
    about, address.assignee = _about(address, address.assignee), None
    return _accepted(project, project.act("unassign_primary_ip", about))


def change_protection(project: Project, request: Request) -> Answer:
    address = _address(project, request)
    address.keep = flag(request.body(), "delete", address.keep)
    return _accepted(project, project.act("change_protection", [Resource(address.id, "primary_ip")]))


def primary_ip_json(address: PrimaryIp) -> Json:
    return {
        "id": address.id,
        "name": address.name,
        "ip": address.ip,
        "type": address.type,
        "assignee_id": address.assignee,
        "assignee_type": "server",
        "auto_delete": address.auto_delete,
        "blocked": False,
        "created": address.created.isoformat(),
        "dns_ptr": [],
        "labels": address.labels,
        "location": location_json(address.location),
        "protection": {"delete": address.keep},
    }


def _spare(identity: int, kind: str) -> str:
    """An address of the documentation ranges that no server has."""
    return f"198.51.100.{identity % 254 + 1}" if kind == "ipv4" else f"2001:db8:1:{identity:x}::/64"


def _about(address: PrimaryIp, server_id: int) -> list[Resource]:
    return [Resource(address.id, "primary_ip"), Resource(server_id, "server")]


def _accepted(project: Project, action: Action) -> Answer:
    return Answer(201, {"action": action.as_json(project.clock())})


def _address(project: Project, request: Request) -> PrimaryIp:
    return record(project.records.primary_ips, "primary_ip", request.ids[0])
