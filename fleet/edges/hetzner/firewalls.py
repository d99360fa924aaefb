"""The firewalls of a fleet: found by name, made, their rules changed in place, removed last.

Hetzner replaces all rules of a firewall at once and has no condition: they are read, written, and read back.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

from hcloud import Client
from hcloud.firewalls import (
    BoundFirewall,
    FirewallResource,
    FirewallResourceLabelSelector,
    FirewallRule,
)

from fleet.core.errors import CloudError, NamesakeRefused
from fleet.core.firewall import Firewall, Rule, same
from fleet.edges.hetzner.actions import Actions
from fleet.edges.hetzner.convert import there
from fleet.edges.hetzner.errors import is_gone
from fleet.edges.hetzner.gate import Gate

TRIES = 5
"""Writings of rules or tags that another writer may undo before we give up."""

UNUSED_TRIES = 30
"""Looks, a second apart, until a firewall has lost the servers that were just deleted."""

Decide = Callable[[Sequence[Rule]], Sequence[Rule]]


class Firewalls:
    """Firewalls with our tags. Each covers the servers with some tags, also those that are made later."""

    def __init__(self, gate: Gate, actions: Actions) -> None:
        self._gate = gate
        self._actions = actions

    def find(self, name: str, tags: Mapping[str, str]) -> Firewall | None:
        """The firewall of this name and these tags as it is now, or None when there is no such one."""
        found = self._named(name)
        if found is None or not tags.items() <= dict(found.labels or {}).items():
            return None
        return _from_firewall(found)

    def ensure(self, name: str, decide: Decide, tags: Mapping[str, str], covers: Mapping[str, str]) -> int:
        """The id of the firewall of this name and these tags. Its other tags are left as they are.

        ``decide``: from the rules that are there, those that should be; its own answer must satisfy it.
        ``covers``: the tags of the servers it is for.
        """
        found = self._named(name)
        if found is None:
            found = self._gate.make(
                f"create firewall {name}",
                lambda client: _create(client, name, decide(()), tags, covers),
                lambda: self._named(name),
            )
        _refuse_namesake(found, name, tags)
        self._set_rules(found, name, decide)
        if _selector(covers) not in _selectors(found):
            self._apply(f"apply firewall {name}", found, covers)
        return there(found.id)

    def set_tags(self, number: int, changes: Mapping[str, str | None]) -> None:
        """Change only these tags; what another writer lost us is written again."""
        doing = f"set tags of firewall {number}"
        for _ in range(TRIES):
            self._gate.call(doing, lambda client: _write_tags(client, number, changes))
            now = self._gate.call(doing, lambda client: client.firewalls.get_by_id(number)).labels or {}
            if all(now.get(key) == value for key, value in changes.items()):
                return
        raise _somebody_else(doing)

    def remove(self, tags: Mapping[str, str]) -> list[str]:
        """Delete all that carry all these tags; their names."""
        found = self._gate.call("list firewalls", lambda client: client.firewalls.get_all(_selector(tags)))
        for firewall in found:
            self._remove(there(firewall.id), there(firewall.name))
        return [there(one.name) for one in found]

    def _named(self, name: str) -> BoundFirewall | None:
        return self._gate.call(f"look for firewall {name}", lambda client: client.firewalls.get_by_name(name))

    def _set_rules(self, firewall: BoundFirewall, name: str, decide: Decide) -> None:
        """Write until what is read back is as wanted. What another writer added meanwhile goes into the next writing;
        waiting for the action lets one that had read before us come first."""
        doing = f"change the rules of firewall {name}"
        number, seen = there(firewall.id), _rules(firewall)
        for _ in range(TRIES):
            if same(seen, decide(seen)):
                return
            seen = _rules(self._by_id(doing, number))
            self._write_rules(doing, firewall, decide(seen))
            seen = _rules(self._by_id(doing, number))
        raise _somebody_else(doing)

    def _by_id(self, doing: str, number: int) -> BoundFirewall:
        return self._gate.call(doing, lambda client: client.firewalls.get_by_id(number))

    def _write_rules(self, doing: str, firewall: BoundFirewall, rules: Sequence[Rule]) -> None:
        wanted = [_to_rule(rule) for rule in rules]
        self._actions.wait(doing, self._gate.call(doing, lambda client: client.firewalls.set_rules(firewall, wanted)))

    def _apply(self, doing: str, firewall: BoundFirewall, covers: Mapping[str, str]) -> None:
        covered = [_resource(covers)]
        try:
            actions = self._gate.call(doing, lambda client: client.firewalls.apply_to_resources(firewall, covered))
        except CloudError as error:
            if error.code == "firewall_already_applied":
                return
            raise
        self._actions.wait(doing, actions)

    def _remove(self, number: int, name: str) -> None:
        """Wait until no server is covered (a deleted one may show for a moment), take it off, delete it."""
        doing = f"delete firewall {name}"
        for _ in range(UNUSED_TRIES):
            firewall = self._gate.find(doing, lambda client: client.firewalls.get_by_id(number))
            if firewall is None:
                return
            if not _covers_servers(firewall) and self._deleted(doing, firewall):
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


def _from_firewall(firewall: BoundFirewall) -> Firewall:
    return Firewall(there(firewall.id), dict(firewall.labels or {}), _rules(firewall))


def _rules(firewall: BoundFirewall) -> tuple[Rule, ...]:
    return tuple(map(_from_rule, firewall.rules or ()))


def _from_rule(rule: FirewallRule) -> Rule:
    return Rule(
        direction=rule.direction,
        protocol=rule.protocol,
        port=rule.port or "",
        sources=tuple(rule.source_ips),
        destinations=tuple(rule.destination_ips),
        description=rule.description or "",
    )


def _to_rule(rule: Rule) -> FirewallRule:
    return FirewallRule(
        direction=rule.direction,
        protocol=rule.protocol,
        port=rule.port or None,
        source_ips=list(rule.sources),
        destination_ips=list(rule.destinations),
        description=rule.description or None,
    )


def _create(
    client: Client, name: str, rules: Iterable[Rule], tags: Mapping[str, str], covers: Mapping[str, str]
) -> BoundFirewall:
    # The library's annotation of ``labels`` is wrong: the API wants a map.
    labels: str = dict(tags)  # type: ignore[assignment]
    return client.firewalls.create(name, [_to_rule(rule) for rule in rules], labels, [_resource(covers)]).firewall


def _write_tags(client: Client, number: int, changes: Mapping[str, str | None]) -> None:
    firewall = client.firewalls.get_by_id(number)
    old = dict(firewall.labels or {})
    new = {key: value for key, value in (old | dict(changes)).items() if value is not None}
    if new != old:
        client.firewalls.update(firewall, labels=new)


def _refuse_namesake(firewall: BoundFirewall, name: str, tags: Mapping[str, str]) -> None:
    labels = firewall.labels or {}
    if any(labels.get(key) != value for key, value in tags.items()):
        wanted = ", ".join(f"{key}={value}" for key, value in tags.items())
        raise NamesakeRefused(
            f"could not use firewall {name}: it is there and is not ours (it lacks the tags {wanted})",
            code="namesake",
            hint="rename it in the Console, or give this fleet another name",
        )


def _somebody_else(doing: str) -> CloudError:
    return CloudError(
        f"could not {doing}: somebody else keeps changing them",
        code="conflict",
        hint="is another fleet process or script at work? Try again when it is done",
    )


def _selector(tags: Mapping[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in tags.items())


def _resource(covers: Mapping[str, str]) -> FirewallResource:
    return FirewallResource(
        FirewallResource.TYPE_LABEL_SELECTOR, label_selector=FirewallResourceLabelSelector(_selector(covers))
    )


def _selectors(firewall: BoundFirewall) -> set[str | None]:
    return {one.label_selector.selector for one in firewall.applied_to or () if one.label_selector}


def _covers_servers(firewall: BoundFirewall) -> bool:
    """Whether any server has this firewall, by id or by a selector."""
    return any(one.server is not None or one.applied_to_resources for one in firewall.applied_to or ())
