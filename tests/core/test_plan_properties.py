"""What holds of every plan, whatever is seen."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core.change import Plan, Verb
from fleet.core.errors import HostSilent
from fleet.core.inventory import Inventory
from fleet.core.lifecycle import Step
from fleet.core.machine import Asker, Phase, join
from fleet.core.names import Tag, is_ours, read_server_name
from fleet.core.observation import Observation
from fleet.core.plan import plan_down, plan_up
from tests.core.builders import catalog
from tests.core.worlds import WANTED, done, inventories, observations, pools_of

REMOVING = {Step.DELETE, Step.DEREGISTER, Step.ASK_LEAVE}

worlds = given(inventories(), observations(), st.integers(0, 3))
thorough = settings(max_examples=100)


def up(of: Inventory, seen: Observation, add: int = 0) -> Plan:
    return plan_up(of, seen, catalog(), WANTED, add=add)


def phases(of: Inventory, seen: Observation) -> dict[str, Phase]:
    return {machine.name: machine.phase for machine in join(of, seen)}


@thorough
@worlds
def test_nothing_is_created_above_max(of: Inventory, seen: Observation, add: int) -> None:
    for change in up(of, seen, add).changes:
        if Step.CREATE in change.steps:
            name = read_server_name(change.machine)
            assert name is not None
            assert name.n <= pools_of(of)[name.pool].max


@thorough
@worlds
def test_no_more_is_created_than_is_missing(of: Inventory, seen: Observation, add: int) -> None:
    made = Counter(change.pool for change in up(of, seen, add).changes if change.verb is Verb.CREATE)
    for one in of.pools:
        assert made[one.name] <= max(one.min, add, one.min + add)


@thorough
@worlds
def test_no_name_is_in_a_plan_twice(of: Inventory, seen: Observation, add: int) -> None:
    names = [change.machine for change in up(of, seen, add).changes]
    assert len(names) == len(set(names))


@thorough
@worlds
def test_no_name_that_is_taken_gets_a_server(of: Inventory, seen: Observation, add: int) -> None:
    made = {change.machine for change in up(of, seen, add).changes if Step.CREATE in change.steps}
    assert not made & {server.name for server in seen.servers}


@thorough
@worlds
def test_up_does_not_touch_what_a_person_keeps_or_what_leaves(of: Inventory, seen: Observation, add: int) -> None:
    left_alone = {Phase.HELD, Phase.PAUSED, Phase.DRAINING, Phase.DRAINED, Phase.ORPHAN, Phase.BUSY}
    found = phases(of, seen)
    # To forget what was tried, or a silence that is over, takes a tag off and no more.
    touched = {change.machine for change in up(of, seen, add).todo if change.steps != (Step.WELL,)}
    assert not touched & {name for name, phase in found.items() if phase in left_alone}
    marked = {s.name for s in seen.servers if Tag.HELD in s.tags or "person" in s.tags.get(Tag.DRAINING, "")}
    assert not touched & marked


@thorough
@worlds
def test_up_does_not_touch_a_stranger(of: Inventory, seen: Observation, add: int) -> None:
    strangers = {s.name for s in seen.servers if not is_ours(s.name, s.tags, of.name, of.gitea)}
    assert not strangers & {change.machine for change in up(of, seen, add).todo}


@thorough
@worlds
def test_up_removes_nothing(of: Inventory, seen: Observation, add: int) -> None:
    for change in up(of, seen, add).changes:
        assert change.verb is not Verb.REMOVE
        assert not REMOVING & set(change.steps)


@thorough
@worlds
def test_up_does_not_stop_a_runner_that_works(of: Inventory, seen: Observation, add: int) -> None:
    busy = {m.name for m in join(of, seen) if m.jobs or (m.facts and m.facts.tasks)}
    for change in up(of, seen, add).todo:
        if change.machine in busy and Step.STOP in change.steps:
            assert Step.EMPTY in change.steps[: change.steps.index(Step.STOP)]


@thorough
@worlds
def test_a_server_is_reset_or_rebuilt_only_when_it_is_silent_or_has_been_emptied_and_stopped(
    of: Inventory, seen: Observation, add: int
) -> None:
    rows = {machine.name: machine for machine in join(of, seen)}
    for change in up(of, seen, add).todo:
        for step in {Step.RESET, Step.REBUILD} & set(change.steps):
            machine = rows[change.machine]
            assert not machine.jobs
            if machine.facts is None:
                assert isinstance(machine.host, HostSilent)
                continue
            before = change.steps[: change.steps.index(step)]
            assert {Step.CORDON, Step.EMPTY, Step.STOP, Step.STILL_EMPTY} <= set(before)
            assert not machine.facts.tasks


@thorough
@worlds
def test_no_rung_is_climbed_on_a_machine_with_a_job_or_one_that_a_person_keeps(
    of: Inventory, seen: Observation, add: int
) -> None:
    rows = {machine.name: machine for machine in join(of, seen)}
    for change in up(of, seen, add).todo:
        if change.rung is not None:
            machine = rows[change.machine]
            assert not machine.jobs
            assert not (machine.facts and machine.facts.tasks)
            assert machine.asker is not Asker.PERSON
            assert machine.phase not in {Phase.HELD, Phase.PAUSED, Phase.BUSY}


@thorough
@worlds
def test_after_its_own_effect_up_has_nothing_to_do(of: Inventory, seen: Observation, add: int) -> None:
    after = done(up(of, seen, add), seen)
    assert up(of, after).todo == ()


@thorough
@worlds
def test_every_machine_has_a_change_and_every_change_a_reason(of: Inventory, seen: Observation, add: int) -> None:
    changes = up(of, seen, add).changes
    assert phases(of, seen).keys() <= {change.machine for change in changes}
    assert all(change.reason for change in changes)


@thorough
@worlds
def test_a_change_without_steps_says_keep_or_refuse(of: Inventory, seen: Observation, add: int) -> None:
    for change in up(of, seen, add).changes:
        assert (change.steps == ()) == (change.verb in {Verb.KEEP, Verb.REFUSE})


@thorough
@worlds
def test_the_same_seen_in_another_order_is_the_same_plan(of: Inventory, seen: Observation, add: int) -> None:
    other = Observation(seen.at, seen.servers[::-1], (seen.runners or ())[::-1], (seen.jobs or ())[::-1], seen.hosts)
    assert set(up(of, other, add).changes) == set(up(of, seen, add).changes)


@thorough
@worlds
def test_up_costs_more_only_by_what_it_creates(of: Inventory, seen: Observation, add: int) -> None:
    plan = up(of, seen, add)
    made = any(Step.CREATE in change.steps for change in plan.changes)
    assert (plan.after.hour > plan.before.hour) == made
    assert plan.after.hour >= plan.before.hour


@thorough
@given(inventories(), observations())
def test_down_covers_each_machine_of_ours_and_no_other(of: Inventory, seen: Observation) -> None:
    changes = plan_down(of, seen, catalog()).changes
    assert [change.machine for change in changes] == list(phases(of, seen))
    ours = {s.name for s in seen.servers if is_ours(s.name, s.tags, of.name, of.gitea)}
    ours |= {record.name for record in seen.runners or ()}
    assert {change.machine for change in changes} == ours
    assert all(change.reason for change in changes)


@thorough
@given(inventories(), observations())
def test_down_removes_all_but_the_held(of: Inventory, seen: Observation) -> None:
    found = phases(of, seen)
    for change in plan_down(of, seen, catalog()).changes:
        assert (change.verb is Verb.KEEP) == (found[change.machine] is Phase.HELD)


@thorough
@given(inventories(), observations())
def test_down_deletes_only_servers_that_are_there_and_ours(of: Inventory, seen: Observation) -> None:
    ours = {s.name for s in seen.servers if is_ours(s.name, s.tags, of.name, of.gitea)}
    deleted = {c.machine for c in plan_down(of, seen, catalog()).changes if Step.DELETE in c.steps}
    assert deleted <= ours
