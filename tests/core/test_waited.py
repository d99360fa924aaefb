"""How long jobs waited: percentiles by nearest rank, and bounds where Gitea does not say when a job was ready."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.observation import Job, JobState
from fleet.core.waited import Waited, WaitFigures, percentile, wait_figures
from tests.core.builders import NOW, job

LABELS = (frozenset({"ubuntu-latest", "fleet-ci"}),)


def ran(created: float, started: float, ended: float | None = None, **more: Any) -> Job:
    """A job by seconds after the first moment of the hour before; it still runs when it has no end."""
    first = NOW - timedelta(hours=1)
    at = {"created": created, "started": started, "ended": ended}
    times = {key: first + timedelta(seconds=value) for key, value in at.items() if value is not None}
    state = JobState.RUNNING if ended is None else JobState.ENDED
    return job(**{"state": state, "run": 1, **times, **more})


def both(seconds: float) -> Waited:
    return Waited(seconds, seconds)


@pytest.mark.parametrize(
    ("values", "of_hundred", "expected"),
    [
        ([], 50, None),
        ([7], 50, 7),
        ([7], 95, 7),
        ([1, 2], 50, 1),
        ([3, 1, 2], 50, 2),
        ([15, 20, 35, 40, 50], 30, 20),
        ([15, 20, 35, 40, 50], 40, 20),
        ([15, 20, 35, 40, 50], 100, 50),
        (range(1, 101), 95, 95),
        (range(1, 21), 95, 19),
        (range(1, 20), 95, 19),
    ],
)
def test_a_percentile_is_the_nearest_rank(values: list[float], of_hundred: float, expected: float | None) -> None:
    assert percentile(values, of_hundred) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.integers(1, 100))
def test_so_many_in_a_hundred_do_not_exceed_a_percentile_and_none_smaller_is_one(
    values: list[float], of_hundred: int
) -> None:
    found = percentile(values, of_hundred)
    assert found in values
    assert 100 * sum(one <= found for one in values) >= of_hundred * len(values)
    assert 100 * sum(one < found for one in values) < of_hundred * len(values)


def test_no_job_is_no_figure() -> None:
    assert wait_figures((), LABELS, NOW) == WaitFigures(0, None, None)
    waits = job(state=JobState.WAITING, started=None)
    assert wait_figures((waits,), LABELS, NOW) == WaitFigures(0, None, None)


def test_a_job_alone_in_its_run_waited_from_its_making_to_its_start() -> None:
    assert wait_figures([ran(0, 12, 90)], LABELS, NOW) == WaitFigures(1, both(12), both(12))


def test_a_job_that_runs_counts_like_one_that_ended() -> None:
    assert wait_figures([ran(0, 12)], LABELS, NOW).p50 == both(12)


def test_a_job_after_others_of_its_run_waited_at_least_since_the_last_of_them_ended() -> None:
    jobs = [ran(0, 5, 100), ran(0, 5, 300), ran(0, 310, 400)]
    assert wait_figures(jobs, LABELS, NOW).p95 == Waited(10, 310)


@pytest.mark.parametrize(
    "other",
    [ran(0, 5, 100, run=2), ran(0, 5, 100, run=0), ran(-500, -400, -300), ran(0, 5, 311), ran(0, 5)],
    ids=["another run", "no run known", "ended before it was made", "ended after it started", "still runs"],
)
def test_others_say_nothing_of_when_it_was_ready(other: Job) -> None:
    assert wait_figures([other, ran(0, 310, 400)], LABELS, NOW).p95 == both(310)


def test_jobs_whose_run_is_not_known_say_nothing_of_each_other() -> None:
    assert wait_figures([ran(0, 5, 100, run=0), ran(0, 310, 400, run=0)], LABELS, NOW).p95 == both(310)


@pytest.mark.parametrize(
    "other",
    [ran(0, 3000, 3100, attempt=2), ran(-90_000, -88_000, -87_000), ran(0, 3000, labels=frozenset({"windows"}))],
    ids=["started again", "of yesterday", "no label of ours"],
)
def test_what_says_nothing_of_our_waits_today_is_left_out(other: Job) -> None:
    assert wait_figures([other, ran(0, 12, 90)], LABELS, NOW) == WaitFigures(1, both(12), both(12))


def test_half_and_95_in_a_hundred() -> None:
    jobs = [ran(0, seconds, 3500, run=seconds) for seconds in range(1, 101)]
    assert wait_figures(jobs, LABELS, NOW) == WaitFigures(100, both(50), both(95))


@given(st.lists(st.tuples(*[st.integers(0, 300)] * 3, st.integers(0, 2)), max_size=12))
def test_what_is_least_is_never_more_than_what_is_most(times: list[tuple[int, int, int, int]]) -> None:
    jobs = [ran(made, made + wait, made + wait + long, run=run) for made, wait, long, run in times]
    found = wait_figures(jobs, LABELS, NOW)
    for bounds in (found.p50, found.p95):
        assert bounds is None or 0 <= bounds.least <= bounds.most
