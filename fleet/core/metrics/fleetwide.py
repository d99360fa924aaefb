"""Metrics of the fleet as a whole, and of its pools."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from fleet.core.demand import SERVING, by_priority
from fleet.core.inventory import Pool
from fleet.core.labels import matches
from fleet.core.machine import Phase
from fleet.core.metrics.values import Sample, Seen, maybe, of_pool, one, pool_of
from fleet.core.observation import Job, JobState
from fleet.core.pricing import servers_price
from fleet.core.waited import Waited, wait_figures


def machines(seen: Seen) -> Iterator[Sample]:
    """Also the phases in which no machine is: a line in a graph ends at nothing, not in the air."""
    counts = Counter((pool_of(machine), machine.phase) for machine in seen.machines)
    pools = dict.fromkeys([*(pool.name for pool in seen.inventory.pools), *(pool for pool, _ in counts)])
    return (of_pool(pool, counts[pool, phase], phase=phase.value) for pool in pools for phase in Phase)


def each_pool(seen: Seen, value: Callable[[Pool], float]) -> Iterator[Sample]:
    """One number of each pool of the inventory."""
    return (of_pool(pool.name, value(pool)) for pool in seen.inventory.pools)


def slots(seen: Seen) -> Iterator[Sample]:
    """Of machines that take jobs."""
    serving = Counter(pool_of(machine) for machine in seen.machines if machine.phase in SERVING)
    return each_pool(seen, lambda pool: pool.runner.capacity * serving[pool.name])


def running(seen: Seen) -> Iterator[Sample]:
    """Also on machines that leave."""
    counts = Counter({pool.name: 0 for pool in seen.inventory.pools})
    for machine in seen.machines:
        counts[pool_of(machine)] += len(machine.jobs)
    return (of_pool(pool, number) for pool, number in counts.items())


def waiting(seen: Seen) -> Iterator[Sample]:
    """Each job counts for one pool: the first, by priority, that could run it."""
    counts = Counter(_pool_for(seen, job) for job in _waiting(seen))
    return each_pool(seen, lambda pool: counts[pool.name])


def without_pool(seen: Seen) -> tuple[Sample]:
    """Others' runners may be waiting for them."""
    return one(sum(_pool_for(seen, job) is None for job in _waiting(seen)))


def oldest_wait(seen: Seen) -> tuple[Sample]:
    """Nothing where no job waits."""
    since = min((job.created for job in _waiting(seen) if _pool_for(seen, job) is not None), default=seen.seen.at)
    return one(max((seen.seen.at - since).total_seconds(), 0.0))


def _waiting(seen: Seen) -> Iterator[Job]:
    return (job for job in seen.seen.jobs or () if job.state is JobState.WAITING)


def _pool_for(seen: Seen, job: Job) -> str | None:
    order = by_priority(seen.inventory.pools)
    return next((pool.name for pool in order if matches(job.labels, seen.labels[pool.name])), None)


def waits(seen: Seen) -> Iterator[Sample]:
    """``percentile`` and not ``quantile``: that label is for summaries alone."""
    if seen.ended is None:
        return
    figures = wait_figures((*(seen.seen.jobs or ()), *seen.ended.jobs), seen.labels.values(), seen.seen.at)
    for name, bounds in (("50", figures.p50), ("95", figures.p95)):
        yield from _bounds(name, bounds)


def _bounds(percentile: str, bounds: Waited | None) -> Iterator[Sample]:
    if bounds is not None:
        yield Sample(bounds.least, {"percentile": percentile, "bound": "least"})
        yield Sample(bounds.most, {"percentile": percentile, "bound": "most"})


def waits_of(seen: Seen) -> tuple[Sample, ...]:
    """Nothing is known where Gitea was not asked."""
    if seen.ended is None:
        return ()
    jobs = (*(seen.seen.jobs or ()), *seen.ended.jobs)
    return one(wait_figures(jobs, seen.labels.values(), seen.seen.at).jobs)


def cost(seen: Seen) -> tuple[Sample]:
    """Every server costs, whatever it does."""
    servers = (machine.server for machine in seen.machines if machine.server is not None)
    return one(float(servers_price(servers, seen.catalog).hour))


def cost_limit(seen: Seen) -> tuple[Sample, ...]:
    """Only where there is one."""
    limit = seen.inventory.max_eur_per_hour
    return maybe(None if limit is None else float(limit))


def findings(seen: Seen) -> Iterable[Sample]:
    """Only what is there."""
    counts = Counter((found.trouble, found.severity) for found in seen.findings)
    return [
        Sample(number, {"trouble": trouble.value, "severity": severity.value})
        for (trouble, severity), number in sorted(counts.items())
    ]


def paused(seen: Seen) -> tuple[Sample]:
    """On any computer."""
    return one(seen.record.paused(seen.seen.at))
