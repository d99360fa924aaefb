"""A private CA and a proxy that come into the inventory and go out of it, in a simulated world."""

from dataclasses import replace

import pytest

from fleet.core.errors import CommandFailed
from fleet.core.inventory import ProxySettings
from tests.engine.checks import assert_in_service, assert_nothing_lost, call_numbers, dies, only
from tests.fakes.world import FakeWorld, build_inventory

PLAIN = build_inventory()
CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
TOLD = replace(
    PLAIN, gitea=replace(PLAIN.gitea, ca=CA), proxy=ProxySettings("http://10.0.0.5:3128", "http://10.0.0.5:3128")
)


def left(world: FakeWorld) -> list[str]:
    """What a host has of either."""
    files = world.host("ci-build-1").disk.files
    return [path for path, content in files.items() if "10.0.0.5:3128" in content or CA in content or "going" in path]


def told() -> FakeWorld:
    world = FakeWorld()
    world.process(TOLD).up()
    world.clock.sleep(60)
    assert len(left(world)) > 5
    return world


def assert_as_wanted(world: FakeWorld) -> None:
    last = world.process(PLAIN)
    assert only(last.up()).text == "online, idle, as wanted"
    assert last.calls.changes == []
    assert left(world) == []
    assert_in_service(world, "ci-build-1")


def test_up_typed_again_changes_nothing() -> None:
    world = told()
    again = world.process(TOLD)
    assert only(again.up()).text == "online, idle, as wanted"
    assert again.calls.changes == []


def test_what_is_taken_out_of_the_inventory_goes_from_the_host() -> None:
    world = told()
    assert only(world.process(PLAIN).up()).text == "repaired"
    assert_as_wanted(world)


def test_it_stays_while_a_job_runs_and_the_job_is_not_disturbed() -> None:
    world = told()
    job = world.gitea.queue(seconds=300)
    world.clock.sleep(20)
    before = left(world)
    outcome = only(world.process(PLAIN).up())
    assert "later: " in outcome.text
    assert "no longer trust Gitea's CA" in outcome.text
    assert left(world) == before
    world.clock.sleep(400)
    assert job.end == "success"
    assert only(world.process(PLAIN).up()).text == "repaired"
    assert_nothing_lost(world)
    assert_as_wanted(world)


@pytest.mark.thorough
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_call_of_it_the_next_up_ends_it(when: str) -> None:
    for number in call_numbers():
        world = told()
        first = world.process(PLAIN, die_at=(number, when))  # type: ignore[arg-type]
        if not dies(first.up):
            assert number > 10
            break
        world.process(PLAIN).up()
        assert left(world) == [], f"killed {when} {first.calls.log[-1]}"
        assert_in_service(world, "ci-build-1")


def test_a_store_that_cannot_be_updated_is_told_and_tried_again() -> None:
    world = told()
    process = world.process(PLAIN)
    process.calls.fail_next("host.update certificates without its file", CommandFailed("could not: no space left"))
    assert "no space left" in only(process.up()).text
    world.process(PLAIN).up()
    assert_as_wanted(world)
