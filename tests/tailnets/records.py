"""What a tailnet's server keeps, whichever API shows it: users, keys, nodes, and who may ask for what."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class Key:
    """One key for machines. ``user``: empty where the tags alone own it."""

    id: str
    secret: str
    user: str
    one_use: bool
    ephemeral: bool
    approved: bool
    tags: list[str]
    made: datetime
    expires: datetime
    description: str = ""
    used: bool = False
    revoked: bool = False


@dataclass(slots=True)
class Node:
    """One machine. ``key`` is the id of the key it came with; empty once that key is deleted."""

    id: str
    name: str
    hostname: str
    addresses: list[str]
    tags: list[str]
    key: str
    ephemeral: bool
    made: datetime
    online: bool = True
    seen: datetime | None = None


@dataclass(slots=True)
class Token:
    """Who shows this may do this. ``scopes`` and ``tags`` None: everything."""

    scopes: frozenset[str] | None = None
    tags: frozenset[str] | None = None


@dataclass(slots=True)
class Records:
    """One server's memory. ``policy_tags`` None: any tag goes, as on a Headscale without a policy."""

    secret: str = field(default_factory=lambda: f"hskey-api-{secrets.token_hex(6)}-{secrets.token_hex(16)}")
    policy_tags: frozenset[str] | None = None
    users: list[str] = field(default_factory=lambda: ["ci"])
    keys: dict[str, Key] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    clients: dict[str, Token] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)
    passed: timedelta = timedelta()
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    keys_made: int = 0
    nodes_made: int = 0

    def now(self) -> datetime:
        """The server's time."""
        return self.clock() + self.passed

    def add_client(self, secret: str, *scopes: str, tags: tuple[str, ...] = ("tag:ci",)) -> str:
        """An OAuth client; its secret."""
        self.clients[secret] = Token(frozenset(scopes), frozenset(tags))
        return secret

    def add_key(self, key_id: str, secret: str, **rest: object) -> Key:
        """A key made now; unless told otherwise, as a person at the command line makes one."""
        self.keys_made += 1
        now = self.now()
        plain: dict[str, object] = {
            "user": "",
            "one_use": True,
            "ephemeral": True,
            "approved": True,
            "tags": ["tag:ci"],
            "made": now,
            "expires": now + timedelta(minutes=5),
        }
        self.keys[key_id] = Key(key_id, secret, **{**plain, **rest})  # type: ignore[arg-type]
        return self.keys[key_id]

    def opens(self, secret: str) -> bool:
        """Whether this key lets a machine in now."""
        key = next((one for one in self.keys.values() if one.secret == secret), None)
        return key is not None and not key.revoked and self.now() < key.expires and not (key.used and key.one_use)

    def join(self, secret: str, hostname: str) -> Node:
        """A machine comes with this key, which must let it in."""
        assert self.opens(secret)
        key = next(one for one in self.keys.values() if one.secret == secret)
        key.used = True
        self.nodes_made += 1
        number = self.nodes_made
        taken = {node.name for node in self.nodes.values()}
        name = next(each for each in (hostname, *(f"{hostname}-{n}" for n in range(1, 99))) if each not in taken)
        addresses = [f"100.64.0.{number}", f"fd7a:115c:a1e0::{number:x}"]
        node = Node(str(number), name, hostname, addresses, list(key.tags), key.id, key.ephemeral, self.now())
        self.nodes[node.id] = node
        return node

    def leave(self, node_id: str) -> None:
        """A machine logs out: an ephemeral one is gone at once."""
        node = self.nodes[node_id]
        node.online, node.seen = False, self.now()
        if node.ephemeral:
            del self.nodes[node_id]

    def forget_key(self, key_id: str) -> None:
        """Delete a key for good: a node that came with it is not ephemeral any more (Headscale 0.29)."""
        self.keys.pop(key_id, None)
        for node in self.nodes.values():
            if node.key == key_id:
                node.key, node.ephemeral = "", False
