"""Schedules: when they are active, and what they make of a pool. Europe/Berlin changes its clocks in 2026 on 29
March (2:00 becomes 3:00) and on 25 October (3:00 becomes 2:00)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from fleet.core.inventory import GiteaSettings, Inventory, Pool, RunnerSettings, Schedule
from fleet.edges.schedules import active, effective

HOUR = 3600


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def berlin(start: str, hours: float = 1) -> Schedule:
    return Schedule(start, "Europe/Berlin", int(hours * HOUR), min=2)


def spans(schedule: Schedule, first: str, last: str) -> Iterator[tuple[str, str]]:
    """When it is active between two times (UTC), looked at each minute: first minute of it, first minute after."""
    at, end, since = utc(first), utc(last), ""
    while at <= end:
        now = f"{at:%d %H:%M}"
        if active(schedule, at) and not since:
            since = now
        elif since and not active(schedule, at):
            yield since, now
            since = ""
        at += timedelta(minutes=1)
    if since:
        yield since, "..."


# --- one schedule ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-06-02T05:59:59.999999", False),
        ("2026-06-02T06:00:00", True),
        ("2026-06-02T06:00:00.000001", True),
        ("2026-06-02T15:59:59.999999", True),
        ("2026-06-02T16:00:00", False),
        ("2026-06-06T10:00:00", False),  # a Saturday
    ],
)
def test_it_begins_at_its_start_and_has_ended_after_its_duration(at: str, expected: bool) -> None:
    assert active(berlin("0 8 * * MON-FRI", 10), utc(at)) is expected


def test_it_goes_on_past_midnight() -> None:
    assert list(spans(berlin("0 22 * * FRI", 4), "2026-06-05T18:00", "2026-06-06T06:00")) == [("05 20:00", "06 00:00")]


def test_the_time_zone_of_the_observation_does_not_matter() -> None:
    at = utc("2026-06-02T06:30:00")
    tokyo = at.astimezone(ZoneInfo("Asia/Tokyo"))
    assert active(berlin("0 8 * * *"), at)
    assert active(berlin("0 8 * * *"), tokyo)


def test_a_schedule_that_starts_again_while_active_goes_on() -> None:
    assert list(spans(berlin("0 * * * *", 2), "2026-06-02T00:00", "2026-06-02T12:00")) == [("02 00:00", "...")]


def test_a_day_that_is_rare_is_found_and_ends() -> None:
    leap = Schedule("0 0 29 2 *", "UTC", HOUR, min=2)
    assert active(leap, utc("2028-02-29T00:30"))
    assert not active(leap, utc("2027-02-28T00:30"))


# --- the clocks go forward: 29 March, 01:00 UTC ----------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (berlin("30 2 * * *"), ("29 01:00", "29 02:00")),  # 2:30 is skipped: right after the gap, 3:00
        (berlin("0 2 * * *"), ("29 01:00", "29 02:00")),
        (berlin("30 1 * * *", 2), ("29 00:30", "29 02:30")),  # 1:30 to 4:30 by the clock: two real hours
        (berlin("0 3 * * *"), ("29 01:00", "29 02:00")),
        (berlin("0 22 * * *", 10), ("28 21:00", "29 07:00")),  # 22:00 to 9:00 by the clock
        (berlin("0 8 * * *"), ("29 06:00", "29 07:00")),  # 8:00 is 6:00 UTC from now on
    ],
)
def test_when_the_clocks_go_forward(schedule: Schedule, expected: tuple[str, str]) -> None:
    assert list(spans(schedule, "2026-03-28T12:00", "2026-03-29T12:00")) == [expected]


# --- the clocks go back: 25 October, 01:00 UTC -----------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (berlin("30 2 * * *"), ("25 00:30", "25 01:30")),  # the first 2:30, and not again
        (berlin("30 2 * * *", 0.25), ("25 00:30", "25 00:45")),
        (berlin("0 2 * * *", 2), ("25 00:00", "25 02:00")),  # 2:00 to 3:00 by the clock: two real hours
        (berlin("0 3 * * *"), ("25 02:00", "25 03:00")),
        (berlin("0 22 * * *", 10), ("24 20:00", "25 06:00")),  # 22:00 to 7:00 by the clock
        (berlin("0 8 * * *"), ("25 07:00", "25 08:00")),
    ],
)
def test_when_the_clocks_go_back(schedule: Schedule, expected: tuple[str, str]) -> None:
    assert list(spans(schedule, "2026-10-24T12:00", "2026-10-25T12:00")) == [expected]


def test_starts_of_every_hour_follow_the_real_hours_when_the_clocks_go_back() -> None:
    every = berlin("30 * * * *", 0.5)
    assert [begin for begin, _ in spans(every, "2026-10-24T23:00", "2026-10-25T03:00")] == [
        "24 23:30", "25 00:30", "25 01:30", "25 02:30",
    ]  # fmt: skip


# --- pools -----------------------------------------------------------------------------------------

NOON = utc("2026-06-02T12:00")


def pool(*schedule: Schedule, least: int = 1, most: int = 5, idle: int = 1) -> Pool:
    runner = RunnerSettings(image="gitea/runner:4.1.0", labels=())
    return Pool("build", runner, min=least, max=most, idle=idle, schedule=schedule)


def sizes(*pools: Pool, at: datetime = NOON) -> list[tuple[int, int]]:
    inventory = Inventory("ci", GiteaSettings("http://x", "http://x"), pools)
    return [(one.min, one.idle) for one in effective(inventory, at).pools]


def always(*, least: int | None = None, idle: int | None = None) -> Schedule:
    return Schedule("0 0 * * *", "UTC", 24 * HOUR, least, idle)


def never(*, least: int | None = None, idle: int | None = None) -> Schedule:
    return Schedule("0 0 * * *", "UTC", HOUR, least, idle)


def test_an_active_schedule_raises_or_lowers_what_it_names() -> None:
    assert sizes(pool(always(least=3))) == [(3, 1)]
    assert sizes(pool(always(idle=0))) == [(1, 0)]
    assert sizes(pool(always(least=0, idle=2))) == [(0, 2)]


def test_without_an_active_schedule_a_pool_is_as_it_was() -> None:
    assert sizes(pool(), pool(never(least=3, idle=3))) == [(1, 1), (1, 1)]


def test_of_several_active_schedules_the_later_counts_for_what_it_names() -> None:
    assert sizes(pool(always(least=3, idle=3), always(least=2), never(least=5))) == [(2, 3)]
    assert sizes(pool(always(least=2), always(least=3))) == [(3, 1)]


def test_nothing_is_above_max() -> None:
    assert sizes(pool(always(least=9, idle=9))) == [(5, 5)]


def test_nothing_else_of_the_inventory_changes() -> None:
    inventory = Inventory("ci", GiteaSettings("http://x", "http://x"), (pool(always(least=1, idle=1)),))
    assert effective(inventory, NOON) == inventory
