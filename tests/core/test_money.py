"""Prices: what the catalogue says, with the IPv4, times and summed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from fleet.core.money import FREE, HOURS_PER_MONTH, Price, price_of
from fleet.core.names import Tag
from fleet.core.pricing import new_price_of, paid_minutes_left, server_price
from tests.core.builders import catalog, pool, server, server_type


def price(hour: str, month: str) -> Price:
    return Price(Decimal(hour), Decimal(month))


@pytest.mark.parametrize(
    ("name", "location", "expected"),
    [
        ("cx33", "nbg1", price("0.0136", "8.49")),
        ("cx43", "fsn1", price("0.0256", "15.99")),
        ("cx33", "hel1", None),
        ("cx99", "nbg1", None),
    ],
)
def test_a_price_has_the_ipv4_in_it_and_is_unknown_where_nothing_is_sold(
    name: str, location: str, expected: Price | None
) -> None:
    assert price_of(catalog(), name, location) == expected


def test_a_location_without_a_price_for_ipv4_adds_nothing() -> None:
    places = {"sin": Decimal("0.02")}
    sold = catalog(server_type(prices=places, monthly={"sin": Decimal("12")}))
    assert price_of(sold, "cx33", "sin") == price("0.02", "12")


def test_a_server_without_ipv4_does_not_pay_for_it() -> None:
    assert price_of(catalog(), "cx33", "nbg1", ipv4=False) == price("0.0128", "7.99")
    server_of = server(ipv4=None, tags={Tag.PRICE: ""})
    assert server_price(server_of, catalog()) == price("0.0128", "7.99")
    pool_of = replace(pool(), ipv4=False)
    assert new_price_of(pool_of, catalog()) == price("0.0128", "7.99")


def test_prices_add_up() -> None:
    assert price("0.1", "1") + price("0.2", "2") == price("0.3", "3")
    assert price("0.1", "1") + FREE == price("0.1", "1")
    assert price("0.1", "1").times(3) == price("0.3", "3")
    assert HOURS_PER_MONTH == 730


def test_a_type_is_found_by_its_name() -> None:
    found = catalog().type("cx43")
    assert found is not None
    assert found.name == "cx43"
    assert catalog().type("cx4") is None


@pytest.mark.parametrize(
    ("tag", "hour"),
    [
        ("0.0100", "0.0100"),
        ("1", "1"),
        ("", "0.0136"),
        ("cheap", "0.0136"),
        (".", "0.0136"),
        ("1.2.3", "0.0136"),
    ],
)
def test_a_server_costs_what_it_cost_when_it_was_made(tag: str, hour: str) -> None:
    assert server_price(server(tags={Tag.PRICE: tag}), catalog()).hour == Decimal(hour)


def test_a_server_of_a_type_no_longer_sold_still_has_its_price() -> None:
    assert server_price(server(type="cx11"), catalog()) == price("0.0136", "0")


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [(0, 60), (59, 60), (60, 59), (3599, 1), (3600, 60), (3601, 60), (3 * 3600 + 1800, 30)],
)
def test_the_minutes_until_the_next_hour_is_billed(seconds: int, minutes: int) -> None:
    created = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    assert paid_minutes_left(created, created + timedelta(seconds=seconds)) == minutes
