"""``fleet cron``: passes that run by themselves, from the user's crontab."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from fleet.cli.exits import OK, with_verdict
from fleet.cli.options import InventoryOption
from fleet.cli.passes import passes
from fleet.cli.story import note
from fleet.cli.wiring import load_inventory, open_world, state_folder
from fleet.core import inventory_rules as rules
from fleet.core.errors import FleetError, Refused
from fleet.core.inventory import Inventory
from fleet.core.record import LAST_PASS
from fleet.engine import memory

if TYPE_CHECKING:
    from fleet.edges.crontab import Block

app = typer.Typer(
    help="Passes that run by themselves, from your crontab.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

FOLDERS = ("XDG_CONFIG_HOME", "XDG_STATE_HOME")
"""Variables that say where keys, locks and logs are: cron's passes must use the same as yours."""

EveryOption = Annotated[
    int | None,
    typer.Option("--every", metavar="N", help="Minutes between two passes. Default: cron.minutes of the inventory."),
]
OnlyDownOption = Annotated[bool, typer.Option("--only-down", help="Run `fleet scale-down`: nothing is created.")]


@app.command("install")
@with_verdict
def install(every: EveryOption = None, only_down: OnlyDownOption = False, inventory: InventoryOption = None) -> int:
    """Write a line that runs `fleet scale` into your crontab. Typed again, it is replaced; no other line changes."""
    from fleet.edges import crontab

    wanted, path = _load(inventory)
    minutes = _minutes(every, wanted)
    before = crontab.read()
    _refuse_namesake(crontab.block_of(before, wanted.name), path)
    line = crontab.line(minutes, _words("scale-down" if only_down else "scale", path, "--cron"), _folders())
    after = crontab.with_block(before, wanted.name, str(path), [line])
    prove(path)
    if after != before:
        crontab.write(after)
    _say(line)
    _say(f"in your crontab: the log is {state_folder() / wanted.name}.log")
    if minutes > wanted.cron.minutes:
        note(f"passes plan for every {wanted.cron.minutes} minutes: write cron.minutes = {minutes} in {path}")
    return OK


@app.command("show")
@with_verdict
def show(inventory: InventoryOption = None) -> int:
    """Print the lines in your crontab, and when the last pass was, on whatever computer."""
    from fleet.edges import crontab

    wanted, _ = _load(inventory)
    text = crontab.read()
    block = crontab.block_of(text, wanted.name)
    _say(crontab.shown(text, block) if block else f"fleet {wanted.name} is not in your crontab: fleet cron install")
    _say(_last_pass(inventory))
    return OK


@app.command("remove")
@with_verdict
def remove(inventory: InventoryOption = None) -> int:
    """Take the fleet's lines out of your crontab. Machines stay as they are, and nobody misses passes any more."""
    from fleet.edges import crontab

    wanted, path = _load(inventory)
    before = crontab.read()
    block = crontab.block_of(before, wanted.name)
    _refuse_namesake(block, path)
    if block is None:
        _say(f"fleet {wanted.name} is not in your crontab")
    else:
        crontab.write(crontab.without_block(before, wanted.name))
        _say(f"fleet {wanted.name} is no longer in your crontab: no pass runs by itself")
    _forget_passes(inventory)
    return OK


def _load(option: str | None) -> tuple[Inventory, Path]:
    """The inventory, and its path from the root; a link stays one, for what stands beside it is beside the link."""
    inventory = load_inventory(option)
    path = Path(inventory.source)
    return inventory, path.parent.resolve() / path.name


def _minutes(every: int | None, inventory: Inventory) -> int:
    try:
        return inventory.cron.minutes if every is None else rules.cron_minutes(every)
    except rules.WrongError as error:
        raise Refused(f"--every: {error.wrong}", hint=error.allowed) from None


def _words(command: str, path: Path, option: str) -> list[str]:
    """Absolute paths. -P: a file of the home folder, where cron runs it, must not stand in for one of Python's."""
    return [sys.executable, "-P", "-m", "fleet", command, option, "--inventory", str(path)]


def _folders() -> dict[str, str]:
    return {name: str(Path(folder).absolute()) for name in FOLDERS if (folder := os.environ.get(name))}


def _refuse_namesake(block: "Block | None", path: Path) -> None:
    """One whose inventory is gone is ours: the file was moved."""
    if block is None or block.inventory == str(path) or not Path(block.inventory).exists():
        return
    raise Refused(
        f"the crontab runs fleet {block.fleet} with another inventory: {block.inventory}",
        hint=f"type `fleet cron remove --inventory {block.inventory}` first, or give one of the two another name",
    )


def prove(path: Path) -> None:
    """Looks at everything, as a pass will, with what cron gives it. Raises Refused with what is missing there."""
    from fleet.edges import bare_shell, crontab

    ended = bare_shell.run(crontab.shell(_words("plan", path, "--json"), _folders()))
    if ended.code == OK:
        return
    dotenv = path.parent / ".env"
    said = ended.said.partition("\nwhat to do: ")[0].removeprefix("fleet: ") or f"exit code {ended.code}"
    raise Refused(
        f"fleet does not work in cron's environment: {said}",
        hint=f"cron has none of your shell's variables: write NAME=VALUE lines into {dotenv} "
        f"and `chmod 600 {dotenv}`, then type `fleet cron install` again",
    )


def _forget_passes(option: str | None) -> None:
    """Else `status` would call them overdue for ever, and `down` leave them paused. Where they still run, on another
    computer, the next one writes it down again."""
    try:
        with open_world(option, ask_gitea=False) as world:
            if memory.read(world).last_pass is not None:
                memory.write(world, {LAST_PASS: None})
    except FleetError as error:
        note(f"that passes have run could not be forgotten: {error.message}")
        note("type `fleet cron remove` again, or `fleet status` calls them overdue")


def _last_pass(option: str | None) -> str:
    with open_world(option) as world:
        record, now = memory.read(world), world.cloud.now()
    said = passes(record, now, world.inventory.cron.minutes)
    return f"passes of fleet {world.inventory.name}: {said.text}{f' -> {said.hint}' if said.hint else ''}"


def _say(text: str) -> None:
    Console(highlight=False, soft_wrap=True).print(Text(text))
