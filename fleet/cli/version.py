"""``fleet version``."""

from importlib.metadata import version as installed

from rich.console import Console

from fleet.cli.exits import OK, with_verdict


@with_verdict
def version() -> int:
    """Print the version."""
    Console(highlight=False).print(installed("gitea-fleet"))
    return OK
