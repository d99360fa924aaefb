"""Headscale's own API v1, up to 0.29 the only one (its proto/headscale/v1; tried with 0.27.1 and 0.29.2)."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from fleet.core.errors import Refused, Unreachable
from fleet.core.inventory import TailnetSettings
from fleet.core.observation import Device
from fleet.core.orders import MintedKey
from fleet.edges.http.wire import Answer
from fleet.edges.tailnet import values
from fleet.edges.tailnet.asking import Asking
from fleet.edges.tailnet.marks import Marks

T = TypeVar("T")

KEYS = "/api/v1/preauthkey"


class ApiV1:
    """Keys and nodes. ``by_user``: before 0.28 a key has a user, is listed and expired by it, and stays for ever."""

    def __init__(self, ask: Asking, marks: Marks, settings: TailnetSettings, *, by_user: bool) -> None:
        self._ask = ask
        self._marks = marks
        self._user = settings.user
        self._tags = settings.tags
        self._by_user = by_user

    def check(self) -> None:
        """An API key of Headscale may do everything, so to see keys and user is proof enough."""
        self.devices()
        self._list(self._user_id()[0])

    def may_mint(self, client: str) -> bool:
        """The same: nothing is made for it."""
        self.check()
        return not client

    def mint_key(self, machine: str, *, seconds: int) -> MintedKey:
        """For one use. Headscale has no approval of devices."""
        user, now = self._user_id()
        expires = self._marks.expiry(machine, now, seconds)
        order = {
            "reusable": False,
            "ephemeral": True,
            "expiration": expires.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "aclTags": list(self._tags),
        }
        owned = {"user": user} if user else {}
        body = self._ask.post(f"mint a key for {machine}", KEYS, order | owned)
        return self._ask.no.unless(values.old_minted, body)

    def revoke_keys(self, machine: str) -> None:
        """First worthless, then gone: a node whose key is deleted is not ephemeral any more.

        Used keys go too, once no node has them; else each machine there ever was would leave one in the list.
        """
        user, now = self._user_id()
        ours = [key for key in self._list(user) if self._is_ours(key, machine)]
        for key in ours:
            if not key.used and key.expires > now:
                self._expire(key)
        if ours and not self._by_user:
            self._clear({key.id: key.used for key in ours if not key.used or key.expires < now}, user)

    def devices(self) -> tuple[Device, ...]:
        """All, in one answer: this API has no pages."""
        return self._nodes(values.node)

    def removal(self, device_id: str) -> tuple[str, str]:
        """How a device is removed: method and path."""
        return "DELETE", f"/api/v1/node/{device_id}"

    def _user_id(self) -> tuple[str, datetime]:
        """The id of the user that keys are made for (empty: none), and Headscale's own time."""
        if self._by_user and not self._user:
            raise Refused(
                "a Headscale before 0.28 makes keys for a user only, and the inventory names none",
                hint='headscale users create ci, then tailnet.user = "ci"',
            )
        doing = f"look for user {self._user}" if self._user else "ask for the time"
        query = {"name": self._user} if self._user else None
        answer = self._ask.send("GET", "/api/v1/user", query=query)
        found = self._ask.items(self._ask.good(answer, doing), "users", lambda user: values.text(user, "id"))
        if self._user and not found:
            raise Refused(
                f"this Headscale has no user {self._user} (tailnet.user)", hint=f"headscale users create {self._user}"
            )
        return found[0] if self._user else "", self._time(answer)

    def _time(self, answer: Answer) -> datetime:
        if answer.at is None:
            raise Unreachable(
                "Headscale's answer has no Date header, so no key can be given its end",
                hint="does a proxy before Headscale remove it?",
            )
        return answer.at

    def _nodes(self, read: Callable[[values.Body], T]) -> tuple[T, ...]:
        return self._ask.items(self._ask.get("list the devices", "/api/v1/node"), "nodes", read)

    def _list(self, user: str) -> tuple[values.OldKey, ...]:
        body = self._ask.get("list the keys", KEYS, {"user": user} if self._by_user else None)
        return self._ask.items(body, "preAuthKeys", values.old_key)

    def _is_ours(self, key: values.OldKey, machine: str) -> bool:
        fits = key.one_use and key.ephemeral and key.tags == frozenset(self._tags)
        return fits and self._marks.is_marked(machine, key.made, key.expires)

    def _expire(self, key: values.OldKey) -> None:
        how = {"user": key.user, "key": key.shown.reveal()} if self._by_user else {"id": key.id}
        self._ask.post(f"expire key {key.id}", f"{KEYS}/expire", how)

    def _clear(self, were_used: Mapping[str, bool], user: str) -> None:
        """Looks again first: a key that was used just before we made it worthless is left for another time."""
        needed = self._nodes(values.key_of_node)
        for key in self._list(user):
            if were_used.get(key.id) == key.used and key.id not in needed:
                self._delete(key.id)

    def _delete(self, key: str) -> None:
        answer = self._ask.send("DELETE", KEYS, query={"id": key})
        if not answer.says(404):
            self._ask.good(answer, f"delete key {key}")
