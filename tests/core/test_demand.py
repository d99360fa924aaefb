"""How much work waits for each pool, and how many machines that makes."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.demand import ON_THE_WAY, SERVING, Demand, Work, by_priority, measure, size
from fleet.core.inventory import Pool
from fleet.core.machine import Machine, Phase
from fleet.core.observation import Job, JobState
from tests.core.builders import NOW, job, pool

SMALL = frozenset({"small"})
LABELS = {"build": frozenset({"small", "fleet-ci"}), "big": frozenset({"small", "big", "fleet-ci"})}


def a_pool(name: str = "build", *, capacity: int = 1, **sizes: int) -> Pool:
    least_and_most = {"min": 0, "max": 4, **sizes}
    return pool(name, runner=replace(pool().runner, capacity=capacity), **least_and_most)


def waits(number: int = 1, *, labels: frozenset[str] = SMALL, seconds: float = 60) -> Job:
    created = NOW - timedelta(seconds=seconds)
    return job(id=number, state=JobState.WAITING, labels=labels, runner_id=None, created=created, started=None)


def machine(of: Pool, n: int = 1, phase: Phase = Phase.IDLE, jobs: int = 0) -> Machine:
    return Machine(f"ci-{of.name}-{n}", of, phase, jobs=tuple(job(id=n * 10 + i) for i in range(jobs)))


def work(pools: list[Pool], machines: list[Machine], *jobs: Job) -> Work:
    return measure(pools, LABELS, machines, jobs, NOW)


def waiting(pools: list[Pool], machines: list[Machine], *jobs: Job) -> dict[str, int]:
    return {name: demand.waiting for name, demand in work(pools, machines, *jobs).pools.items()}


@pytest.mark.parametrize(("seconds", "counted"), [(0, 0), (19.9, 0), (20, 1), (3600, 1), (-5, 0)])
def test_a_job_counts_once_it_has_waited_twenty_seconds(seconds: float, counted: int) -> None:
    assert waiting([a_pool()], [], waits(seconds=seconds)) == {"build": counted}


def test_a_job_that_runs_does_not_wait() -> None:
    running = replace(waits(), state=JobState.RUNNING, runner_id=7)
    assert waiting([a_pool()], [], running) == {"build": 0}


@pytest.mark.parametrize(
    ("labels", "fits"),
    [
        (frozenset[str](), True),
        (SMALL, True),
        (frozenset({"small", "fleet-ci"}), True),
        (frozenset({"big"}), False),
        (frozenset({"small", "big"}), False),
        (frozenset({"Small"}), False),
    ],
)
def test_a_runner_must_have_every_label_that_a_job_asks_for(labels: frozenset[str], fits: bool) -> None:
    found = work([a_pool()], [], waits(labels=labels))
    assert found.pools["build"].waiting == int(fits)
    assert len(found.homeless) == int(not fits)


def test_a_young_job_without_a_home_is_not_yet_told_of() -> None:
    assert work([a_pool()], [], waits(labels=frozenset({"mac"}), seconds=5)).homeless == ()


def test_a_job_that_two_pools_could_run_counts_for_one() -> None:
    assert waiting([a_pool(), a_pool("big")], [], waits()) == {"build": 1, "big": 0}


def test_without_a_free_slot_the_pool_of_higher_priority_gets_it() -> None:
    assert waiting([a_pool(), a_pool("big", priority=1)], [], waits()) == {"build": 0, "big": 1}


def test_a_free_slot_goes_before_priority() -> None:
    small, big = a_pool(), a_pool("big", priority=1)
    assert waiting([small, big], [machine(small)], waits()) == {"build": 1, "big": 0}


def test_a_slot_is_taken_by_one_job_only() -> None:
    small, big = a_pool(), a_pool("big", priority=1)
    assert waiting([small, big], [machine(small)], waits(1), waits(2)) == {"build": 1, "big": 1}


def test_a_pool_that_is_full_leaves_the_job_to_the_next() -> None:
    first, second = a_pool(max=1, priority=1), a_pool("big")
    busy = machine(first, phase=Phase.BUSY, jobs=1)
    assert waiting([first, second], [busy], waits()) == {"build": 0, "big": 1}


def test_when_all_are_full_the_first_has_the_queue() -> None:
    pools = [a_pool(max=0), a_pool("big", max=0)]
    assert waiting(pools, [], waits(1), waits(2)) == {"build": 2, "big": 0}


def test_the_job_that_came_first_takes_the_slot_that_only_one_can_have() -> None:
    small, big = a_pool(max=1), a_pool("big")
    late, early = waits(1, seconds=30), waits(2, seconds=90, labels=frozenset({"big"}))
    free = [machine(big)]
    assert waiting([big, small], free, late, early) == {"build": 0, "big": 2}
    assert waiting([small, big], free, late, early) == {"build": 1, "big": 1}


@pytest.mark.parametrize("phase", list(Phase))
def test_slots_are_free_on_machines_that_serve_and_on_those_on_their_way(phase: Phase) -> None:
    first, second = a_pool(capacity=2, priority=1, max=0), a_pool("big")
    found = waiting([first, second], [machine(first, phase=phase)], waits(1), waits(2), waits(3))
    has_slots = phase in SERVING | ON_THE_WAY
    assert found == ({"build": 2, "big": 1} if has_slots else {"build": 0, "big": 3})


@pytest.mark.parametrize("phase", [Phase.DRAINING, Phase.DRAINED, Phase.HELD, Phase.PAUSED, Phase.LOST])
def test_what_leaves_or_rests_is_neither_busy_nor_running(phase: Phase) -> None:
    of = a_pool(capacity=2)
    machines = [machine(of, 1, Phase.BUSY, jobs=2), machine(of, 2, phase, jobs=1), machine(of, 3)]
    assert work([of], machines).pools["build"] == Demand(busy=1, running=2, waiting=0)


def test_a_machine_is_busy_with_a_job_that_only_its_host_knows_of() -> None:
    of = a_pool()
    assert work([of], [machine(of, phase=Phase.BUSY)]).pools["build"] == Demand(busy=1, running=0, waiting=0)


def test_equal_pools_keep_the_order_of_the_inventory() -> None:
    pools = [a_pool("a"), a_pool("b", priority=2), a_pool("c"), a_pool("d", priority=2)]
    assert [one.name for one in by_priority(pools)] == ["b", "d", "a", "c"]


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from([SMALL, frozenset({"big"}), frozenset({"mac"})]))))
def test_every_job_of_age_is_counted_once_and_the_order_does_not_matter(
    asked: list[tuple[int, frozenset[str]]],
) -> None:
    jobs = [waits(number, labels=labels, seconds=age) for number, (age, labels) in enumerate(asked)]
    pools = [a_pool(capacity=2), a_pool("big", priority=1)]
    found = work(pools, [machine(pools[0])], *jobs)
    counted = sum(demand.waiting for demand in found.pools.values()) + len(found.homeless)
    assert counted == sum(age >= 20 for age, _ in asked)
    assert work(pools, [machine(pools[0])], *reversed(jobs)) == found


@pytest.mark.parametrize(
    ("demand", "settings", "wanted", "needed"),
    [
        (Demand(), {}, 0, 0),
        (Demand(waiting=1), {}, 1, 1),
        (Demand(waiting=3), {"capacity": 2}, 2, 2),
        (Demand(1, 1, 1), {"capacity": 2}, 1, 1),
        (Demand(1, 2, 1), {"capacity": 2}, 2, 2),
        (Demand(3, 3, 0), {"capacity": 2}, 3, 2),
        (Demand(3, 3, 4), {"capacity": 2}, 4, 4),
        (Demand(), {"idle": 1}, 1, 1),
        (Demand(2, 2, 1), {"idle": 1}, 4, 4),
        (Demand(), {"min": 2}, 2, 2),
        (Demand(1, 1, 0), {"min": 2}, 2, 2),
        (Demand(waiting=9), {}, 4, 4),
        (Demand(4, 4, 0), {"idle": 2}, 4, 4),
        (Demand(5, 5, 0), {"max": 3}, 3, 3),
        (Demand(1, 0, 0), {}, 1, 0),
    ],
)
def test_the_size_of_a_pool(demand: Demand, settings: dict[str, int], wanted: int, needed: int) -> None:
    found = size(a_pool("build", **settings), demand)
    assert (found.wanted, found.needed) == (wanted, needed)


def test_the_size_says_what_it_comes_from() -> None:
    plain, with_idle = size(a_pool(), Demand(1, 2, 3)), size(a_pool(idle=1, min=1), Demand())
    assert plain.reason == "2 running, 3 waiting; min 0, max 4"
    assert with_idle.reason == "0 running, 0 waiting, 1 kept free; min 1, max 4"
