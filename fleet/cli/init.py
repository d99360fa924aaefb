"""``fleet init``: a few questions, and an inventory that works."""

import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.prompt import Prompt

from fleet.cli.exits import OK, with_verdict
from fleet.cli.story import note
from fleet.core import inventory_rules as rules
from fleet.core.errors import CredentialsError, FleetError, InventoryError, Refused
from fleet.core.first_inventory import Answers, Proposal, cap_of, number_of, proposal, scope_of, text, token_needed
from fleet.core.inventory import GiteaSettings
from fleet.core.secret import FromEnv, Secret

T = TypeVar("T")

MOST = 9999
"""Machines of a pool, as their names allow."""

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
    address = _asked("Gitea's address", gitea, None, rules.url)
    token = _secret("FLEET_GITEA_TOKEN", file.parent)
    answers = Answers(
        gitea=address,
        scope=_scope(jobs_of, address, token),
        name=_asked("A name for the fleet", name, "ci", rules.fleet_name),
        pool=pool,
        capacity=_asked("Jobs on one machine at a time", _text(capacity), "2", number_of(1, 64)),
        most=_asked("Machines at most", _text(most), "2", number_of(1, MOST)),
        cap=_asked("Euros per hour at most, for all machines (empty: no limit)", cap, "", cap_of),
    )
    written = text(answers)
    _must_be_readable(written, file)
    _write(written, file)
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"wrote {file}")
    for line in _next(file, answers.scope, token):
        console.print(line)
    return OK


def _write(written: str, file: Path) -> None:
    """What somebody else has written meanwhile is not overwritten either. Raises Refused."""
    try:
        with file.open("x", encoding="utf-8") as new:
            new.write(written)
    except OSError as error:
        hint = "name a file in a folder that is there and that you may write"
        raise Refused(f"could not write {file}: {error.strerror}", hint=hint) from None


def _next(file: Path, scope: str, token: Secret | None) -> Iterator[str]:
    """What is missing for the commands that come after this one."""
    gitea = f"FLEET_GITEA_TOKEN=... (it needs {token_needed(scope)}) " if token is None else ""
    hetzner = "HCLOUD_TOKEN=..." if _secret("HCLOUD_TOKEN", file.parent) is None else ""
    if gitea or hetzner:
        yield f"next: export {gitea}{hetzner}".rstrip()
    if file.resolve() != Path("inventory.toml").resolve():
        yield f"then: export FLEET_INVENTORY={shlex.quote(str(file))}"
    yield "then: fleet doctor; fleet plan; fleet up"


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)


def _asked(question: str, given: str | None, default: str | None, read: Callable[[str], T]) -> T:
    """The option, or what a person answers; without a terminal the default. ``read`` raises ValueError with a sentence.

    Raises Refused when there is none, or the option makes no sense.
    """
    if given is None and sys.stdin.isatty():
        return _answer(question, default, read)
    answer = default if given is None else given
    if answer is None:
        raise Refused(f"{question} is not known, and there is no terminal to ask on", hint="fleet init --help")
    try:
        return read(answer)
    except ValueError as error:
        raise Refused(f"{question}: {_sentence(error)}", hint="fleet init --help") from None


def _answer(question: str, default: str | None, read: Callable[[str], T]) -> T:
    """Asked again until there is one that makes sense. The end of input (Ctrl-D) is a no."""
    console = Console(stderr=True, highlight=False)
    try:
        while True:
            answer = Prompt.ask(question, console=console, default=default or "", show_default=bool(default)).strip()
            if not answer and default is None:
                continue
            try:
                return read(answer)
            except ValueError as error:
                console.print(f"{_sentence(error)}; once more", markup=False)
    except EOFError:
        raise Refused("nothing was written") from None


def _sentence(error: ValueError) -> str:
    allowed = error.allowed if isinstance(error, rules.WrongError) else ""
    return f"{error} ({allowed})" if allowed else str(error)


def _scope(given: str | None, gitea: str, token: Secret | None) -> str:
    """The narrowest comes first in the question: a token for one repository opens nothing else. Where the token is here
    already, what it may is the proposal."""
    default = None
    if given is None and token is not None and (found := _proposal(gitea, token)) is not None:
        note(found.sentence)
        default = found.whose or None
    return _asked(WHOSE, given, default, scope_of)


def _secret(variable: str, folder: Path) -> Secret | None:
    """None where it is not there yet: that is no mistake."""
    from fleet.edges import secrets

    try:
        return secrets.resolve(FromEnv(variable), what=variable, env=os.environ, base=folder)
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
