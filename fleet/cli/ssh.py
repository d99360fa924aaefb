"""``fleet ssh``: log in to a machine by the system's OpenSSH, its host key known, and the firewall open to us."""

import os
from typing import Annotated

import typer
from rich.console import Console

from fleet.cli import wiring
from fleet.cli.exits import OK, with_verdict
from fleet.cli.machines import unknown
from fleet.cli.options import InventoryOption
from fleet.core.errors import Refused
from fleet.core.firewall import OPENED
from fleet.core.names import is_ours
from fleet.core.orders import Target
from fleet.core.secret_sources import without_secrets
from fleet.engine import firewall
from fleet.engine.world import World, public_target, static_target


@with_verdict
def ssh(
    machine: Annotated[str | None, typer.Argument(help="A machine, as `fleet status` names it.")] = None,
    command: Annotated[list[str] | None, typer.Argument(help="After --: a command to run there instead.")] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Let your address in for 30 minutes first, whatever the inventory says.")
    ] = False,
    inventory: InventoryOption = None,
) -> int:
    """Log in to a machine with OpenSSH, or run a command there; the exit code is that of ssh.

    fleet ssh ci-build-1

    fleet ssh ci-build-1 -- docker ps

    fleet ssh --open
    """
    if machine is None and not open_:
        raise Refused("no machine is named", hint="fleet ssh MACHINE; fleet status lists them")
    with wiring.open_world(inventory, ask_gitea=False) as world:
        if open_:
            _open(world)
        else:
            firewall.let_in(world)
        where = _target(world, machine, past_tailnet=open_) if machine else None
    if where is not None:
        _become(world, where, command or [])
    return OK


def _open(world: World) -> None:
    networks = firewall.open_for_us(world)
    minutes = int(OPENED.total_seconds()) // 60
    say = Console(stderr=True, highlight=False, soft_wrap=True)
    say.print(f"port 22 of fleet {world.inventory.name} is open to {', '.join(networks)} for {minutes} minutes")


def _target(world: World, name: str, *, past_tailnet: bool) -> Target:
    """``past_tailnet``: by the public address, which was opened for that.

    Raises Refused when there is no such machine, HostError when its host key is not known.
    """
    if name in world.statics:
        return static_target(name, world.statics[name])
    ours = {
        one.name: one
        for one in world.cloud.servers()
        if is_ours(one.name, one.tags, world.inventory.name, world.inventory.gitea)
    }
    if name not in ours:
        raise unknown(f"there is no machine {name}", name, (*ours, *world.statics))
    return public_target(ours[name]) if past_tailnet else world.target(ours[name])


def _become(world: World, where: Target, command: list[str]) -> None:
    from fleet.edges import login

    key = wiring.open_key(world.inventory).files()
    known_hosts = login.write_known_hosts(wiring.state_folder() / "known_hosts", where)
    login.become(login.words(where, key, known_hosts, command), without_secrets(os.environ, world.inventory))
