"""``fleet config``: the inventory as it is in force, and where each value comes from."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from fleet.cli.exits import OK, with_verdict
from fleet.cli.options import InventoryOption, JsonOption
from fleet.core.settings import Setting, toml


@with_verdict
def config(
    changed: Annotated[bool, typer.Option("--changed", help="Only what is not the default.")] = False,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Print the inventory as it is in force: each key, its value, and where that comes from. Asks nobody.

    Secrets are not read: it is told where they are, and whether there is something.
    """
    from fleet.edges import inventory as inventory_file
    from fleet.edges.inventory.effective import effective

    path = inventory_file.find(inventory, os.environ, Path.cwd())
    read, settings = effective(path)
    shown = [_with_whereabouts(one, path.parent) for one in settings if not (changed and one.usual)]
    console = Console(highlight=False, soft_wrap=True)
    if json:
        data = {"fleet": read.name, "file": read.source, "settings": [_json(one) for one in shown]}
        console.print_json(data=data)
    else:
        console.print(f"# {path}\n{toml(shown, path.name)}", markup=False)
    return OK


def _with_whereabouts(one: Setting, folder: Path) -> Setting:
    from fleet.edges import secrets
    from fleet.edges.inventory.effective import source_of

    source = source_of(one)
    return replace(one, note=secrets.whereabouts(source, os.environ, folder)) if source else one


def _json(one: Setting) -> dict[str, Any]:
    return {
        "key": one.key,
        "value": one.value,
        "origin": one.origin.value,
        "by": one.by,
        "note": one.note,
        "default": one.usual,
    }
