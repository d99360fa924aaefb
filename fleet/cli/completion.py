"""``fleet completion``: what a shell must know to complete our lines. What it then asks is answered by ``complete``."""

from enum import StrEnum
from typing import Annotated

import typer

from fleet.cli.complete import SHELL
from fleet.cli.exits import OK, with_verdict


class Shell(StrEnum):
    """The shells that are known."""

    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


@with_verdict
def completion(shell: Annotated[Shell, typer.Argument(help="Your shell.")]) -> int:
    """Print a script that makes your shell complete commands, options, pools and machines. Asks no network.

    bash: fleet completion bash > ~/.local/share/bash-completion/completions/fleet

    zsh: fleet completion zsh > a file _fleet in a folder of your fpath

    fish: fleet completion fish > ~/.config/fish/completions/fleet.fish
    """
    typer.echo((SHELL / f"fleet.{shell}").read_text("utf-8"), nl=False)
    return OK
