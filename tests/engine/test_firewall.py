"""The firewall in a run: who is let in, when its rules are written, and what a person is told of it."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fleet.core.errors import Refused
from fleet.core.firewall import Rule
from fleet.core.inventory import Inventory, SshSettings, TailnetSettings
from fleet.core.record import paused_tag
from fleet.engine import firewall, memory, passes
from tests.fakes.world import FakeWorld, Process, build_inventory

HOME, CAFE = "198.51.100.7/32", "192.0.2.99/32"
WEB = Rule("in", "tcp", "443", ("0.0.0.0/0",), description="web")


def with_access(*allow_from: str, tailnet: TailnetSettings | None = None) -> Inventory:
    return replace(build_inventory(), ssh=SshSettings(allow_from=allow_from), tailnet=tailnet)


ME = with_access("me")


@pytest.fixture
def world() -> FakeWorld:
    """A fleet of one machine, made by somebody who may come from ``HOME``."""
    world = FakeWorld()
    world.process(ME).up()
    return world


def rules(world: FakeWorld) -> tuple[Rule, ...]:
    return next(iter(world.project.rules.values()))


def sources(world: FakeWorld) -> list[str]:
    """The networks that may reach SSH, as things are written."""
    return sorted(network for rule in rules(world) if rule.port == "22" for network in rule.sources)


def add(world: FakeWorld, *more: Rule) -> None:
    number = next(iter(world.project.rules))
    world.project.rules[number] = (*rules(world), *more)


def colleagues(world: FakeWorld, hours: float) -> Rule:
    until = datetime.fromtimestamp(world.clock.now() + hours * 3600, tz=UTC)
    return Rule("in", "tcp", "22", (CAFE,), description=f"fleet: SSH for bob@desk until {until:%Y-%m-%dT%H:%M:%SZ}")


def look(process: Process, *, let_in: bool = True) -> passes.Look:
    return passes.look(process.world, only_down=False, seen=lambda _: None, let_in=let_in)


def first(process: Process, *names: str) -> list[int]:
    """When each of these was first called."""
    return [process.calls.log.index(name) for name in names]


def test_the_first_machine_is_made_behind_a_firewall_that_lets_its_operator_in(world: FakeWorld) -> None:
    assert sources(world) == [HOME]


def test_a_pass_lets_its_operator_in_before_it_asks_hosts(world: FakeWorld) -> None:
    world.operator.addresses = (CAFE,)
    process = world.process(ME)
    look(process)
    assert sources(world) == [CAFE]
    assert first(process, "cloud.ensure_firewall", "hosts.connect") == sorted(
        first(process, "cloud.ensure_firewall", "hosts.connect")
    )


def test_a_pass_looks_at_the_firewall_twice_and_no_more(world: FakeWorld) -> None:
    """Once for the record, once for the rules: what it writes down at its end needs no third look for."""
    process = world.process(ME)
    process.scale()
    assert process.calls.log.count("cloud.firewall") == 1
    assert process.calls.log.count("cloud.ensure_firewall") == 1


def test_a_pass_without_the_word_me_asks_nobody_where_it_comes_from(world: FakeWorld) -> None:
    before = world.operator.asked
    world.process(with_access("203.0.113.0/24")).scale()
    assert world.operator.asked == before
    assert sources(world) == ["203.0.113.0/24"]


@pytest.mark.parametrize("how", ["dry run", "paused", "no firewall"])
def test_a_pass_that_must_not_change_anything_leaves_the_rules(world: FakeWorld, how: str) -> None:
    world.operator.addresses = (CAFE,)
    process = world.process(ME)
    if how == "paused":
        memory.write(world.process(with_access(HOME)).world, paused_tag(0))
    if how == "no firewall":
        world = FakeWorld()
        process = world.process(ME)
    look(process, let_in=how != "dry run")
    assert "cloud.ensure_firewall" not in process.calls.log


def test_rules_follow_the_inventory_and_those_of_others_stay_until_their_time(world: FakeWorld) -> None:
    add(world, WEB, colleagues(world, 1))
    world.process(with_access("203.0.113.0/24", tailnet=TailnetSettings())).scale()
    assert sources(world) == [CAFE, "203.0.113.0/24"]
    assert WEB in rules(world)
    assert [rule.port for rule in rules(world) if rule.protocol == "udp"] == ["41641"]
    world.clock.sleep(3601)
    world.process(with_access("203.0.113.0/24")).scale()
    assert sources(world) == ["203.0.113.0/24"]
    assert WEB in rules(world)


def test_an_operator_whose_address_nobody_says_goes_on_with_the_rule_that_is_there(world: FakeWorld) -> None:
    world.operator.addresses = ()
    world.process(ME).scale()
    assert sources(world) == [HOME]


def test_and_is_refused_when_that_has_ended_before_anything_is_touched(world: FakeWorld) -> None:
    world.operator.addresses = ()
    world.clock.sleep(13 * 3600)
    process = world.process(ME)
    with pytest.raises(Refused, match="could not learn the address"):
        process.scale()
    assert process.calls.changes == []


def test_open_lets_in_for_half_an_hour_and_the_next_pass_closes(world: FakeWorld) -> None:
    closed = with_access(tailnet=TailnetSettings())
    world.process(closed).scale()
    assert sources(world) == []
    assert firewall.open_for_us(world.process(closed).world) == (HOME,)
    world.clock.sleep(20 * 60)
    world.process(closed).scale()
    assert sources(world) == [HOME]
    world.clock.sleep(11 * 60)
    world.process(closed).scale()
    assert sources(world) == []


def test_machines_that_join_have_a_firewall_of_their_own_which_goes_with_the_fleet(world: FakeWorld) -> None:
    process = world.process(ME)
    assert firewall.ensure_joining(process.world) == firewall.ensure_joining(process.world)
    assert process.calls.log.count("cloud.ensure_firewall") == 1
    assert sorted(name for name, _ in world.project.firewalls) == ["fleet-ci", "fleet-ci-join"]
    world.project.servers.clear()
    removed = process.world.cloud.remove_shared(process.world.fleet_tags)
    assert {"fleet-ci", "fleet-ci-join"} <= set(removed)


def test_what_a_person_should_know_is_told_and_nothing_is_changed(world: FakeWorld) -> None:
    def told(of: Inventory) -> tuple[str, ...]:
        process = world.process(of)
        notes = firewall.notes(process.world)
        assert process.calls.changes == []
        return notes

    assert told(ME) == ()
    add(world, WEB)
    assert told(ME) == (
        'firewall fleet-ci has rules that are not fleet\'s, and keeps them: "web": in tcp 443 from 0.0.0.0/0',
    )
    world.operator.addresses = (CAFE,)
    assert told(ME)[1:] == (f"the firewall does not let in {CAFE}, where you come from: fleet up lets it in",)
    assert "not what they should be" in told(with_access("203.0.113.0/24"))[1]
    world.operator.addresses = ()
    world.clock.sleep(13 * 3600)
    assert told(ME)[1].startswith("could not learn the address we come from: write")


def test_before_the_first_machine_there_is_nothing_to_tell() -> None:
    assert firewall.notes(FakeWorld().process(ME).world) == ()
