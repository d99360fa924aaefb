"""A static host's whole life, killed anywhere: by the same steps as a server's, and it stays."""

from dataclasses import replace
from functools import partial

import pytest

from fleet.core.inventory import HostState, Inventory, StaticHost
from fleet.core.machine import join
from fleet.core.names import Tag
from fleet.core.record import paused_tag
from fleet.core.report import Outcome, Report, Verdict
from fleet.engine import memory
from fleet.engine.marks import mark
from fleet.engine.observe import observe
from tests.engine.checks import assert_nothing_lost, call_numbers, dies
from tests.fakes.host import COMPOSE_FILE, MEMORY_FILE, RUNNER_FILE, FakeHost
from tests.fakes.world import FakeWorld, build_inventory, build_pool

NAME = "ci-build.desk"
ADDRESS = "198.51.100.9"


@pytest.fixture
def desk(any_world: FakeWorld) -> FakeHost:
    """A host that has stood there for long."""
    return any_world.computers.stand(ADDRESS)


def static(desk: FakeHost, *, state: HostState = HostState.PRESENT, adopt: bool = False, most: int = 0) -> Inventory:
    host = StaticHost("desk", ADDRESS, "ann", host_key=desk.host_key, state=state, adopt=adopt)
    return build_inventory(replace(build_pool(least=0, most=most), hosts=(host,)))


def row(report: Report) -> Outcome:
    return next(one for one in report.outcomes if one.machine == NAME)


def up(world: FakeWorld, inventory: Inventory) -> Outcome:
    return row(world.process(inventory, has_cloud=False).up())


def killed_up(world: FakeWorld, inventory: Inventory, number: int) -> bool:
    """``fleet up``, killed before its call of this number; False when there was no such call."""
    return dies(world.process(inventory, die_at=(number, "before"), has_cloud=False).up)


def assert_serves(world: FakeWorld, desk: FakeHost) -> None:
    """It is in service, alone, and takes a job."""
    assert [one.name for one in world.gitea.records.values()] == [NAME]
    assert desk.process is not None
    world.clock.sleep(60)
    job = world.gitea.queue(seconds=5)
    world.clock.sleep(30)
    assert job.end == "success"
    assert_nothing_lost(world)


def assert_left(world: FakeWorld, desk: FakeHost) -> None:
    """Nothing of the fleet is left but Docker."""
    assert world.gitea.records == {}
    assert desk.disk.container is None
    assert [path for path in desk.disk.files if "fleet" in path] == []
    assert desk.disk.docker
    assert_nothing_lost(world)


def test_it_comes_into_service_works_and_leaves_and_the_second_time_nothing_changes(
    any_world: FakeWorld, desk: FakeHost
) -> None:
    assert up(any_world, static(desk)).verdict is Verdict.DONE
    assert_serves(any_world, desk)
    before = dict(desk.disk.files)
    assert up(any_world, static(desk)).verdict is Verdict.KEPT
    assert desk.disk.files == before
    absent = static(desk, state=HostState.ABSENT)
    assert up(any_world, absent).verdict is Verdict.DONE
    assert_left(any_world, desk)
    assert up(any_world, absent).verdict is Verdict.KEPT


def test_nothing_is_asked_of_the_cloud(any_world: FakeWorld, desk: FakeHost) -> None:
    up(any_world, static(desk))
    process = any_world.process(static(desk, state=HostState.ABSENT))
    process.up()
    assert any_world.server_names == []
    assert any_world.project.firewalls == {}


def test_a_running_job_is_waited_for_before_it_leaves(any_world: FakeWorld, desk: FakeHost) -> None:
    up(any_world, static(desk))
    any_world.clock.sleep(60)
    job = any_world.gitea.queue(seconds=300)
    any_world.clock.sleep(30)
    absent = static(desk, state=HostState.ABSENT)
    assert up(any_world, absent).verdict is Verdict.DEFERRED
    assert desk.process is not None
    any_world.clock.sleep(400)
    assert job.end == "success"
    assert up(any_world, absent).verdict is Verdict.DONE
    assert_left(any_world, desk)


@pytest.mark.thorough
def test_killed_at_any_call_the_next_run_ends_as_if_nothing_had_happened(any_world: FakeWorld) -> None:
    for number in call_numbers():
        world = FakeWorld(can_disable=any_world.gitea.can_disable)
        desk = world.computers.stand(ADDRESS)
        whole = killed_up(world, static(desk), number)
        assert up(world, static(desk)).verdict in {Verdict.DONE, Verdict.KEPT}
        assert_serves(world, desk)
        absent = static(desk, state=HostState.ABSENT)
        gone = killed_up(world, absent, number)
        assert up(world, absent).verdict in {Verdict.DONE, Verdict.KEPT}
        assert_left(world, desk)
        if not whole and not gone:
            return


def with_log(inventory: Inventory, level: str) -> Inventory:
    """Another log level: a small change that needs a restart of the runner."""
    (pool,) = inventory.pools
    return replace(inventory, pools=(replace(pool, runner=replace(pool.runner, log_level=level)),))


def test_drift_is_mended_once_it_is_idle_and_no_mark_stays(any_world: FakeWorld, desk: FakeHost) -> None:
    up(any_world, static(desk))
    any_world.clock.sleep(60)
    job = any_world.gitea.queue(seconds=200)
    any_world.clock.sleep(30)
    other = with_log(static(desk), "debug")
    assert up(any_world, other).verdict is Verdict.KEPT
    assert 'level: "info"' in desk.disk.files["/opt/fleet/config.yaml"]
    any_world.clock.sleep(300)
    assert job.end == "success"
    assert up(any_world, other).verdict is Verdict.DONE
    assert 'level: "debug"' in desk.disk.files["/opt/fleet/config.yaml"]
    assert Tag.DRAINING not in desk.disk.files[MEMORY_FILE]
    assert_serves(any_world, desk)


