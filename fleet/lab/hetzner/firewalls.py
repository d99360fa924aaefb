"""Firewalls: kept, applied to servers by id and by selector, and brought down to the hosts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.lab.hetzner.actions import Action, Resource
from fleet.lab.hetzner.errors import ApiError, invalid
from fleet.lab.hetzner.exchange import Answer, Json, Request
from fleet.lab.hetzner.fields import free_name, listing, number, record, text
from fleet.lab.hetzner.hypervisor import OPEN, FirewallRule
from fleet.lab.hetzner.labels import read_labels
from fleet.lab.hetzner.pages import record_page
from fleet.lab.hetzner.project import Project
from fleet.lab.hetzner.rules import read_rules, rule_json
from fleet.lab.hetzner.selector import read_selector
from fleet.lab.hetzner.state import Firewall, Server


@dataclass(frozen=True, slots=True)
class Target:
    """What a firewall is applied to: one server, or all that match."""

    server: int | None = None
    selector: str | None = None


def list_firewalls(project: Project, request: Request) -> Answer:
    return record_page(
        request,
        "firewalls",
        project.records.firewalls.values(),
        lambda firewall: firewall_json(project, firewall),
    )


def get_firewall(project: Project, request: Request) -> Answer:
    return Answer(200, {"firewall": firewall_json(project, _firewall(project, request))})


def create_firewall(project: Project, request: Request) -> Answer:
    body = request.body()
    name = free_name(project.records.firewalls.values(), "firewall", text(body, "name"))
    labels, rules = read_labels(body.get("labels")), read_rules(body)
    targets = _targets(project, listing(body, "apply_to"), "apply_to")
    firewall = Firewall(project.new_id("firewall"), name, project.clock(), labels, rules)
    project.records.firewalls[firewall.id] = firewall
    actions = [_set_rules(project, firewall)]
    actions += [_apply(project, firewall, target) for target in targets]
    return Answer(201, {"firewall": firewall_json(project, firewall), "actions": _all_json(project, actions)})


def update_firewall(project: Project, request: Request) -> Answer:
    firewall, body = _firewall(project, request), request.body()
    if "name" in body:
        firewall.name = free_name(project.records.firewalls.values(), "firewall", text(body, "name"), firewall)
    if "labels" in body:
        firewall.labels = read_labels(body["labels"])
    return Answer(200, {"firewall": firewall_json(project, firewall)})


def delete_firewall(project: Project, request: Request) -> Answer:
    firewall = _firewall(project, request)
    if firewall.servers or firewall.selectors:
        raise ApiError(422, "resource_in_use", f"firewall with ID '{firewall.id}' is still in use")
    del project.records.firewalls[firewall.id]
    return Answer(204)


def set_rules(project: Project, request: Request) -> Answer:
    firewall, body = _firewall(project, request), request.body()
    if "rules" not in body:
        raise invalid("rules", "is required")
    firewall.rules = read_rules(body)
    return Answer(201, {"actions": _all_json(project, [_set_rules(project, firewall)])})


def apply_to_resources(project: Project, request: Request) -> Answer:
    firewall, body = _firewall(project, request), request.body()
    targets = _targets(project, listing(body, "apply_to"), "apply_to")
    for target in targets:
        if target.server in firewall.servers or target.selector in firewall.selectors:
            raise ApiError(422, "firewall_already_applied", "firewall is already applied to this resource")
    actions = [_apply(project, firewall, target) for target in targets]
    return Answer(201, {"actions": _all_json(project, actions)})


def remove_from_resources(project: Project, request: Request) -> Answer:
    firewall, body = _firewall(project, request), request.body()
    targets = _targets(project, listing(body, "remove_from"), "remove_from")
    for target in targets:
        if target.server not in [*firewall.servers, None]:
            raise ApiError(422, "firewall_resource_not_found", "firewall is not applied to this resource")
        if target.selector not in [*firewall.selectors, None]:
            raise ApiError(422, "firewall_resource_not_found", "firewall is not applied to this selector")
    actions = [_remove(project, firewall, target) for target in targets]
    return Answer(201, {"actions": _all_json(project, actions)})


def firewalls_of(project: Project, server: Server) -> list[Firewall]:
    return [firewall for firewall in project.records.firewalls.values() if server in _covered(project, firewall)]


def effective_rules(project: Project, server_id: int) -> tuple[FirewallRule, ...] | None:
    """The rules of all its firewalls together; None where there is no host to have rules."""
    server = project.records.servers.get(server_id)
    if server is None or not server.hosted or server.status == "deleting":
        return None
    firewalls = firewalls_of(project, server)
    return tuple(rule for firewall in firewalls for rule in firewall.rules) if firewalls else OPEN


def push(project: Project, server_id: int) -> None:
    """Bring the rules of one host up to date."""
    project.push_rules(server_id, lambda: effective_rules(project, server_id))


def firewall_json(project: Project, firewall: Firewall) -> Json:
    direct = [{"type": "server", "server": {"id": number}} for number in firewall.servers]
    selected = [
        {
            "type": "label_selector",
            "label_selector": {"selector": selector},
            "applied_to_resources": [
                {"type": "server", "server": {"id": server.id}} for server in _selected(project, selector)
            ],
        }
        for selector in firewall.selectors
    ]
    return {
        "id": firewall.id,
        "name": firewall.name,
        "labels": firewall.labels,
        "created": firewall.created.isoformat(),
        "rules": [rule_json(rule) for rule in firewall.rules],
        "applied_to": [*direct, *selected],
    }


def _targets(project: Project, found: list[Any], field: str) -> list[Target]:
    return [_target(project, entry, field) for entry in found]


def _target(project: Project, found: Any, field: str) -> Target:
    kind = found.get("type") if isinstance(found, dict) else None
    inner = found.get(kind) if kind in ("server", "label_selector") else None
    if not isinstance(inner, dict):
        raise invalid(field, "must name a server or a label_selector")
    if kind == "server":
        return Target(server=record(project.records.servers, "server", number(inner, "id")).id)
    selector = text(inner, "selector", longest=1000)
    read_selector(selector)
    return Target(selector=selector)


def _apply(project: Project, firewall: Firewall, target: Target) -> Action:
    if target.server is not None:
        firewall.servers.append(target.server)
    if target.selector is not None:
        firewall.selectors.append(target.selector)
    return _reach(project, firewall, target, "apply_firewall")


def _remove(project: Project, firewall: Firewall, target: Target) -> Action:
    if target.server is not None:
        firewall.servers.remove(target.server)
    if target.selector is not None:
        firewall.selectors.remove(target.selector)
    return _reach(project, firewall, target, "remove_firewall")


def _reach(project: Project, firewall: Firewall, target: Target, command: str) -> Action:
    servers = [target.server] if target.server is not None else []
    reached = servers or [server.id for server in _selected(project, target.selector or "")]
    about = [Resource(firewall.id, "firewall"), *(Resource(server, "server") for server in servers)]
    return _push_action(project, command, about, reached)


def _set_rules(project: Project, firewall: Firewall) -> Action:
    reached = [server.id for server in _covered(project, firewall)]
    return _push_action(project, "set_firewall_rules", [Resource(firewall.id, "firewall")], reached)


def _push_action(project: Project, command: str, about: Sequence[Resource], servers: Sequence[int]) -> Action:
    def work() -> None:
        for server in servers:
            push(project, server)

    return project.act(command, about, work=work)


def _covered(project: Project, firewall: Firewall) -> list[Server]:
    selectors = [read_selector(selector) for selector in firewall.selectors]
    return [
        server
        for server in project.records.servers.values()
        if server.id in firewall.servers or any(selector.matches(server.labels) for selector in selectors)
    ]


def _selected(project: Project, selector: str) -> list[Server]:
    wanted = read_selector(selector)
    return [server for server in project.records.servers.values() if wanted.matches(server.labels)]


def _all_json(project: Project, actions: Iterable[Action]) -> list[Json]:
    now = project.clock()
    return [action.as_json(now) for action in actions]


def _firewall(project: Project, request: Request) -> Firewall:
    return record(project.records.firewalls, "firewall", request.ids[0])
