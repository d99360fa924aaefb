"""``fleet exec``: one command on many hosts at once, as root; each host's answer in one piece."""

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from fleet.cli.exits import FAILED, OK, with_verdict
from fleet.cli.machines import chosen
from fleet.cli.options import InventoryOption, JsonOption
from fleet.cli.story import looking
from fleet.cli.wiring import open_world
from fleet.core.errors import FleetError
from fleet.core.machine import Machine, join
from fleet.engine import firewall
from fleet.engine.observe import without_gitea
from fleet.engine.ports import Result
from fleet.engine.world import World

WORKERS = 16

Answer = Result | FleetError


@with_verdict
def exec_(
    where: Annotated[str, typer.Argument(metavar="POOL|MACHINE", help="All machines of a pool, or one machine.")],
    command: Annotated[list[str], typer.Argument(metavar="-- COMMAND...", help="What to run, after `--`.")],
    timeout: Annotated[int, typer.Option("--timeout", min=1, help="Seconds the command may take on each host.")] = 60,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Run a shell command as root on machines, all at once. Exit 1 when it failed on any of them.

    Takes no lock and asks nobody: it is your command.
    """
    with open_world(inventory, ask_gitea=False) as world:
        firewall.let_in(world)
        with looking(f"looking at fleet {world.inventory.name}", quiet=json):
            machines = chosen(join(world.inventory, without_gitea(world)), [where])
        with ThreadPoolExecutor(WORKERS) as pool:
            answers = list(pool.map(lambda machine: _ask(world, machine, " ".join(command), timeout), machines))
        console = Console(highlight=False, soft_wrap=True)
        if json:
            console.print_json(data={m.name: _json(one) for m, one in zip(machines, answers, strict=True)})
        else:
            for machine, answer in zip(machines, answers, strict=True):
                _print(console, machine.name, answer)
        return OK if all(isinstance(one, Result) and one.status == 0 for one in answers) else FAILED


def _ask(world: World, machine: Machine, command: str, timeout: int) -> Answer:
    """A host that fails is its own row."""
    try:
        return world.sessions.get(world.target_of(machine)).run(command, timeout=timeout)
    except FleetError as error:
        return error


def _print(console: Console, name: str, answer: Answer) -> None:
    """What a host has printed goes out as it is: to lay out some megabytes would take minutes."""
    if isinstance(answer, FleetError):
        console.print(Text.assemble((name, "bold"), ": ", (answer.message, "red")))
        return
    ended = "" if answer.status == 0 else f" (exit {answer.status})"
    console.print(Text(f"{name}{ended}", "bold"))
    lines = (answer.out + answer.err).rstrip()
    console.file.write("".join(f"  {line}\n" for line in lines.split("\n")) if lines else "")


def _json(answer: Answer) -> dict[str, Any]:
    if isinstance(answer, FleetError):
        return {"status": None, "out": "", "err": answer.message}
    return {"status": answer.status, "out": answer.out, "err": answer.err}
