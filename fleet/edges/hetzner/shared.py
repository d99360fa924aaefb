"""What all servers share: the SSH key, made once and found again, and what must be gone with the last of them."""

import base64
import hashlib
from collections.abc import Mapping
from functools import partial

from hcloud import Client
from hcloud.ssh_keys import BoundSSHKey

from fleet.core.errors import NameTaken
from fleet.core.ssh_key import read_public_key
from fleet.edges.hetzner.convert import there
from fleet.edges.hetzner.firewalls import Firewalls
from fleet.edges.hetzner.gate import Gate


class SharedThings:
    """Keys, and the end of all that carries the fleet's tags."""

    def __init__(self, gate: Gate, firewalls: Firewalls) -> None:
        self._gate = gate
        self._firewalls = firewalls

    def ensure_ssh_key(self, name: str, public_key: str, tags: Mapping[str, str]) -> int:
        """The id of this key. The same key under another name is used as it is, and never changed.

        Where the name belongs to another key (a colleague's), ours gets its fingerprint added.
        """
        fingerprint = _fingerprint(public_key)
        found = self._key_id(fingerprint)
        if found is not None:
            return found
        try:
            return self._make_key(name, public_key, tags, fingerprint)
        except NameTaken:
            longer = f"{name}-{fingerprint.replace(':', '')[:8]}"
            return self._make_key(longer, public_key, tags, fingerprint)

    def remove_ssh_key(self, public_key: str, tags: Mapping[str, str]) -> bool:
        """Delete this key if it carries all these tags: one that a person added is left alone."""
        fingerprint = _fingerprint(public_key)
        key = self._gate.call("look for our SSH key", lambda client: client.ssh_keys.get_by_fingerprint(fingerprint))
        if key is None or not tags.items() <= (key.labels or {}).items():
            return False
        self._gate.find(f"delete SSH key {key.name}", partial(_delete_key, key=key))
        return True

    def ssh_key_names(self) -> Mapping[str, str]:
        """The names of all keys of the project, by fingerprint as OpenSSH prints it."""
        keys = self._gate.call("list SSH keys", lambda client: client.ssh_keys.get_all())
        read = {there(one.name): read_public_key(there(one.public_key)) for one in keys}
        return {key.fingerprint: name for name, key in read.items() if key is not None}

    def remove_shared(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """Delete the firewalls and keys that carry all these tags; their names. No tags: nothing."""
        if not tags:
            return ()
        selector = ",".join(f"{key}={value}" for key, value in tags.items())
        keys = self._gate.call("list SSH keys", lambda client: client.ssh_keys.get_all(label_selector=selector))
        removed = self._firewalls.remove(tags)
        for key in keys:
            self._gate.find(f"delete SSH key {key.name}", partial(_delete_key, key=key))
        return (*removed, *(there(one.name) for one in keys))

    def leftovers(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """Volumes and primary IPs that carry all these tags and that no server has: they are billed all the same."""
        selector = ",".join(f"{key}={value}" for key, value in tags.items())
        volumes = self._gate.call("list volumes", lambda client: client.volumes.get_all(label_selector=selector))
        ips = self._gate.call("list primary IPs", lambda client: client.primary_ips.get_all(label_selector=selector))
        return (
            *(f"volume {one.name} ({one.id})" for one in volumes if one.server is None),
            *(f"primary IP {one.name} ({one.id})" for one in ips if one.assignee_id is None),
        )

    def _make_key(self, name: str, public_key: str, tags: Mapping[str, str], fingerprint: str) -> int:
        def create(client: Client) -> int:
            return there(client.ssh_keys.create(name, public_key, dict(tags)).id)

        return self._gate.make(f"add SSH key {name}", create, lambda: self._key_id(fingerprint))

    def _key_id(self, fingerprint: str) -> int | None:
        def look(client: Client) -> int | None:
            key = client.ssh_keys.get_by_fingerprint(fingerprint)
            return None if key is None else there(key.id)

        return self._gate.call("look for our SSH key", look)


def _delete_key(client: Client, key: BoundSSHKey) -> bool:
    return client.ssh_keys.delete(key)


def _fingerprint(public_key: str) -> str:
    """MD5 in pairs with colons, as Hetzner writes it."""
    blob = base64.b64decode(public_key.split()[1])
    digits = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
