"""Headscale's own API v1, as 0.27, 0.29 and 0.30 have it."""

import secrets
from datetime import datetime
from typing import Any

from tests.tailnets.exchange import Answer, Request, json_of, plain, stamp
from tests.tailnets.records import Key, Node, Records
from tests.tailnets.v2 import V2

UNKNOWN = 2  # gRPC's codes, which the answers up to 0.29 carry
INVALID = 3
NOT_FOUND = 5


class Headscale:
    """``version``: 0.27.1, 0.29.2 or 0.30.0; ``told`` is what /version says, a build from source says dev."""

    def __init__(self, records: Records, version: str = "0.29.2", told: str | None = None) -> None:
        self.records = records
        self._number = tuple(map(int, version.split(".")))[:2]
        self._told = f"v{version}" if told is None else told
        self._v2 = V2(records) if self._number >= (0, 30) else None

    def answer(self, request: Request) -> Answer:
        """What this Headscale says."""
        if str(request) == "GET /version":
            return json_of({"version": self._told, "commit": "unknown", "dirty": False})
        if request.path.startswith("/api/v2/"):
            return self._answer_v2(request)
        if request.token != self.records.secret:
            return self._unauthorized()
        match request.method, request.path.removeprefix("/api/v1/").split("/"):
            case "GET", ["user"]:
                return self._users(request.query.get("name"))
            case "GET", ["preauthkey"]:
                return self._keys(request.query.get("user", ""))
            case "POST", ["preauthkey"]:
                return self._make_key(request.message)
            case "POST", ["preauthkey", "expire"]:
                return self._expire_key(request.message)
            case "DELETE", ["preauthkey"]:
                return self._delete_key(request.query.get("id", ""))
            case "GET", ["node"]:
                return json_of({"nodes": [self._node(node) for node in self.records.nodes.values()]})
            case "DELETE", ["node", node_id]:
                return self._delete_node(node_id)
            case _:
                return plain("404 page not found\n", 404)

    def _answer_v2(self, request: Request) -> Answer:
        """Up to 0.29 all of /api wants a good key before it says that there is nothing; 0.27 does not."""
        if self._v2 is not None:
            return self._v2.answer(request)
        if self._number < (0, 28):
            return plain("", 404)
        return plain("404 page not found\n", 404) if request.token == self.records.secret else self._unauthorized()

    def _unauthorized(self) -> Answer:
        if self._number < (0, 30):
            return plain("Unauthorized", 401)
        return json_of(
            {"title": "Unauthorized", "status": 401, "detail": "Unauthorized"}, 401, "application/problem+json"
        )

    def _no(self, code: int, message: str, status: int) -> Answer:
        """0.30 has RFC 9457 and proper codes; before, whatever gRPC does not know is a 500."""
        if self._number < (0, 30):
            return json_of({"code": code, "message": message, "details": []}, 500 if code == UNKNOWN else status)
        return json_of({"title": "Error", "status": status, "detail": message}, status, "application/problem+json")

    def _users(self, name: str | None) -> Answer:
        found = [one for one in self.records.users if name in (None, one)]
        return json_of({"users": [self._user(one) for one in found]})

    def _user(self, name: str) -> dict[str, Any]:
        return {"id": str(self.records.users.index(name) + 1), "name": name, "displayName": "", "email": ""}

    def _user_of(self, number: str) -> str | None:
        index = int(number or 0) - 1
        return self.records.users[index] if 0 <= index < len(self.records.users) else None

    def _keys(self, user: str) -> Answer:
        keys = list(self.records.keys.values())
        if self._number < (0, 28):
            name = self._user_of(user)
            if name is None:
                return self._no(UNKNOWN, "user not found", 404)
            keys = [key for key in keys if key.user == name]
        return json_of({"preAuthKeys": [self._key(key) for key in keys]})

    def _make_key(self, order: dict[str, Any]) -> Answer:
        tags = order.get("aclTags", [])
        user = self._user_of(str(order.get("user", "")))
        if any(not tag.startswith("tag:") for tag in tags):
            return self._no(INVALID, "tag must start with the string 'tag:'", 400)
        if user is None and ("user" in order or self._number < (0, 28)):
            return self._no(UNKNOWN, "user not found", 404)
        if user is None and not tags:
            return self._no(UNKNOWN, "auth-key must be either tagged or owned by user", 400)
        old = self._number < (0, 28)
        secret = secrets.token_hex(24) if old else f"hskey-auth-{secrets.token_hex(6)}-{secrets.token_hex(32)}"
        key = self.records.add_key(
            str(self.records.keys_made + 1),
            secret,
            user=user or "",
            one_use=not order.get("reusable", False),
            ephemeral=order.get("ephemeral", False),
            tags=sorted(set(tags)),
            expires=datetime.fromisoformat(order["expiration"]),
        )
        return json_of({"preAuthKey": self._key(key) | {"key": key.secret}})

    def _key(self, key: Key) -> dict[str, Any]:
        """From 0.28 on only the beginning of a key is told again."""
        hidden = key.secret if self._number < (0, 28) else f"{key.secret[:23]}-***"
        return {
            "user": self._user(key.user) if key.user else None,
            "id": key.id,
            "key": hidden,
            "reusable": not key.one_use,
            "ephemeral": key.ephemeral,
            "used": key.used,
            "expiration": stamp(key.expires),
            "createdAt": stamp(key.made),
            "aclTags": key.tags,
        }

    def _expire_key(self, order: dict[str, Any]) -> Answer:
        keys = self.records.keys
        if self._number < (0, 28):
            user = self._user_of(str(order.get("user", "")))
            found = next((one for one in keys.values() if (one.user, one.secret) == (user, order.get("key"))), None)
            if found is None:
                return self._no(UNKNOWN, "AuthKey not found", 404)
        else:
            found = keys.get(str(order.get("id")))
        if found is not None:
            found.expires = self.records.now()
        return json_of({})

    def _delete_key(self, key_id: str) -> Answer:
        if self._number < (0, 28):
            return json_of({"code": 12, "message": "Method Not Allowed", "details": []}, 501)
        self.records.forget_key(key_id)
        return json_of({})

    def _delete_node(self, node_id: str) -> Answer:
        if not node_id.isdigit():
            return self._no(INVALID, f'type mismatch, parameter: node_id, error: parsing "{node_id}"', 400)
        if self.records.nodes.pop(node_id, None) is None:
            return self._no(NOT_FOUND, "node not found", 404)
        return json_of({})

    def _node(self, node: Node) -> dict[str, Any]:
        key = self.records.keys.get(node.key)
        tags = {"forcedTags": node.tags, "validTags": node.tags} if self._number < (0, 28) else {"tags": node.tags}
        return {
            "id": node.id,
            "ipAddresses": node.addresses,
            "name": node.hostname,
            "givenName": node.name,
            "user": {"id": "2147455555", "name": "tagged-devices"},
            "lastSeen": stamp(node.seen or node.made),
            "expiry": None,
            "preAuthKey": self._key(key) if key else None,
            "createdAt": stamp(node.made),
            "registerMethod": "REGISTER_METHOD_AUTH_KEY",
            "online": node.online,
            "approvedRoutes": [],
            **tags,
        }
