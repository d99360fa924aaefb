"""How long does planning take, for 10, 100 and 1,000 machines with as many jobs? ``python -m tests.bench_plan``.

Half of the jobs run, half wait; some machines are surplus near the end of their hour, some far from it.
"""

import sys
import time
from dataclasses import replace
from itertools import pairwise
from statistics import median

from fleet.core.facts import Registration
from fleet.core.inventory import Inventory
from fleet.core.observation import HostSeen, Job, JobState, Observation, Runner, Server
from fleet.core.record import Record
from fleet.core.scaling import plan_scale
from tests.bench_row import Row
from tests.core.builders import GITEA, catalog, facts, inventory, job, pool, runner, seen, server, wanted

SIZES = (10, 100, 1000)
RUNS = 7
LIMIT = 50.0
"""Milliseconds for 1,000 machines (design: section 13)."""

CROOKED = 1.5
"""Time for ten times as many may grow by so much more than ten."""


def main() -> None:
    """Print the rows; the exit code says whether all are good."""
    found = rows()
    sys.stdout.write("".join(f"{row.line()}\n" for row in found))
    sys.exit(any(row.ratio > row.wanted for row in found))


def rows() -> list[Row]:
    """Each size beside ten times the size before, the biggest also beside the limit."""
    took = {size: milliseconds(size) for size in SIZES}
    linear = [
        Row(
            f"planning {size:,} machines",
            took[size],
            f"10 times {small:,} machines",
            10 * took[small],
            "ms",
            CROOKED,
        )
        for small, size in pairwise(SIZES)
    ]
    return [*linear, Row(f"planning {SIZES[-1]:,} machines", took[SIZES[-1]], "the limit", LIMIT, "ms", 1.0)]


def milliseconds(size: int) -> float:
    """The median of one plan, in time of the processor: others may be at work beside us."""
    of, observation = fleet_of(size), observation_of(size)
    hosts = {one.name: wanted(one) for one in of.pools}
    prices, record = catalog(), Record()
    times = []
    for _ in range(RUNS):
        began = time.process_time()
        plan_scale(of, observation, prices, hosts, record)
        times.append(time.process_time() - began)
    return median(times) * 1000


def fleet_of(size: int) -> Inventory:
    """One pool, its max twice what is there."""
    return inventory(pool(min=0, max=2 * size))


def observation_of(size: int) -> Observation:
    """Every machine is online and as wanted; every second one has a job, and as many jobs wait."""
    parts: list[Server | Runner | Job] = []
    hosts: dict[str, HostSeen] = {}
    plain = facts(wanted(pool()))
    for n in range(1, size + 1):
        name = f"ci-build-{n}"
        parts += [server(name, id=n, minutes=n % 120), runner(name, id=n), _job(n)]
        hosts[name] = replace(plain, registration=Registration(n, f"u-{n}", name, GITEA.runner_url))
    return seen(*parts, hosts=hosts)


def _job(n: int) -> Job:
    one = job(id=n, runner_id=n)
    early = replace(one, state=JobState.WAITING, runner_id=None, created=one.created.replace(hour=11))
    return early if n % 2 else one


if __name__ == "__main__":
    main()
