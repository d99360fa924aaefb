"""Prices as the API writes them: net and gross, as strings."""

from collections.abc import Iterable
from decimal import Decimal

from fleet.lab.hetzner.exchange import Answer, Json, Request
from fleet.lab.hetzner.offers import HOURS_OF_A_MONTH, VAT, Location, ServerType
from fleet.lab.hetzner.project import Project

PRIMARY_IPV4_MONTHLY = Decimal("0.50")
FLOATING_MONTHLY = {"ipv4": Decimal("3.00"), "ipv6": Decimal("1.00")}


def get_pricing(project: Project, request: Request) -> Answer:
    places = list(project.locations.values())
    body = {
        "currency": "EUR",
        "vat_rate": f"{VAT:.6f}",
        "image": {"price_per_gb_month": _price(Decimal("0.0143"))},
        "volume": {"price_per_gb_month": _price(Decimal("0.0572"))},
        "server_backup": {"percentage": "20.0000000000"},
        "floating_ip": {"price_monthly": _price(FLOATING_MONTHLY["ipv4"])},
        "floating_ips": [
            {"type": kind, "prices": [_monthly(place, net) for place in places]}
            for kind, net in FLOATING_MONTHLY.items()
        ],
        "primary_ips": [
            {"type": kind, "prices": [_hourly_and_monthly(place, net) for place in places]}
            for kind, net in (("ipv4", PRIMARY_IPV4_MONTHLY), ("ipv6", Decimal(0)))
        ],
        "load_balancer_types": [],
        "server_types": [
            {
                "id": kind.id,
                "name": kind.name,
                "prices": type_prices(kind, [project.locations[name] for name in kind.locations]),
            }
            for kind in project.server_types.values()
        ],
    }
    return Answer(200, {"pricing": body})


def type_prices(kind: ServerType, places: Iterable[Location]) -> list[Json]:
    return [
        {
            **_hourly_and_monthly(place, kind.monthly * place.factor),
            "included_traffic": place.traffic_tb * 1024**4,
            "price_per_tb_traffic": _price(Decimal(1) * place.factor),
        }
        for place in places
    ]


def _hourly_and_monthly(place: Location, monthly: Decimal) -> Json:
    hourly = (monthly / HOURS_OF_A_MONTH).quantize(Decimal("0.0001"))
    return {**_monthly(place, monthly), "price_hourly": _price(hourly)}


def _monthly(place: Location, net: Decimal) -> Json:
    return {"location": place.name, "price_monthly": _price(net)}


def _price(net: Decimal) -> Json:
    return {"net": f"{net:.10f}", "gross": f"{net * (100 + VAT) / 100:.16f}"}
