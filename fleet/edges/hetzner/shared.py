"""What all servers share: the SSH key and the managed firewall. Made once, found again, removed last."""

import base64
import hashlib
import ipaddress
from collections.abc import Mapping, Sequence
from functools import partial

from hcloud import Client
from hcloud.firewalls import (
    BoundFirewall,
    FirewallResource,
    FirewallResourceLabelSelector,
    FirewallRule,
)
from hcloud.ssh_keys import BoundSSHKey

from fleet.core.errors import CloudError, NamesakeRefused, NameTaken
from fleet.edges.hetzner.actions import Actions
from fleet.edges.hetzner.convert import there
from fleet.edges.hetzner.errors import is_gone
from fleet.edges.hetzner.gate import Gate

EVERYWHERE = ("0.0.0.0/0", "::/0")
TAG_TRIES = 5
"""Writings of tags that another writer may undo before we give up."""

UNUSED_TRIES = 30
"""Looks, a second apart, until a firewall has lost the servers that were just deleted."""


class SharedThings:
    """Keys and firewalls. ``selector``: the tags of all servers the firewall covers."""

    def __init__(self, gate: Gate, actions: Actions, selector: str) -> None:
        self._gate = gate
        self._actions = actions
        self._selector = selector

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

    def ensure_firewall(self, name: str, allow_from: Sequence[str], tags: Mapping[str, str]) -> int:
        """The id of the firewall of this name and these tags. Its own tags are left as they are."""
        rules = _rules(allow_from)
        found = self._firewall_named(name)
        if found is None:
            doing = f"create firewall {name}"
            found = self._gate.make(
                doing,
                lambda client: self._create(client, name, rules, tags),
                lambda: self._firewall_named(name),
            )
        _refuse_namesake(found, name, tags)
        self._correct(found, name, rules)
        return there(found.id)

    def firewall_tags(self, name: str, tags: Mapping[str, str]) -> Mapping[str, str]:
        """All tags of the firewall of this name and these tags; none where there is no such one."""
        found = self._firewall_named(name)
        labels = dict(found.labels or {}) if found else {}
        return labels if tags.items() <= labels.items() else {}

    def set_firewall_tags(self, number: int, changes: Mapping[str, str | None]) -> None:
        """Change only these tags; what another writer lost us is written again."""
        doing = f"set tags of firewall {number}"
        for _ in range(TAG_TRIES):
            self._gate.call(doing, lambda client: _write_tags(client, number, changes))
            now = self._gate.call(doing, lambda client: client.firewalls.get_by_id(number)).labels or {}
            if all(now.get(key) == value for key, value in changes.items()):
                return
        raise CloudError(
            f"could not {doing}: somebody else keeps changing them",
            code="conflict",
            hint="is another fleet process or script at work? Try again when it is done",
        )

    def remove_shared(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """Delete the firewalls and keys that carry all these tags; their names. No tags: nothing."""
        if not tags:
            return ()
        selector = ",".join(f"{key}={value}" for key, value in tags.items())
        firewalls = self._gate.call("list firewalls", lambda client: client.firewalls.get_all(selector))
        keys = self._gate.call("list SSH keys", lambda client: client.ssh_keys.get_all(label_selector=selector))
        for firewall in firewalls:
            self._remove_firewall(there(firewall.id), there(firewall.name))
        for key in keys:
            self._gate.find(f"delete SSH key {key.name}", partial(_delete_key, key=key))
        return tuple([there(one.name) for one in firewalls] + [there(one.name) for one in keys])

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

    def _firewall_named(self, name: str) -> BoundFirewall | None:
        return self._gate.call(f"look for firewall {name}", lambda client: client.firewalls.get_by_name(name))

    def _create(self, client: Client, name: str, rules: list[FirewallRule], tags: Mapping[str, str]) -> BoundFirewall:
        # The library's annotation of ``labels`` is wrong: the API wants a map.
        labels: str = dict(tags)  # type: ignore[assignment]
        return client.firewalls.create(name, rules, labels, [_covers(self._selector)]).firewall

    def _correct(self, firewall: BoundFirewall, name: str, rules: list[FirewallRule]) -> None:
        """Make rules and cover what they should be, where they are not."""
        if _comparable(firewall.rules or ()) != _comparable(rules):
            doing = f"change the rules of firewall {name}"
            changes = self._gate.call(doing, lambda client: client.firewalls.set_rules(firewall, rules))
            self._actions.wait(doing, changes)
        if self._selector not in _selectors(firewall):
            self._apply(f"apply firewall {name}", firewall)

    def _apply(self, doing: str, firewall: BoundFirewall) -> None:
        covered = [_covers(self._selector)]
        try:
            actions = self._gate.call(doing, lambda client: client.firewalls.apply_to_resources(firewall, covered))
        except CloudError as error:
            if error.code == "firewall_already_applied":
                return
            raise
        self._actions.wait(doing, actions)

    def _remove_firewall(self, number: int, name: str) -> None:
        """Wait until no server is covered (a deleted one may show for a moment), take it off, delete it."""
        doing = f"delete firewall {name}"
        for _ in range(UNUSED_TRIES):
            firewall = self._gate.find(doing, lambda client: client.firewalls.get_by_id(number))
            if firewall is None:
                return
            if not _covered_servers(firewall) and self._deleted(doing, firewall):
                return
            self._gate.sleep(1)
        raise CloudError(
            f"could not {doing}: servers still use it",
            code="resource_in_use",
            hint="delete these servers first: fleet down",
        )

    def _deleted(self, doing: str, firewall: BoundFirewall) -> bool:
        """Whether it is gone now; False while something holds it."""
        try:
            if firewall.applied_to:
                self._take_off(doing, firewall)
            self._gate.call(doing, lambda client: client.firewalls.delete(firewall))
        except CloudError as error:
            if error.code in ("resource_in_use", "firewall_already_removed", "firewall_resource_not_found"):
                return False
            if not is_gone(error):
                raise
        return True

    def _take_off(self, doing: str, firewall: BoundFirewall) -> None:
        resources = list(firewall.applied_to or ())
        self._actions.wait(
            doing,
            self._gate.call(doing, lambda client: client.firewalls.remove_from_resources(firewall, resources)),
        )


def _write_tags(client: Client, number: int, changes: Mapping[str, str | None]) -> None:
    firewall = client.firewalls.get_by_id(number)
    old = dict(firewall.labels or {})
    new = {key: value for key, value in (old | dict(changes)).items() if value is not None}
    if new != old:
        client.firewalls.update(firewall, labels=new)


def _delete_key(client: Client, key: BoundSSHKey) -> bool:
    return client.ssh_keys.delete(key)


def _fingerprint(public_key: str) -> str:
    """MD5 in pairs with colons, as Hetzner writes it."""
    blob = base64.b64decode(public_key.split()[1])
    digits = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))


