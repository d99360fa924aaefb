"""Static hosts: joined, planned and counted like machines, and never made, reset, deleted, paid for or surplus."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.change import Change, Plan, Verb
from fleet.core.errors import HostOfAnother, HostSilent, LoginRefused, WrongHostKey
from fleet.core.facts import HostFacts, Registration
from fleet.core.inventory import HostState, Inventory, StaticHost
from fleet.core.lifecycle import NEVER_ON_STATIC, Step
from fleet.core.machine import Machine, Phase, join
from fleet.core.names import Tag
from fleet.core.observation import HostSeen, Job, JobState, Observation, Runner
from fleet.core.plan import plan_down, plan_up
from fleet.core.record import Record
from fleet.core.scaling import plan_scale
from fleet.core.static_hosts import birth_memory, needs_cloud
from tests.core.builders import NOW, catalog, facts, fresh, inventory, job, pool, runner, seen, server, wanted

NAME = "ci-build.desk"
SILENT = HostSilent("no answer", hint="is it on?")
FORBIDDEN = NEVER_ON_STATIC | {Step.DELETE, Step.ASK_SCALE}


def static(state: HostState = HostState.PRESENT, *, least: int = 0, most: int = 0, idle: int = 0) -> Inventory:
    host = StaticHost("desk", "192.0.2.9", state=state)
    return inventory(pool(min=least, max=most, idle=idle, hosts=(host,)))


def good(**more: Any) -> HostFacts:
    """The host in service, its runner (id 7) running."""
    memory = birth_memory(static(), NAME)
    return facts(registration=Registration(7, "u-7", NAME, "https://gitea.example"), memory=memory, **more)


def record(**more: Any) -> Runner:
    return replace(runner(NAME), **more)


def look(*parts: Runner | Job, host: HostSeen | None = None) -> Observation:
    return seen(*parts, hosts={NAME: host} if host else {})


def row(observation: Observation, of: Inventory | None = None) -> Machine:
    return next(machine for machine in join(of or static(), observation) if machine.name == NAME)


def up(observation: Observation, of: Inventory | None = None) -> Plan:
    return plan_up(of or static(), observation, catalog(), {"build": wanted()})


def scale(observation: Observation, of: Inventory | None = None) -> Plan:
    return plan_scale(of or static(), observation, catalog(), {"build": wanted()}, Record())


def change(plan: Plan) -> Change:
    return next(one for one in plan.changes if one.machine == NAME)


@pytest.mark.parametrize(
    ("host", "said", "expected"),
    [
        (fresh(), None, Phase.BARE),
        (fresh(boot=""), None, Phase.BARE),
        (fresh(docker_active=True), None, Phase.UNREGISTERED),
        (fresh(docker_active=True, tasks=("GITEA-ACTIONS-TASK-1",)), None, Phase.UNREGISTERED),
        (good(), record(), Phase.IDLE),
        (good(boot=""), record(), Phase.IDLE),
        (good(tasks=("GITEA-ACTIONS-TASK-1",)), record(), Phase.BUSY),
        (good(), record(disabled=True), Phase.PAUSED),
        (good(), record(online=False), Phase.OFFLINE),
        (good(container=None), record(), Phase.OFFLINE),
        (good(), None, Phase.UNREGISTERED),
        (replace(good(), memory={Tag.HELD: "person"}), record(), Phase.HELD),
        (replace(good(), memory={Tag.DRAINING: "person.1"}), record(), Phase.DRAINING),
        (replace(good(container=None), memory={Tag.DRAINING: "person.1"}), record(), Phase.DRAINED),
        (replace(good(), memory={Tag.DRAINING: "repair.1"}), record(), Phase.IDLE),
        (replace(good(), memory={Tag.DRAINING: "repair.1"}), record(disabled=True), Phase.OFFLINE),
        (fresh(memory={Tag.DOWN: "person.1"}), None, Phase.ABSENT),
        (fresh(memory={Tag.DOWN: "person.1"}), record(online=False), Phase.BARE),
        (SILENT, record(), Phase.IDLE),
        (SILENT, record(online=False), Phase.LOST),
        (SILENT, None, Phase.LOST),
        (None, None, Phase.LOST),
    ],
)
def test_the_phase_of_a_static_host(host: HostSeen | None, said: Runner | None, expected: Phase) -> None:
    assert row(look(*([said] if said else []), host=host)).phase is expected


ENTERS = (Step.SET_UP, Step.REGISTER, Step.START, Step.ONLINE)


@pytest.mark.parametrize(
    ("host", "said", "verb", "steps"),
    [
        (fresh(), None, Verb.FINISH, ENTERS),
        (good(), record(), Verb.KEEP, ()),
        (replace(good(), files={}), record(), Verb.REPAIR, None),
        (fresh(memory={Tag.DOWN: "person.1"}), None, Verb.FINISH, ENTERS),
        # Nothing can be done to a host that is not ours to reset: it is told.
        (SILENT, record(online=False), Verb.REFUSE, ()),
        (SILENT, record(), Verb.KEEP, ()),
        (WrongHostKey("another key"), record(), Verb.REFUSE, ()),
        (LoginRefused("no"), None, Verb.REFUSE, ()),
        (None, record(online=False), Verb.KEEP, ()),
    ],
)  # fmt: skip
def test_up_brings_a_static_host_into_service(
    host: HostSeen | None, said: Runner | None, verb: Verb, steps: tuple[Step, ...] | None
) -> None:
    found = change(up(look(*([said] if said else []), host=host)))
    assert found.verb is verb
    assert steps is None or found.steps == steps


LEAVES = (
    Step.ASK_LEAVE, Step.CORDON, Step.EMPTY, Step.STOP, Step.STILL_EMPTY, Step.DEREGISTER, Step.CLEAR,
)  # fmt: skip


@pytest.mark.parametrize(
    ("host", "said", "verb", "steps"),
    [
        (good(), record(), Verb.REMOVE, LEAVES),
        (replace(good(), memory={Tag.DRAINING: "person.1"}), record(), Verb.REMOVE, LEAVES),
        (fresh(), record(online=False), Verb.REMOVE, LEAVES),
        (fresh(), None, Verb.KEEP, ()),
        (SILENT, None, Verb.KEEP, ()),
        (replace(good(), memory={Tag.HELD: "person"}), record(), Verb.KEEP, ()),
    ],
)
def test_a_host_that_should_be_absent_leaves_by_the_same_steps_and_stays(
    host: HostSeen, said: Runner | None, verb: Verb, steps: tuple[Step, ...]
) -> None:
    observation = look(*([said] if said else []), host=host)
    for plan in (up(observation, static(HostState.ABSENT)), scale(observation, static(HostState.ABSENT))):
        assert (change(plan).verb, change(plan).steps) == (verb, steps)


def test_what_a_person_took_down_no_pass_brings_back() -> None:
    down = look(host=fresh(memory={Tag.DOWN: "person.1"}))
    assert (change(scale(down)).verb, change(scale(down)).hint) == (Verb.KEEP, "fleet up")
    assert change(up(down)).verb is Verb.FINISH


@pytest.mark.parametrize(
    "memory",
    [{Tag.FLEET: "other"}, {Tag.FLEET: "ci", Tag.GITEA: "0123456789"}, {Tag.MACHINE: "ci-build.old"}],
)
def test_a_host_that_serves_as_another_is_refused_by_every_command(memory: dict[str, str]) -> None:
    observation = look(record(), host=replace(good(), memory=memory))
    assert isinstance(row(observation).host, HostOfAnother)
    for plan in (up(observation), scale(observation), plan_down(static(), observation, catalog())):
        assert (change(plan).verb, change(plan).steps) == (Verb.REFUSE, ())
        assert change(plan).hint


def test_the_record_of_a_host_without_entry_is_told_and_never_removed_unasked() -> None:
    gone = look(record(online=False))
    without = inventory(pool(min=0, max=0))
    for plan in (up(gone, without), scale(gone, without), plan_down(without, gone, catalog())):
        assert (change(plan).verb, change(plan).steps) == (Verb.KEEP, ())
        assert 'state = "absent"' in change(plan).hint
    named = plan_down(without, gone, catalog(), names=[NAME])
    assert change(named).steps == (Step.FORGET_GHOST,)
    works_on = plan_down(without, look(record()), catalog(), names=[NAME])
    assert (change(works_on).verb, change(works_on).steps) == (Verb.REFUSE, ())


def test_without_an_account_the_record_of_a_server_is_unknown_and_kept() -> None:
    unknown = replace(seen(runner("ci-build-1", online=False)), servers_known=False)
    for plan in (up(unknown), scale(unknown), plan_down(static(), unknown, catalog(), names=["ci-build-1"])):
        found = next(one for one in plan.changes if one.machine == "ci-build-1")
        assert (found.verb, found.steps) == (Verb.KEEP, ())


def test_only_a_pool_that_may_rent_needs_an_account() -> None:
    assert not needs_cloud(static())
    assert needs_cloud(static(most=1))
    assert needs_cloud(inventory())


def waiting(count: int) -> list[Job]:
    jobs = (job(id=100 + n, runner_id=None, state=JobState.WAITING, started=None) for n in range(count))
    return [replace(one, created=NOW.replace(hour=11)) for one in jobs]


@pytest.mark.parametrize(("jobs", "created"), [(0, 0), (1, 0), (2, 1), (3, 2), (9, 3)])
def test_jobs_count_on_a_static_host_before_a_server_is_rented(jobs: int, created: int) -> None:
    plan = scale(look(record(), *waiting(jobs), host=good()), static(most=3))
    assert sum(one.verb is Verb.CREATE for one in plan.changes) == created


def test_a_static_host_out_of_service_is_not_counted_on() -> None:
    for broken in (SILENT, replace(good(), memory={Tag.DRAINING: "person.1"})):
        plan = scale(look(record(online=False), *waiting(1), host=broken), static(most=3))
        assert sum(one.verb is Verb.CREATE for one in plan.changes) == 1


def test_a_static_host_counts_as_kept_free_and_never_as_min_or_max() -> None:
    idle = look(record(), host=good())
    assert not [one for one in scale(idle, static(most=2, idle=1)).changes if one.verb is Verb.CREATE]
    assert len([one for one in scale(idle, static(most=2, idle=2)).changes if one.verb is Verb.CREATE]) == 1
    assert len([one for one in up(idle, static(least=1, most=1)).changes if one.verb is Verb.CREATE]) == 1


def test_of_a_server_and_a_static_host_the_server_is_surplus() -> None:
    observation = replace(
        seen(server(minutes=56), record(), runner(id=8), hosts={NAME: good(), "ci-build-1": facts()}),
    )
    observation = replace(
        observation, hosts={**observation.hosts, "ci-build-1": facts(registration=Registration(8, "u", "ci-build-1", "https://gitea.example"))}
    )  # fmt: skip
    plan = scale(observation, static(most=1))
    assert [one.machine for one in plan.changes if one.verb is Verb.REMOVE] == ["ci-build-1"]


ANSWERS: tuple[HostSeen | None, ...] = (
    None, SILENT, LoginRefused("no"), WrongHostKey("no"), fresh(), fresh(docker_active=True), good(),
    replace(good(), files={}), good(container=None), good(tasks=("GITEA-ACTIONS-TASK-1",)),
    *(replace(good(), memory={key: value}) for key, value in (
        (Tag.HELD, "person"), (Tag.DRAINING, "person.1"), (Tag.DRAINING, "repair.1"), (Tag.DRAINING, "scale.1"),
        (Tag.SUSPECT, "silent.1"), (Tag.REPAIR, "reset.1"), (Tag.REPAIR, "register.1"),
        (Tag.DOWN, "person.1"), (Tag.FLEET, "other"),
    )),
)  # fmt: skip


@given(
    host=st.sampled_from(ANSWERS),
    said=st.sampled_from((None, record(), record(online=False), record(disabled=True))),
    works=st.booleans(),
    state=st.sampled_from(HostState),
    bounds=st.sampled_from(((0, 0), (0, 2), (1, 2))),
    force=st.booleans(),
)
def test_nothing_is_ever_made_reset_or_deleted_and_nothing_costs(
    host: HostSeen | None, said: Runner | None, works: bool, state: HostState, bounds: tuple[int, int], force: bool
) -> None:
    of = static(state, least=bounds[0], most=bounds[1])
    parts: list[Runner | Job] = [*([said] if said else []), *([job()] if said and works else [])]
    observation = look(*parts, host=host)
    for plan in (up(observation, of), scale(observation, of), plan_down(of, observation, catalog(), force=force)):
        assert not FORBIDDEN & set(change(plan).steps)
        assert plan.before.hour == 0
        assert change(plan).reason


def test_one_with_a_job_is_busy_even_when_its_runners_file_is_not_there() -> None:
    lost = replace(good(), registration=None)
    busy = look(record(), job(runner_id=7), host=lost)
    assert row(busy).phase is Phase.BUSY
    assert change(up(busy)).steps == change(scale(busy)).steps == ()
