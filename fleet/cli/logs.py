"""``fleet logs``: what a machine's runner, its Docker or its set-up has written, and what a job has printed."""

import shlex
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from fleet.cli.exits import FAILED, OK, with_verdict
from fleet.cli.machines import chosen
from fleet.cli.options import InventoryOption
from fleet.cli.wiring import open_world
from fleet.core.errors import Refused
from fleet.core.machine import Machine, join
from fleet.core.observation import Observation
from fleet.core.setup import CONTAINER
from fleet.engine import firewall, job_log
from fleet.engine.observe import observe, without_gitea
from fleet.engine.world import World

DAY = 24 * 3600.0
"""Seconds that lines are followed at most."""


class Source(StrEnum):
    """Whose log."""

    RUNNER = "runner"
    DOCKER = "docker"
    SETUP = "setup"
    BOOT = "boot"
    JOB = "job"


def command(source: Source, lines: int, *, follow: bool) -> str:
    """The shell command that prints the last lines of it, and the new ones as they come."""
    match source:
        case Source.DOCKER:
            more = " --follow" if follow else ""
            return f"journalctl --no-pager --unit docker --lines {lines}{more}"
        case Source.SETUP:
            return _tail("/var/log/fleet-setup.log", lines, "set-up has installed nothing here", follow=follow)
        case Source.BOOT:
            return _tail("/var/log/cloud-init-output.log", lines, "cloud-init has not run here", follow=follow)
        case _:
            more = " --follow" if follow else ""
            return f"docker logs --timestamps --tail {lines}{more} {shlex.quote(CONTAINER)} 2>&1"


def _tail(file: str, lines: int, without: str, *, follow: bool) -> str:
    """One that is not there yet may be followed all the same. ``without``: what it means when it is not there."""
    if follow:
        return f"tail -n {lines} -F {file}"
    return f"[ -e {file} ] || {{ echo 'no log: {without}' >&2; exit 1; }}; tail -n {lines} {file}"


@with_verdict
def logs(
    machine: Annotated[str, typer.Argument(metavar="MACHINE", help="Its name, as `fleet status` shows it.")],
    job_id: Annotated[
        int | None, typer.Argument(metavar="ID", help="With --job: the job's number, as `fleet jobs` shows it.")
    ] = None,
    runner: Annotated[bool, typer.Option("--runner", help="Its runner's log. This is the default.")] = False,
    docker: Annotated[bool, typer.Option("--docker", help="The log of its Docker.")] = False,
    setup: Annotated[bool, typer.Option("--setup", help="The log of its set-up.")] = False,
    boot: Annotated[bool, typer.Option("--boot", help="The log of its first boot.")] = False,
    job: Annotated[
        bool, typer.Option("--job", help="What the job prints that runs there, or the one with this ID.")
    ] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=100_000, help="So many of the last lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines, until Ctrl-C.")] = False,
    inventory: InventoryOption = None,
) -> int:
    """Print the log of a machine's runner, of its Docker, of its set-up, of its first boot, or of a job.

    fleet logs ci-build-1 --docker -f

    fleet logs ci-build-1 --job

    fleet logs --job 4711
    """
    asked = {Source.RUNNER: runner, Source.DOCKER: docker, Source.SETUP: setup, Source.BOOT: boot, Source.JOB: job}
    source = _source([one for one, wanted in asked.items() if wanted])
    name, number = _whose(source, machine, job_id)
    console = Console(highlight=False, soft_wrap=True)
    with open_world(inventory, ask_gitea=source is Source.JOB) as world:
        if source is Source.JOB:
            return _of_job(world, name, number, lines, lambda line: console.print(line, markup=False), follow=follow)
        firewall.let_in(world)
        host = world.sessions.get(world.target_of(_machine(world, without_gitea(world), name)))
        ended = host.stream(
            command(source, lines, follow=follow),
            lambda line: console.print(line, markup=False),
            timeout=DAY if follow else 60,
        )
        return OK if ended.status == 0 else FAILED


def _source(asked: list[Source]) -> Source:
    if len(asked) > 1:
        raise Refused(f"one log at a time, not --{asked[0]} and --{asked[1]}", hint="fleet logs --help")
    return asked[0] if asked else Source.RUNNER


def _whose(source: Source, machine: str, job_id: int | None) -> tuple[str, int | None]:
    """A job's number may stand alone: no machine is called like one."""
    if source is not Source.JOB:
        if job_id is not None:
            raise Refused(f"{job_id} is the number of a job", hint=f"fleet logs {machine} --job {job_id}")
        return machine, None
    if job_id is None and machine.isdecimal():
        return "", int(machine)
    return machine, job_id


def _of_job(
    world: World, name: str, number: int | None, lines: int, on_line: Callable[[str], None], *, follow: bool
) -> int:
    """Asks Gitea alone: the steps of a job print into no container's log."""
    machine = _machine(world, observe(world, hosts=False), name) if name else None
    found = job_log.job_of(world, machine, number)
    if machine is not None and machine.runner is not None and found.runner_id not in {None, machine.runner.id}:
        raise Refused(f"job {found.id} is not one of {name}", hint=f"fleet logs --job {found.id}")
    job_log.read(world, found, lines, on_line, follow=follow)
    return OK


def _machine(world: World, seen: Observation, name: str) -> Machine:
    found = chosen(join(world.inventory, seen), [name])
    if len(found) > 1:
        raise Refused(f"{name} is a pool: logs are of one machine", hint=f"fleet logs {found[0].name}")
    return found[0]
