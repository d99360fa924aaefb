"""How long a machine took to come into service is remembered once, and never wrongly."""

import pytest

from fleet.core.names import Tag
from fleet.core.stages import Stage, read_stages
from tests.engine.checks import call_numbers, dies, in_service, only
from tests.engine.test_static_hosts import NAME, desk, static
from tests.fakes.host import MEMORY_FILE, FakeHost
from tests.fakes.world import FakeWorld

__all__ = ["desk"]

MADE = {Stage.CREATE, Stage.BOOT, Stage.SET_UP, Stage.REGISTER, Stage.ONLINE}


def tag(world: FakeWorld) -> str:
    return world.server("ci-build-1").tags.get(Tag.STAGES, "")


def test_a_new_machine_remembers_what_each_stage_took_and_since_when_it_is_online(world: FakeWorld) -> None:
    began = world.clock.now()
    outcome = only(world.process().up())
    stages = read_stages(tag(world))
    assert stages.seconds.keys() >= MADE
    assert sum(stages.seconds.values()) == pytest.approx(outcome.seconds, abs=len(stages.seconds))
    assert stages.online_since == pytest.approx(began + outcome.seconds, abs=3)


def test_a_pass_that_makes_a_machine_remembers_it_too(world: FakeWorld) -> None:
    world.process().scale()
    assert read_stages(tag(world)).seconds.keys() >= MADE


def test_it_is_one_change_of_tags_on_a_new_machine_and_none_later(world: FakeWorld) -> None:
    first = world.process()
    first.up()
    assert first.calls.log.count("cloud.set_tags") == 2  # set-up is done; the stages
    world.clock.sleep(60)
    again = world.process()
    again.up()
    assert again.calls.changes == []


def test_a_machine_that_was_killed_on_its_way_in_is_never_remembered_wrongly() -> None:
    for number in call_numbers():
        world = FakeWorld()
        if not dies(world.process(die_at=(number, "after")).up):
            break
        known = world.project.named("ci-build-1") and tag(world)
        world.clock.sleep(600)
        world.process().up()
        stages = read_stages(tag(world))
        assert tag(world) == known or stages.seconds.keys() >= MADE or stages.seconds == {}
        assert sum(stages.seconds.values()) < 600


def test_a_repair_does_not_change_what_is_remembered() -> None:
    world = in_service()
    before = tag(world)
    world.host("ci-build-1").remove_container()
    world.clock.sleep(120)
    assert only(world.process().up()).text == "repaired"
    assert tag(world) == before


def test_a_static_host_remembers_in_its_memory(any_world: FakeWorld, desk: FakeHost) -> None:
    any_world.process(static(desk), has_cloud=False).up()
    (line,) = [line for line in desk.disk.files[MEMORY_FILE].splitlines() if line.startswith(f"{Tag.STAGES}=")]
    stages = read_stages(line.partition("=")[2])
    assert stages.seconds.keys() >= {Stage.SET_UP, Stage.REGISTER, Stage.ONLINE}
    assert NAME in {one.name for one in any_world.gitea.records.values()}
