"""Names of machines, and the tags and labels by which we know our own: made and read here only."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from fleet.core.inventory import GiteaSettings
from fleet.core.ssh_key import sshkey_tag

FLEET_NAME = re.compile(r"[a-z][a-z0-9]{0,19}")
POOL_NAME = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
HOST_NAME = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
_MACHINE = re.compile(rf"({FLEET_NAME.pattern})-({POOL_NAME.pattern})-([1-9][0-9]{{0,3}})")
_STATIC = re.compile(rf"({FLEET_NAME.pattern})-({POOL_NAME.pattern})\.({HOST_NAME.pattern})")

ED25519_BYTES = 32


@dataclass(frozen=True, slots=True)
class MachineName:
    """``<fleet>-<pool>-<n>``. Unique at Hetzner, so creating the same machine twice is harmless."""

    fleet: str
    pool: str
    n: int

    def __str__(self) -> str:
        return f"{self.fleet}-{self.pool}-{self.n}"


@dataclass(frozen=True, slots=True)
class StaticName:
    """``<fleet>-<pool>.<host>``: a static host of the inventory. The dot is in no name of a server of ours."""

    fleet: str
    pool: str
    host: str

    def __str__(self) -> str:
        return f"{self.fleet}-{self.pool}.{self.host}"


@lru_cache(4096)
def read_machine_name(text: str) -> MachineName | StaticName | None:
    """The parts of a name in exactly one of our two forms, or None."""
    return read_server_name(text) or _read_static_name(text)


@lru_cache(4096)
def read_server_name(text: str) -> MachineName | None:
    """The parts of a name as servers of ours have it, or None: a static host's name is None here."""
    match = _MACHINE.fullmatch(text)
    return MachineName(match[1], match[2], int(match[4])) if match else None


def _read_static_name(text: str) -> StaticName | None:
    match = _STATIC.fullmatch(text)
    return StaticName(match[1], match[2], match[4]) if match else None


@cache
def gitea_hash(gitea: GiteaSettings) -> str:
    """Ten characters that stand for one Gitea and scope, to tell two fleets of one name apart."""
    return hashlib.sha256(f"{gitea.url.rstrip('/')} {gitea.scope}".encode()).hexdigest()[:10]


def fleet_label(fleet: str) -> str:
    """The runner label that only runners of this fleet carry."""
    return f"fleet-{fleet}"


def hostkey_tag(public_key: str) -> str:
    """The raw ed25519 key of an OpenSSH public key line in base32: 52 characters, fit for a tag."""
    blob = base64.b64decode(public_key.split()[1])
    return base64.b32encode(blob[-ED25519_BYTES:]).decode().rstrip("=").lower()


def hostkey_line(tag: str) -> str:
    """The OpenSSH public key line that ``hostkey_tag`` was made from.

    Raises ValueError when the tag is not one of ours.
    """
    raw = base64.b32decode(tag.upper() + "=" * (-len(tag) % 8))
    if len(raw) != ED25519_BYTES:
        raise ValueError(f"not an ed25519 key: {tag}")
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + len(raw).to_bytes(4, "big") + raw
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


class Tag:
    """The keys of our tags on a server, and in a static host's memory. Values: at most 63 of ``[A-Za-z0-9._-]``."""

    FLEET = "fleet"
    POOL = "pool"
    GITEA = "gitea"
    HOSTKEY = "hostkey"
    SSHKEY = "sshkey"
    SETUP = "setup"
    PRICE = "eur-h"
    DRAINING = "draining"
    SUSPECT = "suspect"
    REPAIR = "repair"
    HELD = "held"
    MACHINE = "machine"
    DOWN = "down"
    DOCKER = "docker"
    ADOPTING = "adopting"
    JOINING = "joining"
    STAGES = "stages"


def birth_tags(name: MachineName, gitea: GiteaSettings, hostkey: str, login: str, eur_per_hour: str) -> dict[str, str]:
    """The tags that go with the create call, so that even a run killed there leaves a server we know.

    ``login``: the public key that opens it, as a line.
    """
    return {
        Tag.FLEET: name.fleet,
        Tag.POOL: name.pool,
        Tag.GITEA: gitea_hash(gitea),
        Tag.HOSTKEY: hostkey_tag(hostkey),
        Tag.SSHKEY: sshkey_tag(login),
        Tag.PRICE: eur_per_hour,
    }


def is_ours(name: str, tags: Mapping[str, str], fleet: str, gitea: GiteaSettings) -> bool:
    """Whether a server is this fleet's: the exact name form, and tags that say the same, and the same Gitea."""
    machine = read_server_name(name)
    return (
        machine is not None
        and machine.fleet == fleet == tags.get(Tag.FLEET)
        and machine.pool == tags.get(Tag.POOL)
        and tags.get(Tag.GITEA) == gitea_hash(gitea)
    )
