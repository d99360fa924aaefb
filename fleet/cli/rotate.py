"""``fleet rotate``: new keys and credentials for machines that are in service. What leaked, and what to type then:
docs/leaked-secrets.md."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

from fleet.cli import rotate_key, show
from fleet.cli.ask import confirm
from fleet.cli.down import wait_for_jobs
from fleet.cli.exits import code_of, with_verdict
from fleet.cli.machines import chosen
from fleet.cli.options import InventoryOption, QuietOption, YesOption
from fleet.cli.story import looking, telling
from fleet.cli.wiring import open_world
from fleet.core.change import Change
from fleet.core.inventory import GiteaSettings, ScopeKind
from fleet.core.machine import Machine, join
from fleet.core.report import Outcome, Report, Verdict
from fleet.core.rotation import plan_renewals
from fleet.engine import firewall
from fleet.engine.apply import Listener, apply
from fleet.engine.observe import observe
from fleet.engine.world import World

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
app.command("sshkey")(rotate_key.sshkey)


@app.callback()
def rotate() -> None:
    """New SSH key, or new runner credentials, for machines that are in service."""


@app.command()
@with_verdict
def runners(
    machines: Annotated[
        list[str] | None, typer.Argument(metavar="[MACHINE|POOL]...", help="Only these. Default: all.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for the jobs of busy machines, or leave those for later.")
    ] = True,
    yes: YesOption = False,
    quiet: QuietOption = False,
    inventory: InventoryOption = None,
) -> int:
    """New credentials for each runner, one machine after the other, and only on an empty one. No job is lost."""
    with open_world(inventory) as world:
        firewall.let_in(world)
        before = world.gitea.registration_token()
        with looking(f"looking at fleet {world.inventory.name}", quiet=quiet) as seen:
            rows = join(world.inventory, observe(world, seen=seen))
        mine = chosen(rows, machines) if machines else list(rows)
        changes = plan_renewals(mine, wait=wait)
        count = sum(bool(change.steps) for change in changes)
        if count:
            confirm(f"Register {_machines(count)} of fleet {world.inventory.name} anew?", yes=yes)
        with telling(quiet=quiet) as listen:
            report = _one_by_one(world, changes, rows, listen, wait=wait)
        Console(highlight=False).print(show.report_table(report))
        told = Console(stderr=True, highlight=False)
        told.print(_about_token(world.inventory.gitea, same=before == world.gitea.registration_token()), soft_wrap=True)
        return code_of(report)


def _machines(count: int) -> str:
    return "1 machine" if count == 1 else f"{count} machines"


def _one_by_one(
    world: World, changes: Sequence[Change], rows: Sequence[Machine], listen: Listener, *, wait: bool
) -> Report:
    """So that the others go on with jobs meanwhile. After a failure the rest is left as it is: it works."""
    outcomes: list[Outcome] = []
    failed = ""
    for change in changes:
        if failed and change.steps:
            outcomes.append(Outcome(change.machine, change.verb, Verdict.KEPT, f"not begun: {failed} failed first"))
            continue
        outcome = _renewed(world, change, rows, listen, wait=wait)
        outcomes.append(outcome)
        failed = change.machine if outcome.verdict is Verdict.FAILED else failed
    return Report(tuple(outcomes))


def _renewed(world: World, change: Change, rows: Sequence[Machine], listen: Listener, *, wait: bool) -> Outcome:
    """A busy machine gets no new job, and its turn when the running ones have ended."""
    while True:
        (outcome,) = apply(world, [change], rows, listen).outcomes
        if outcome.verdict is not Verdict.DEFERRED or not wait:
            return outcome
        wait_for_jobs(world, [row for row in rows if row.name == change.machine], {change.machine: outcome}, listen)
        rows = join(world.inventory, observe(world))
        (change,) = plan_renewals([row for row in rows if row.name == change.machine], wait=True) or (change,)


def _about_token(gitea: GiteaSettings, *, same: bool) -> str:
    """Runners do not keep the registration token, so it is a thing of its own; Gitea has no call that resets it."""
    if not same:
        return "the registration token was reset meanwhile: the old one registers nobody any more"
    return (
        "the registration token is the same as before. If it leaked, reset it in Gitea (no program can): "
        f"{_runners_page(gitea)}, Create new Runner, the arrow beside the token"
    )


def _runners_page(gitea: GiteaSettings) -> str:
    url, name = gitea.url.rstrip("/"), gitea.scope.name
    match gitea.scope.kind:
        case ScopeKind.INSTANCE:
            return f"{url}/-/admin/actions/runners"
        case ScopeKind.ORG:
            return f"{url}/org/{name}/settings/actions/runners"
        case ScopeKind.USER:
            return f"{url}/user/settings/actions/runners"
        case ScopeKind.REPO:
            return f"{url}/{name}/settings/actions/runners"
