"""``fleet rotate sshkey``: another operator's key for all machines.

The fleet's own key is replaced from beginning to end. For one that a person keeps, the inventory must be edited in
between, so it takes two commands.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from fleet.cli import show
from fleet.cli.ask import confirm
from fleet.cli.exits import FAILED, OK, with_verdict
from fleet.cli.options import InventoryOption, QuietOption, YesOption
from fleet.cli.story import telling
from fleet.cli.wiring import (
    key_of_file,
    load_inventory,
    only_with,
    open_hosts,
    open_key,
    open_world,
    own_key,
    state_folder,
)
from fleet.core.errors import Refused
from fleet.core.inventory import Inventory
from fleet.core.report import Report
from fleet.core.ssh_key import read_public_key
from fleet.engine import firewall, key_rotation
from fleet.engine.apply import Listener
from fleet.engine.world import Rotation, World

AGAIN = "type `fleet rotate sshkey` again"


@with_verdict
def sshkey(
    new_key: Annotated[
        Path | None, typer.Option("--new-key", help="A private key of yours: let it in everywhere, beside ssh.key.")
    ] = None,
    old_key: Annotated[
        Path | None, typer.Option("--old-key", help="The key that ssh.key has replaced: take it off everywhere.")
    ] = None,
    yes: YesOption = False,
    quiet: QuietOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Another SSH key for all machines, proven on each before the old one goes. Typed again, goes on."""
    from fleet.edges.locks import pass_lock

    named = load_inventory(inventory)
    _must_fit(named, new_key, old_key)
    with pass_lock(named.name, state_folder()), open_world(inventory, ask_gitea=False) as world:
        confirm(_question(named, new_key, old_key), yes=yes)
        firewall.let_in(world)
        with telling(quiet=quiet) as listen:
            if new_key is not None:
                return _let_in(world, new_key, listen)
            if old_key is not None:
                return _take_off(world, old_key, listen)
            return _own(world, listen)


def _must_fit(inventory: Inventory, new_key: Path | None, old_key: Path | None) -> None:
    theirs = bool(inventory.ssh.key) or inventory.ssh.agent
    if new_key is not None and old_key is not None:
        raise Refused("--new-key and --old-key are two steps", hint="first: fleet rotate sshkey --new-key PATH")
    if theirs and new_key is None and old_key is None:
        raise Refused(
            "the SSH key is yours (ssh.key, or your agent's), so fleet does not make another",
            hint="make one with ssh-keygen, then: fleet rotate sshkey --new-key PATH",
        )


def _question(inventory: Inventory, new_key: Path | None, old_key: Path | None) -> str:
    if new_key is not None:
        return f"Let {new_key} in on all machines of fleet {inventory.name}?"
    if old_key is not None:
        return f"Take {old_key} off all machines of fleet {inventory.name}?"
    word = "Go on with the new" if own_key(inventory).unfinished else "Make a new"
    return f"{word} SSH key for all machines of fleet {inventory.name}?"


def _own(world: World, listen: Listener) -> int:
    """The fleet's own key: made, proven, put in place, and the old one taken off and forgotten."""
    own = own_key(world.inventory)
    if not own.switched:
        coming = own.coming()
        rotation = Rotation(own.current().public_line(), coming.public_line(), only_with(coming))
        report = key_rotation.prove(world, rotation, listen)
        if not key_rotation.is_proven(report):
            return _stopped(report)
        own.switch()
    rotation = Rotation(own.former().public_line(), own.current().public_line(), only_with(own.current()))
    report = _taken_over(world, rotation, listen)
    if not key_rotation.is_over(report):
        _say(
            f"the old key is kept beside the new one ({own.path}.old) for the machines above: {AGAIN} when they answer"
        )
        return FAILED
    own.forget()
    _say(f"the new key is in {own.path}; if other computers have a copy of the old one, give them this")
    return OK


def _let_in(world: World, path: Path, listen: Listener) -> int:
    key = key_of_file(world.inventory, path)
    rotation = Rotation(open_key(world.inventory).public_line(), key.public_line(), only_with(key))
    report = key_rotation.prove(world, rotation, listen)
    if not key_rotation.is_proven(report):
        return _stopped(report)
    _show(report)
    _say(f'now write ssh.key = "{path}" into the inventory, then: fleet rotate sshkey --old-key PATH-OF-THE-OLD-ONE')
    return OK if key_rotation.is_over(report) else FAILED


def _take_off(world: World, path: Path, listen: Listener) -> int:
    now = open_key(world.inventory)
    rotation = Rotation(_public_line(path), now.public_line(), only_with(now))
    if read_public_key(rotation.old) == read_public_key(rotation.new):
        raise Refused(f"{path} is the key in use", hint="write the new one into the inventory as ssh.key first")
    report = key_rotation.prove(world, rotation, listen)
    if not key_rotation.is_proven(report):
        return _stopped(report)
    report = _taken_over(world, rotation, listen)
    return OK if key_rotation.is_over(report) else FAILED


def _taken_over(world: World, rotation: Rotation, listen: Listener) -> Report:
    report = key_rotation.take_over(world, open_hosts(world.inventory), rotation, listen)
    _show(report)
    old = read_public_key(rotation.old)
    listed = [read_public_key(line) for line in world.inventory.ssh.authorized_keys]
    if old is not None and old.data in {key.data for key in listed if key is not None}:
        _say("the old key is in ssh.authorized_keys too, and so still opens them: take it out, then `fleet up`")
    return report


def _public_line(path: Path) -> str:
    from fleet.edges.ssh_keys import public_line_at

    return public_line_at(path.expanduser())


def _stopped(report: Report) -> int:
    _show(report)
    _say(f"nothing was taken off anywhere: the old key is still the one in use. Then {AGAIN}")
    return FAILED


def _show(report: Report) -> None:
    if report.outcomes:
        Console(highlight=False).print(show.report_table(report))


def _say(sentence: str) -> None:
    Console(stderr=True, highlight=False).print(sentence, soft_wrap=True, markup=False)
