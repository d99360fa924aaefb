"""The order for a server: read from a body, with everything in it looked up and checked."""

from dataclasses import dataclass
from typing import Any

from fleet.lab.hetzner.errors import ApiError, invalid
from fleet.lab.hetzner.exchange import Json
from fleet.lab.hetzner.fields import flag, listing, location, number, record, whole
from fleet.lab.hetzner.labels import read_labels
from fleet.lab.hetzner.offers import Image, Location, ServerType
from fleet.lab.hetzner.project import Project
from fleet.lab.hetzner.servers import read_name
from fleet.lab.hetzner.state import Firewall, Network, PlacementGroup, PrimaryIp, SshKey, Volume

USER_DATA_LIMIT = 32 * 1024
FIREWALLS_LIMIT = 5
SPREAD_LIMIT = 10


@dataclass(frozen=True, slots=True)
class Order:
    """A request to create a server that has passed all checks.

    `families` are the address families it is to have, each with the Primary IP to use, if one was named.
    """

    name: str
    type: ServerType
    image: Image
    location: Location
    labels: dict[str, str]
    user_data: str
    keys: tuple[SshKey, ...]
    firewalls: tuple[Firewall, ...]
    volumes: tuple[Volume, ...]
    networks: tuple[Network, ...]
    group: PlacementGroup | None
    families: dict[str, PrimaryIp | None]
    start: bool


def read_order(project: Project, body: Json) -> Order:
    """Raises ApiError."""
    kind = _type(project, body)
    place = _location(project, body, kind)
    return Order(
        name=read_name(project, body),
        type=kind,
        image=find_image(project, body.get("image"), kind.architecture),
        location=place,
        labels=read_labels(body.get("labels")),
        user_data=read_user_data(body),
        keys=tuple(_key(project, found) for found in listing(body, "ssh_keys")),
        firewalls=_firewalls(project, body),
        volumes=tuple(_volume(project, found, place) for found in listing(body, "volumes")),
        networks=tuple(_network(project, found, place) for found in listing(body, "networks")),
        group=_group(project, body),
        families=_families(project, body),
        start=flag(body, "start_after_create", True),
    )


def read_user_data(body: Json) -> str:
    found = body.get("user_data") or ""
    if not isinstance(found, str) or len(found.encode()) > USER_DATA_LIMIT:
        raise invalid("user_data", f"must be a text of at most {USER_DATA_LIMIT} bytes")
    return found


def find_image(project: Project, found: Any, architecture: str) -> Image:
    """By id, or by name for this architecture. Raises ApiError."""
    for image in project.images.values():
        if found in (image.id, str(image.id)) and image.architecture != architecture:
            raise invalid("image", "image has another architecture than the server type")
        if found in (image.id, str(image.id)) or (found, architecture) == (image.name, image.architecture):
            return image
    raise invalid("image", f"image '{found}' not found")


def _type(project: Project, body: Json) -> ServerType:
    found = body.get("server_type")
    for kind in project.server_types.values():
        if found in (kind.name, kind.id, str(kind.id)):
            return kind
    raise invalid("server_type", f"server type '{found}' not found")


def _location(project: Project, body: Json, kind: ServerType) -> Location:
    if "datacenter" in body:
        raise invalid("datacenter", "is no longer supported, use location")
    sold = [name for name in kind.locations if name not in kind.retired]
    place = location(project.locations, body["location"] if body.get("location") else sold[0])
    if place.name not in sold:
        raise ApiError(422, "invalid_input", "unsupported location for server type")
    return place


def _key(project: Project, found: Any) -> SshKey:
    """By id or name: clients send both."""
    for key in project.records.ssh_keys.values():
        if found in (key.id, key.name, str(key.id)):
            return key
    raise invalid("ssh_keys", f"SSH key '{found}' not found")


def _firewalls(project: Project, body: Json) -> tuple[Firewall, ...]:
    found = listing(body, "firewalls")
    if len(found) > FIREWALLS_LIMIT:
        raise invalid("firewalls", f"at most {FIREWALLS_LIMIT} firewalls per server")
    if not all(isinstance(entry, dict) for entry in found):
        raise invalid("firewalls", "must be a list of objects")
    return tuple(record(project.records.firewalls, "firewall", number(entry, "firewall")) for entry in found)


def _volume(project: Project, found: Any, place: Location) -> Volume:
    """One that is there and free."""
    volume = record(project.records.volumes, "volume", whole(found, "volumes"))
    if volume.server is not None:
        raise ApiError(422, "volume_already_attached", "volume is already attached to a server")
    if volume.location != place:
        raise ApiError(422, "invalid_input", "volume and server must be in the same location")
    return volume


def _network(project: Project, found: Any, place: Location) -> Network:
    """One with a subnet in the zone of this location; one without any subnet is taken as it is."""
    network = record(project.records.networks, "network", whole(found, "networks"))
    zones = {zone for _, _, zone in network.subnets}
    if zones and place.network_zone not in zones:
        raise ApiError(422, "no_subnet_available", f"network has no subnet in {place.network_zone}")
    return network


def _families(project: Project, body: Json) -> dict[str, PrimaryIp | None]:
    public = body.get("public_net") or {}
    if not isinstance(public, dict):
        raise invalid("public_net", "must be an object")
    return {
        kind: None if public.get(kind) is None else _primary_ip(project, public[kind], kind)
        for kind in ("ipv4", "ipv6")
        if flag(public, f"enable_{kind}", True)
    }


def _primary_ip(project: Project, found: Any, kind: str) -> PrimaryIp:
    address = record(project.records.primary_ips, "primary_ip", whole(found, f"public_net.{kind}"))
    if address.type != kind:
        raise ApiError(412, "primary_ip_version_mismatch", f"primary IP {address.id} is not {kind}")
    if address.assignee is not None:
        raise ApiError(422, "primary_ip_assigned", f"primary IP {address.id} is already assigned")
    return address


def _group(project: Project, body: Json) -> PlacementGroup | None:
    if body.get("placement_group") is None:
        return None
    group = record(project.records.placement_groups, "placement_group", number(body, "placement_group"))
    members = [server for server in project.records.servers.values() if server.placement_group == group.id]
    if len(members) >= SPREAD_LIMIT:
        raise ApiError(422, "placement_error", "placement group is full")
    return group
