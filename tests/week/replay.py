"""One week under one policy, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from fleet.core.money import price_of
from tests.week.office import HOUR, MINUTE, WEEK, Planned
from tests.week.policies import CATALOG, Policy
from tests.week.seen import Eyes
from tests.week.world import Ran, Rented, World, billed_hours


@dataclass(frozen=True, slots=True)
class Outcome:
    """The servers that were rented, and the jobs that ran."""

    servers: tuple[Rented, ...]
    ran: tuple[Ran, ...]

    @property
    def hours(self) -> int:
        """Billed."""
        return sum(billed_hours(one.created, one.deleted) for one in self.servers if one.deleted is not None)

    @property
    def idle_hours(self) -> float:
        """Billed, and without any job."""
        return self.hours - sum(one.busy_seconds for one in self.servers) / HOUR

    @property
    def euros(self) -> Decimal:
        """List price, net."""
        price = price_of(CATALOG, "cx33", "nbg1")
        assert price is not None
        return price.hour * self.hours


def replay(jobs: Sequence[Planned], policy: Policy, capacity: int, seed: int) -> Outcome:
    """Let the policy act on these jobs for a week. ``seed`` decides which free runner takes a job."""
    world = World.of(jobs, capacity, seed)
    eyes = Eyes(capacity, max(policy.period // MINUTE, 1), policy.by_day)
    for second in range(0, WEEK, policy.period):
        world.advance(second)
        policy.act(world, eyes)
    world.advance(WEEK)
    world.close()
    return Outcome(tuple(world.gone), tuple(world.ran))


def percentile(waits: Sequence[int], part: float) -> int:
    """The wait that this part of the jobs did not exceed."""
    ordered = sorted(waits)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]
