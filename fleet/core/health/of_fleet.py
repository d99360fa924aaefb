"""What is wrong with the fleet as a whole: jobs that nobody will take, passes that do not run."""

import math
from collections.abc import Iterator, Sequence

from fleet.core.doctor import CLOCK_WARNS
from fleet.core.health.values import Finding, Severity, Trouble, View
from fleet.core.labels import matches
from fleet.core.machine import Machine
from fleet.core.observation import Job

OVERDUE = 3
"""Passes that may be missed before we say so."""


def of_fleet(view: View) -> Iterator[Finding]:
    """All of it; the machine is empty."""
    if view.clock_off:
        way = "slow" if view.clock_off > 0 else "fast"
        sentence = f"this computer's clock is {abs(view.clock_off):.0f} s {way}, by the clocks of all its hosts"
        yield Finding(Trouble.CLOCK, Severity.WARNING, "", sentence, "timedatectl set-ntp true")
    yield from _without_pool(view)
    yield from _passes(view)


def agreed_clock_off(machines: Sequence[Machine]) -> float:
    """By how much several hosts are ahead of us that agree among themselves; 0 when they do not, or are right."""
    offs = [machine.facts.clock_off for machine in machines if machine.facts is not None]
    apart = max(offs, default=0) - min(offs, default=0)
    agree = len(offs) > 1 and apart < CLOCK_WARNS and min(map(abs, offs)) >= CLOCK_WARNS
    return sum(offs) / len(offs) if agree else 0


def _without_pool(view: View) -> Iterator[Finding]:
    """Jobs that no pool serves, and no other runner of the scope either."""
    lost = [wait.job for wait in view.waits if not wait.possible and not _somebody_else(wait.job, view)]
    if not lost:
        return
    labels = sorted({", ".join(sorted(job.labels)) or "no label" for job in lost})
    minutes = int((view.at - min(job.created for job in lost)).total_seconds()) // 60
    jobs = "1 job waits" if len(lost) == 1 else f"{len(lost)} jobs wait"
    sentence = f"{jobs} for labels that no pool has: {'; '.join(labels)}, the longest for {minutes} min"
    yield Finding(Trouble.NO_POOL, Severity.WARNING, "", sentence, "pools.NAME.labels, or runs-on in the workflow")


def _somebody_else(job: Job, view: View) -> bool:
    return any(runner.online and matches(job.labels, runner.labels) for runner in view.seen.runners or ())


def _passes(view: View) -> Iterator[Finding]:
    now = view.at.timestamp()
    if view.paused_until == 0:
        sentence = "passes are paused until somebody resumes them: nothing is scaled or repaired"
        yield Finding(Trouble.PAUSED, Severity.WARNING, "", sentence, "fleet resume")
    elif view.paused_until is not None and view.paused_until > now:
        minutes = math.ceil((view.paused_until - now) / 60)
        sentence = f"passes are paused for {minutes} min more"
        yield Finding(Trouble.PAUSED, Severity.NOTE, "", sentence, "fleet resume")
    elif view.last_pass is not None:
        minutes = int(now - view.last_pass) // 60
        if minutes > OVERDUE * view.inventory.cron.minutes:
            sentence = f"the last good pass was {minutes} min ago, and one is due every {view.inventory.cron.minutes}"
            yield Finding(Trouble.OVERDUE, Severity.WARNING, "", sentence, "fleet cron show")
