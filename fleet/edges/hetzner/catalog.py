"""What can be rented: types, locations, prices, images. Asked for once in a run."""

import difflib
import threading
from collections.abc import Collection
from decimal import Decimal
from functools import partial
from typing import Any

from hcloud import Client
from hcloud.images import BoundImage, Image

from fleet.core.errors import CloudError
from fleet.core.money import Catalog, ServerType
from fleet.core.orders import ServerOrder
from fleet.edges.hetzner.convert import from_server_type, last_day, net_prices, there
from fleet.edges.hetzner.gate import Gate
from fleet.edges.hetzner.sharing import Shared

FOR_THE_RUN = float("inf")


class Offers:
    """The catalogue and the images, and the warnings that ordering from them gave."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._catalog: Shared[Catalog] = Shared(FOR_THE_RUN, gate.monotonic)
        self._images: Shared[int] = Shared(FOR_THE_RUN, gate.monotonic)
        self._lock = threading.Lock()
        self._warnings: dict[str, None] = {}

    def catalog(self) -> Catalog:
        """Types, locations and prices."""
        return self._catalog.get("catalog", lambda: self._gate.call("read types and prices", _read_catalog))

    def warnings(self) -> tuple[str, ...]:
        """What was ordered and is on its way out, each once."""
        with self._lock:
            return tuple(self._warnings)

    def ordered_type(self, order: ServerOrder) -> ServerType:
        """The type an order names. Raises CloudError with the nearest names when there is none of it."""
        catalog = self.catalog()
        doing = f"create server {order.name}"
        kind = catalog.type(order.type)
        if kind is None:
            raise _unknown(doing, "server type", order.type, [one.name for one in catalog.types])
        if order.location not in catalog.locations:
            raise _unknown(doing, "location", order.location, catalog.locations)
        if order.location in kind.deprecated:
            end = kind.deprecated[order.location]
            self._warn(f"server type {kind.name} is going away in {order.location}: not to be had after {end}")
        return kind

    def image(self, name: str, architecture: str) -> Image:
        """The image of this name for this architecture; a number is the id of a snapshot."""
        if name.isdecimal():
            return Image(id=int(name))
        return Image(id=self._images.get((name, architecture), partial(self._find_image, name, architecture)))

    def _find_image(self, name: str, architecture: str) -> int:
        doing = f"find image {name} for {architecture}"
        found = self._gate.call(doing, lambda client: _image(client, name, architecture))
        if found is None:
            names = self._gate.call("list images", lambda client: _image_names(client, architecture))
            raise _unknown(doing, "image", name, names)
        number, end = found
        if end:
            self._warn(f"image {name} is going away: not to be had after {end}")
        return number

    def _warn(self, sentence: str) -> None:
        with self._lock:
            self._warnings[sentence] = None


def _read_catalog(client: Client) -> Catalog:
    types = [from_server_type(kind) for kind in client.server_types.get_all()]
    locations = frozenset(place.name for place in client.locations.get_all() if place.name)
    pricing = client.request("GET", "/pricing")["pricing"]
    return Catalog(
        types=tuple(types),
        locations=locations,
        ipv4_hour=_ipv4_prices(pricing, "price_hourly"),
        ipv4_month=_ipv4_prices(pricing, "price_monthly"),
    )


def _ipv4_prices(pricing: dict[str, Any], period: str) -> dict[str, Decimal]:
    for entry in pricing["primary_ips"]:
        if entry["type"] == "ipv4":
            return net_prices(entry["prices"], period)
    return {}


def _image(client: Client, name: str, architecture: str) -> tuple[int, str] | None:
    found: BoundImage | None = client.images.get_by_name_and_architecture(name, architecture, include_deprecated=True)
    if found is None:
        return None
    return there(found.id), last_day(found.deprecation)


def _image_names(client: Client, architecture: str) -> list[str]:
    images = client.images.get_all(type=["system", "app"], architecture=[architecture])
    return [image.name for image in images if image.name]


def _unknown(doing: str, what: str, name: str, known: Collection[str]) -> CloudError:
    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5) or sorted(known)
    return CloudError(
        f"could not {doing}: {what} not found: {name}",
        code=f"unknown_{what.replace(' ', '_')}",
        hint=f"did you mean {', '.join(near)}?",
    )
