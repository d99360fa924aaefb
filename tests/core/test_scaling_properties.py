"""What holds of every pass, whatever is seen."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core.change import Plan, Verb
from fleet.core.inventory import Inventory
from fleet.core.lifecycle import LEAVE_AS_SURPLUS, OF_TAILNET, Step
from fleet.core.machine import Asker, Machine, Phase, join
from fleet.core.names import Tag, is_ours
from fleet.core.observation import Job, JobState, Observation
from fleet.core.plan import IN_SERVICE
from fleet.core.pricing import paid_minutes_left
from fleet.core.record import Record
from fleet.core.scaling import MARGIN, plan_scale
from tests.core.builders import NOW, catalog, job
from tests.core.worlds import WANTED, inventories, observations

pytestmark = pytest.mark.thorough


@dataclass(frozen=True)
class Case:
    """Two pools, up to eight names in all states, up to six jobs that wait, perhaps limits."""

    of: Inventory
    seen: Observation
    only_down: bool

    @property
    def plan(self) -> Plan:
        return plan_scale(self.of, self.seen, catalog(), WANTED, Record(), only_down=self.only_down)

    @property
    def machines(self) -> dict[str, Machine]:
        return {one.name: one for one in join(self.of, self.seen)}

    @property
    def ours(self) -> set[str]:
        """Names of our servers."""
        return {s.name for s in self.seen.servers if is_ours(s.name, s.tags, self.of.name, self.of.gitea)}


def _case(
    of: Inventory,
    observation: Observation,
    queue: list[Job],
    size: int | None,
    cap: Decimal | None,
    capacity: int,
    spare: int,
    only_down: bool,
) -> Case:
    pools = (replace(one, idle=spare, runner=replace(one.runner, capacity=capacity)) for one in of.pools)
    fleet = replace(of, pools=tuple(pools), max=size, max_eur_per_hour=cap)
    return Case(fleet, replace(observation, jobs=(*(observation.jobs or ()), *queue)), only_down)


def _waits(count: int, seconds: int, label: str) -> list[Job]:
    created = NOW - timedelta(seconds=seconds)
    plain = job(state=JobState.WAITING, runner_id=None, started=None, created=created, labels=frozenset({label}))
    return [replace(plain, id=n) for n in range(1, count + 1)]


def _aged(one: Observation, minutes: list[int]) -> Observation:
    """Its servers at these ages, so that some paid hours end and some have just begun."""
    servers = (
        replace(server, created=NOW - timedelta(minutes=age)) for server, age in zip(one.servers, minutes, strict=False)
    )
    return replace(one, servers=tuple(servers))


ages = st.sampled_from((1, 30, 54, 58, 90, 114, 119))
aged = st.builds(_aged, observations(), st.lists(ages, min_size=8, max_size=8))
labels = st.sampled_from(("ubuntu-latest", "ubuntu-latest", "mac"))
queues = st.builds(_waits, st.integers(0, 6), st.sampled_from((5, 60)), labels)
cases = st.builds(
    _case,
    inventories(),
    aged,
    queues,
    st.none() | st.integers(0, 6),
    st.sampled_from((None, Decimal("0.03"), Decimal("0.07"))),
    st.integers(1, 3),
    st.integers(0, 2),
    st.booleans(),
)
thorough = settings(max_examples=200, deadline=None)


def created(plan: Plan) -> set[str]:
    return {change.machine for change in plan.changes if Step.CREATE in change.steps}


def with_verb(plan: Plan, *verbs: Verb) -> set[str]:
    return {change.machine for change in plan.changes if change.verb in verbs}


def in_service(case: Case, pool: str) -> set[str]:
    return {m.name for m in case.machines.values() if m.phase in IN_SERVICE and m.pool and m.pool.name == pool}


@thorough
@given(cases)
def test_no_pool_grows_above_its_max(case: Case) -> None:
    plan = case.plan
    growing = {Verb.CREATE, Verb.TAKE_BACK}
    for one in case.of.pools:
        coming = {change.machine for change in plan.changes if change.pool == one.name and change.verb in growing}
        assert not coming or len(in_service(case, one.name) | coming) <= one.max
        assert coming <= {f"ci-{one.name}-{n}" for n in range(1, one.max + 1)}


@thorough
@given(cases)
def test_no_name_that_is_taken_gets_a_server(case: Case) -> None:
    assert not created(case.plan) & {one.name for one in case.seen.servers}


@thorough
@given(cases)
def test_the_fleet_grows_neither_above_the_global_max_nor_the_cap(case: Case) -> None:
    plan = case.plan
    if created(plan):
        assert case.of.max is None or len(case.ours | created(plan)) <= case.of.max
        assert case.of.max_eur_per_hour is None or plan.after.hour <= case.of.max_eur_per_hour


@thorough
@given(cases)
def test_a_pool_is_never_below_its_min_by_leaving(case: Case) -> None:
    leaving = with_verb(case.plan, Verb.REMOVE)
    for one in case.of.pools:
        here = in_service(case, one.name)
        assert not here & leaving or len(here - leaving) >= one.min


@thorough
@given(cases)
def test_what_is_paid_stays_until_its_hour_ends(case: Case) -> None:
    for name in with_verb(case.plan, Verb.REMOVE):
        one = case.machines[name]
        if one.server is not None and one.phase in {*IN_SERVICE, Phase.ORPHAN}:
            assert paid_minutes_left(one.server.created, NOW) <= case.of.cron.minutes + MARGIN


@thorough
@given(cases)
def test_no_machine_is_in_a_plan_twice(case: Case) -> None:
    names = Counter(change.machine for change in case.plan.changes)
    assert set(names.values()) <= {1}


@thorough
@given(cases)
def test_nobody_leaves_whom_a_person_keeps(case: Case) -> None:
    for name in with_verb(case.plan, Verb.REMOVE, Verb.TAKE_BACK):
        one = case.machines[name]
        assert one.phase not in {Phase.HELD, Phase.PAUSED, Phase.BOOTING}
        assert one.asker is not Asker.PERSON
        assert one.phase is not Phase.LOST or (one.server and Tag.SUSPECT in one.server.tags)


@thorough
@given(cases)
def test_only_what_is_ours_is_touched(case: Case) -> None:
    plan = case.plan
    touched = {change.machine for change in plan.todo} - created(plan)
    strangers = {one.name for one in case.seen.servers} - case.ours
    assert touched <= case.machines.keys()
    assert all(case.machines[name].phase is Phase.GHOST for name in touched & strangers)


@thorough
@given(cases)
def test_whoever_leaves_is_first_seen_to_be_empty(case: Case) -> None:
    for change in case.plan.changes:
        if Step.DELETE in change.steps:
            assert change.steps == tuple(step for step in LEAVE_AS_SURPLUS if step not in OF_TAILNET)


@thorough
@given(cases)
def test_only_down_is_the_removing_half_of_the_same_plan(case: Case) -> None:
    both, down = replace(case, only_down=False).plan, replace(case, only_down=True).plan
    removing = {Verb.REMOVE, Verb.TAKE_BACK}
    assert [c for c in down.changes if c.verb in removing] == [c for c in both.changes if c.verb in removing]
    others = [change for change in down.todo if change.verb not in removing]
    assert all(change.steps in {(Step.NOTE_GHOST,), (Step.WELL,)} for change in others)


@thorough
@given(cases)
def test_the_order_of_what_is_seen_does_not_matter(case: Case) -> None:
    one = case.seen
    turned = Observation(one.at, one.servers[::-1], (one.runners or ())[::-1], (one.jobs or ())[::-1], one.hosts)
    assert set(replace(case, seen=turned).plan.changes) == set(case.plan.changes)


@thorough
@given(cases)
def test_every_machine_has_a_change_with_a_reason(case: Case) -> None:
    plan = case.plan
    # With ``only_down`` a ghost whose name would get a server again is left for a pass that may give it one.
    untold = {name for name, one in case.machines.items() if one.phase is Phase.GHOST and case.only_down}
    assert case.machines.keys() - untold <= {change.machine for change in plan.changes}
    assert all(change.reason for change in plan.changes)
