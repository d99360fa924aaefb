"""Before a server is made, the tailnet says whether machines may join."""

from dataclasses import replace

from fleet.core.errors import CredentialsError
from fleet.core.inventory import Inventory, TailnetSettings
from fleet.core.report import Verdict
from tests.fakes.world import FakeWorld, build_inventory, build_pool


def inventory(*, joins: bool = True) -> Inventory:
    """A fleet of two machines with a tailnet."""
    pool = replace(build_pool(least=2), tailnet=joins)
    return replace(build_inventory(pool), tailnet=TailnetSettings())


def test_no_server_is_made_that_could_not_join() -> None:
    world = FakeWorld()
    process = world.process(inventory())
    process.calls.fail_next("tailnet.check", *[CredentialsError("may not mint", hint="add auth_keys")] * 2)
    report = process.up()
    assert world.server_names == []
    assert {(one.verdict, one.text, one.hint) for one in report.outcomes} == {
        (Verdict.FAILED, "may not mint", "add auth_keys")
    }


def test_it_is_asked_once_for_all_machines_of_a_run() -> None:
    world = FakeWorld()
    process = world.process(inventory())
    process.up()
    assert world.server_names == ["ci-build-1", "ci-build-2"]
    assert process.calls.log.count("tailnet.check") == 1


def test_it_is_not_asked_where_nothing_is_made_or_nothing_joins() -> None:
    world = FakeWorld()
    world.process(inventory()).up()
    again, apart = world.process(inventory()), FakeWorld().process(inventory(joins=False))
    again.up()
    apart.up()
    assert "tailnet.check" not in again.calls.log + apart.calls.log
