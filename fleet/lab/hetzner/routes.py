"""Which path answers what. Paths of Hetzner's that are not here answer as unknown ones."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from fleet.lab.hetzner import (
    action_pages,
    catalog,
    firewalls,
    keys,
    networks,
    pricing,
    primary_ips,
    server_actions,
    server_create,
    servers,
    volumes,
)
from fleet.lab.hetzner.catalog import Handler
from fleet.lab.hetzner.errors import ApiError
from fleet.lab.hetzner.exchange import Request


@dataclass(frozen=True, slots=True)
class Route:
    """`{}` in a template stands for an id."""

    method: str
    template: str
    handler: Handler

    def ids(self, path: str) -> tuple[int, ...] | None:
        found = re.fullmatch(self.template.replace("{}", r"(\d{1,16})"), path)
        return tuple(int(number) for number in found.groups()) if found else None


@dataclass(frozen=True, slots=True)
class Match:
    """What a path led to: with no handler, the path is known but not for this method."""

    handler: Handler | None
    request: Request


def find(request: Request) -> Match:
    """Raises ApiError 404 where no method knows the path."""
    known = False
    for route in ROUTES:
        ids = route.ids(request.path)
        if ids is not None and route.method == request.method:
            return Match(route.handler, replace(request, ids=ids))
        known = known or ids is not None
    if not known:
        raise ApiError(404, "not_found", "api route not found")
    return Match(None, request)


def _crud(plural: str, handlers: dict[str, Handler]) -> Iterator[Route]:
    places = {
        "list": ("GET", f"/{plural}"),
        "create": ("POST", f"/{plural}"),
        "get": ("GET", f"/{plural}/{{}}"),
        "update": ("PUT", f"/{plural}/{{}}"),
        "delete": ("DELETE", f"/{plural}/{{}}"),
    }
    for word, handler in handlers.items():
        yield Route(*places[word], handler)


def _actions(kind: str, handlers: dict[str, Handler]) -> Iterator[Route]:
    plural = f"{kind}s"
    yield Route("GET", f"/{plural}/actions", action_pages.list_of_kind(kind))
    yield Route("GET", f"/{plural}/actions/{{}}", action_pages.get_any)
    yield Route("GET", f"/{plural}/{{}}/actions", action_pages.list_of_one(kind))
    yield Route("GET", f"/{plural}/{{}}/actions/{{}}", action_pages.get_of_one(kind))
    for command, handler in handlers.items():
        yield Route("POST", f"/{plural}/{{}}/actions/{command}", handler)


def _nobody_has(plural: str) -> Iterator[Route]:
    yield from _crud(
        plural, {"list": catalog.empty_list(plural), "get": catalog.nothing_there(plural.removesuffix("s"))}
    )


ROUTES = (
    *_crud("actions", {"list": action_pages.list_by_id, "get": action_pages.get_any}),
    *_crud(
        "servers",
        {
            "list": servers.list_servers,
            "create": server_create.create_server,
            "get": servers.get_server,
            "update": servers.update_server,
            "delete": servers.delete_server,
        },
    ),
    *_actions(
        "server",
        {
            "poweron": server_actions.power_on,
            "poweroff": server_actions.power_off,
            "shutdown": server_actions.shutdown,
            "reboot": server_actions.reboot,
            "reset": server_actions.reset,
            "rebuild": server_actions.rebuild,
            "change_protection": server_actions.change_protection,
        },
    ),
    *_crud("locations", {"list": catalog.list_locations, "get": catalog.get_location}),
    *_crud("datacenters", {"list": catalog.gone, "get": catalog.gone}),
    *_crud("server_types", {"list": catalog.list_server_types, "get": catalog.get_server_type}),
    *_crud("images", {"list": catalog.list_images, "get": catalog.get_image}),
    *_nobody_has("isos"),
    *_crud(
        "ssh_keys",
        {
            "list": keys.list_keys,
            "create": keys.create_key,
            "get": keys.get_key,
            "update": keys.update_key,
            "delete": keys.delete_key,
        },
    ),
    *_crud(
        "firewalls",
        {
            "list": firewalls.list_firewalls,
            "create": firewalls.create_firewall,
            "get": firewalls.get_firewall,
            "update": firewalls.update_firewall,
            "delete": firewalls.delete_firewall,
        },
    ),
    *_actions(
        "firewall",
        {
            "set_rules": firewalls.set_rules,
            "apply_to_resources": firewalls.apply_to_resources,
            "remove_from_resources": firewalls.remove_from_resources,
        },
    ),
    *_crud(
        "primary_ips",
        {
            "list": primary_ips.list_primary_ips,
            "create": primary_ips.create_primary_ip,
            "get": primary_ips.get_primary_ip,
            "update": primary_ips.update_primary_ip,
            "delete": primary_ips.delete_primary_ip,
        },
    ),
    *_actions(
        "primary_ip",
        {
            "assign": primary_ips.assign,
            "unassign": primary_ips.unassign,
            "change_protection": primary_ips.change_protection,
        },
    ),
    *_crud(
        "volumes",
        {
            "list": volumes.list_volumes,
            "create": volumes.create_volume,
            "get": volumes.get_volume,
            "update": volumes.update_volume,
            "delete": volumes.delete_volume,
        },
    ),
    *_actions(
        "volume",
        {
            "attach": volumes.attach,
            "detach": volumes.detach,
            "change_protection": volumes.change_protection,
        },
    ),
    *_crud(
        "networks",
        {
            "list": networks.list_networks,
            "create": networks.create_network,
            "get": networks.get_network,
            "delete": networks.delete_network,
        },
    ),
    *_crud(
        "placement_groups",
        {
            "list": networks.list_groups,
            "create": networks.create_group,
            "get": networks.get_group,
            "delete": networks.delete_group,
        },
    ),
    *_nobody_has("load_balancers"),
    *_nobody_has("load_balancer_types"),
    *_nobody_has("floating_ips"),
    *_nobody_has("certificates"),
    Route("GET", "/pricing", pricing.get_pricing),
)
