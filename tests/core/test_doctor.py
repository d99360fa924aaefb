"""What doctor says of what it was shown: each check in both directions."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from fleet.core.doctor import Check, Grade, of_calls, of_catalog, of_clock, of_gitea, of_inventory
from fleet.core.inventory import Inventory
from tests.core.builders import GITEA, NOW, catalog, inventory, pool, server_type

CAPPED = inventory(max_eur_per_hour=Decimal(1))


def told(checks: Iterable[Check], grade: Grade = Grade.WARNING) -> list[str]:
    return [check.text for check in checks if check.grade is grade]


def with_timeout(seconds: int) -> Inventory:
    return replace(CAPPED, pools=(pool(runner=replace(pool().runner, job_timeout=seconds)),))


def test_an_inventory_that_can_be_read_is_said_to_be_well() -> None:
    (check,) = of_inventory(CAPPED)
    assert (check.grade, check.fix) == (Grade.OK, "")
    assert check.text == "inventory.toml: fleet ci, 1 pool, at most 1 machine"


def test_a_fleet_without_a_cap_is_warned_of_one_without_machines_is_not() -> None:
    assert told(of_inventory(inventory())) == ["nothing limits what the fleet may cost"]
    assert told(of_inventory(inventory(pool(min=0, max=0)))) == []


@pytest.mark.parametrize(("seconds", "warned"), [(3 * 3600, False), (3 * 3600 + 1, True), (5 * 3600, True)])
def test_a_job_that_gitea_would_end_earlier_is_warned_of(seconds: int, warned: bool) -> None:
    assert bool(told(of_inventory(with_timeout(seconds)))) is warned


def test_what_gitea_must_be_told_is_written_as_it_stands_there() -> None:
    fixes = [check.fix for check in of_inventory(with_timeout(5 * 3600)) if check.fix]
    assert fixes == ["in Gitea's app.ini: [actions] ENDLESS_TASK_TIMEOUT = 5h"]


def test_warnings_of_the_inventory_are_told() -> None:
    assert told(of_inventory(replace(CAPPED, warnings=("nightly moves",)))) == ["nightly moves"]


def test_a_ca_that_ends_soon_says_itself_what_to_do() -> None:
    (check,) = [
        one for one in of_inventory(replace(CAPPED, warnings=("gitea.ca: x expires",))) if one.grade is not Grade.OK
    ]
    assert (check.text, check.fix) == ("gitea.ca: x expires", "")


def test_the_first_choice_and_its_price_are_told() -> None:
    (check,) = of_catalog(inventory(), catalog())
    assert check.text == "pools.build: first choice cx33 in nbg1, €0.0136 per hour; 4 of 4 can be had"


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ((server_type(available=frozenset()),), "pools.build: all its types are sold out in all its locations now"),
        ((server_type(available=frozenset({"nbg1"})),), "pools.build: only one choice can be had now"),
        ((server_type(deprecated={"nbg1": "2027-01-01"}),), "cx33 is on its way out in nbg1 (until 2027-01-01)"),
        ((server_type(memory_gb=1.5),), "pools.build: 1 jobs share the 1.5 GB of cx33"),
    ],
)
def test_what_is_wrong_with_the_types_is_told(types: tuple[object, ...], said: str) -> None:
    of = inventory(pool(types=("cx33",)))
    assert said in told(of_catalog(of, catalog(*types)))  # type: ignore[arg-type]
    assert told(of_catalog(of, catalog())) == []


def test_a_type_on_its_way_out_elsewhere_is_no_concern() -> None:
    assert told(of_catalog(inventory(), catalog(server_type(deprecated={"ash": "2027-01-01"})))) == []


def test_the_capacity_that_fits_is_named() -> None:
    crowded = pool(types=("cx33",), runner=replace(pool().runner, capacity=8))
    (fix,) = [check.fix for check in of_catalog(inventory(crowded), catalog()) if check.fix]
    assert fix == "pools.build.capacity = 4, or larger types"


@pytest.mark.parametrize(
    ("version", "warned"),
    [("1.25.4", True), ("1.26.0", False), ("1.26.0+dev-3", False), ("28.1.0", False), ("?", False)],
)
def test_a_gitea_that_cannot_disable_runners_is_warned_of(version: str, warned: bool) -> None:
    assert bool(told(of_gitea(inventory(), version, None, None))) is warned


@pytest.mark.parametrize(
    ("root", "warned"),
    [(None, False), (GITEA.runner_url, False), (f"{GITEA.runner_url}/", False), ("http://localhost:3000/", True)],
)
def test_a_gitea_that_calls_itself_otherwise_is_warned_of(root: str | None, warned: bool) -> None:
    assert bool(told(of_gitea(inventory(), "1.26.0", root, None))) is warned


def test_a_word_on_a_strange_version_is_passed_on() -> None:
    assert told(of_gitea(inventory(), "99.0", None, "too new")) == ["too new"]


@pytest.mark.parametrize(
    ("left", "limit", "grade"),
    [(3600, 3600, Grade.OK), (200, 3600, Grade.OK), (199, 3600, Grade.WARNING), (50, 100, Grade.OK)],
)
def test_few_calls_left_are_warned_of(left: int, limit: int, grade: Grade) -> None:
    assert of_calls(left, limit).grade is grade


@pytest.mark.parametrize(
    ("seconds", "grade", "way"),
    [
        (0, Grade.OK, "agrees"),
        (-29, Grade.OK, "agrees"),
        (-30, Grade.WARNING, "slow"),
        (31, Grade.WARNING, "fast"),
        (-300, Grade.ERROR, "slow"),
        (86400, Grade.ERROR, "fast"),
    ],
)
def test_a_wrong_clock_is_told_by_how_much(seconds: int, grade: Grade, way: str) -> None:
    check = of_clock(NOW + timedelta(seconds=seconds), NOW)
    assert check.grade is grade
    assert way in check.text
