"""No job is lost: thousands of simulated histories, each in a strange world that becomes calm in the end."""

import pytest

from tests.histories.run import play

HISTORIES = 2000
CHUNK = 100
"""Histories in one test: enough of these for all processors."""


@pytest.mark.parametrize("first", range(0, HISTORIES, CHUNK))
def test_no_job_is_lost_no_limit_broken_and_all_is_well_in_the_end(first: int) -> None:
    for seed in range(first, first + CHUNK):
        play(seed)
