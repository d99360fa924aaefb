"""What a pass decides: each rule of how many and which in both directions,
case by case, with the reason a person reads."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from fleet.core.change import Plan, Verb
from fleet.core.errors import HostError, HostSilent, LoginRefused, WrongHostKey
from fleet.core.facts import Registration
from fleet.core.inventory import CacheSettings, CronSettings, Inventory, Pool
from fleet.core.lifecycle import LEAVE_AS_SURPLUS, TAKE_BACK_BUSY, TAKE_BACK_EMPTY, Step
from fleet.core.names import Tag, read_server_name
from fleet.core.observation import HostSeen, Job, JobState, Observation, Runner, Server
from fleet.core.record import Record
from fleet.core.scaling import GHOST_GRACE, plan_scale
from tests.core.builders import (
    GITEA,
    NOW,
    catalog,
    facts,
    foreign,
    fresh,
    inventory,
    job,
    plain,
    pool,
    runner,
    seen,
    server,
    wanted,
)

SILENT = HostSilent("no answer")
SOON, LATE = 7, 8
"""Paid minutes left when a machine may leave (5 between passes, and 2), and when it may not yet."""


@dataclass(frozen=True)
class Shown:
    """One machine as it is seen. ``host``: what differs from a good host, or its whole answer."""

    name: str
    parts: tuple[Server | Runner | Job, ...]
    host: dict[str, Any] | HostSeen | None

    @property
    def id(self) -> int:
        return _id(self.name)


def _id(name: str) -> int:
    parts = read_server_name(name)
    assert parts is not None
    return parts.n + 100 * sum(map(ord, parts.pool))


def idle(n: int, left: int = 30, *, of: str = "build", tags: dict[str, str] | None = None, **record: Any) -> Shown:
    name = f"ci-{of}-{n}"
    return Shown(name, (_server(name, left, tags), runner(name, **{"id": _id(name), **record})), {})


def busy(n: int, jobs: int = 1, left: int = 30, *, of: str = "build", tags: dict[str, str] | None = None) -> Shown:
    one = idle(n, left, of=of, tags=tags)
    return replace(one, parts=(*one.parts, *(job(id=100 * one.id + i, runner_id=one.id) for i in range(jobs))))


def booting(n: int, left: int = 58, *, of: str = "build") -> Shown:
    name = f"ci-{of}-{n}"
    return Shown(name, (_server(name, left),), fresh(boot=""))


def offline(n: int, left: int = 30) -> Shown:
    return replace(idle(n, left, online=False), host={"container": None})


def draining(n: int, jobs: int = 0, left: int = 30, asker: str = "scale") -> Shown:
    return busy(n, jobs, left, tags={Tag.DRAINING: f"{asker}.1"})


def lost(n: int, left: int = 5, *, twice: bool = True, tried: str = "reset") -> Shown:
    ago = int(NOW.timestamp()) - 3600
    tags = {Tag.SUSPECT: f"silent.{ago}", Tag.REPAIR: f"{tried}.{ago}"} if twice else {}
    name = f"ci-build-{n}"
    created = NOW - timedelta(minutes=120 - left)
    return Shown(name, (server(name, tags=tags, created=created), runner(name, id=_id(name), online=False)), SILENT)


def ghost(n: int, *, online: bool = False) -> Runner:
    return runner(f"ci-build-{n}", id=_id(f"ci-build-{n}"), online=online)


def waits(count: int = 1, seconds: int = 60, label: str = "ubuntu-latest") -> list[Job]:
    created = NOW - timedelta(seconds=seconds)
    plain = job(state=JobState.WAITING, runner_id=None, started=None, created=created, labels=frozenset({label}))
    return [replace(plain, id=n) for n in range(1, count + 1)]


def _server(name: str, left: int, tags: dict[str, str] | None = None) -> Server:
    return server(name, id=_id(name), minutes=60 - left, tags=tags)


def a_pool(name: str = "build", *, capacity: int = 1, **more: Any) -> Pool:
    return pool(name, **{"runner": replace(pool().runner, capacity=capacity), "min": 0, "max": 4, **more})


def observed(of: Inventory, *shown: Shown | Runner | Server | Iterable[Job]) -> Observation:
    parts: list[Server | Runner | Job] = []
    hosts: dict[str, HostSeen] = {}
    for one in shown:
        match one:
            case Shown():
                parts += one.parts
                hosts |= _host(of, one)
            case Runner() | Server():
                parts.append(one)
            case _:
                parts += one
    return seen(*parts, hosts=hosts)


def _host(of: Inventory, one: Shown) -> dict[str, HostSeen]:
    if not isinstance(one.host, dict):
        return {one.name: one.host} if one.host else {}
    parts = read_server_name(one.name)
    found = of.pool(parts.pool) if parts else None
    registration = Registration(one.id, "u", one.name, GITEA.runner_url)
    return {one.name: facts(wanted(found or pool()), registration=registration, **one.host)}


def scale(
    *shown: Shown | Runner | Server | Iterable[Job],
    of: Inventory | Pool | None = None,
    record: Record | None = None,
    only_down: bool = False,
) -> Plan:
    fleet = of if isinstance(of, Inventory) else inventory(of or a_pool())
    hosts = {one.name: wanted(one) for one in fleet.pools}
    return plan_scale(fleet, observed(fleet, *shown), catalog(), hosts, record or Record(), only_down=only_down)


def verbs(plan: Plan) -> dict[str, str]:
    return {change.machine.removeprefix("ci-"): change.verb.value for change in plan.changes}


def todo(plan: Plan) -> dict[str, str]:
    return {change.machine.removeprefix("ci-"): change.verb.value for change in plan.todo}


def reason(plan: Plan, name: str) -> str:
    (found,) = (change.reason for change in plan.changes if change.machine == f"ci-{name}")
    return found


# How many.


def test_nothing_waits_and_nothing_comes() -> None:
    assert scale().changes == ()


@pytest.mark.parametrize(("seconds", "comes"), [(19, {}), (20, {"build-1": "create"})])
def test_a_machine_comes_for_a_job_that_has_waited_twenty_seconds(seconds: int, comes: dict[str, str]) -> None:
    assert todo(scale(waits(1, seconds))) == comes


@pytest.mark.parametrize(("capacity", "count", "machines"), [(1, 3, 3), (2, 3, 2), (2, 4, 2), (3, 1, 1), (1, 9, 4)])
def test_as_many_come_as_the_jobs_fill(capacity: int, count: int, machines: int) -> None:
    plan = scale(waits(count), of=a_pool(capacity=capacity))
    assert list(todo(plan)) == [f"build-{n}" for n in range(1, machines + 1)]


@pytest.mark.parametrize("free", [idle(1), booting(1)], ids=["idle", "booting"])
def test_a_machine_that_is_free_or_on_its_way_is_counted(free: Shown) -> None:
    assert Verb.CREATE not in verbs(scale(free, waits(1))).values()
    assert todo(scale(free, waits(2)))["build-2"] == Verb.CREATE


def test_free_slots_of_busy_machines_are_counted() -> None:
    of = a_pool(capacity=2)
    assert todo(scale(busy(1), busy(2), waits(2), of=of)) == {}
    assert todo(scale(busy(1), busy(2), waits(3), of=of)) == {"build-3": "create"}


def test_min_and_idle_are_kept() -> None:
    assert todo(scale(of=a_pool(min=2))) == {"build-1": "create", "build-2": "create"}
    assert todo(scale(busy(1), of=a_pool(idle=1))) == {"build-2": "create"}
    assert todo(scale(busy(1), idle(2, SOON), of=a_pool(idle=1))) == {}
    assert todo(scale(idle(1, SOON), idle(2, SOON), of=a_pool(min=1))) == {"build-1": "remove"}


def test_max_holds_for_jobs_min_and_idle() -> None:
    assert len(todo(scale(waits(9), of=a_pool(max=2, idle=3)))) == 2


def test_a_machine_that_leaves_is_not_counted_and_its_number_not_used() -> None:
    assert todo(scale(draining(1, jobs=1, asker="person"), waits(1))) == {"build-2": "create"}
    assert todo(scale(draining(1, jobs=1, asker="person"), waits(1), of=a_pool(max=1))) == {}


def test_a_job_that_no_pool_can_run_is_told_of_and_rents_nothing() -> None:
    plan = scale(waits(1, label="mac"))
    assert plan.changes == ()
    assert plan.notes == ("job 1 (test) waits, and no pool has all of its labels: mac",)


def test_a_limit_bites_the_pool_of_lower_priority() -> None:
    of = inventory(a_pool(min=1), a_pool("big", min=1, priority=1), max=1)
    plan = scale(of=of)
    assert verbs(plan) == {"big-1": "create", "build-1": "limit"}
    assert reason(plan, "build-1") == "not created: the fleet has 1 machines, and max is 1"


def test_the_global_max_counts_what_leaves_and_what_nobody_wants() -> None:
    of = inventory(a_pool(max=4), max=3)
    orphan = idle(1, of="gone")
    plan = scale(draining(1, jobs=1, asker="person"), orphan, waits(3), of=of)
    assert verbs(plan) == {
        "build-1": "keep",
        "build-2": "create",
        "build-3": "limit",
        "build-4": "limit",
        "gone-1": "keep",
    }


@pytest.mark.parametrize(("cap", "made"), [("0.0271", 0), ("0.0272", 1), ("0.0408", 2)])
def test_the_cap_refuses_growth_beyond_it_and_names_it(cap: str, made: int) -> None:
    plan = scale(busy(1), waits(2), of=inventory(a_pool(), max_eur_per_hour=Decimal(cap)))
    found = Counter(change.verb for change in plan.changes)
    assert (found[Verb.CREATE], found[Verb.LIMIT]) == (made, 2 - made)
    assert all("max_eur_per_hour" in one.reason and not one.steps for one in plan.changes if one.verb is Verb.LIMIT)
    assert plan.after.hour <= Decimal(cap)


def test_the_cap_never_refuses_a_repair() -> None:
    of = inventory(a_pool(min=1), max_eur_per_hour=Decimal("0.0001"))
    assert verbs(scale(offline(1), of=of)) == {"build-1": "repair"}


# Which.


@pytest.mark.parametrize(("left", "leaves"), [(60, False), (LATE, False), (SOON, True), (1, True)])
def test_surplus_leaves_only_when_its_paid_hour_ends(left: int, leaves: bool) -> None:
    plan = scale(idle(1, left))
    assert todo(plan) == ({"build-1": "remove"} if leaves else {})
    assert f"{left} paid minutes left" in reason(plan, "build-1")


@pytest.mark.parametrize(("minutes", "left", "leaves"), [(1, 3, True), (1, 4, False), (10, 12, True), (10, 13, False)])
def test_the_last_minutes_follow_the_period_of_cron(minutes: int, left: int, leaves: bool) -> None:
    of = inventory(a_pool(), cron=CronSettings(minutes))
    assert bool(todo(scale(idle(1, left), of=of))) is leaves


def test_what_leaves_does_so_without_losing_a_job() -> None:
    (change,) = scale(idle(1, SOON)).changes
    assert change.steps == plain(LEAVE_AS_SURPLUS)
    assert change.reason == "not needed, 7 paid minutes left: 0 running, 0 waiting; min 0, max 4"


def test_those_whose_hour_ends_soonest_leave_first() -> None:
    of = a_pool(min=1)
    assert todo(scale(idle(1, 6), idle(2, 3), idle(3, 5), of=of)) == {
        "build-2": "remove",
        "build-3": "remove",
    }
    assert todo(scale(idle(1, 40), idle(2, 50), idle(3, SOON), of=a_pool(min=2))) == {"build-3": "remove"}


def test_broken_ones_leave_first_and_are_not_mended() -> None:
    plan = scale(idle(1, 3), offline(2, SOON), of=a_pool(min=1))
    assert verbs(plan) == {"build-1": "keep", "build-2": "remove"}


def test_a_broken_one_that_is_wanted_is_mended() -> None:
    assert todo(scale(offline(1, SOON), of=a_pool(min=1))) == {"build-1": "repair"}


def test_a_broken_one_that_is_not_wanted_waits_for_the_end_of_its_hour_as_it_is() -> None:
    plan = scale(offline(1, LATE))
    assert todo(plan) == {}
    assert reason(plan, "build-1") == "offline, not needed, 8 paid minutes left"


def test_a_busy_machine_never_leaves_as_surplus() -> None:
    assert todo(scale(busy(1, left=1), of=a_pool(max=1))) == {}
    assert todo(scale(busy(1, left=1), busy(2, left=1), of=a_pool(max=2, capacity=1))) == {}


def test_a_machine_with_a_task_that_gitea_does_not_list_never_leaves() -> None:
    one = replace(idle(1, SOON), host={"tasks": ("GITEA-ACTIONS-TASK-1",)})
    assert todo(scale(one)) == {}


@pytest.mark.parametrize(
    "one",
    [
        idle(1, 1, tags={Tag.HELD: "1"}),
        idle(1, 1, tags={Tag.HELD: f"until.{int(NOW.timestamp()) + 1}"}),
        idle(1, 1, disabled=True),
        draining(1, left=1, asker="person"),
        draining(1, left=1, asker="somebody"),
        booting(1, left=1),
    ],
    ids=["held", "held for a time", "paused", "drained by a person", "drained by whom", "booting"],
)
def test_what_a_person_keeps_and_what_boots_never_leaves(one: Shown) -> None:
    found = scale(one)
    assert set(verbs(found)) == {"build-1"}
    assert Verb.REMOVE not in verbs(found).values()
    assert reason(found, "build-1")


def test_a_hold_that_has_ended_holds_no_more() -> None:
    one = idle(1, SOON, tags={Tag.HELD: f"until.{int(NOW.timestamp())}"})
    assert todo(scale(one)) == {"build-1": "remove"}


def test_a_lost_machine_leaves_only_when_an_earlier_pass_has_seen_it_so() -> None:
    assert todo(scale(lost(1, twice=True))) == {"build-1": "remove"}
    assert Verb.REMOVE not in todo(scale(lost(1, twice=False))).values()


# What leaves, and comes back.


@pytest.mark.parametrize(("jobs", "steps"), [(0, TAKE_BACK_EMPTY), (1, TAKE_BACK_BUSY)])
def test_what_a_pass_cordoned_is_taken_back_before_a_new_one_is_rented(jobs: int, steps: tuple[Step, ...]) -> None:
    (change,) = scale(draining(1, jobs), waits(1)).todo
    assert (change.verb, change.machine, change.steps) == (Verb.TAKE_BACK, "ci-build-1", steps)


def test_only_as_many_are_taken_back_as_are_wanted_longest_paid_first() -> None:
    plan = scale(draining(1, left=10), draining(2, left=40), draining(3, left=20), waits(2))
    assert todo(plan) == {"build-1": "remove", "build-2": "take back", "build-3": "take back"}


def test_what_is_missing_beyond_them_is_rented() -> None:
    assert todo(scale(draining(1), waits(2))) == {"build-1": "take back", "build-2": "create"}


@pytest.mark.parametrize("left", [1, 30, 60])
def test_what_is_not_wanted_again_goes_on_leaving_whatever_its_hour(left: int) -> None:
    for jobs in (0, 1):
        assert todo(scale(draining(1, jobs, left))) == {"build-1": "remove"}


def test_what_a_person_drained_is_not_taken_back() -> None:
    assert todo(scale(draining(1, asker="person"), waits(1), of=a_pool(max=1))) == {}


# A trickle of jobs.


def test_a_machine_with_few_jobs_is_emptied_when_the_others_have_room() -> None:
    plan = scale(busy(1, 1, SOON), busy(2, 1), of=a_pool(capacity=2))
    assert todo(plan) == {"build-1": "remove"}
    assert reason(plan, "build-1").startswith("1 of 2 jobs, the others have room")


def test_the_machine_whose_cache_the_others_use_is_not_emptied_for_that() -> None:
    served = inventory(a_pool(capacity=2), cache=CacheSettings(machine="ci-build-1", network="inside"))
    assert todo(scale(busy(1, 1, SOON), busy(2, 1), of=served)) == {}
    assert todo(scale(busy(1, 1, SOON), busy(2, 1, SOON), of=served)) == {"build-2": "remove"}


@pytest.mark.parametrize(
    ("shown", "of"),
    [
        ([busy(1, 1, LATE), busy(2, 1)], a_pool(capacity=2)),
        ([busy(1, 1, SOON), busy(2, 2)], a_pool(capacity=2)),
        ([busy(1, 1, SOON), busy(2, 1)], a_pool(capacity=2, min=2)),
        ([busy(1, 1, SOON), busy(2, 1), waits(1)], a_pool(capacity=2)),
        ([busy(1, 1, SOON), busy(2, 1), booting(3), waits(1)], a_pool(capacity=2)),
        ([busy(1, 1, SOON), busy(2, 1)], a_pool(capacity=1)),
        ([busy(1, 1, SOON)], a_pool(capacity=2)),
        ([busy(1, 2, SOON), busy(2, 1, SOON), busy(3, 1)], a_pool(capacity=3, idle=1)),
    ],
    ids=[
        "hour not over",
        "no room",
        "min",
        "a job waits",
        "a job waits for one that boots",
        "one slot each",
        "the last one",
        "one kept free",
    ],
)
def test_it_is_not_emptied_when_its_slots_are_needed(shown: list[Shown | list[Job]], of: Pool) -> None:
    assert Verb.REMOVE not in todo(scale(*shown, of=of)).values()


def test_one_at_a_time_is_emptied_the_one_with_fewest_jobs_first() -> None:
    of = a_pool(capacity=4)
    assert todo(scale(busy(1, 2, SOON), busy(2, 1, SOON), busy(3, 1, 60), of=of)) == {"build-2": "remove"}


def test_none_is_emptied_while_an_idle_one_is_surplus() -> None:
    of = a_pool(capacity=2)
    assert todo(scale(busy(1, 1, SOON), busy(2, 1), idle(3, 40), of=of)) == {}


# What nobody wants.


@pytest.mark.parametrize(("left", "leaves"), [(LATE, False), (SOON, True)])
@pytest.mark.parametrize("orphan", ["gone-1", "build-5"])
def test_an_orphan_leaves_when_its_hour_ends(orphan: str, left: int, leaves: bool) -> None:
    of, _, n = orphan.rpartition("-")
    plan = scale(idle(int(n), left, of=of))
    assert todo(plan) == ({orphan: "remove"} if leaves else {})
    assert reason(plan, orphan) == f"the inventory does not want it, {left} paid minutes left"


@pytest.mark.parametrize(
    ("since", "verb", "steps"),
    [
        (None, Verb.KEEP, (Step.NOTE_GHOST,)),
        (1, Verb.KEEP, ()),
        (GHOST_GRACE - 1, Verb.KEEP, ()),
        (GHOST_GRACE, Verb.REMOVE, (Step.FORGET_GHOST,)),
    ],
)
def test_a_ghost_is_noted_first_and_removed_by_a_later_pass(
    since: int | None, verb: Verb, steps: tuple[Step, ...]
) -> None:
    one = ghost(1)
    record = Record() if since is None else Record(ghosts={one.id: int(NOW.timestamp()) - since})
    (change,) = scale(one, record=record).changes
    assert (change.verb, change.steps) == (verb, steps)


def test_a_ghost_that_is_online_or_has_a_job_is_kept() -> None:
    old = Record(ghosts={ghost(1).id: 1})
    assert todo(scale(ghost(1, online=True), record=old)) == {}
    assert todo(scale(ghost(1), [job(runner_id=ghost(1).id)], record=old)) == {}


def test_the_name_of_a_ghost_may_get_a_server_again() -> None:
    (change,) = scale(ghost(1), waits(1), record=Record(ghosts={ghost(1).id: 1})).changes
    assert (change.verb, change.machine) == (Verb.CREATE, "ci-build-1")


def test_a_strangers_server_is_refused_as_a_name_and_otherwise_not_looked_at() -> None:
    assert scale(foreign("ci-build-1")).changes == ()
    assert verbs(scale(foreign("ci-build-1"), waits(1))) == {"build-1": "refuse", "build-2": "create"}


# The removing half.


def test_only_down_creates_nothing_and_mends_nothing() -> None:
    assert scale(waits(3), only_down=True).changes == ()
    plan = scale(booting(1), offline(2), waits(3), only_down=True)
    assert todo(plan) == {}
    assert {change.hint for change in plan.changes} == {"fleet up"}


def test_only_down_removes_and_takes_back() -> None:
    assert todo(scale(idle(1, SOON), only_down=True)) == {"build-1": "remove"}
    assert todo(scale(draining(1), waits(1), only_down=True)) == {"build-1": "take back"}


# Every machine has a reason.


def test_each_kept_machine_says_why() -> None:
    plan = scale(idle(1), busy(2), idle(3, tags={Tag.HELD: "1"}), idle(4, disabled=True), of=a_pool(max=9, min=4))
    assert [change.reason for change in plan.changes] == [
        "idle, wanted: 1 running, 0 waiting; min 4, max 9",
        f"busy with job {100 * _id('ci-build-2')} (test)",
        "held by a person",
        "disabled in Gitea, not by fleet",
    ]


# Machines that are there and take no job.


@pytest.mark.parametrize(
    "useless",
    [
        idle(1, disabled=True),
        lost(1, 30, tried="rebuild"),
        busy(1, tags={Tag.HELD: "1"}),
        idle(1, tags={Tag.HELD: "1"}, online=False),
    ],
    ids=["paused", "lost for good", "held and full", "held and offline"],
)
def test_a_job_does_not_wait_for_a_machine_that_takes_none(useless: Shown) -> None:
    assert todo(scale(useless, waits(1)))["build-2"] == Verb.CREATE
    assert "build-2" not in todo(scale(useless))
    assert "build-2" not in todo(scale(useless, waits(1), of=a_pool(max=1)))


@pytest.mark.parametrize("broken", [lost(1, 30), lost(1, 30, twice=False), offline(1)], ids=["lost", "new", "offline"])
def test_nothing_is_bought_instead_of_a_machine_that_something_is_left_to_be_tried_on(broken: Shown) -> None:
    plan = scale(broken, waits(1))
    assert verbs(plan) == {"build-1": "repair"}


@pytest.mark.parametrize("answer", [WrongHostKey("another key"), LoginRefused("refused")])
@pytest.mark.parametrize("one", [lost(1, SOON), idle(1, SOON)], ids=["offline", "online"])
def test_a_host_that_answers_wrongly_never_leaves(one: Shown, answer: HostError) -> None:
    assert verbs(scale(replace(one, host=answer))) == {"build-1": "refuse"}


# What leaves when the inventory has changed meanwhile.


@pytest.mark.parametrize(
    ("asker", "verb"), [("scale", Verb.REMOVE), ("person", Verb.KEEP)], ids=["by a pass", "by a person"]
)
def test_what_is_cordoned_in_a_pool_that_is_gone_is_not_forgotten(asker: str, verb: Verb) -> None:
    assert verbs(scale(idle(1, of="gone", tags={Tag.DRAINING: f"{asker}.1"}))) == {"gone-1": verb}


def test_what_is_held_in_a_pool_that_is_gone_is_told_of() -> None:
    plan = scale(idle(1, of="gone", tags={Tag.HELD: "1"}))
    assert (verbs(plan), reason(plan, "gone-1")) == ({"gone-1": "keep"}, "held by a person")


def test_a_number_above_max_is_not_taken_back() -> None:
    plan = scale(draining(2), waits(1), of=a_pool(max=1))
    assert verbs(plan) == {"build-2": "remove", "build-1": "create"}