def test_hold_and_pause_are_remembered_on_the_host(any_world: FakeWorld, desk: FakeHost) -> None:
    up(any_world, static(desk))
    world = any_world.process(static(desk), has_cloud=False).world
    (machine,) = join(world.inventory, observe(world, hosts=False))
    mark(world, machine, {Tag.HELD: "person"})
    assert up(any_world, static(desk, state=HostState.ABSENT)).text == "held by a person"
    mark(world, machine, {Tag.HELD: None})
    memory.write(world, paused_tag(0))
    assert memory.read(any_world.process(static(desk), has_cloud=False).world).paused_until == 0
    memory.write(world, paused_tag(None))
    assert memory.read(world).paused_until is None
    assert row(any_world.process(static(desk), has_cloud=False).scale()).verdict is Verdict.KEPT
    assert Tag.HELD not in desk.disk.files[MEMORY_FILE]


def test_a_host_that_is_off_is_told_and_does_not_hide_that_passes_run(any_world: FakeWorld, desk: FakeHost) -> None:
    inventory = static(desk, most=1)
    any_world.process(inventory).up()
    desk.mute, desk.reaches_gitea = "always", False
    any_world.clock.sleep(600)
    process = any_world.process(inventory)
    assert row(process.scale()).verdict is Verdict.REFUSED
    now = process.world.cloud.now().timestamp()
    assert now - 60 < (memory.read(process.world).last_pass or 0) <= now


def test_what_a_person_took_down_stays_down_until_up(any_world: FakeWorld, desk: FakeHost) -> None:
    up(any_world, static(desk))
    report = any_world.process(static(desk), has_cloud=False).down(NAME)
    assert row(report).verdict is Verdict.DONE
    assert RUNNER_FILE not in desk.disk.files
    any_world.clock.sleep(60)
    assert row(any_world.process(static(desk), has_cloud=False).scale()).text == "taken down by a person"
    assert up(any_world, static(desk)).verdict is Verdict.DONE
    assert_serves(any_world, desk)


def test_the_host_of_another_fleet_is_not_touched(any_world: FakeWorld, desk: FakeHost) -> None:
    up(any_world, static(desk))
    before = dict(desk.disk.files)
    other = replace(static(desk), name="other")
    (outcome,) = any_world.process(other, has_cloud=False).up().outcomes
    assert outcome.verdict is Verdict.REFUSED
    assert "in service for fleet ci" in outcome.text
    assert desk.disk.files == before


# --- a runner made by hand


@pytest.fixture
def taken(any_world: FakeWorld, desk: FakeHost) -> FakeHost:
    """The host has a runner already."""
    desk.make_runner_by_hand(frozenset({"ubuntu-latest"}))
    return desk


def test_a_hand_made_runner_is_refused_and_nothing_is_written(any_world: FakeWorld, taken: FakeHost) -> None:
    before = dict(taken.disk.files)
    outcome = up(any_world, static(taken))
    assert outcome.verdict is Verdict.REFUSED
    assert "hand-made" in outcome.text
    assert taken.disk.files == before


def test_it_is_adopted_once_it_is_idle(any_world: FakeWorld, taken: FakeHost) -> None:
    job = any_world.gitea.queue(seconds=200)
    any_world.clock.sleep(30)
    assert up(any_world, static(taken, adopt=True)).verdict is Verdict.DEFERRED
    assert COMPOSE_FILE not in taken.disk.files
    any_world.clock.sleep(300)
    assert job.end == "success"
    assert up(any_world, static(taken, adopt=True)).verdict is Verdict.DONE
    assert_serves(any_world, taken)
    assert Tag.ADOPTING not in taken.disk.files[MEMORY_FILE]


def test_a_record_that_its_credentials_do_not_prove_is_kept(any_world: FakeWorld, taken: FakeHost) -> None:
    somebody = any_world.gitea.make_record("hand-made", frozenset())
    text = taken.disk.files["/srv/ci/data/.runner"]
    taken.disk.files["/srv/ci/data/.runner"] = text.replace('"id": 1', f'"id": {somebody.id}')
    assert up(any_world, static(taken, adopt=True)).verdict is Verdict.DONE
    assert somebody.id in any_world.gitea.records
    assert 1 not in any_world.gitea.records


@pytest.mark.thorough
def test_an_adoption_that_is_killed_anywhere_is_gone_on_with(any_world: FakeWorld) -> None:
    for number in call_numbers():
        world = FakeWorld(can_disable=any_world.gitea.can_disable)
        taken = world.computers.stand(ADDRESS)
        taken.make_runner_by_hand(frozenset({"ubuntu-latest"}))
        wish = static(taken, adopt=True)
        died = killed_up(world, wish, number)
        assert up(world, wish).verdict in {Verdict.DONE, Verdict.KEPT}
        assert_serves(world, taken)
        if not died:
            return


@pytest.mark.thorough
def test_a_job_that_comes_at_any_moment_of_an_adoption_is_not_lost(any_world: FakeWorld) -> None:
    for number in call_numbers():
        world = FakeWorld(can_disable=any_world.gitea.can_disable)
        taken = world.computers.stand(ADDRESS)
        old = taken.make_runner_by_hand(frozenset({"ubuntu-latest"}))
        wish = static(taken, adopt=True)
        process = world.process(wish, has_cloud=False)
        came = process.calls.before(number, partial(world.gitea.send_off, [old], seconds=100))
        process.up()
        world.clock.sleep(300)
        assert up(world, wish).verdict in {Verdict.DONE, Verdict.KEPT}
        assert_serves(world, taken)
        if not came:
            return
        world.clock.sleep(200)
        assert came[0].end == "success"
