"""What doctor says of what it was shown: each check in both directions."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from fleet.core.doctor import (
    Check,
    Grade,
    of_calls,
    of_catalog,
    of_clock,
    of_docker,
    of_gitea,
    of_inventory,
    of_prices,
    of_scopes,
    of_way_in,
)
from fleet.core.inventory import DockerSettings, DockerSource, Inventory, Scope, ScopeKind, StaticHost
from tests.core.builders import GITEA, NOW, catalog, inventory, pool, server_type

CAPPED = inventory(max_eur_per_hour=Decimal(1))


def told(checks: Iterable[Check], grade: Grade = Grade.WARNING) -> list[str]:
    return [check.text for check in checks if check.grade is grade]


def with_timeout(seconds: int) -> Inventory:
    return replace(CAPPED, pools=(pool(runner=replace(pool().runner, job_timeout=seconds)),))


def test_an_inventory_that_can_be_read_is_said_to_be_well() -> None:
    checks = list(of_inventory(CAPPED))
    assert {(check.grade, check.fix) for check in checks} == {(Grade.OK, "")}
    assert [check.text for check in checks] == [
        "inventory.toml: fleet ci, 1 pool, at most 1 machine",
        "pools.build: takes jobs for ubuntu-latest",
    ]


def test_static_hosts_are_counted_and_are_no_machines_that_may_be_rented() -> None:
    desk = pool(min=0, max=0, hosts=(StaticHost("desk", "192.0.2.9"), StaticHost("shelf", "192.0.2.10")))
    assert next(of_inventory(inventory(desk))).text == "inventory.toml: fleet ci, 1 pool, 2 static hosts"
    both = replace(desk, max=3)
    assert next(of_inventory(inventory(both))).text.endswith("1 pool, at most 3 machines, 2 static hosts")
    assert next(of_inventory(inventory(pool(min=0, max=0)))).text.endswith("1 pool, at most 0 machines")


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


def docker(source: DockerSource, version: str = "", **more: object) -> list[Check]:
    changed = replace(pool(), docker=DockerSettings(source, version), **more)  # type: ignore[arg-type]
    return list(of_docker(inventory(changed)))


@pytest.mark.parametrize(
    ("version", "grade"), [("29.10.0", Grade.OK), ("29.2.0", Grade.WARNING), ("29.5.1", Grade.ERROR)]
)
def test_a_docker_that_is_known_to_be_bad_is_told_as_gravely_as_it_is(version: str, grade: Grade) -> None:
    (check,) = docker(DockerSource.DOCKER, version)
    assert (check.area, check.grade) == ("docker", grade)
    assert bool(check.fix) is (grade is not Grade.OK)


def test_a_docker_that_does_not_fit_the_runner_is_told() -> None:
    old = replace(pool().runner, image="gitea/act_runner:0.2.13")
    (check,) = docker(DockerSource.DOCKER, "29.10.0", runner=old)
    assert (check.grade, check.text) == (
        Grade.ERROR,
        "pools.build: Docker 29.10.0 breaks jobs of gitea/act_runner:0.2.13",
    )


@pytest.mark.parametrize(("image", "grade"), [("debian-13", Grade.OK), ("debian-12", Grade.ERROR)])
def test_a_distribution_without_compose_is_told_before_a_machine_is_made(image: str, grade: Grade) -> None:
    (check,) = docker(DockerSource.DISTRIBUTION, image=image)
    assert check.grade is grade


@pytest.mark.parametrize(("cap", "warned"), [("0.0271", True), ("0.0272", False)])
def test_a_cap_below_what_is_always_there_is_warned_of(cap: str, warned: bool) -> None:
    capped = inventory(pool(min=2, max=2), max_eur_per_hour=Decimal(cap))
    (check,) = of_prices(capped, catalog())
    assert (check.grade is Grade.WARNING) is warned
    assert "the 2 machines of min cost €0.0272 per hour" in check.text


ADMIN = Scope(ScopeKind.INSTANCE)


@pytest.mark.parametrize(
    ("held", "more", "logs"),
    [
        ({"write:admin"}, "", False),
        ({"write:admin", "read:repository"}, "", True),
        ({"all"}, "all", True),
        ({"write:admin", "write:repository", "read:user"}, "read:user, write:repository", True),
    ],
)
def test_a_token_that_may_more_than_it_must_is_warned_of(held: set[str], more: str, logs: bool) -> None:
    checks = list(of_scopes(ADMIN, frozenset(held)))
    assert told(checks) == ([f"the token may do more than fleet needs: {more}"] if more else [])
    assert checks[-1].text.startswith("the token may read the logs") is logs


def test_a_token_of_which_nothing_is_told_is_not_spoken_of() -> None:
    assert list(of_scopes(ADMIN, None)) == []


def test_the_scope_a_token_needs_is_that_of_whose_jobs_it_is_for() -> None:
    repo = list(of_scopes(Scope(ScopeKind.REPO, "a/b"), frozenset({"write:repository"})))
    assert [check.grade for check in repo] == [Grade.OK]
    assert told(of_scopes(Scope(ScopeKind.ORG, "a"), frozenset({"write:repository"})))


@pytest.mark.parametrize(
    ("ours", "allowed", "grade"),
    [
        (("198.51.100.7/32",), ("198.51.100.0/24",), Grade.OK),
        (("198.51.100.7/32",), ("198.51.100.8/32",), Grade.WARNING),
        (("198.51.100.7/32", "2001:db8::/64"), ("2001:db8::/32",), Grade.OK),
        (("2001:db8::/64",), ("198.51.100.0/24", "2001:db8::1/128"), Grade.WARNING),
    ],
)
def test_who_comes_from_elsewhere_than_the_firewall_lets_in_is_told(
    ours: tuple[str, ...], allowed: tuple[str, ...], grade: Grade
) -> None:
    check = of_way_in(ours, "ann@laptop", allowed)
    assert check.grade is grade
    assert ours[0] in check.text
