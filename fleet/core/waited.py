"""How long jobs waited for a runner, from what Gitea tells of those that have one by now.

Gitea stamps all jobs of a run when the run begins. One with ``needs`` is ready only when these have ended, and nothing
says when, or which they were. So a wait is known to lie between two bounds: at most since the job was made, at least
since another job of its run last ended before it started.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fleet.core.labels import matches
from fleet.core.observation import Job, JobState

RECENT = timedelta(hours=24)
"""Jobs that started earlier say nothing of today."""


@dataclass(frozen=True, slots=True)
class Waited:
    """Seconds: the wait was not shorter than ``least`` and not longer than ``most``."""

    least: float
    most: float


@dataclass(frozen=True, slots=True)
class WaitFigures:
    """Of so many jobs, the wait that half of them did not exceed, and 95 in 100. None: no job to tell of."""

    jobs: int = 0
    p50: Waited | None = None
    p95: Waited | None = None


def wait_figures(jobs: Iterable[Job], labels: Iterable[frozenset[str]], at: datetime) -> WaitFigures:
    """Of the jobs that started in the last day and that a runner with some of these ``labels`` may have.

    One that was started again keeps the time of its first start, so it is left out.
    """
    known, able = tuple(jobs), tuple(labels)
    ends = _ends(known)
    waits = [
        _waited(job, job.started, ends.get(job.run, ()))
        for job in known
        if job.started is not None
        and job.state is not JobState.WAITING
        and job.attempt <= 1
        and at - job.started <= RECENT
        and any(matches(job.labels, one) for one in able)
    ]
    return WaitFigures(len(waits), _bounds(waits, 50), _bounds(waits, 95))


def percentile(values: Iterable[float], of_hundred: float) -> float | None:
    """By nearest rank: the least value that so many in a hundred do not exceed. None when there are no values."""
    ordered = sorted(values)
    if not ordered:
        return None
    return ordered[max(math.ceil(of_hundred / 100 * len(ordered)), 1) - 1]


def _ends(jobs: Sequence[Job]) -> dict[int, list[datetime]]:
    """When the jobs of each run ended. A run that is not known is nobody's."""
    found: dict[int, list[datetime]] = {}
    for job in jobs:
        if job.run and job.ended is not None:
            found.setdefault(job.run, []).append(job.ended)
    return found


def _waited(job: Job, started: datetime, ends: Sequence[datetime]) -> Waited:
    ready = max((end for end in ends if job.created < end <= started), default=job.created)
    return Waited(max((started - ready).total_seconds(), 0.0), max((started - job.created).total_seconds(), 0.0))


def _bounds(waits: Sequence[Waited], of_hundred: float) -> Waited | None:
    """Each job's bounds hold its wait, so the percentiles of the bounds hold the percentile of the waits."""
    least = percentile((one.least for one in waits), of_hundred)
    most = percentile((one.most for one in waits), of_hundred)
    return Waited(least, most) if least is not None and most is not None else None
