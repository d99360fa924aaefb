"""What servers are given by name: looked up, all problems at once, and told of where a server has something else."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from fleet.core.belongings import (
    Belongings,
    Given,
    Network,
    Volume,
    differences,
    given,
    names_any,
    problems,
    volumes_of,
)
from fleet.core.inventory import Inventory, Pool
from fleet.core.observation import Server
from tests.core import builders
from tests.core.builders import server

EU, US = "eu-central", "us-east"
THERE = Belongings(
    groups={"apart": (1, frozenset()), "full": (2, frozenset(range(900, 910)))},
    networks={"inside": Network(11, frozenset({EU})), "overseas": Network(12, frozenset({US})), "bare": Network(13)},
    firewalls={"office": 21, "monitoring": 22},
    volumes={
        "cache-1": Volume(31, "nbg1"),
        "cache-2": Volume(32, "fsn1"),
        "fast-1": Volume(33, "fsn1"),
        "used-1": Volume(34, "nbg1", server=999),
        "ours-1": Volume(35, "nbg1", tags={"fleet": "ci"}),
        "far-1": Volume(36, "ash"),
    },
    zones={"nbg1": EU, "fsn1": EU, "ash": US},
)


def pool(name: str = "build", **wishes: Any) -> Pool:
    """At most two machines, in nbg1 or fsn1."""
    plain = builders.pool(name)
    return replace(plain, **{"min": 0, "max": 2, "locations": ("nbg1", "fsn1"), **wishes})


def fleet(*pools: Pool) -> Inventory:
    return replace(builders.inventory(), pools=pools)


def told(*pools: Pool, servers: tuple[Server, ...] = ()) -> list[str]:
    of = fleet(*pools)
    return [str(problem) for problem in problems(of, of.pools, THERE, servers)]


def test_a_pool_that_names_nothing_asks_for_nothing() -> None:
    assert not names_any(pool())
    assert told(pool()) == []
    assert given(pool(), 1, Belongings()) == Given()


@pytest.mark.parametrize(
    "wish",
    [{"placement_group": "apart"}, {"networks": ("inside",)}, {"firewalls": ("office",)}, {"volumes": ("cache-{n}",)}],
)
def test_a_name_must_be_looked_up(wish: Mapping[str, Any]) -> None:
    assert names_any(pool(**wish))
    assert told(pool(**wish)) == []


def test_each_machine_gets_its_own_volume_and_is_made_where_that_is() -> None:
    wishes = pool(
        placement_group="apart", networks=("inside",), firewalls=("office", "monitoring"), volumes=("cache-{n}",)
    )
    assert volumes_of(wishes, 12) == ("cache-12",)
    assert given(wishes, 1, THERE) == Given(1, (11,), (21, 22), (31,), frozenset({"nbg1"}))
    assert given(wishes, 2, THERE).volumes == (32,)
    assert given(wishes, 2, THERE).places == frozenset({"fsn1"})


@pytest.mark.parametrize(
    ("wish", "problem"),
    [
        (
            {"placement_group": "apartt"},
            "pools.build.placement_group: Hetzner has no placement group apartt (did you mean apart?)",
        ),
        (
            {"networks": ("inside", "qqq")},
            "pools.build.networks[1]: Hetzner has no network qqq (there are: bare, inside, overseas)",
        ),
        (
            {"firewalls": ("offices",)},
            "pools.build.firewalls[0]: Hetzner has no firewall offices (did you mean office?)",
        ),
        (
            {"volumes": ("fast-{n}",)},
            "pools.build.volumes[0]: Hetzner has no volume fast-2 "
            "(there are: cache-1, cache-2, far-1, fast-1, ours-1, used-1)",
        ),
        (
            {"networks": ("overseas",)},
            "pools.build.networks[0]: network overseas has no subnet in eu-central, where nbg1, fsn1 is "
            "(add a subnet there, or take other locations)",
        ),
        (
            {"networks": ("bare",), "locations": ("nbg1",)},
            "pools.build.networks[0]: network bare has no subnet in eu-central, where nbg1 is "
            "(add a subnet there, or take other locations)",
        ),
        (
            {"placement_group": "full"},
            "pools.build.placement_group: pools with full want up to 2 machines, and 10 servers of others are in it "
            "(a placement group holds 10)",
        ),
        (
            {"placement_group": "apart", "max": 11},
            "pools.build.placement_group: pools with apart want up to 11 machines (a placement group holds 10)",
        ),
        (
            {"volumes": ("far-{n}",), "max": 1},
            "pools.build.volumes[0]: volume far-1 is in ash (add ash to the pool's locations)",
        ),
        (
            {"volumes": ("used-{n}",), "max": 1},
            "pools.build.volumes[0]: volume used-1 is attached to server 999, which is not of this fleet",
        ),
        (
            {"volumes": ("ours-{n}",), "max": 1},
            "pools.build.volumes[0]: volume ours-1 carries the tag fleet=ci, and would be deleted with its machine "
            "(take that tag off)",
        ),
        (
            {"volumes": ("cache-{n}", "fast-{n}"), "max": 1},
            "pools.build.volumes: the volumes of machine 1 are in fsn1 and nbg1 "
            "(all volumes of a machine in one location)",
        ),
    ],
)
def test_what_cannot_be_given_is_told(wish: Mapping[str, Any], problem: str) -> None:
    assert told(pool(**wish)) == [problem]


def test_all_problems_of_all_pools_come_at_once() -> None:
    found = told(
        pool("build", placement_group="x", networks=("y",), firewalls=("z",)), pool("test", volumes=("cache-3",), max=1)
    )
    assert [one.split(":")[0] for one in found] == [
        "pools.build.placement_group",
        "pools.build.networks[0]",
        "pools.build.firewalls[0]",
        "pools.test.volumes[0]",
    ]


def test_two_pools_share_the_places_of_a_group() -> None:
    six = {"placement_group": "apart", "max": 6}
    assert told(pool("build", **six)) == []
    assert len(told(pool("build", **six), pool("test", **six))) == 2


def test_our_own_servers_in_a_group_or_with_a_volume_are_no_obstacle() -> None:
    mine = server(id=999)
    assert told(pool(volumes=("used-{n}",), max=1), servers=(mine,)) == []
    ours = tuple(server(f"ci-build-{n}", id=899 + n) for n in range(1, 11))
    assert told(pool(placement_group="full", max=10), servers=ours) == []


@pytest.mark.parametrize(
    ("wish", "has", "lacking"),
    [
        ({}, {}, ""),
        ({"ipv4": False}, {}, "has a public IPv4 address"),
        ({"ipv4": False}, {"ipv4": None}, ""),
        ({}, {"ipv4": None}, "has no public IPv4 address"),
        ({"placement_group": "apart"}, {}, "is not in placement group apart"),
        ({"placement_group": "full"}, {"id": 905}, ""),
        ({"networks": ("inside",)}, {}, "is not in network inside"),
        ({"networks": ("inside",)}, {"networks": {11: "10.0.0.2"}}, ""),
        ({"firewalls": ("office",)}, {"firewalls": frozenset({1})}, "has no firewall office"),
        ({"firewalls": ("office",)}, {"firewalls": frozenset({1, 21})}, ""),
        ({"volumes": ("cache-{n}",)}, {"volumes": (32,)}, "has no volume cache-1"),
        ({"volumes": ("cache-{n}",)}, {"volumes": (31,)}, ""),
        ({"volumes": ("gone-{n}",)}, {}, ""),
    ],
)
def test_a_server_that_has_something_else_is_told_of(
    wish: Mapping[str, Any], has: Mapping[str, Any], lacking: str
) -> None:
    found = differences(fleet(pool(**wish)), [server(**has)], THERE)
    assert found == ((f"ci-build-1 {lacking}: fleet down ci-build-1, then fleet up",) if lacking else ())


def test_servers_of_others_and_of_no_pool_are_not_told_of() -> None:
    stranger = replace(server(), tags={})
    assert differences(fleet(pool(ipv4=False)), [stranger, server("ci-old-1")], THERE) == ()
