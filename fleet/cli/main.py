"""The command line: which commands there are. Each lives in a file of its own."""

import typer

from fleet.cli import cost, cron, down, drain, hold, lab, pause, plan, scale, status, up, version

app = typer.Typer(
    name="fleet",
    help="CI machines for your Gitea: rented, set up, watched, and gone without losing a job.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("plan")(plan.plan)
app.command("up")(up.up)
app.command("status")(status.status)
app.command("scale")(scale.scale)
app.command("scale-down")(scale.scale_down)
app.command("down")(down.down)
app.command("drain")(drain.drain)
app.command("enable")(drain.enable)
app.command("hold")(hold.hold)
app.command("release")(hold.release)
app.command("pause")(pause.pause)
app.command("resume")(pause.resume)
app.command("cost")(cost.cost)
app.command("version")(version.version)
app.add_typer(cron.app, name="cron")
app.add_typer(lab.app, name="lab")


def main() -> None:
    """The entry point of the command ``fleet``."""
    app()
