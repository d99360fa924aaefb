"""What ``fleet status`` tells of many jobs and machines at once: how long jobs wait, how long machines take."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fleet.cli.ages import span
from fleet.core.errors import FleetError
from fleet.core.machine import Machine
from fleet.core.observation import EndedJobs, Observation
from fleet.core.stages import Stage, stages_of
from fleet.core.waited import Waited, WaitFigures, percentile, wait_figures
from fleet.engine.world import World


@dataclass(frozen=True, slots=True)
class Figures:
    """``wait``: None when Gitea did not say. ``stages``: of each stage the seconds of the machines that know them."""

    wait: WaitFigures | None
    stages: Mapping[Stage, Mapping[str, int]]


def figures(world: World, seen: Observation, machines: Sequence[Machine]) -> Figures:
    """Asks Gitea for the jobs that ended: two calls, so only for those who want to see it."""
    ended = ended_jobs(world)
    labels = [frozenset(world.wanted[pool.name].label_names) for pool in world.inventory.pools]
    wait = wait_figures((*(seen.jobs or ()), *ended.jobs), labels, seen.at) if ended is not None else None
    known = {machine.name: stages_of(machine, ended) for machine in machines}
    return Figures(
        wait,
        {
            stage: {name: stages[stage] for name, stages in known.items() if stage in stages}
            for stage in Stage
            if any(stage in stages for stages in known.values())
        },
    )


def ended_jobs(world: World) -> EndedJobs | None:
    """None where Gitea does not answer that: nobody's look fails for a figure."""
    try:
        return world.gitea.ended_jobs()
    except FleetError:
        return None


def shown(found: Figures) -> RenderableType:
    """The waits in a line, the stages in a table."""
    parts: list[RenderableType] = [Text(_wait(found.wait))]
    if found.stages:
        parts += [Text(), _table(found.stages)]
    return Group(*parts)


def _wait(wait: WaitFigures | None) -> str:
    if wait is None:
        return "how long jobs waited is not known: Gitea did not say"
    if wait.p50 is None or wait.p95 is None:
        return "how long jobs waited is not known: none that ended well has begun in the last day"
    jobs = f"{wait.jobs} job{'s' if wait.jobs != 1 else ''} of the last day"
    return f"jobs waited for a runner: p50 {_span(wait.p50)}, p95 {_span(wait.p95)} ({jobs})"


def _span(wait: Waited) -> str:
    """Where the bounds differ, both."""
    least, most = span(wait.least), span(wait.most)
    return most if least == most else f"{least} to {most}"


def _table(stages: Mapping[Stage, Mapping[str, int]]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("INTO SERVICE", no_wrap=True)
    for stage in stages:
        table.add_column(stage.value.upper(), justify="right", no_wrap=True)
    for name, of_hundred in (("p50", 50), ("p95", 95)):
        cells = (percentile(known.values(), of_hundred) for known in stages.values())
        table.add_row(name, *(span(cell) if cell is not None else "?" for cell in cells))
    table.add_row("machines", *(str(len(known)) for known in stages.values()))
    return table


def to_json(found: Figures) -> dict[str, Any]:
    """Two keys of the answer of ``fleet status --json``."""
    return {
        "wait": asdict(found.wait) if found.wait is not None else None,
        "stages": {
            stage.value: {
                "p50": percentile(known.values(), 50),
                "p95": percentile(known.values(), 95),
                "machines": dict(known),
            }
            for stage, known in found.stages.items()
        },
    }
