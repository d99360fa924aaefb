"""The API v2: as Headscale has it from 0.30 on, and as Tailscale itself has it."""

import secrets
from datetime import timedelta
from typing import Any

from tests.tailnets.exchange import Answer, Request, json_of, stamp
from tests.tailnets.records import Key, Node, Records, Token

HOUR = 3600


class V2:
    """Headscale's. An admin's key may do everything; an OAuth client's token has scopes and tags."""

    def __init__(self, records: Records) -> None:
        self.records = records

    def answer(self, request: Request) -> Answer:
        """What this server says."""
        if str(request) == "POST /api/v2/oauth/token":
            return self._token(request.form)
        who = self._who(request.token)
        if who is None:
            return self._no(401, "unauthorized")
        match request.method, request.path.removeprefix("/api/v2/").split("/"):
            case method, ["tailnet", tailnet, *rest]:
                return self._in_tailnet(method, rest, request, who) if tailnet == "-" else self._no_tailnet()
            case "DELETE", ["device", node_id]:
                return self._lacking(who, "devices:core") or self._delete_device(node_id)
            case _:
                return self._no(404, "not found")

    def _in_tailnet(self, method: str, rest: list[str], request: Request, who: Token) -> Answer:
        match method, rest:
            case "GET", ["keys"]:
                return json_of({"keys": self._list(who, everything=request.query.get("all") == "true")})
            case "POST", ["keys"]:
                return self._lacking(who, "auth_keys") or self._make_key(request.message, who)
            case "GET", ["keys", key_id]:
                return self._show_key(key_id, who)
            case "DELETE", ["keys", key_id]:
                return self._lacking(who, "auth_keys") or self._delete_key(key_id)
            case "GET", ["devices"]:
                lacking = self._lacking(who, "devices:core:read", "devices:core")
                return lacking or json_of({"devices": [self._device(one) for one in self.records.nodes.values()]})
            case _:
                return self._no(404, "not found")

    def _who(self, token: str) -> Token | None:
        return Token() if token == self.records.secret else self.records.tokens.get(token)

    def _no(self, status: int, message: str) -> Answer:
        return json_of({"message": message, "status": status}, status, "application/problem+json")

    def _no_tailnet(self) -> Answer:
        return self._no(404, "tailnet not found")

    def _lacking(self, who: Token, wanted: str, *as_good: str) -> Answer | None:
        if who.scopes is None or who.scopes & {wanted, *as_good}:
            return None
        return self._no(403, f"token is missing the required scope {wanted}")

    def _token(self, form: dict[str, str]) -> Answer:
        client = self.records.clients.get(form.get("client_secret", ""))
        if client is None:
            return json_of({"error": "invalid_client", "error_description": "invalid client credentials"}, 401)
        token = f"hskey-oauthtok-{secrets.token_hex(6)}-{secrets.token_hex(32)}"
        self.records.tokens[token] = client
        return json_of({"access_token": token, "token_type": "Bearer", "expires_in": HOUR})

    def _make_key(self, order: dict[str, Any], who: Token) -> Answer:
        create = order["capabilities"]["devices"]["create"]
        refused = self._bad_tags(create["tags"], who)
        if refused is not None:
            return refused
        now = self.records.now()
        number = self.records.keys_made + 1
        key = self.records.add_key(
            self._key_id(number),
            self._key_secret(number),
            one_use=not create["reusable"],
            ephemeral=create["ephemeral"],
            approved=create["preauthorized"],
            tags=list(create["tags"]),
            expires=now + timedelta(seconds=order["expirySeconds"]),
            description=order.get("description", ""),
        )
        return json_of(self._whole(key) | {"key": key.secret})

    def _bad_tags(self, tags: list[str], who: Token) -> Answer | None:
        for tag in tags:
            if not tag.startswith("tag:"):
                data = [{"errors": [f"auth-key tag is invalid: '{tag}' did not begin with 'tag:'"]}]
                return json_of({"message": "creating auth key", "data": data, "status": 400}, 400)
            known = self.records.policy_tags
            if who.tags is not None and known is not None and tag not in known:
                return self._no(400, f"tag {tag} is not defined in policy")
            if who.tags is not None and tag not in who.tags:
                return self._no(403, f"token may not assign tag {tag}")
        return None

    def _key_id(self, number: int) -> str:
        return str(number)

    def _key_secret(self, number: int) -> str:
        return f"hskey-auth-{secrets.token_hex(6)}-{secrets.token_hex(32)}"

    def _list(self, who: Token, *, everything: bool) -> list[dict[str, Any]]:
        """Headscale gives all there is, whole, and the dead ones too until it clears them away."""
        return [self._whole(key) for key in self.records.keys.values()]

    def _whole(self, key: Key) -> dict[str, Any]:
        create = {
            "reusable": not key.one_use,
            "ephemeral": key.ephemeral,
            "preauthorized": key.approved,
            "tags": key.tags,
        }
        return {
            "id": key.id,
            "keyType": "auth",
            "description": key.description,
            "created": stamp(key.made),
            "expires": stamp(key.expires),
            "invalid": key.used or key.revoked or self.records.now() >= key.expires,
            "capabilities": {"devices": {"create": create}},
            "tags": key.tags,
        }

    def _show_key(self, key_id: str, who: Token) -> Answer:
        key = self.records.keys.get(key_id)
        return self._no(404, "looking up auth key") if key is None else json_of(self._whole(key))

    def _delete_key(self, key_id: str) -> Answer:
        """Headscale keeps a revoked key for a week, and says that it is invalid."""
        key = self.records.keys.get(key_id)
        if key is None or key.revoked:
            return self._no(404, "revoking auth key")
        key.revoked = True
        return json_of({})

    def _device(self, node: Node) -> dict[str, Any]:
        seen = {} if node.online else {"lastSeen": stamp(node.seen)}
        return {
            "addresses": node.addresses,
            "name": node.name,
            "id": node.id,
            "nodeId": node.id,
            "authorized": True,
            "user": "tagged-devices",
            "tags": node.tags,
            "created": stamp(node.made),
            "hostname": node.hostname,
            "isEphemeral": node.ephemeral,
            "os": "linux",
            **seen,
        }

    def _delete_device(self, node_id: str) -> Answer:
        if self.records.nodes.pop(node_id, None) is None:
            return self._no(404, "device not found")
        return json_of({})


