"""What the fleet remembers in tags: written, read back, and read when somebody else wrote there."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.record import (
    FailedCreates,
    Floor,
    Record,
    failed_tag,
    floor_tag,
    ghost_tag,
    paused_tag,
    read_record,
    with_floors,
)
from tests.core.builders import NOW, inventory, pool

EPOCH = int(NOW.timestamp())


def kept(change: dict[str, str | None]) -> dict[str, str]:
    """The tags after this change of none."""
    return {key: value for key, value in change.items() if value is not None}


def test_failed_creates_are_counted_in_a_row_and_passes_rest_after_a_few() -> None:
    at = NOW
    failed = FailedCreates(0, 0)
    for n in range(1, 5):
        failed = failed.one_more(at)
        record = read_record({key: value or "" for key, value in failed_tag("build", failed).items()})
        assert record.failed == {"build": FailedCreates(n, int(at.timestamp()))}
        assert (record.rests("build", at) is not None) == (n >= 3)
        assert record.rests("test", at) is record.rests("build", at + timedelta(minutes=30)) is None
        at += timedelta(minutes=5)
    assert failed.one_more(at + timedelta(hours=7)).count == 1


def test_no_tags_are_an_empty_record() -> None:
    found = read_record({})
    assert found == Record()
    assert not found.paused(NOW)
    assert found.floor("build", NOW) == 0


def test_the_last_good_pass_is_read() -> None:
    assert read_record({"last-pass": str(EPOCH)}).last_pass == EPOCH


@pytest.mark.parametrize(
    ("until", "paused"), [(0, True), (EPOCH + 1, True), (EPOCH, False), (EPOCH - 1, False), (None, False)]
)
def test_a_pause_lasts_until_its_end_or_for_ever(until: int | None, paused: bool) -> None:
    assert read_record(kept(paused_tag(until))).paused(NOW) is paused
    assert read_record(kept(paused_tag(until))).paused_until == until


def test_a_resume_takes_the_tag_off() -> None:
    assert paused_tag(None) == {"paused": None}


@pytest.mark.parametrize(("seconds", "machines"), [(1, 3), (0, 0), (-1, 0)])
def test_a_floor_holds_until_its_time(seconds: int, machines: int) -> None:
    found = read_record(kept(floor_tag("build", Floor(3, EPOCH + seconds))))
    assert found.floor("build", NOW) == machines
    assert found.floor("other", NOW) == 0


@pytest.mark.parametrize(
    ("least", "floor", "most", "becomes"), [(1, 3, 4, 3), (3, 1, 4, 3), (0, 9, 4, 4), (2, 0, 4, 2)]
)
def test_a_floor_raises_min_and_never_above_max(least: int, floor: int, most: int, becomes: int) -> None:
    of = inventory(pool(min=least, max=most), pool("test", min=1, max=1))
    record = Record(floors={"build": Floor(floor, EPOCH + 60)})
    raised = with_floors(of, record, NOW)
    assert [one.min for one in raised.pools] == [becomes, 1]
    assert with_floors(of, record, NOW + timedelta(minutes=1)) == of


def test_a_ghost_is_remembered_and_forgotten() -> None:
    assert read_record(kept(ghost_tag(7, EPOCH))).ghosts == {7: EPOCH}
    assert ghost_tag(7, None) == {"ghost-7": None}


@pytest.mark.parametrize(
    "tags",
    [
        {"last-pass": "yesterday"},
        {"last-pass": "-5"},
        {"last-pass": ""},
        {"paused": "soon"},
        {"floor-build": "3"},
        {"floor-build": "three.99"},
        {"floor-build": "3.later"},
        {"floor-build": ""},
        {"ghost-x": "99"},
        {"ghost-7": "x"},
        {"ghost-": "99"},
        {"fleet": "ci", "gitea": "abc"},
    ],
)
def test_what_cannot_be_read_counts_as_not_there(tags: dict[str, str]) -> None:
    assert read_record(tags) == Record()


@given(st.integers(0, 99), st.integers(1, 2**33), st.integers(1, 10**9), st.none() | st.integers(0, 2**33))
def test_what_is_written_is_read_back(machines: int, epoch: int, runner: int, until: int | None) -> None:
    floor = Floor(machines, epoch)
    tags = kept({**floor_tag("a-b", floor), **ghost_tag(runner, epoch), **paused_tag(until)})
    expected = Record(paused_until=until, floors={"a-b": floor}, ghosts={runner: epoch})
    assert read_record(tags) == expected


TAG_TEXT = st.text("abz019._-", max_size=8)
"""Hetzner takes no other letters than ASCII's, digits, and these three."""


@given(st.sampled_from(["last-pass", "paused", "floor-", "ghost-"]), TAG_TEXT, TAG_TEXT)
def test_no_tag_that_hetzner_can_hold_does_harm(key: str, rest: str, value: str) -> None:
    found = read_record({key: value, key + rest: value})
    found.paused(NOW)
    found.floor(rest, NOW)
