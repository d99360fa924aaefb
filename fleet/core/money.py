"""Prices, and the catalogue they come from. Net list prices in euros; Hetzner bills every started hour."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

HOURS_PER_MONTH = 730


@dataclass(frozen=True, slots=True)
class ServerType:
    """One type Hetzner offers. ``prices``: euros per hour by location, ``monthly``: the month's most.

    ``available``: locations where one may be ordered now (a hint, not a promise).
    ``deprecated``: locations where it is on its way out, with the date after which none can be ordered.
    """

    name: str
    cores: int
    memory_gb: float
    disk_gb: int
    architecture: str
    prices: Mapping[str, Decimal]
    monthly: Mapping[str, Decimal]
    available: frozenset[str]
    deprecated: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Catalog:
    """What can be rented, and for how much. ``ipv4_hour`` is what each public IPv4 adds."""

    types: tuple[ServerType, ...]
    locations: frozenset[str]
    ipv4_hour: Mapping[str, Decimal]
    ipv4_month: Mapping[str, Decimal]

    def type(self, name: str) -> ServerType | None:
        """The type of that name, or None."""
        return next((one for one in self.types if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Price:
    """What something costs: euros per hour, and at most this per month."""

    hour: Decimal
    month: Decimal

    def __add__(self, other: "Price") -> "Price":
        return Price(self.hour + other.hour, self.month + other.month)

    def times(self, count: int) -> "Price":
        """The price of ``count`` of these."""
        return Price(self.hour * count, self.month * count)


FREE = Price(Decimal(0), Decimal(0))


def price_of(catalog: Catalog, type_name: str, location: str, *, ipv4: bool = True) -> Price | None:
    """The price of one server, by default with a public IPv4 address; None where it is not sold."""
    server = catalog.type(type_name)
    if server is None or location not in server.prices:
        return None
    zero = Decimal(0)
    if not ipv4:
        return Price(server.prices[location], server.monthly[location])
    return Price(
        server.prices[location] + catalog.ipv4_hour.get(location, zero),
        server.monthly[location] + catalog.ipv4_month.get(location, zero),
    )
