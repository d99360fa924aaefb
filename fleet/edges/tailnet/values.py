"""Both systems' JSON, taken apart. A missing or strange field raises KeyError, TypeError or ValueError."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fleet.core.observation import Device
from fleet.core.orders import MintedKey
from fleet.core.secret import Secret

Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OldKey:
    """A key as Headscale's v1 API lists it. ``shown``: all of it before 0.28, then its beginning."""

    id: str
    user: str
    shown: Secret
    one_use: bool
    ephemeral: bool
    used: bool
    tags: frozenset[str]
    made: datetime
    expires: datetime


def minted(body: Body) -> MintedKey:
    """A key in the answer to its making: the only time that it is told."""
    return MintedKey(text(body, "id"), Secret(text(body, "key")))


def old_minted(body: Body) -> MintedKey:
    """The same in the v1 API."""
    return minted(body["preAuthKey"])


def items(body: Body, what: str) -> tuple[Body, ...]:
    """The entries of a list. An empty one may be ``null``."""
    found = body[what] or ()
    if not all(isinstance(item, Mapping) for item in found):
        raise TypeError(what)
    return tuple(found)


def old_key(item: Body) -> OldKey:
    """One entry of the v1 API's list. ``user`` is null where the tags alone own the key."""
    return OldKey(
        id=text(item, "id"),
        user=str((item.get("user") or {}).get("id", "")),
        shown=Secret(text(item, "key")),
        one_use=not item["reusable"],
        ephemeral=bool(item["ephemeral"]),
        used=bool(item["used"]),
        tags=frozenset(map(str, item["aclTags"] or ())),
        made=datetime.fromisoformat(text(item, "createdAt")),
        expires=datetime.fromisoformat(text(item, "expiration")),
    )


def device(item: Body) -> Device:
    """A device of the v2 API. Tailscale has a second, older ``id``; the machine itself knows ``nodeId`` only.

    Without ``connectedToControl`` (Headscale) a device that is online has no ``lastSeen``.
    """
    seen = time(item.get("lastSeen"))
    online = item.get("connectedToControl")
    return Device(
        id=text(item, "nodeId"),
        name=str(item.get("name", "")).split(".")[0],
        hostname=str(item.get("hostname", "")),
        addresses=tuple(map(str, item["addresses"] or ())),
        tags=frozenset(map(str, item.get("tags") or ())),
        online=seen is None if online is None else bool(online),
        last_seen=seen,
        ephemeral=item.get("isEphemeral"),
    )


def node(item: Body) -> Device:
    """A node of Headscale's v1 API. Its key says whether it is ephemeral; before 0.28 tags are in two lists."""
    key = item.get("preAuthKey")
    tags = item.get("tags") or (*(item.get("forcedTags") or ()), *(item.get("validTags") or ()))
    return Device(
        id=text(item, "id"),
        name=str(item.get("givenName", "")),
        hostname=str(item.get("name", "")),
        addresses=tuple(map(str, item["ipAddresses"] or ())),
        tags=frozenset(map(str, tags)),
        online=bool(item["online"]),
        last_seen=time(item.get("lastSeen")),
        ephemeral=bool(key["ephemeral"]) if key else None,
    )


def key_of_node(item: Body) -> str:
    """The id of the key that a node came with; empty where it came without one."""
    return str((item.get("preAuthKey") or {}).get("id", ""))


def text(item: Body, key: str) -> str:
    """A field that must be text, and not empty."""
    value = item[key]
    if not isinstance(value, str) or not value:
        raise TypeError(key)
    return value


def time(value: object) -> datetime | None:
    """None where there is none: null, empty, or Go's zero time."""
    if not isinstance(value, str) or not value or value.startswith("0001-"):
        return None
    return datetime.fromisoformat(value)
