"""``fleet logs``: what a machine's runner, its Docker or its set-up has written."""

import shlex
from enum import StrEnum
from typing import Annotated

import typer
from rich.console import Console

from fleet.cli.exits import FAILED, OK, with_verdict
from fleet.cli.machines import chosen
from fleet.cli.options import InventoryOption
from fleet.cli.story import looking
from fleet.cli.wiring import open_world
from fleet.core.errors import Refused
from fleet.core.machine import join
from fleet.core.setup import CONTAINER
from fleet.engine import firewall
from fleet.engine.observe import observe

DAY = 24 * 3600.0
"""Seconds that lines are followed at most."""


class Source(StrEnum):
    """Whose log."""

    RUNNER = "runner"
    DOCKER = "docker"
    SETUP = "setup"
    BOOT = "boot"


def command(source: Source, lines: int, *, follow: bool) -> str:
    """The shell command that prints the last lines of it, and the new ones as they come."""
    match source:
        case Source.RUNNER:
            more = " --follow" if follow else ""
            return f"docker logs --timestamps --tail {lines}{more} {shlex.quote(CONTAINER)} 2>&1"
        case Source.DOCKER:
            more = " --follow" if follow else ""
            return f"journalctl --no-pager --unit docker --lines {lines}{more}"
        case Source.SETUP:
            return f"tail -n {lines}{' -F' if follow else ''} /var/log/fleet-setup.log"
        case Source.BOOT:
            return f"tail -n {lines}{' -F' if follow else ''} /var/log/cloud-init-output.log"


@with_verdict
def logs(
    machine: Annotated[str, typer.Argument(metavar="MACHINE", help="Its name, as `fleet status` shows it.")],
    source: Annotated[Source, typer.Option("--of", help="Whose log.")] = Source.RUNNER,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, max=100_000, help="So many of the last lines.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines, until Ctrl-C.")] = False,
    inventory: InventoryOption = None,
) -> int:
    """Print the log of a machine's runner, of its Docker, of its set-up or of its first boot.

    What jobs print is in Gitea. Example: fleet logs ci-build-1 --of docker -f
    """
    with open_world(inventory) as world:
        firewall.let_in(world)
        with looking(f"looking for {machine}"):
            found = chosen(join(world.inventory, observe(world, hosts=False)), [machine])
        if len(found) > 1:
            raise Refused(f"{machine} is a pool: logs are of one machine", hint=f"fleet logs {found[0].name}")
        host = world.sessions.get(world.target_of(found[0]))
        console = Console(highlight=False, soft_wrap=True)
        ended = host.stream(
            command(source, lines, follow=follow),
            lambda line: console.print(line, markup=False),
            timeout=DAY if follow else 60,
        )
        return OK if ended.status == 0 else FAILED
