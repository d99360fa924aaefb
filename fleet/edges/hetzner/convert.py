"""Hetzner's objects as our values. Reading a library object may call the API: all is copied here, at once."""

import ipaddress
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, TypeVar

from hcloud.deprecation import DeprecationInfo
from hcloud.server_types import BoundServerType
from hcloud.servers import BoundServer

from fleet.core.money import ServerType
from fleet.core.observation import Server, ServerStatus

T = TypeVar("T")

_STATUS: Mapping[str, ServerStatus] = {
    "running": ServerStatus.RUNNING,
    "starting": ServerStatus.STARTING,
    "initializing": ServerStatus.STARTING,
    "off": ServerStatus.OFF,
    "stopping": ServerStatus.OFF,
    "deleting": ServerStatus.DELETING,
}


def from_server(server: BoundServer) -> Server:
    """A server as it was in this answer."""
    net = server.public_net
    ips = (net.primary_ipv4, net.primary_ipv6) if net else ()
    return Server(
        id=there(server.id),
        name=there(server.name),
        status=_STATUS.get(server.status or "", ServerStatus.OTHER),
        created=there(server.created),
        type=there(there(server.server_type).name),
        location=there(there(server.location).name),
        ipv4=net.ipv4.ip if net and net.ipv4 else None,
        ipv6=_first_address(net.ipv6.ip) if net and net.ipv6 else None,
        tags=dict(server.labels or {}),
        volumes=tuple(there(volume.id) for volume in server.volumes or ()),
        primary_ips=tuple(ip.id for ip in ips if ip is not None and ip.id is not None),
        firewalls=frozenset(there(one.firewall.id) for one in (net.firewalls if net else None) or ()),
        networks={there(one.network.id): one.ip for one in server.private_net or ()},
    )


def from_server_type(kind: BoundServerType) -> ServerType:
    """A server type with its net prices; an unknown availability counts as available."""
    prices = kind.prices or []
    places = kind.locations or []
    return ServerType(
        name=there(kind.name),
        cores=there(kind.cores),
        memory_gb=float(there(kind.memory)),
        disk_gb=int(there(kind.disk)),
        architecture=there(kind.architecture),
        prices=net_prices(prices, "price_hourly"),
        monthly=net_prices(prices, "price_monthly"),
        available=frozenset(there(place.location.name) for place in places if place.available is not False),
        deprecated={there(place.location.name): last_day(place.deprecation) for place in places if place.deprecation},
    )


def net_prices(prices: list[dict[str, Any]], period: str) -> dict[str, Decimal]:
    """Net prices by location; ``period``: ``price_hourly`` or ``price_monthly``."""
    return {price["location"]: Decimal(price[period]["net"]) for price in prices}


def last_day(deprecation: DeprecationInfo | None) -> str:
    """The date after which it can no longer be ordered, or empty."""
    return f"{there(deprecation.unavailable_after):%Y-%m-%d}" if deprecation else ""


def there(value: T | None) -> T:
    """A field the API always sends; the library types every one as optional."""
    if value is None:
        raise TypeError("a required field is missing")
    return value


def _first_address(network: str) -> str:
    """The address a server gives itself in its /64 (docs: the first one)."""
    return str(ipaddress.IPv6Network(network, strict=False).network_address + 1)
