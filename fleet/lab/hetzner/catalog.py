"""What can be ordered: locations, server types, images; and the lists that are always empty."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from fleet.lab.hetzner.errors import ApiError, not_found
from fleet.lab.hetzner.exchange import Answer, Json, Request
from fleet.lab.hetzner.offers import WORLD, Image, Location, ServerType
from fleet.lab.hetzner.pages import in_order, page
from fleet.lab.hetzner.pricing import type_prices
from fleet.lab.hetzner.project import Project

Handler = Callable[[Project, Request], Answer]
Offer = TypeVar("Offer", Location, ServerType, Image)

RETIRED = {"announced": "2025-10-16T00:00:00+00:00", "unavailable_after": "2026-01-01T00:00:00+00:00"}


def list_locations(project: Project, request: Request) -> Answer:
    found = _named(request, list(project.locations.values()))
    return page(request, "locations", in_order(request, found, ("id", "name")), location_json)


def get_location(project: Project, request: Request) -> Answer:
    return Answer(200, {"location": location_json(_one("location", project.locations.values(), request))})


def list_server_types(project: Project, request: Request) -> Answer:
    found = _named(request, list(project.server_types.values()))
    return page(request, "server_types", found, lambda kind: server_type_json(project, kind))


def get_server_type(project: Project, request: Request) -> Answer:
    kind = _one("server_type", project.server_types.values(), request)
    return Answer(200, {"server_type": server_type_json(project, kind)})


def list_images(project: Project, request: Request) -> Answer:
    def wanted(field: str, value: str) -> bool:
        return field not in request.query or value in request.query[field]

    found = [
        image
        for image in _named(request, list(project.images.values()))
        if wanted("type", image.type)
        and wanted("architecture", image.architecture)
        and wanted("status", "available")
        # None of these has labels or belongs to a server.
        and not request.one("label_selector")
        and not request.one("bound_to")
    ]
    return page(request, "images", in_order(request, found, ("id", "name")), image_json)


def get_image(project: Project, request: Request) -> Answer:
    return Answer(200, {"image": image_json(_one("image", project.images.values(), request))})


def empty_list(key: str) -> Handler:
    """A list of what nobody has here."""

    def answer(project: Project, request: Request) -> Answer:
        return page(request, key, [], lambda item: item)

    return answer


def nothing_there(what: str) -> Handler:
    """One of what nobody has here."""

    def answer(project: Project, request: Request) -> Answer:
        raise not_found(what, request.ids[0])

    return answer


def gone(project: Project, request: Request) -> Answer:
    """Datacenters answer so since 1 October 2026."""
    raise ApiError(410, "deprecated_api_endpoint", "this endpoint is no longer available, use locations")


def location_json(location: Location) -> Json:
    return {
        "id": location.id,
        "name": location.name,
        "description": location.description,
        "country": location.country,
        "city": location.city,
        "latitude": location.latitude,
        "longitude": location.longitude,
        "network_zone": location.network_zone,
    }


def server_type_json(project: Project, kind: ServerType) -> Json:
    return {
        "id": kind.id,
        "name": kind.name,
        "description": kind.name.upper(),
        "category": kind.category,
        "cores": kind.cores,
        "memory": kind.memory,
        "disk": kind.disk,
        "storage_type": "local",
        "cpu_type": kind.cpu_type,
        "architecture": kind.architecture,
        "deprecated": bool(kind.retired),
        "deprecation": RETIRED if set(kind.retired) == set(WORLD) else None,
        "locations": [_sold_at(project, kind, project.locations[name]) for name in kind.locations],
        "prices": type_prices(kind, [project.locations[name] for name in kind.locations]),
    }


def image_json(image: Image) -> Json:
    return {
        "id": image.id,
        "type": image.type,
        "status": "available",
        "name": image.name,
        "description": image.description,
        "image_size": None,
        "disk_size": 5,
        "created": "2026-05-01T06:00:00+00:00",
        "created_from": None,
        "bound_to": None,
        "os_flavor": image.os_flavor,
        "os_version": image.os_version,
        "rapid_deploy": image.type == "system",
        "protection": {"delete": False},
        "deprecated": None,
        "deleted": None,
        "labels": {},
        "architecture": image.architecture,
    }


def _sold_at(project: Project, kind: ServerType, location: Location) -> Json:
    shortage = project.faults.find("no_capacity", server_type=kind.name, location=location.name, shown=True)
    retired = location.name in kind.retired
    return {
        "id": location.id,
        "name": location.name,
        "deprecation": RETIRED if retired else None,
        "available": not retired and shortage is None,
        "recommended": not retired and kind.category != "cost_optimized",
    }


def _named(request: Request, offers: Sequence[Offer]) -> list[Offer]:
    name = request.one("name")
    return [offer for offer in offers if name in (None, offer.name)]


def _one(what: str, offers: Iterable[Offer], request: Request) -> Offer:
    for offer in offers:
        if offer.id == request.ids[0]:
            return offer
    raise not_found(what, request.ids[0])
