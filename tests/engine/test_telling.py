"""After passes people are told of what came and what went, each once; whatever is killed or down in between."""

from dataclasses import replace

import pytest

from fleet.core.errors import Unreachable
from fleet.core.inventory import Inventory
from fleet.core.notify import TOLD, Message
from fleet.engine import passes
from fleet.engine.telling import Tell, after_pass
from tests.fakes.world import FakeWorld, build_inventory, build_pool

FLEET = build_inventory(build_pool(least=2, most=3))
LIMITED = replace(FLEET, max=1)
"""One machine less than the pool wants: a finding that no pass repairs."""


class Channel:
    """Where messages arrive. ``down``: it takes none. ``dies``: the process ends as soon as one has arrived."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.down = self.dies = False

    def __call__(self, message: Message) -> None:
        if self.down:
            raise Unreachable("could not reach the webhook at https://hooks.example: connection refused")
        self.messages.append(message)
        if self.dies:
            raise KeyboardInterrupt


@pytest.fixture
def channel() -> Channel:
    return Channel()


@pytest.fixture
def fleet(world: FakeWorld) -> FakeWorld:
    """One machine in service, where two are wanted."""
    world.process(LIMITED).up()
    return world


def a_pass(world: FakeWorld, tell: Tell | None, inventory: Inventory = LIMITED) -> str:
    look = passes.look(world.process(inventory).world, only_down=False, seen=lambda _: None)
    return after_pass(look, tell)


def mend(world: FakeWorld) -> None:
    world.process(FLEET).up()


def remembered(world: FakeWorld) -> list[str]:
    (tags,) = world.project.firewalls.values()
    return sorted(text.partition(".")[0] for key, text in tags.items() if key.startswith(TOLD))


def test_a_finding_is_told_once_when_it_has_come_and_once_when_it_has_gone(fleet: FakeWorld, channel: Channel) -> None:
    for _ in range(4):
        assert a_pass(fleet, channel) == ""
    mend(fleet)
    for _ in range(4):
        assert a_pass(fleet, channel, FLEET) == ""
    came, went = channel.messages
    assert [(one.machine, one.trouble) for one in came.appeared] == [("ci-build-2", "limit")]
    assert [(one.machine, one.trouble) for one in went.gone] == [("ci-build-2", "limit")]
    assert remembered(fleet) == []


def test_a_channel_that_is_down_is_said_and_tried_again_by_each_next_pass(fleet: FakeWorld, channel: Channel) -> None:
    a_pass(fleet, channel)
    channel.down = True
    assert "connection refused" in a_pass(fleet, channel)
    assert "the next pass tries again" in a_pass(fleet, channel)
    channel.down = False
    for _ in range(3):
        assert a_pass(fleet, channel) == ""
    assert len(channel.messages) == 1


def test_a_pass_that_is_killed_when_it_has_told_tells_again_rather_than_never(
    fleet: FakeWorld, channel: Channel
) -> None:
    a_pass(fleet, channel)
    channel.dies = True
    with pytest.raises(KeyboardInterrupt):
        a_pass(fleet, channel)
    assert remembered(fleet) == ["seen"]
    channel.dies = False
    for _ in range(3):
        a_pass(fleet, channel)
    assert [len(one.appeared) for one in channel.messages] == [1, 1]


def test_two_computers_have_one_record(fleet: FakeWorld, channel: Channel) -> None:
    others = Channel()
    for _ in range(3):
        a_pass(fleet, channel)
        a_pass(fleet, others)
    assert len(channel.messages) + len(others.messages) == 1


def test_a_calm_pass_writes_nothing_down(world: FakeWorld, channel: Channel) -> None:
    world.process(FLEET).up()
    process = world.process(FLEET)
    look = passes.look(process.world, only_down=False, seen=lambda _: None)
    before = list(process.calls.log)
    assert after_pass(look, channel) == ""
    assert process.calls.log == before


def test_a_machine_that_comes_for_jobs_is_nothing_to_tell(world: FakeWorld, channel: Channel) -> None:
    world.process(FLEET).up()
    for _ in range(2):
        world.gitea.queue(seconds=900)
    for _ in range(3):
        a_pass(world, channel, FLEET)
    assert channel.messages == []


def test_of_a_host_that_has_gone_silent_nothing_is_called_gone(world: FakeWorld, channel: Channel) -> None:
    one = build_inventory(build_pool())
    world.process(one).up()
    world.host("ci-build-1").disk_free = 100_000
    for _ in range(2):
        a_pass(world, channel, one)
    assert [found.trouble for found in channel.messages[0].appeared] == ["disk"]
    world.host("ci-build-1").mute = "always"
    for _ in range(4):
        a_pass(world, channel, one)
    assert [gone for message in channel.messages for gone in message.gone] == []
    world.host("ci-build-1").mute = ""
    world.host("ci-build-1").disk_free = 60_000_000
    for _ in range(2):
        a_pass(world, channel, one)
    assert "disk" in [gone.trouble for gone in channel.messages[-1].gone]


def test_without_somebody_to_tell_what_was_told_is_forgotten(fleet: FakeWorld, channel: Channel) -> None:
    for _ in range(2):
        a_pass(fleet, channel)
    assert remembered(fleet) == ["told"]
    assert a_pass(fleet, None) == ""
    assert remembered(fleet) == []
