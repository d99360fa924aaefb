"""Machines by their names, as commands take them."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Annotated

import typer

from fleet.core.errors import Refused
from fleet.core.machine import Machine
from fleet.core.names import read_machine_name

MachineNames = Annotated[list[str], typer.Argument(metavar="POOL|MACHINE...", help="As `fleet status` names them.")]

PART = 3
"""Letters from which on a part of a name says which is meant."""
FEW = 12
"""So many names a person reads."""


def chosen(machines: Sequence[Machine], names: Sequence[str]) -> list[Machine]:
    """These machines with a host, in this order; a pool's name stands for all of its machines.

    Raises Refused naming what is not there.
    """
    found: list[Machine] = []
    for name in dict.fromkeys(names):
        mine = [m for m in machines if (m.server or m.static) and (m.name == name or _pool(m) == name)]
        if not mine:
            known = [m.name for m in machines]
            raise unknown(f"there is no machine or pool {name}", name, (*dict.fromkeys(map(_pool, machines)), *known))
        found += mine
    return found


def unknown(sentence: str, name: str, known: Iterable[str]) -> Refused:
    """The refusal of a name, with what it may have been meant to be; else with all that there is, while it is few."""
    there = sorted({one for one in known if one})
    near = [one for one in there if len(name) >= PART and name.lower() in one] or get_close_matches(name.lower(), there)
    if near:
        return Refused(sentence, hint=f"do you mean {' or '.join(near[:3])}? `fleet status` lists all")
    few = there if len(there) <= FEW else [*there[:FEW], "..."]
    return Refused(sentence, hint=f"there are: {', '.join(few)}" if few else "no machine is there: fleet up")


def _pool(machine: Machine) -> str:
    parts = read_machine_name(machine.name)
    return parts.pool if parts else ""
