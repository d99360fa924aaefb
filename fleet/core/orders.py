"""Values that the engine hands to the outside or gets from it (``engine/ports.py`` says who does)."""

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.core.belongings import NOTHING, Given
from fleet.core.secret import Secret


@dataclass(frozen=True, slots=True)
class ServerOrder:
    """One server to be made, in one type and location. ``user_data``: at most 32 KiB (API: POST /servers); secret,
    as it holds the private half of the host key.

    ``networks``: ids of the private networks it is in. ``ipv4``: whether it has a public IPv4 address. ``given``: what
    else it is made with.
    """

    name: str
    type: str
    location: str
    image: str
    user_data: Secret
    tags: Mapping[str, str]
    ssh_key: int
    firewall: int
    networks: tuple[int, ...] = ()
    ipv4: bool = True
    given: Given = NOTHING


@dataclass(frozen=True, slots=True)
class Credentials:
    """A runner's own identity, as ``.runner`` holds it."""

    id: int
    uuid: str
    token: Secret


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A key that lets one machine into the tailnet, once. ``id`` is what the tailnet calls it afterwards."""

    id: str
    key: Secret


@dataclass(frozen=True, slots=True)
class Target:
    """Where and how to log in. ``host_key`` is an OpenSSH public key line: the only one accepted.

    ``openssh``: a static host, which OpenSSH's configuration may say more of: what is empty here (user, port 0, host
    key), and the way there.
    ``opens``: the fingerprint of the key that it lets in, as far as is known.
    """

    name: str
    address: str
    host_key: str
    user: str = "root"
    port: int = 22
    openssh: bool = False
    opens: str = ""


@dataclass(frozen=True, slots=True)
class Result:
    """How a command on a host ended. ``status`` -1: killed by a signal."""

    status: int
    out: str
    err: str


@dataclass(frozen=True, slots=True)
class LogPart:
    """A part of a job's log. ``begin``, ``end``: its first byte in the whole log, and the one behind its last."""

    text: bytes
    begin: int
    end: int
