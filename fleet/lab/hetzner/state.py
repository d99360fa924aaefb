"""The records of a project: what exists at the moment."""

from dataclasses import dataclass, field
from datetime import datetime

from fleet.lab.hetzner.hypervisor import FirewallRule
from fleet.lab.hetzner.offers import Image, Location, ServerType


@dataclass(slots=True)
class Record:
    """What every resource has."""

    id: int
    name: str
    created: datetime
    labels: dict[str, str]


@dataclass(slots=True)
class Server(Record):
    """`hosted` is whether the hypervisor has a host for it; `user_data` and `ssh_keys` are never shown."""

    type: ServerType
    image: Image
    location: Location
    status: str
    user_data: str = ""
    ssh_keys: tuple[str, ...] = ()
    keep: bool = False
    keep_disk: bool = False
    placement_group: int | None = None
    hosted: bool = False


@dataclass(slots=True)
class SshKey(Record):
    fingerprint: str
    public_key: str


@dataclass(slots=True)
class Firewall(Record):
    """Applied to servers by id and by label selector."""

    rules: tuple[FirewallRule, ...] = ()
    servers: list[int] = field(default_factory=list)
    selectors: list[str] = field(default_factory=list)


@dataclass(slots=True)
class PrimaryIp(Record):
    type: str
    ip: str
    location: Location
    assignee: int | None = None
    auto_delete: bool = False
    keep: bool = False


@dataclass(slots=True)
class Volume(Record):
    """Size in GB."""

    size: int
    location: Location
    format: str | None = None
    server: int | None = None
    keep: bool = False


@dataclass(slots=True)
class Network(Record):
    """`members` maps server ids to their address in it."""

    ip_range: str
    subnets: tuple[tuple[str, str, str], ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    members: dict[int, str] = field(default_factory=dict)
    keep: bool = False


@dataclass(slots=True)
class PlacementGroup(Record):
    pass
