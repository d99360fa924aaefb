"""``fleet jobs``: what runs where, and why the others wait."""

from datetime import datetime
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from fleet.cli.ages import age
from fleet.cli.exits import OK, with_verdict
from fleet.cli.options import InventoryOption, JsonOption
from fleet.cli.story import looking
from fleet.cli.wiring import open_world
from fleet.core.machine import Machine, join
from fleet.core.observation import Job
from fleet.core.waiting import Wait
from fleet.engine import memory
from fleet.engine.observe import observe
from fleet.engine.waiting import waits_now


@with_verdict
def jobs(json: JsonOption = False, inventory: InventoryOption = None) -> int:
    """Show the jobs that run and the jobs that wait, each of those with its reason."""
    with open_world(inventory) as opened:
        world, record = memory.raised(opened)
        with looking(f"looking at fleet {world.inventory.name}", quiet=json) as seen:
            observation = observe(world, seen=seen)
        machines = join(world.inventory, observation)
        waiting = waits_now(world, observation, machines, record)
        running = [(machine, job) for machine in machines for job in machine.jobs]
        console = Console(highlight=False)
        if json:
            console.print_json(data=_json(world.inventory.name, running, waiting))
        else:
            console.print(_screen(running, waiting, observation.at))
    return OK


def _screen(running: list[tuple[Machine, Job]], waiting: tuple[Wait, ...], now: datetime) -> RenderableType:
    if not running and not waiting:
        return Text("no job runs on this fleet, and none waits")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("JOB", "NAME", "FOR"):
        table.add_column(name, no_wrap=name != "NAME", overflow="fold")
    table.add_column("WHERE, OR WHY IT WAITS", overflow="fold")
    for machine, job in running:
        table.add_row(str(job.id), _name(job), age(job.started or job.created, now), Text(machine.name, "cyan"))
    for one in waiting:
        hint = (f"\n-> {one.hint}", "italic") if one.hint else ""
        text = Text.assemble("waits: ", one.reason, hint)
        table.add_row(str(one.job.id), _name(one.job), age(one.job.created, now), text)
    return Group(table)


def _name(job: Job) -> Text:
    """As it is: what looks like markup was written by whoever may push a workflow."""
    return Text(f"{job.name} ({job.repo})" if job.repo else job.name)


def _json(fleet: str, running: list[tuple[Machine, Job]], waiting: tuple[Wait, ...]) -> dict[str, Any]:
    return {
        "fleet": fleet,
        "running": [{**_job_json(job), "machine": machine.name} for machine, job in running],
        "waiting": [{**_job_json(one.job), "reason": one.reason, "hint": one.hint} for one in waiting],
    }


def _job_json(job: Job) -> dict[str, Any]:
    since = job.started or job.created
    return {
        "id": job.id,
        "name": job.name,
        "repo": job.repo,
        "labels": sorted(job.labels),
        "since": since.isoformat(),
        "url": job.url,
    }
