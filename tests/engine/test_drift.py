"""Drift: a machine that differs from the inventory is mended when it is empty, and only then."""

from dataclasses import replace
from functools import partial
from typing import Literal

import pytest

from fleet.cli import exits
from fleet.core.inventory import DockerSettings, Inventory
from fleet.core.report import Verdict
from tests.engine.checks import (
    assert_in_service,
    assert_nothing_lost,
    assert_succeeds,
    call_numbers,
    dies,
    in_service,
    only,
    with_log,
)
from tests.engine.test_down import ARRIVALS, PATCH, WHEN, Arrival, in_flight
from tests.fakes.host import LOGIN_FILES
from tests.fakes.world import FakeWorld, build_inventory, build_pool

pytestmark = pytest.mark.thorough

NEW_RUNNER = with_log("debug")
NEW_DOCKER = build_inventory(replace(build_pool(), docker=DockerSettings(registry_mirror="http://172.17.0.1:5000")))
NEW_LOGINS = replace(
    build_inventory(), ssh=replace(build_inventory().ssh, authorized_keys=("ssh-ed25519 AAAA ann@laptop",))
)
NEW_ADDRESS = replace(build_inventory(), gitea=replace(build_inventory().gitea, runner_url="http://10.0.0.5:3000"))

RESTARTS = pytest.mark.parametrize("new", [NEW_RUNNER, NEW_DOCKER], ids=["of the runner", "of Docker"])


def config(world: FakeWorld) -> tuple[str, str]:
    """What the host has on it: the runner's file, and the daemon's."""
    files = world.host("ci-build-1").disk.files
    return files["/opt/fleet/config.yaml"], files["/etc/docker/daemon.json"]


def assert_as(world: FakeWorld, new: Inventory) -> None:
    """The machine is in service, as the new inventory wants it, and nothing more is to be done."""
    last = world.process(new)
    assert only(last.up()).text == "online, idle, as wanted"
    assert last.calls.changes == []
    assert_in_service(world, "ci-build-1")


@RESTARTS
def test_drift_of_an_idle_machine_is_mended(any_world: FakeWorld, new: Inventory) -> None:
    any_world.process().up()
    before = config(any_world)
    outcome = only(any_world.process(new).up())
    assert (outcome.verdict, outcome.text) == (Verdict.DONE, "repaired")
    assert config(any_world) != before
    assert_as(any_world, new)


def test_drift_that_restarts_nothing_is_mended_without_a_cordon(any_world: FakeWorld) -> None:
    any_world.process().up()
    process = any_world.process(NEW_LOGINS)
    assert only(process.up()).verdict is Verdict.DONE
    assert process.calls.changes == ["host.put", "cloud.set_tags"]
    assert_as(any_world, NEW_LOGINS)


def test_a_new_address_for_runners_registers_the_machine_again_and_leaves_no_old_record(any_world: FakeWorld) -> None:
    any_world.process().up()
    assert only(any_world.process(NEW_ADDRESS).up()).verdict is Verdict.DONE
    assert_as(any_world, NEW_ADDRESS)


@RESTARTS
def test_drift_of_a_busy_machine_is_told_and_left_until_the_job_has_ended(any_world: FakeWorld, new: Inventory) -> None:
    any_world.process().up()
    job = any_world.gitea.queue(seconds=300)
    any_world.clock.sleep(20)
    process = any_world.process(new)
    outcome = only(process.up())
    assert outcome.verdict is Verdict.KEPT
    assert outcome.text.startswith("busy with job 1 (job 1); later: ")
    assert process.calls.changes == []
    any_world.clock.sleep(300)
    assert job.end == "success"
    any_world.process(new).up()
    assert_as(any_world, new)


@RESTARTS
@PATCH
@WHEN
def test_a_repair_killed_at_any_call_is_finished_by_the_next_up(
    new: Inventory, can_disable: bool, when: Literal["before", "after"]
) -> None:
    for number in call_numbers():
        world = in_service(can_disable=can_disable)
        first = world.process(new, die_at=(number, when))
        if not dies(first.up):
            assert number > 30
            break
        report = world.process(new).up()
        assert exits.code_of(report) == exits.OK, f"killed {when} {first.calls.log[-1]}: {report}"
        assert_as(world, new)


