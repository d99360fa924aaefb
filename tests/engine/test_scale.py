"""Passes: a machine that is not needed leaves, one that is wanted again comes back, and no job is lost on the way."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from tests.engine.checks import assert_in_service, assert_nothing_lost, assert_succeeds, call_numbers, dies, made_once
from tests.engine.test_down import ARRIVALS, PATCH, Arrival
from tests.fakes.world import FakeWorld, build_inventory, build_pool

pytestmark = pytest.mark.thorough

TWO_AT_MOST = build_inventory(build_pool(least=1, most=2))
TWO = build_inventory(build_pool(least=2, most=2))
ALMOST_AN_HOUR = timedelta(minutes=58)


@made_once
def with_one_too_many(*, can_disable: bool) -> FakeWorld:
    """Two machines where one is wanted, and their paid hour is about to end."""
    world = FakeWorld(can_disable=can_disable)
    world.process(TWO_AT_MOST).up(add=1)
    for number, server in world.project.servers.items():
        world.project.servers[number] = replace(server, created=server.created - ALMOST_AN_HOUR)
    return world


@PATCH
def test_a_machine_that_is_not_needed_leaves_when_its_paid_hour_ends(can_disable: bool) -> None:
    world = with_one_too_many(can_disable=can_disable)
    world.process(TWO_AT_MOST).scale()
    assert len(world.server_names) == len(world.gitea.records) == 1
    assert_nothing_lost(world)


@PATCH
def test_a_machine_that_is_not_needed_stays_while_it_is_paid(can_disable: bool) -> None:
    world = FakeWorld(can_disable=can_disable)
    world.process(TWO_AT_MOST).up(add=1)
    process = world.process(TWO_AT_MOST)
    process.scale()
    assert process.calls.changes == ["cloud.ensure_firewall", "cloud.set_firewall_tags"]


@PATCH
def test_a_job_that_waits_gets_a_machine(can_disable: bool) -> None:
    world = FakeWorld(can_disable=can_disable)
    world.process(TWO_AT_MOST).up()
    jobs = [world.gitea.queue(seconds=200) for _ in range(2)]
    world.clock.sleep(30)
    world.process(TWO_AT_MOST).scale()
    world.clock.sleep(300)
    assert [job.end for job in jobs] == ["success", "success"]
    assert len({job.runner_id for job in jobs}) == 2


@PATCH
@ARRIVALS
def test_a_job_that_arrives_at_any_call_of_a_pass_is_not_lost(can_disable: bool, arrive: Arrival) -> None:
    for number in call_numbers():
        world = with_one_too_many(can_disable=can_disable)
        process = world.process(TWO_AT_MOST)
        jobs = process.calls.before(number, partial(arrive, world))
        process.scale()
        if not jobs:
            assert number > 25
            break
        world.clock.sleep(60)
        assert_succeeds(world, jobs[0])


@PATCH
@ARRIVALS
def test_a_pass_that_takes_a_machine_back_from_a_killed_one_loses_no_job(can_disable: bool, arrive: Arrival) -> None:
    """The first pass is killed anywhere; then a person wants both machines, and a job comes at any call."""
    for killed in call_numbers():
        for number in range(0, 40, 2):
            world = with_one_too_many(can_disable=can_disable)
            if not dies(world.process(TWO_AT_MOST, die_at=(killed, "after")).scale):
                return
            process = world.process(TWO)
            process.calls.before(number, partial(arrive, world))
            process.scale()
            world.clock.sleep(60)
            assert_nothing_lost(world)


@PATCH
def test_a_machine_that_was_taken_back_serves_again(can_disable: bool) -> None:
    for killed in call_numbers():
        world = with_one_too_many(can_disable=can_disable)
        if not dies(world.process(TWO_AT_MOST, die_at=(killed, "after")).scale):
            return
        world.process(TWO).scale()
        world.process(TWO).scale()
        assert_in_service(world, "ci-build-1", "ci-build-2")


def test_creates_that_fail_are_counted_stop_after_a_few_and_a_person_always_tries() -> None:
    world = FakeWorld()
    places = [(kind, place) for kind in ("cx33", "cx43") for place in ("fsn1", "nbg1")]
    world.project.room.update(dict.fromkeys(places, 0))
    asked = [orders(world, "scale") for _ in range(5)]
    assert [one > 0 for one in asked] == [True, True, True, False, False]
    assert orders(world, "up") > 0
    for _ in range(5):
        assert orders(world, "scale") == 0
    assert orders(world, "scale") > 0  # half an hour after the last that failed
    world.project.room.clear()
    assert orders(world, "up") == 1
    assert not any(key.startswith("failed-") for tags in world.project.firewalls.values() for key in tags)
    assert_in_service(world, "ci-build-1")


def orders(world: FakeWorld, command: str) -> int:
    """How many servers one run of a command has ordered; five minutes go by."""
    process = world.process()
    {"scale": process.scale, "up": process.up}[command]()
    world.clock.sleep(300)
    return process.calls.log.count("cloud.create_server")
