"""The log of one job, as Gitea has it: its last lines, and new ones as they come."""

from collections.abc import Callable

from fleet.core.errors import Refused
from fleet.core.machine import Machine
from fleet.core.observation import Job, JobState
from fleet.core.orders import LogPart
from fleet.engine.world import World

PAUSE = 3.0
"""Seconds between two looks at a log that is followed: runners send theirs every five."""


def job_of(world: World, machine: Machine | None, job_id: int | None) -> Job:
    """The job of this id; without, the only one that runs on the machine. Raises Refused."""
    if job_id is not None:
        return _by_id(world, job_id)
    jobs = machine.jobs if machine is not None else ()
    name = machine.name if machine is not None else "it"
    if not jobs:
        raise Refused(f"no job runs on {name}", hint="fleet jobs; fleet logs --job ID for one that has ended")
    if len(jobs) > 1:
        ids = ", ".join(str(job.id) for job in jobs)
        raise Refused(f"{len(jobs)} jobs run on {name}: {ids}", hint=f"fleet logs {name} --job {jobs[0].id}")
    return jobs[0]


def _by_id(world: World, job_id: int) -> Job:
    """Those that wait and run, then those that ended last: the log of one that failed is wanted most."""
    live = next((job for job in world.gitea.jobs() if job.id == job_id), None)
    found = live or world.gitea.ended_job(job_id)
    if found is None:
        raise Refused(
            f"job {job_id} neither waits nor runs, and is not among those that ended last",
            hint="fleet jobs; older ones are in Gitea",
        )
    return found


def read(world: World, job: Job, lines: int, on_line: Callable[[str], None], *, follow: bool) -> None:
    """Give the last ``lines`` lines of it; then, if it is to be followed, each new one until the job has ended."""
    first = world.gitea.job_log(job.repo, job.id, None)
    rest = _last(first, lines, on_line)
    end = first.end
    while follow and _runs(world, job):
        world.clock.sleep(PAUSE)
        rest, end = _more(world, job, rest, end, on_line)
    if follow:
        rest, _ = _more(world, job, rest, end, on_line)
    if rest:
        on_line(_text(rest))


def _last(part: LogPart, lines: int, on_line: Callable[[str], None]) -> bytes:
    """The last whole lines; what follows the last of them is given back. A line that is cut in front is left out."""
    whole, newline, rest = part.text.rpartition(b"\n")
    found = whole.split(b"\n") if newline else []
    for line in found[1 if part.begin else 0 :][-lines:]:
        on_line(_text(line))
    return rest


def _more(world: World, job: Job, rest: bytes, end: int, on_line: Callable[[str], None]) -> tuple[bytes, int]:
    part = world.gitea.job_log(job.repo, job.id, end)
    *whole, rest = (rest + part.text).split(b"\n")
    for line in whole:
        on_line(_text(line))
    return rest, part.end


def _runs(world: World, job: Job) -> bool:
    return any(one.id == job.id and one.state is JobState.RUNNING for one in world.gitea.jobs(fresh=True))


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip("\r")
