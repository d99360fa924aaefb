"""A host's place in the tailnet: what it says of it, what the inventory wants, and what the difference means."""

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from fleet.core.inventory import Inventory, Pool, TailnetSettings

OFFICIAL = "https://controlplane.tailscale.com"
"""Where machines log in when nothing else is said (Tailscale's own service)."""

MTU = 1280
"""Bytes that a packet through the tailnet may have (Tailscale's interface on Linux, and the least IPv6 allows)."""

DEVICES = ipaddress.IPv4Network("100.64.0.0/10")
"""Where the tailnet's own IPv4 addresses are (RFC 6598; both systems)."""


class Standing(StrEnum):
    """How a host stands to the tailnet it should be in."""

    ABSENT = "tailscale is not on it"
    OUT = "it is not in the tailnet"
    FOREIGN = "it is in a tailnet that fleet did not bring it into"
    ELSEWHERE = "it is in the tailnet by another login server or with other tags"
    DIFFERS = "its settings in the tailnet are others"
    AS_WANTED = "in the tailnet"


@dataclass(frozen=True, slots=True)
class TailnetFacts:
    """A host with tailscale on it. ``state``: its BackendState, empty when tailscaled does not answer.

    ``ours``: fleet has brought it in. ``routes``: networks behind other devices that it sends there.
    """

    state: str = ""
    ours: bool = False
    id: str = ""
    name: str = ""
    addresses: tuple[str, ...] = ()
    tags: frozenset[str] = frozenset()
    version: str = ""
    health: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    login_server: str = ""
    accept_dns: bool = False
    accept_routes: bool = False
    ssh: bool = False

    @property
    def joined(self) -> bool:
        """Whether it is in, by its own word."""
        return self.state == "Running"


def read_tailnet(
    status: Mapping[str, Any], settings: Mapping[str, str], routes: Iterable[str], *, ours: bool
) -> TailnetFacts:
    """The facts in ``tailscale status --json``, some lines of its settings, and the routes of its table."""
    me = status.get("Self") or {}
    return TailnetFacts(
        state=str(status.get("BackendState", "")),
        ours=ours,
        id=str(me.get("ID", "")),
        name=str(me.get("DNSName", "")).rstrip("."),
        addresses=tuple(status.get("TailscaleIPs") or ()),
        tags=frozenset(me.get("Tags") or ()),
        version=str(status.get("Version", "")),
        health=tuple(status.get("Health") or ()),
        routes=tuple(_behind_others(routes)),
        login_server=settings.get("ControlURL", ""),
        accept_dns=settings.get("CorpDNS") == "true",
        accept_routes=settings.get("RouteAll") == "true",
        ssh=settings.get("RunSSH") == "true",
    )


def _behind_others(routes: Iterable[str]) -> Iterator[str]:
    """IPv4 networks that are not the tailnet's own addresses. Docker's networks are IPv4."""
    for text in routes:
        try:
            network = ipaddress.IPv4Network(text, strict=False)
        except ValueError:  # "throw", "default", IPv6
            continue
        if not network.subnet_of(DEVICES):
            yield str(network)


def settings_for(inventory: Inventory, pool: Pool | None) -> TailnetSettings | None:
    """The tailnet that this pool's machines join, or None."""
    return inventory.tailnet if pool is not None and pool.tailnet else None


def login_server(settings: TailnetSettings) -> str:
    """Where machines log in."""
    return settings.login_server or settings.url or OFFICIAL


def standing(facts: TailnetFacts | None, wanted: TailnetSettings) -> Standing:
    """How a host stands to the tailnet it should be in."""
    if facts is None:
        return Standing.ABSENT
    if not facts.joined:
        return Standing.OUT
    if not facts.ours:
        return Standing.FOREIGN
    if facts.login_server.rstrip("/") != login_server(wanted).rstrip("/") or not facts.tags >= set(wanted.tags):
        return Standing.ELSEWHERE
    seen = (facts.accept_dns, facts.accept_routes, facts.ssh)
    return Standing.AS_WANTED if seen == (wanted.accept_dns, wanted.accept_routes, wanted.ssh) else Standing.DIFFERS


def names(inventory: Inventory) -> tuple[str, ...]:
    """The names that host and containers must know: Gitea's own, as runners call it, and those of the inventory."""
    gitea = urlsplit(inventory.gitea.runner_url).hostname or ""
    wanted = (gitea, *(inventory.tailnet.hosts if inventory.tailnet else ()))
    return tuple(dict.fromkeys(name for name in wanted if name and not _is_address(name)))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def overlaps(routes: Iterable[str], pool: Pool) -> Iterator[tuple[str, str, str]]:
    """(route, key of the inventory, its network) where a routed network and one of Docker's are the same addresses:
    containers would never reach the routed one."""
    keys = {"docker.bip": pool.docker.bip, "docker.address_pool": pool.docker.address_pool}
    for route in routes:
        for key, text in keys.items():
            if ipaddress.ip_network(route).overlaps(ipaddress.ip_network(text, strict=False)):
                yield route, key, text
