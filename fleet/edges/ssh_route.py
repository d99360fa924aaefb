"""How a host is reached: hop by hop, each with the keys it may show and the identities to offer there."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from fleet.core.errors import HostError, WrongHostKey
from fleet.core.orders import Target
from fleet.edges.known_hosts import known_keys
from fleet.edges.openssh import OpenSsh, Settings

MOST_HOPS = 8


@dataclass(frozen=True, slots=True)
class Hop:
    """One login on the way. ``keys``: the public key lines it may show, any of them."""

    name: str
    address: str
    port: int
    user: str
    keys: tuple[str, ...]
    identities: tuple[Path, ...] = ()
    agent: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """The last hop is the host itself. ``command``: what gives the connection to the first one."""

    hops: tuple[Hop, ...]
    command: str = ""


def route(target: Target, openssh: OpenSsh) -> Route:
    """The way to this host. Raises WrongHostKey for one whose key is not known, HostError."""
    if not target.openssh:
        return Route((Hop(target.name, target.address, target.port, target.user, (target.host_key,)),))
    settings = openssh.settings(target.address, target.user, target.port)
    pins = (target.host_key,) if target.host_key else ()
    return _to(target.name, settings, openssh, pins, MOST_HOPS)


def _to(name: str, settings: Settings, openssh: OpenSsh, pins: tuple[str, ...], most: int) -> Route:
    """This hop, after those before it. The first jump has a way of its own, each other one comes by the one before."""
    if most == 0:
        raise HostError(f"{name} is behind more than {MOST_HOPS} jump hosts", hint=f"ssh -G {settings.address}")
    hop = _hop(name, settings, pins)
    if not settings.jumps:
        return Route((hop,), settings.command)
    first, *others = (openssh.settings(*_jump(jump)) for jump in settings.jumps)
    before = _to(f"the jump host of {name}", first, openssh, (), most - 1)
    between = tuple(_hop(f"a jump host of {name}", other, ()) for other in others)
    return Route((*before.hops, *between, hop), before.command)


def _jump(text: str) -> tuple[str, str, int]:
    """``[user@]host[:port]``, also as ``ssh://...`` (ssh_config(5), ProxyJump)."""
    user, _, place = text.removeprefix("ssh://").rpartition("@")
    host, _, port = place.rpartition(":") if place.count(":") == 1 or "]:" in place else (place, "", "")
    return host.strip("[]"), user, int(port) if port.isdigit() else 0


def _hop(name: str, settings: Settings, pins: tuple[str, ...]) -> Hop:
    keys = pins or tuple(_known(settings))
    if not keys:
        raise _unknown(name, settings)
    return Hop(
        name,
        settings.address,
        settings.port,
        settings.user,
        keys,
        settings.identities,
        agent=not settings.only_identities,
    )


def _known(settings: Settings) -> Iterator[str]:
    if settings.known_as:
        yield from known_keys(settings.known_hosts, settings.known_as, 22)
    else:
        yield from known_keys(settings.known_hosts, settings.address, settings.port)


def _unknown(name: str, settings: Settings) -> WrongHostKey:
    port = "" if settings.port == 22 else f" -p {settings.port}"
    return WrongHostKey(
        f"{name} ({settings.address}) is in no known_hosts file, and the inventory gives no host_key for it: "
        "not connected",
        hint=f"log in once yourself and compare the fingerprint: ssh{port} {settings.user}@{settings.address}; or give "
        "its key as host_key: the line of /etc/ssh/ssh_host_ed25519_key.pub on it",
    )
