"""``fleet lab``: a Hetzner and a Gitea on this machine, to try it all without paying."""

import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from fleet.cli.exits import FAILED, OK, with_verdict
from fleet.cli.story import say
from fleet.core.errors import Refused

if TYPE_CHECKING:
    from fleet.lab.place import Lab

app = typer.Typer(
    help="A Hetzner and a Gitea on this machine, to try it all without paying. Needs Linux with Docker.",
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

NameOption = Annotated[str, typer.Option("--name", help="Which lab: several can be up side by side.")]


@app.command()
@with_verdict
def up(
    gitea: Annotated[
        str | None, typer.Option(help="Use this Gitea, with the token in FLEET_GITEA_TOKEN, not a stand-in.")
    ] = None,
    runner: Annotated[str, typer.Option(help="A runner image of the local Docker, not the stand-in.")] = "",
    patch: Annotated[
        bool, typer.Option("--patch/--no-patch", help="Whether the stand-in Gitea can disable runners by PATCH.")
    ] = True,
    stand_ins: Annotated[
        bool, typer.Option("--stand-ins", help="Do not ask an image hub for the real Gitea and runner.")
    ] = False,
    tls: Annotated[bool, typer.Option("--tls", help="The stand-in Gitea speaks https, behind a private CA.")] = False,
    tailnet: Annotated[
        Path | None,
        typer.Option(help="The stand-in Gitea is in a tailnet only, made of the programs in this folder."),
    ] = None,
    name: NameOption = "lab",
) -> int:
    """Bring a lab up, and write an inventory for it."""
    from fleet.lab import life

    for option in ("--tls" if tls else "", "--tailnet" if tailnet else ""):
        if option and gitea:
            said = f"{option} is for the stand-in Gitea, and --gitea names another one"
            raise Refused(said, hint="leave out one of them")
    wish = life.Wish(
        name,
        gitea=_real_gitea(gitea),
        runner=runner,
        can_disable=patch,
        stand_ins=stand_ins,
        tls=tls,
        tailnet=_programs(tailnet) if tailnet else "",
    )
    lab = life.up(wish, say)
    _show(lab)
    Console(stderr=True, highlight=False).print(f'next: eval "$(fleet lab env{_named(name)})"; fleet plan; fleet up')
    return OK


def _programs(folder: Path) -> str:
    """Where the tailnet's programs are. Raises Refused when one is not there."""
    from fleet.lab.tailnet import missing

    lacking = missing(folder)
    if lacking:
        hint = "in a checkout: tools/ensure-tailnet prints a folder that has them"
        raise Refused(f"{folder} does not have {', '.join(lacking)}", hint=hint)
    return str(folder.resolve())


def _real_gitea(url: str | None) -> tuple[str, str] | None:
    if url is None:
        return None
    token = os.environ.get("FLEET_GITEA_TOKEN", "")
    if not token:
        raise Refused("--gitea needs that Gitea's token", hint="export FLEET_GITEA_TOKEN=...")
    return url, token


def _named(name: str) -> str:
    return "" if name == "lab" else f" --name {name}"


@app.command()
@with_verdict
def env(name: NameOption = "lab") -> int:
    """Print shell exports that lead any client to the lab: eval "$(fleet lab env)"."""
    for key, value in must_be_up(name).env().items():
        typer.echo(f"export {key}={shlex.quote(value)}")
    return OK


@app.command()
@with_verdict
def status(name: NameOption = "lab") -> int:
    """Say whether the lab is up, where it is, and what is real in it."""
    _show(must_be_up(name))
    return OK


@app.command()
@with_verdict
def job(
    workflow: Annotated[Path | None, typer.Argument(help="A workflow file. Default: the demo's.", exists=True)] = None,
    name: NameOption = "lab",
) -> int:
    """Push a workflow through the lab's Gitea and watch its jobs to their end."""
    from fleet.lab import jobs, life

    lab = must_be_up(name)
    text = workflow.read_text("utf-8") if workflow else jobs.demo_workflow(life.JOB_IMAGE)
    client = jobs.GiteaClient.of(lab)
    pushed = jobs.push(client, text)
    say(f"pushed {pushed.path} to {pushed.repo}")
    good = jobs.watch(client, pushed, say)
    for title, log in jobs.logs(client, pushed):
        typer.echo(f"--- {title}\n{log.rstrip()}")
    return OK if good else FAILED


@app.command()
@with_verdict
def down(name: NameOption = "lab") -> int:
    """Take the lab down: its servers, volumes, networks and files are gone."""
    from fleet.lab import life

    life.down(name, say)
    return OK


@app.command()
@with_verdict
def demo(name: NameOption = "demo") -> int:
    """Run the whole life of a fleet on a lab of its own, and show each command a person would type."""
    from fleet.cli.lab_demo import run_demo

    return run_demo(name)


def must_be_up(name: str) -> "Lab":
    """The lab of this name. Raises Refused with what to type when it is not up."""
    from fleet.lab import life, place

    lab = place.find(name)
    if lab is None or not life.is_alive(lab):
        raise Refused(f"lab {name} is not up", hint=f"fleet lab up{_named(name)}")
    return lab


def _show(lab: "Lab") -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"lab {lab.name} is up")
    console.print(f"  Hetzner    {lab.hetzner} (the lab's own API; servers are containers)")
    console.print(f"  Gitea      {lab.gitea} ({lab.gitea_kind})")
    if lab.tailnet:
        console.print(f"  tailnet    {lab.tailnet} (Headscale); machines know Gitea as {lab.gitea_inside}")
    console.print(f"  runner     {lab.runner} ({lab.runner_kind})")
    console.print(f"  mirror     {lab.mirror}")
    console.print(f"  inventory  {lab.inventory}")
