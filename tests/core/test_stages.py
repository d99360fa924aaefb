"""The tag that remembers how long a machine took, and the first job, which Gitea remembers."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.lifecycle import ENTER, Step
from fleet.core.machine import Machine, Phase
from fleet.core.names import Tag
from fleet.core.observation import EndedJobs, Job, JobState
from fleet.core.stages import Stage, Stages, read_stages, stages_of, stages_tag
from tests.core.builders import NOW, job, runner, server

SINCE = int(NOW.timestamp())
WAY = (
    (Step.CREATE, 14.2),
    (Step.BOOT, 31.7),
    (Step.JOIN_TAILNET, 3.0),
    (Step.SET_UP, 41.0),
    (Step.REGISTER, 0.3),
    (Step.START, 1.6),
    (Step.ONLINE, 1.7),
)
"""What a run that made a machine measures."""


def test_the_tag_has_a_letter_and_seconds_for_each_stage_and_since_when_it_is_online() -> None:
    assert stages_tag(WAY, NOW) == f"c14.b32.t3.s41.r0.o3.e{SINCE}"


def test_what_is_read_is_what_was_written() -> None:
    assert read_stages(stages_tag(WAY, NOW)) == Stages(
        {
            Stage.CREATE: 14,
            Stage.BOOT: 32,
            Stage.TAILNET: 3,
            Stage.SET_UP: 41,
            Stage.REGISTER: 0,
            Stage.ONLINE: 3,
        },
        SINCE,
    )


def test_every_step_into_service_belongs_to_a_stage() -> None:
    assert stages_tag([(step, 1) for step in (Step.CREATE, *ENTER)], NOW).count(".") == len(ENTER)


def test_a_step_that_is_no_stage_is_passed_over() -> None:
    assert stages_tag([(Step.ADOPT, 5), (Step.SET_UP, 7)], NOW) == f"s7.e{SINCE}"


@given(st.lists(st.tuples(st.sampled_from(Step), st.floats(0, 100_000))))
def test_the_tag_is_one_that_a_server_can_have(steps: list[tuple[str, float]]) -> None:
    value = stages_tag(steps, NOW)
    assert len(value) <= 63
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*[A-Za-z0-9]", value)


@pytest.mark.parametrize("value", ["", ".", "c", "14", "c-3.b1.5e", "x9", "c14s", "e", "é"])
def test_what_cannot_be_read_is_unknown(value: str) -> None:
    found = read_stages(value)
    assert Stage.CREATE not in found.seconds
    assert found.online_since is None


def test_a_stage_that_is_missing_is_unknown_and_not_nothing() -> None:
    assert read_stages(f"s41.e{SINCE}") == Stages({Stage.SET_UP: 41}, SINCE)


# --- the first job ----------------------------------------------------------------------------------------


def on(runner_id: int, seconds: float, **more: Any) -> Job:
    """A job that ended well, and began so many seconds after the machine came online."""
    start = NOW + timedelta(seconds=seconds)
    return job(**{"state": JobState.ENDED, "runner_id": runner_id, "started": start, "ended": start, **more})


def first_job(*ended: Job, whole: bool = True, running: tuple[Job, ...] = (), tag: str = f"s41.e{SINCE}") -> int | None:
    machine = Machine("ci-build-1", None, Phase.IDLE, server(tags={Tag.STAGES: tag}), runner(id=7), jobs=running)
    return stages_of(machine, EndedJobs(ended, whole)).get(Stage.FIRST_JOB)


def test_the_first_job_is_the_earliest_that_began_on_its_runner() -> None:
    assert first_job(on(7, 120), on(7, 90), on(8, 5)) == 90


def test_one_that_still_runs_counts() -> None:
    assert first_job(running=(on(7, 60, state=JobState.RUNNING, ended=None),)) == 60


def test_one_that_began_before_gitea_was_seen_to_call_it_online_took_no_time() -> None:
    assert first_job(on(7, -1)) == 0


def test_without_a_job_it_is_unknown() -> None:
    assert first_job() is None
    assert first_job(on(8, 5)) is None


def test_it_is_unknown_where_the_list_does_not_reach_back_to_when_it_came_online() -> None:
    assert first_job(on(7, 90), whole=False) is None
    assert first_job(on(8, -1), on(7, 90), whole=False) == 90


def test_it_is_unknown_where_nobody_knows_since_when_it_is_online() -> None:
    assert first_job(on(7, 90), tag="s41") is None
    assert first_job(on(7, 90), tag="") is None


def test_without_a_list_the_other_stages_are_still_known() -> None:
    machine = Machine("ci-build-1", None, Phase.IDLE, server(tags={Tag.STAGES: f"s41.e{SINCE}"}), runner(id=7))
    assert stages_of(machine, None) == {Stage.SET_UP: 41}
    assert stages_of(replace(machine, runner=None), EndedJobs((on(7, 1),))) == {Stage.SET_UP: 41}