def _refuse_namesake(firewall: BoundFirewall, name: str, tags: Mapping[str, str]) -> None:
    labels = firewall.labels or {}
    if any(labels.get(key) != value for key, value in tags.items()):
        wanted = ", ".join(f"{key}={value}" for key, value in tags.items())
        raise NamesakeRefused(
            f"could not use firewall {name}: it is there and is not ours (it lacks the tags {wanted})",
            code="namesake",
            hint="rename it in the Console, or give this fleet another name",
        )


def _rules(allow_from: Sequence[str]) -> list[FirewallRule]:
    """SSH from these networks, ICMP from everywhere; the rest is dropped (API: firewalls)."""
    networks = sorted({str(ipaddress.ip_network(network, strict=False)) for network in allow_from})
    icmp = FirewallRule("in", "icmp", list(EVERYWHERE), description="ping")
    return [FirewallRule("in", "tcp", networks, "22", description="SSH"), icmp] if networks else [icmp]


def _comparable(rules: Sequence[FirewallRule]) -> set[tuple[object, ...]]:
    return {
        (
            rule.direction,
            rule.protocol,
            rule.port,
            frozenset(rule.source_ips),
            frozenset(rule.destination_ips),
        )
        for rule in rules
    }


def _covers(selector: str) -> FirewallResource:
    return FirewallResource(
        FirewallResource.TYPE_LABEL_SELECTOR, label_selector=FirewallResourceLabelSelector(selector)
    )


def _selectors(firewall: BoundFirewall) -> set[str | None]:
    return {one.label_selector.selector for one in firewall.applied_to or () if one.label_selector}


def _covered_servers(firewall: BoundFirewall) -> bool:
    """Whether any server has this firewall, by id or by a selector."""
    return any(one.server is not None or one.applied_to_resources for one in firewall.applied_to or ())
