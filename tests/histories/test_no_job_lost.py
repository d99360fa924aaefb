"""No job is lost: thousands of simulated histories, each in a strange world that becomes calm in the end."""

import pytest

from tests.histories.run import play

HISTORIES = 2000
CHUNK = 100
"""Histories in one test: enough of these for all processors."""

FAST = 200
"""So many of them are played with the fast tests."""

CHUNKS = [
    pytest.param(first, marks=[] if first < FAST else pytest.mark.thorough) for first in range(0, HISTORIES, CHUNK)
]


@pytest.mark.parametrize("first", CHUNKS)
def test_no_job_is_lost_no_limit_broken_and_all_is_well_in_the_end(first: int) -> None:
    for seed in range(first, first + CHUNK):
        play(seed)
