"""What does a week of a small team cost, and how long do jobs wait? ``python -m tests.bench_week``.

The planner from cron beside two policies that others use, on the same jobs, servers that boot as fast, and the same
rule for how many are needed. Prices are list prices, net; several weeks are pooled.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.bench_row import Row
from tests.week.office import week
from tests.week.policies import CRON, DAEMON, Policy, delete_when_idle, keep_all_day, ours
from tests.week.replay import Outcome, percentile, replay

SEEDS = (1, 2, 3)
BY_DAY = {1: 4, 2: 2}
"""By capacity: machines kept in office hours, for four jobs at once. One line of the inventory."""

WANTED = 1.0


@dataclass(frozen=True, slots=True)
class Weeks:
    """All weeks of one policy. Hours and euros are those of a mean week, waits (seconds) are of all jobs."""

    policy: Policy
    outcomes: tuple[Outcome, ...]

    @property
    def hours(self) -> float:
        return sum(one.hours for one in self.outcomes) / len(self.outcomes)

    @property
    def idle_hours(self) -> float:
        return sum(one.idle_hours for one in self.outcomes) / len(self.outcomes)

    @property
    def euros(self) -> float:
        return float(sum(one.euros for one in self.outcomes)) / len(self.outcomes)

    def wait(self, part: float) -> int:
        return percentile([ran.wait for one in self.outcomes for ran in one.ran], part)

    @property
    def mean_wait(self) -> float:
        waits = [ran.wait for one in self.outcomes for ran in one.ran]
        return sum(waits) / len(waits)

    def line(self) -> str:
        money = f"{self.hours:6.1f} h billed | {self.idle_hours:6.1f} h idle | {self.euros:5.2f} €"
        waits = f"p50 {self.wait(0.5):3} s, p95 {self.wait(0.95):3} s, mean {self.mean_wait:3.0f} s"
        return f"{self.policy.name:<44} | {money} | {waits}"


def main() -> None:
    """Print a table for each capacity, then the rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--thorough", action="store_true", help="what else one may ask; takes minutes")
    asked = parser.parse_args()
    for capacity, by_day in BY_DAY.items():
        _say(f"capacity {capacity}, a mean week of {len(SEEDS)}")
        more = others_too(by_day) if asked.thorough else ()
        for policy in (*policies(by_day), *more):
            _say(run(policy, capacity).line())
    found = rows()
    _say("what | ours | beside what | ratio", *(row.line() for row in found))
    sys.exit(any(row.ratio > row.wanted for row in found))


def rows() -> list[Row]:
    """Ours with its schedule beside each of the others: what is paid, and what is waited."""
    return [row for capacity, by_day in BY_DAY.items() for row in _rows(capacity, by_day)]


def _rows(capacity: int, by_day: int) -> Iterator[Row]:
    mine, _, *others = (run(policy, capacity) for policy in policies(by_day))
    for other in others:
        what, beside = f"week, capacity {capacity}", other.policy.name
        yield Row(f"{what}: paid", mine.euros, beside, other.euros, "€", WANTED)
        for word, part in (("p50", 0.5), ("p95", 0.95)):
            yield Row(f"{what}: wait {word}", mine.wait(part), beside, other.wait(part), "s", WANTED)


def policies(by_day: int) -> tuple[Policy, ...]:
    """Ours with and without a schedule, then those of others."""
    return (
        Policy(f"fleet scale, cron 5 min, min {by_day} by day", CRON, ours, by_day),
        Policy("fleet scale, cron 5 min", CRON, ours),
        Policy("delete when idle 180 s", DAEMON, delete_when_idle),
        Policy("keep all day", DAEMON, keep_all_day),
        Policy("keep all day, cron 5 min", CRON, keep_all_day),
    )


def others_too(by_day: int) -> tuple[Policy, ...]:
    """Is it the rule or the period? Ours as often as the daemon, and the daemon with our schedule."""
    return (
        Policy("fleet scale, every 10 s", DAEMON, ours),
        Policy(f"delete when idle 180 s, min {by_day} by day", DAEMON, delete_when_idle, by_day),
    )


@cache
def run(policy: Policy, capacity: int) -> Weeks:
    """All weeks under this policy; the same for the same arguments."""
    return Weeks(policy, tuple(replay(week(seed), policy, capacity, seed) for seed in SEEDS))


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
