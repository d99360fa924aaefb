"""The options that several commands share."""

from typing import Annotated

import typer

InventoryOption = Annotated[
    str | None,
    typer.Option(
        "--inventory",
        "-i",
        envvar="FLEET_INVENTORY",
        metavar="FILE",
        help="The inventory. Default: ./inventory.toml, then the one in your config folder.",
    ),
]

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Answer the question with yes.")]

JsonOption = Annotated[bool, typer.Option("--json", help="The answer as JSON on standard output.")]

QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Tell no story, only the answer.")]
