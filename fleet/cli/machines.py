"""Machines by their names, as commands take them."""

from collections.abc import Sequence
from typing import Annotated

import typer

from fleet.core.errors import Refused
from fleet.core.machine import Machine
from fleet.core.names import read_machine_name

MachineNames = Annotated[list[str], typer.Argument(metavar="POOL|MACHINE...", help="As `fleet status` names them.")]


def chosen(machines: Sequence[Machine], names: Sequence[str]) -> list[Machine]:
    """These machines with a host, in this order; a pool's name stands for all of its machines.

    Raises Refused naming what is not there.
    """
    found: list[Machine] = []
    for name in dict.fromkeys(names):
        mine = [m for m in machines if (m.server or m.static) and (m.name == name or _pool(m) == name)]
        if not mine:
            known = ", ".join(machine.name for machine in machines) or "none"
            raise Refused(f"there is no machine or pool {name}", hint=f"machines: {known}")
        found += mine
    return found


def _pool(machine: Machine) -> str:
    parts = read_machine_name(machine.name)
    return parts.pool if parts else ""
