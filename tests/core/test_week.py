"""The simulated week is a fair judge: billed as Hetzner bills, no job lost, the same every time."""

from collections import Counter
from functools import cache
from itertools import pairwise

import pytest

from fleet.core.pricing import paid_minutes_left
from tests.week.office import DAY, HOUR, MINUTE, WEEK, Planned, clock, week
from tests.week.policies import CRON, DAEMON, Policy, delete_when_idle, keep_all_day, ours
from tests.week.replay import Outcome, percentile, replay
from tests.week.seen import MAX
from tests.week.world import BOOT, GOODBYE, World, billed_hours

POLICIES = (
    Policy("ours", CRON, ours),
    Policy("ours by day", CRON, ours, 2),
    Policy("idle", CRON, delete_when_idle),
    Policy("all day", CRON, keep_all_day),
)
BOTH = pytest.mark.parametrize("capacity", [1, 2])
EACH = pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.name)


@cache
def run(policy: Policy, capacity: int = 2, seed: int = 1) -> Outcome:
    return replay(week(seed), policy, capacity, seed)


@pytest.mark.parametrize(("seconds", "hours"), [(0, 1), (1, 1), (3599, 1), (3600, 2), (3601, 2), (7200, 3)])
def test_every_hour_that_has_begun_is_billed(seconds: int, hours: int) -> None:
    assert billed_hours(500, 500 + seconds) == hours


@pytest.mark.parametrize("seconds", range(0, 3 * HOUR, 7 * MINUTE))
def test_a_server_is_billed_to_the_end_of_what_the_planner_calls_paid(seconds: int) -> None:
    left = paid_minutes_left(clock(0), clock(seconds))
    assert billed_hours(0, seconds) * 60 == seconds // MINUTE + left


@EACH
@BOTH
def test_every_job_runs_once_and_to_its_end(policy: Policy, capacity: int) -> None:
    found = run(policy, capacity)
    assert Counter(ran.job for ran in found.ran) == Counter(week(1))
    servers = {one.id: one for one in found.servers}
    for ran in found.ran:
        one = servers[ran.runner_id]
        assert one.deleted is not None
        assert one.created + BOOT <= ran.start <= ran.end <= one.deleted


@EACH
@BOTH
def test_a_server_never_has_more_jobs_than_slots(policy: Policy, capacity: int) -> None:
    found = run(policy, capacity)
    for one in found.servers:
        mine = [ran for ran in found.ran if ran.runner_id == one.id]
        for ran in mine:
            assert sum(other.start <= ran.start < other.end for other in mine) <= capacity


@EACH
@BOTH
def test_there_are_never_more_servers_than_max(policy: Policy, capacity: int) -> None:
    found = run(policy, capacity)
    for one in found.servers:
        alive = [other for other in found.servers if other.created <= one.created < (other.deleted or WEEK) - GOODBYE]
        assert len(alive) <= MAX


@EACH
def test_the_busy_time_of_a_server_is_what_its_jobs_cover(policy: Policy) -> None:
    found = run(policy)
    for one in found.servers:
        seconds = {second for ran in found.ran if ran.runner_id == one.id for second in range(ran.start, ran.end)}
        assert one.busy_seconds == len(seconds)
    assert 0 < found.idle_hours < found.hours


def test_the_same_seed_is_the_same_week_and_the_same_bill() -> None:
    assert week(5) == week(5) != week(6)
    assert replay(week(1), POLICIES[0], 2, 1) == run(POLICIES[0])


def test_the_team_works_by_office_hours_and_one_job_runs_each_night() -> None:
    jobs = week(1)
    by_day = [job for job in jobs if 9 * HOUR <= job.at % DAY < 18 * HOUR]
    assert {job.at // DAY for job in by_day} == set(range(5))
    nightly = [job.at for job in jobs if job not in by_day]
    assert nightly == [day * DAY + 2 * HOUR for day in range(7)]
    assert all(one.at <= other.at for one, other in pairwise(jobs))
    lunch, noon = (sum(job.at % DAY // HOUR == hour for job in jobs) for hour in (12, 11))
    assert lunch < noon


def test_a_job_waits_for_the_pass_that_sees_it_and_for_the_boot() -> None:
    outcome = replay([Planned(1, 100, 60)], POLICIES[0], 1, 1)
    assert [ran.wait for ran in outcome.ran] == [CRON - 100 + BOOT]


def test_a_job_too_young_for_one_pass_waits_for_the_next() -> None:
    outcome = replay([Planned(1, CRON - 19, 60)], POLICIES[0], 1, 1)
    assert [ran.wait for ran in outcome.ran] == [19 + CRON + BOOT]


def test_ours_leaves_in_the_last_minutes_of_the_paid_hour() -> None:
    (one,) = replay([Planned(1, 100, 60)], POLICIES[0], 1, 1).servers
    assert one.deleted is not None
    assert HOUR - 7 * MINUTE <= one.deleted - one.created - GOODBYE < HOUR


def test_the_daemon_deletes_after_three_minutes_without_a_job() -> None:
    (one,) = replay([Planned(1, 100, 60)], Policy("idle", DAEMON, delete_when_idle), 1, 1).servers
    assert one.deleted == 120 + BOOT + 60 + 180 + GOODBYE


def test_a_machine_that_is_kept_all_day_goes_in_the_evening() -> None:
    (one,) = replay([Planned(1, 9 * HOUR, 60)], Policy("all day", CRON, keep_all_day), 1, 1).servers
    assert one.deleted == 19 * HOUR + GOODBYE


def test_a_cordoned_server_gets_no_job_until_it_is_taken_back() -> None:
    world = World.of([Planned(1, 100, 600), Planned(2, 200, 60)], 2, 1)
    world.create("ci-build-1")
    world.advance(150)
    world.leave("ci-build-1")
    world.advance(300)
    assert [ran.job.id for ran in world.ran] == [1]
    world.take_back("ci-build-1")
    assert [(ran.job.id, ran.start) for ran in world.ran] == [(1, 100), (2, 300)]


def test_a_percentile_is_a_wait_that_was_seen() -> None:
    assert percentile([5, 1, 3], 0.5) == 3
    assert percentile(range(100), 0.95) == 95
    assert percentile([7], 0.95) == 7


@BOTH
def test_ours_is_paid_less_than_what_others_do(capacity: int) -> None:
    mine, _, *others = (run(policy, capacity) for policy in POLICIES)
    assert all(mine.hours < other.hours for other in others)
