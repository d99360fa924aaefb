"""Tailscale's API v2, which Headscale has too from 0.30 on (docs: tailscale.com/api; Headscale: hscontrol/api/v2)."""

from urllib.parse import quote

from fleet.core.observation import Device
from fleet.core.orders import MintedKey
from fleet.edges.tailnet import values
from fleet.edges.tailnet.asking import Asking
from fleet.edges.tailnet.marks import Marks

BRIEF = 60
"""Seconds that the key of a check would live if we were killed before we revoke it."""
NEEDED = frozenset({"auth_keys", "devices:core"})
"""The scopes that minting keys and removing devices take."""


class ApiV2:
    """Keys and devices. What a key's description says never changes, so each key is asked for once."""

    def __init__(self, ask: Asking, marks: Marks, tailnet: str, tags: tuple[str, ...]) -> None:
        self._ask = ask
        self._marks = marks
        self._tags = tags
        self._tailnet = f"/api/v2/tailnet/{quote(tailnet, safe='')}"
        self._keys = f"{self._tailnet}/keys"
        self._described: dict[str, str] = {}

    def check(self) -> None:
        """The only proof that we may mint keys with these tags is to mint one; it is revoked at once."""
        self.devices()
        self._revoke(self.mint_key("check", seconds=BRIEF).id)

    def may_mint(self, client: str) -> bool:
        """Whether the OAuth client's own record says so, which it may always see (tailscale.com/kb/1215). Only read.

        False: it cannot be told without trying, as with an API key, or with tags that own ours.
        """
        self.devices()
        answer = self._ask.send("GET", self._path_of(client)) if client else None
        seen = (answer.body or {}) if answer is not None and answer.is_success else {}
        scopes, tags = seen.get("scopes"), seen.get("tags")
        if not isinstance(scopes, list) or not isinstance(tags, list):
            return False
        return bool(set(scopes) >= NEEDED or "all" in scopes) and set(tags) == set(self._tags)

    def mint_key(self, machine: str, *, seconds: int) -> MintedKey:
        """For one use; approved, so that a tailnet with device approval lets it in too."""
        create = {"reusable": False, "ephemeral": True, "preauthorized": True, "tags": list(self._tags)}
        order = {
            "capabilities": {"devices": {"create": create}},
            "expirySeconds": seconds,
            "description": self._marks.description(machine),
        }
        body = self._ask.post(f"mint a key for {machine}", self._keys, order)
        return self._ask.no.unless(values.minted, body)

    def revoke_keys(self, machine: str) -> None:
        """A key that was used is invalid, and left alone."""
        body = self._ask.get("list the keys", self._keys, {"all": "true"})
        for item in self._ask.no.unless(values.items, body, "keys"):
            if item.get("keyType", "auth") == "auth" and not item.get("invalid"):
                self._revoke_if_ours(item, machine)

    def devices(self) -> tuple[Device, ...]:
        """All, in one answer: this API has no pages."""
        body = self._ask.get("list the devices", f"{self._tailnet}/devices")
        return self._ask.items(body, "devices", values.device)

    def removal(self, device_id: str) -> tuple[str, str]:
        """How a device is removed: method and path."""
        return "DELETE", f"/api/v2/device/{quote(device_id, safe='')}"

    def _revoke_if_ours(self, item: values.Body, machine: str) -> None:
        key = self._ask.no.unless(values.text, item, "id")
        if self._marks.is_described(machine, self._description(key, item)):
            self._revoke(key)

    def _description(self, key: str, item: values.Body) -> str:
        """A list may have nothing but ids; then the key itself is asked for. One we may not see is not ours."""
        if "capabilities" in item:
            return str(item.get("description", ""))
        if key not in self._described:
            answer = self._ask.send("GET", self._path_of(key))
            whole = {} if answer.says(404) or answer.says(403) else self._ask.good(answer, f"look at key {key}")
            self._described[key] = str(whole.get("description", ""))
        return self._described[key]

    def _revoke(self, key: str) -> None:
        answer = self._ask.send("DELETE", self._path_of(key))
        if not answer.says(404):  # revoked or run out already
            self._ask.good(answer, f"revoke key {key}")

    def _path_of(self, key: str) -> str:
        return f"{self._keys}/{quote(key, safe='')}"
