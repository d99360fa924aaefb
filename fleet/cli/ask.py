"""The question before money or machines change."""

import sys

from rich.console import Console
from rich.prompt import Confirm

from fleet.core.errors import Refused


def confirm(question: str, *, yes: bool) -> None:
    """Ask on the terminal. Raises Refused on a no, and without a terminal unless ``--yes`` was given."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise Refused(f"{question} Nobody can answer here: there is no terminal.", hint="add --yes")
    if not _said_yes(question):
        raise Refused("nothing was changed")


def _said_yes(question: str) -> bool:
    """The end of input (Ctrl-D) is a no."""
    try:
        return Confirm.ask(question, console=Console(stderr=True), default=False)
    except EOFError:
        return False
