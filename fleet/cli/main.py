"""The command line: which commands there are. Each lives in a file of its own, imported when it is typed:
the list of commands costs no more than importing Typer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup
from typer.main import get_command

if TYPE_CHECKING:
    from typer._click import Command, Context, HelpFormatter

COMMANDS = {
    "init": ("fleet.cli.init:init", "Ask a few questions and write an inventory."),
    "doctor": ("fleet.cli.doctor:doctor", "Look at everything before money is spent. Changes nothing."),
    "config": ("fleet.cli.config:config", "Show the inventory in force, and where each value comes from."),
    "plan": ("fleet.cli.plan:plan", "Show what `fleet up` would do, why, and what it costs."),
    "up": ("fleet.cli.up:up", "Create the machines that are missing, repair what is broken."),
    "status": ("fleet.cli.status:status", "Show every machine, its jobs, its cost, and what is wrong."),
    "scale": ("fleet.cli.scale:scale", "One pass: machines come for jobs, and leave when their hour ends."),
    "scale-down": ("fleet.cli.scale:scale_down", "The removing half of `fleet scale`."),
    "repair": ("fleet.cli.repair:repair", "Repair what is broken now, one thing after the other."),
    "down": ("fleet.cli.down:down", "Delete machines, once their jobs have ended."),
    "drain": ("fleet.cli.drain:drain", "Give machines no new job; they stay."),
    "enable": ("fleet.cli.drain:enable", "Put drained machines back into service."),
    "hold": ("fleet.cli.hold:hold", "Keep machines as they are: no pass touches them."),
    "release": ("fleet.cli.hold:release", "Let passes touch held machines again."),
    "pause": ("fleet.cli.pause:pause", "Stop all passes, on whatever computer they run."),
    "resume": ("fleet.cli.pause:resume", "Let passes work again."),
    "jobs": ("fleet.cli.jobs:jobs", "Show what runs where, and why the other jobs wait."),
    "logs": ("fleet.cli.logs:logs", "Print what a machine's runner, its Docker or its set-up has written."),
    "probe": ("fleet.cli.probe:probe", "Try what jobs can do on a machine."),
    "exec": ("fleet.cli.exec:exec_", "Run a command on machines, all at once."),
    "ssh": ("fleet.cli.ssh:ssh", "Log in to a machine, or run a command there; let yourself in."),
    "rotate": ("fleet.cli.rotate:app", "New SSH key, or new runner credentials, for all machines."),
    "cost": ("fleet.cli.cost:cost", "Show what each machine costs, and what nobody used."),
    "cron": ("fleet.cli.cron:app", "Passes from your crontab: install, show, remove."),
    "lab": ("fleet.cli.lab:app", "A Hetzner and a Gitea on this machine, to try it all."),
    "completion": ("fleet.cli.completion:completion", "Print what makes your shell complete names of machines."),
    "version": ("fleet.cli.version:version", "Print the version."),
}
"""Name -> (where it is, its line in the list). In the order of a fleet's life."""


class Commands(TyperGroup):
    """Commands by name; only the one that is typed is imported."""

    def list_commands(self, ctx: Context) -> list[str]:
        """All names, in our order."""
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """The command itself, or None when there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        found = getattr(import_module(module), name)
        if not isinstance(found, typer.Typer):
            single = typer.Typer(add_completion=False, rich_markup_mode=None)
            single.command(cmd_name, context_settings=CONTEXT)(found)
            found = single
        command = get_command(found)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        """The list, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


CONTEXT = {"help_option_names": ["-h", "--help"]}

app = typer.Typer(
    name="fleet",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings=CONTEXT,
)


@app.callback()
def fleet() -> None:
    """CI machines for your Gitea: rented, set up, watched, and gone without losing a job."""


def main() -> None:
    """Read the line that was typed, and do it."""
    app()