class Tailscale(V2):
    """Tailscale's own. Without ``all`` a client's token lists no keys for machines.

    ``lists_whole``: the list has all of each key, as its description shows; clients have met nothing but ids.
    """

    def __init__(self, records: Records, *, lists_whole: bool = False) -> None:
        super().__init__(records)
        self._lists_whole = lists_whole

    def _no(self, status: int, message: str) -> Answer:
        return json_of({"message": message}, status)

    def _lacking(self, who: Token, wanted: str, *as_good: str) -> Answer | None:
        if super()._lacking(who, wanted, *as_good) is None:
            return None
        return self._no(403, "calling actor does not have enough permissions to perform this function")

    def _bad_tags(self, tags: list[str], who: Token) -> Answer | None:
        """A client's key must have all the client's tags, not some of them."""
        known = self.records.policy_tags
        unknown = known is not None and not set(tags) <= known
        if unknown or (who.tags is not None and set(tags) != who.tags):
            return self._no(400, f"requested tags [{' '.join(tags)}] are invalid or not permitted")
        return None

    def _key_id(self, number: int) -> str:
        return f"k{number:06}CNTRL"

    def _key_secret(self, number: int) -> str:
        return f"tskey-auth-{self._key_id(number)}-{secrets.token_hex(16)}"

    def _list(self, who: Token, *, everything: bool) -> list[dict[str, Any]]:
        clients = [{"id": f"kClient{n}CNTRL", "keyType": "client"} for n, _ in enumerate(self.records.clients)]
        if who.scopes is not None and not everything:
            return clients
        alive = [key for key in self.records.keys.values() if not self._whole(key)["invalid"]]
        if self._lists_whole:
            return [*clients, *map(self._whole, alive)]
        return [{"id": one["id"]} for one in (*clients, *map(self._whole, alive))]

    def _show_key(self, key_id: str, who: Token) -> Answer:
        own = next((one for secret, one in self.records.clients.items() if secret.split("-")[2:3] == [key_id]), None)
        if own is not None and own is who:
            mine = {"scopes": sorted(own.scopes or ()), "tags": sorted(own.tags or ())}
            return json_of({"id": key_id, "keyType": "client", **mine})
        if key_id.startswith("kClient"):
            shown = json_of({"id": key_id, "keyType": "client", "scopes": ["all"], "description": "terraform"})
            return self._lacking(who, "oauth_keys") or shown
        return super()._show_key(key_id, who)

    def _device(self, node: Node) -> dict[str, Any]:
        own = {"id": f"{node.id}0000", "name": f"{node.name}.tail1234.ts.net"}
        return super()._device(node) | own | {"connectedToControl": node.online}