@RESTARTS
@PATCH
def test_a_repair_killed_at_any_call_and_taken_back_in_the_inventory_ends_in_service(
    new: Inventory, can_disable: bool
) -> None:
    for number in call_numbers():
        world = in_service(can_disable=can_disable)
        if not dies(world.process(new, die_at=(number, "after")).up):
            break
        world.process().up()
        assert_as(world, build_inventory())


@RESTARTS
@PATCH
@ARRIVALS
def test_a_job_that_arrives_at_any_call_of_a_repair_is_not_lost(
    new: Inventory, can_disable: bool, arrive: Arrival
) -> None:
    for number in call_numbers():
        world = in_service(can_disable=can_disable)
        process = world.process(new)
        jobs = process.calls.before(number, partial(arrive, world))
        report = process.up()
        if not jobs:
            assert number > 30
            break
        assert exits.code_of(report) == exits.OK, f"before {process.calls.log[number]}: {report}"
        world.clock.sleep(60)
        assert_nothing_lost(world)
        world.process(new).up()
        assert_succeeds(world, jobs[0])
        world.process(new).up()
        assert_as(world, new)


@RESTARTS
@PATCH
@ARRIVALS
def test_a_job_that_arrives_when_a_repair_is_killed_is_not_lost_by_the_next_up(
    new: Inventory, can_disable: bool, arrive: Arrival
) -> None:
    for number in call_numbers():
        world = in_service(can_disable=can_disable)
        if not dies(world.process(new, die_at=(number, "after")).up):
            break
        job = arrive(world)
        world.process(new).up()
        world.clock.sleep(60)
        assert_nothing_lost(world)
        world.process(new).up()
        assert_succeeds(world, job)
        world.process(new).up()
        assert_as(world, new)


@RESTARTS
@PATCH
def test_a_job_that_arrives_while_a_killed_repair_is_finished_is_not_lost(new: Inventory, can_disable: bool) -> None:
    for killed in call_numbers():
        if not dies(in_service(can_disable=can_disable).process(new, die_at=(killed, "after")).up):
            break
        for number in range(3, 60, 4):
            world = in_service(can_disable=can_disable)
            dies(world.process(new, die_at=(killed, "after")).up)
            second = world.process(new)
            second.calls.before(number, partial(in_flight, world))
            second.up()
            world.clock.sleep(60)
            assert_nothing_lost(world)


def test_a_line_that_leaves_the_inventory_leaves_the_hosts(any_world: FakeWorld) -> None:
    any_world.process(NEW_LOGINS).up()
    logins = any_world.host("ci-build-1").disk.files
    assert "ann@laptop" in logins[LOGIN_FILES[1]]
    assert only(any_world.process().up()).verdict is Verdict.DONE
    assert "ann@laptop" not in logins[LOGIN_FILES[1]]


def test_a_line_that_a_hand_wrote_into_our_file_is_taken_out(any_world: FakeWorld) -> None:
    any_world.process().up()
    logins = any_world.host("ci-build-1").disk.files
    logins[LOGIN_FILES[1]] += "ssh-ed25519 CCCC who@where\n"
    assert "authorized_keys2" in any_world.process().plan_up()[0].changes[0].reason
    any_world.process().up()
    assert "who@where" not in logins[LOGIN_FILES[1]]


def test_a_line_that_a_hand_wrote_beside_it_stays_and_is_told(any_world: FakeWorld) -> None:
    any_world.process().up()
    logins = any_world.host("ci-build-1").disk.files
    logins[LOGIN_FILES[0]] += "ssh-ed25519 CCCC who@where\n"
    process = any_world.process()
    outcome = only(process.up())
    assert outcome.verdict is Verdict.KEPT
    assert "(who@where)" in outcome.text
    assert process.calls.changes == []
