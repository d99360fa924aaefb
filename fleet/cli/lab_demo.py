"""``fleet lab demo``: the life of a fleet, by the commands a person would type, each shown before it runs."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping

from rich.console import Console

from fleet.cli.exits import FAILED, OK
from fleet.cli.story import say
from fleet.lab import life
from fleet.lab.place import Lab

console = Console(highlight=False, soft_wrap=True)


def run_demo(name: str) -> int:
    """0 when every command did what it should and nothing is left; the lab is taken down either way."""
    start = time.monotonic()
    try:
        lab = life.up(life.Wish(name), say)
        good = _life(lab) and _nothing_left(lab)
    finally:
        life.down(name, say)
    good = _lab_is_gone(name) and good
    console.print(f"\ndemo {'done' if good else 'FAILED'} in {time.monotonic() - start:.0f} s")
    return OK if good else FAILED


def _life(lab: Lab) -> bool:
    named = f"--name {lab.name}"
    commands = ("plan", "up --yes", f"lab job {named}", "status", "up", "down --yes")
    return all(_type(lab, command) for command in commands)


def _type(lab: Lab, command: str) -> bool:
    """Run one command as a person would, after showing it."""
    console.print(f"\n[bold]$ fleet {command}[/bold]")
    began = time.monotonic()
    code = subprocess.run([sys.executable, "-m", "fleet", *command.split()], env=_environment(lab)).returncode
    console.print(f"[dim]({time.monotonic() - began:.1f} s, exit {code})[/dim]")
    return code == 0


def _environment(lab: Lab) -> Mapping[str, str]:
    return {**os.environ, **lab.env()}


def _nothing_left(lab: Lab) -> bool:
    """Ask the clouds themselves: no server, no key, no firewall, no runner."""
    from fleet.lab import look

    console.print("\n[bold]# what is left?[/bold]")
    left = look.everything(lab)
    for what, names in left.items():
        console.print(f"  {what}: {', '.join(names) or 'none'}")
    return not any(left.values())


def _lab_is_gone(name: str) -> bool:
    left = life.leftovers(name)
    for what, ids in left.items():
        console.print(f"  {what} of the lab: {', '.join(ids) or 'none'}")
    return not any(left.values())
