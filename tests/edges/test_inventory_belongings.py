"""What a pool gives its servers, as the inventory says it."""

import pytest

from fleet.core.errors import InventoryError
from fleet.core.inventory import Pool
from fleet.edges.inventory import parse

TOP = 'name = "ci"\ngitea.url = "https://gitea.example"\n'


def pool(lines: str) -> Pool:
    return parse(f"{TOP}[pools.build]\n{lines}", "i.toml").pools[0]


def problems(text: str) -> list[str]:
    with pytest.raises(InventoryError) as caught:
        parse(text, "i.toml")
    return [str(problem) for problem in caught.value.problems]


def test_servers_are_given_what_their_pool_names() -> None:
    found = pool(
        'max = 3\nipv4 = false\nnat64 = true\nplacement_group = "spread out"\nnetworks = ["inside"]\n'
        'firewalls = ["office", "monitoring"]\nvolumes = ["cache-{n}"]\n'
    )
    assert (found.ipv4, found.nat64, found.placement_group) == (False, True, "spread out")
    assert (found.networks, found.firewalls) == (("inside",), ("office", "monitoring"))
    assert found.volumes == ("cache-{n}",)


def test_nothing_is_given_that_is_not_named() -> None:
    found = pool("")
    assert (found.ipv4, found.nat64, found.placement_group, found.networks) == (True, False, "", ())


def test_a_volume_of_a_pool_of_one_needs_no_number() -> None:
    assert pool('volumes = ["data"]').volumes == ("data",)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            'max = 2\nvolumes = ["data"]',
            'volumes: "data" is one volume for 2 machines ("data-{n}": the number of the machine)',
        ),
        ("nat64 = true", "nat64: has no effect (it is for pools with ipv4 = false)"),
        ('networks = ["a", "a"]', 'networks: "a" is there twice'),
        ('firewalls = ["a", "b", "c", "d"]', "firewalls: has 4 firewalls (at most 3: a server takes 5)"),
        ('networks = [" a"]', 'networks[0]: " a" is no name (as the Console shows it)'),
        ('placement_group = "a "', 'placement_group: "a " is no name (as the Console shows it)'),
        ('ipv4 = "no"', "ipv4: must be true or false, not text"),
    ],
)
def test_a_mistake_in_what_is_given_is_told(lines: str, problem: str) -> None:
    assert problems(f"{TOP}[pools.build]\n{lines}") == [f"pools.build.{problem}"]
