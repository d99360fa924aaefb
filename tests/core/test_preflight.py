"""What the inventory asks of Hetzner is checked before anything is made, all of it at once."""

from decimal import Decimal

import pytest

from fleet.core.errors import InventoryError
from fleet.core.inventory import Pool
from fleet.core.preflight import check_catalog
from tests.core.builders import catalog, inventory, pool, server_type


@pytest.mark.parametrize(
    "good",
    [
        pool(),
        pool(types=("cx43",), locations=("fsn1",)),
        pool(locations=("hel1", "nbg1")),  # one place that sells it is enough
    ],
)
def test_what_can_be_rented_passes(good: Pool) -> None:
    check_catalog(inventory(good), catalog())


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (pool(types=("cx34",)), "pools.build.types[0]: Hetzner has no server type cx34 (did you mean cx43?)"),
        (
            pool(types=("cx33", "zzz")),
            "pools.build.types[1]: Hetzner has no server type zzz (there are: cx33, cx43)",
        ),
        (
            pool(locations=("nbg1", "nbg2")),
            "pools.build.locations[1]: Hetzner has no location nbg2 (did you mean nbg1?)",
        ),
        (
            pool(locations=("hel1",)),
            "pools.build: none of its types is sold in any of its locations (sold in: fsn1, nbg1)",
        ),
    ],
)
def test_what_cannot_be_rented_is_told_with_what_can(bad: Pool, problem: str) -> None:
    with pytest.raises(InventoryError) as refused:
        check_catalog(inventory(bad), catalog())
    assert [str(one) for one in refused.value.problems] == [problem]


def test_architectures_are_not_mixed_in_one_pool() -> None:
    arm = server_type("cax21", architecture="arm", prices={"fsn1": Decimal(1)}, monthly={"fsn1": Decimal(1)})
    with pytest.raises(InventoryError, match="mixes architectures"):
        check_catalog(inventory(pool(types=("cx33", "cax21"))), catalog(server_type(), arm))


def test_all_problems_of_all_pools_come_at_once() -> None:
    bad = inventory(pool(types=("a",), locations=("b",)), pool("test", types=("c",)))
    with pytest.raises(InventoryError) as refused:
        check_catalog(bad, catalog())
    assert [one.path for one in refused.value.problems] == [
        "pools.build.types[0]",
        "pools.build.locations[0]",
        "pools.test.types[0]",
    ]
    assert str(refused.value).startswith("inventory.toml has 3 problems:\n  pools.build.types[0]: ")
