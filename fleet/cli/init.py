"""``fleet init``: a few questions, and an inventory that works."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.prompt import Prompt

from fleet.cli.exits import OK, with_verdict
from fleet.cli.story import note
from fleet.core.errors import CredentialsError, FleetError, InventoryError, Refused
from fleet.core.first_inventory import Answers, Proposal, proposal, scope_of, text, token_needed
from fleet.core.inventory import GiteaSettings
from fleet.core.secret import FromEnv, Secret

WHOSE = "Whose jobs: OWNER/NAME of one repository, an organization, `me`, or `all`"


@with_verdict
def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("inventory.toml"),
    gitea: Annotated[str | None, typer.Option(metavar="URL", help="Where your Gitea is.")] = None,
    jobs_of: Annotated[str | None, typer.Option("--jobs-of", metavar="WHOSE", help=f"{WHOSE}.")] = None,
    name: Annotated[str | None, typer.Option(help="The fleet's name: machines are called NAME-POOL-1.")] = None,
    pool: Annotated[str, typer.Option(help="The name of its first pool.")] = "build",
    capacity: Annotated[int | None, typer.Option(min=1, max=64, help="Jobs on one machine at a time.")] = None,
    most: Annotated[int | None, typer.Option("--max", min=1, help="Machines at most.")] = None,
    cap: Annotated[str | None, typer.Option(metavar="EUROS", help="What all may cost per hour at most.")] = None,
) -> int:
    """Ask a few questions and write a short inventory. What is given as an option is not asked.

    Example: fleet init --gitea https://gitea.example --jobs-of acme --max 4
    """
    if file.exists():
        raise Refused(f"{file} is there already, and is not overwritten", hint="fleet init OTHER.toml, or edit it")
    address = _asked("Gitea's address", gitea, None)
    token = _token(file.parent)
    answers = Answers(
        gitea=address,
        scope=_scope(jobs_of, address, token),
        name=_asked("A name for the fleet", name, "ci"),
        pool=pool,
        capacity=_number("Jobs on one machine at a time", capacity, "2"),
        most=_number("Machines at most", most, "2"),
        cap=_asked("Euros per hour at most, for all machines (empty: no limit)", cap, ""),
    )
    written = text(answers)
    _must_be_readable(written, file)
    file.write_text(written, "utf-8")
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"wrote {file}")
    if token is None:
        console.print(f"next: export FLEET_GITEA_TOKEN=... (it needs {token_needed(answers.scope)}) HCLOUD_TOKEN=...")
    console.print("then: fleet doctor; fleet plan; fleet up")
    return OK


def _number(question: str, given: int | None, default: str) -> int:
    answer = _asked(question, None if given is None else str(given), default)
    if not answer.isascii() or not answer.isdigit():
        raise Refused(f"{question}: {answer!r} is no number", hint="fleet init, and a number like 2")
    return int(answer)


def _asked(question: str, given: str | None, default: str | None) -> str:
    """The option, or what a person answers; without a terminal the default. Raises Refused when there is none."""
    if given is not None:
        return given
    if sys.stdin.isatty():
        return _answer(question, default)
    if default is None:
        raise Refused(f"{question} is not known, and there is no terminal to ask on", hint="fleet init --help")
    return default


def _answer(question: str, default: str | None) -> str:
    """Asked again until there is one, where there is no default. The end of input (Ctrl-D) is a no."""
    console = Console(stderr=True)
    try:
        while True:
            answer = Prompt.ask(question, console=console, default=default or "", show_default=bool(default))
            if answer or default is not None:
                return answer
    except EOFError:
        raise Refused("nothing was written") from None


def _scope(given: str | None, gitea: str, token: Secret | None) -> str:
    """The narrowest comes first in the question: a token for one repository opens nothing else. Where the token is here
    already, what it may is the proposal."""
    default = None
    if given is None and token is not None and (found := _proposal(gitea, token)) is not None:
        note(found.sentence)
        default = found.whose or None
    whose = _asked(WHOSE, given, default)
    try:
        return scope_of(whose)
    except ValueError as error:
        raise Refused(str(error), hint="fleet init --jobs-of acme/app") from None


def _token(folder: Path) -> Secret | None:
    """None where it is not there yet: that is no mistake."""
    from fleet.edges import secrets

    try:
        return secrets.resolve(FromEnv("FLEET_GITEA_TOKEN"), what="gitea.token", env=os.environ, base=folder)
    except CredentialsError:
        return None


def _proposal(address: str, token: Secret) -> Proposal | None:
    """None where Gitea does not tell. One that does not answer is doctor's to tell."""
    from fleet.edges.gitea import GiteaHttp

    gitea = GiteaHttp(GiteaSettings(address, address), token)
    try:
        held = gitea.token_scopes()
    except FleetError as error:
        note(error.message)
        return None
    finally:
        gitea.close()
    return proposal(held) if held else None


def _must_be_readable(written: str, file: Path) -> None:
    """What we write is read by the same rules as what a person writes."""
    from fleet.edges import inventory

    try:
        inventory.parse(written, str(file))
    except InventoryError as error:
        raise Refused(f"these answers make no inventory: {error.message}", hint="fleet init --help") from None
