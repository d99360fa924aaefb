"""``fleet probe``: what jobs can do on a machine, tried in containers like theirs."""

from typing import Annotated

import typer
from rich.console import Console

from fleet.cli.checks import check_json, checks_table, summary
from fleet.cli.exits import FAILED, OK, with_verdict
from fleet.cli.machines import chosen
from fleet.cli.options import InventoryOption, JsonOption
from fleet.cli.story import looking
from fleet.cli.wiring import open_world
from fleet.core.doctor import Grade
from fleet.core.errors import Refused
from fleet.core.machine import join
from fleet.engine import firewall
from fleet.engine.abilities import try_abilities
from fleet.engine.observe import observe


@with_verdict
def probe(
    machine: Annotated[str, typer.Argument(metavar="MACHINE", help="Its name, as `fleet status` shows it.")],
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Try on a machine what jobs do there: build, registry, cache, published ports, Gitea. Exit 1 if one fails.

    Takes some seconds, disturbs no job and leaves nothing behind. Only images that are there already are used.
    """
    with open_world(inventory) as world, looking(f"trying what jobs can do on {machine}", quiet=json):
        firewall.let_in(world)
        found = chosen(join(world.inventory, observe(world, hosts=False)), [machine])
        if len(found) > 1:
            raise Refused(f"{machine} is a pool: a probe is of one machine", hint=f"fleet probe {found[0].name}")
        checks = try_abilities(world, found[0])
    console = Console(highlight=False)
    if json:
        console.print_json(data={"machine": found[0].name, "checks": [check_json(check) for check in checks]})
    else:
        console.print(checks_table(checks), summary(checks, f"jobs can do all of this on {found[0].name}"), sep="\n")
    return FAILED if any(check.grade is Grade.ERROR for check in checks) else OK
