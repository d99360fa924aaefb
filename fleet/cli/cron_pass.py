"""A pass as cron runs it: silent when all is well, with a log, a ping, and one message after several bad ones.

Cron mails what is printed, so a failed pass prints its error once; the story goes to the log.
"""

import io
import os
import subprocess
from pathlib import Path

from rich.console import Console

from fleet.cli import metrics
from fleet.cli.exits import FAILED, LOCKED, OK, code_of
from fleet.cli.pass_report import carry_out, lines, tell, worth_saying
from fleet.cli.wiring import load_inventory, open_world, state_folder
from fleet.core.errors import FleetError, FleetLocked
from fleet.core.inventory import Inventory
from fleet.core.report import Report
from fleet.core.secret_sources import without_secrets
from fleet.engine import passes

ALERT_AFTER = 3
"""Bad passes in a row until a person is told; once, not once per pass."""


def run(option: str | None, *, only_down: bool) -> int:
    """One pass under this computer's lock. Where a long one still runs, that is a line in the log and no mail."""
    from fleet.edges import locks, passlog

    inventory = load_inventory(option)
    try:
        with locks.pass_lock(inventory.name, state_folder()):
            return _logged(inventory, option, only_down=only_down)
    except FleetLocked as error:
        passlog.append(_state(inventory, "log"), error.message)
        return LOCKED


def _logged(inventory: Inventory, option: str | None, *, only_down: bool) -> int:
    try:
        with metrics.of_pass(inventory) as file:
            code, text = _pass(option, file, only_down=only_down)
    except FleetError as error:
        _note(inventory, FAILED, f"failed: {error.message}")
        raise
    _note(inventory, code, text)
    return code


def _pass(option: str | None, file: metrics.MetricsFile, *, only_down: bool) -> tuple[int, str]:
    """The exit code, and what is worth a line in the log."""
    with open_world(option) as world:
        look = passes.look(world, only_down=only_down, seen=lambda _: None)
        file.looked()
        if look.record.paused(look.seen.at):
            return OK, file.of_look(look)
        report = carry_out(look, quiet=True)
        said = (_text(look, report) if worth_saying(report) else "", tell(look), file.of_look(look))
        return code_of(report), "\n".join(part for part in said if part)


def _text(look: passes.Look, report: Report) -> str:
    out = io.StringIO()
    Console(file=out, width=200, color_system=None, highlight=False).print(lines(look.plan, report))
    return out.getvalue().rstrip()


def _note(inventory: Inventory, code: int, text: str) -> None:
    """Log what happened; ping after a good pass, alert when the bad ones have become several."""
    from fleet.edges import passlog, ping, streak

    if text:
        passlog.append(_state(inventory, "log"), text)
    if code == OK:
        streak.end(_state(inventory, "bad"))
        if inventory.cron.ping_url:
            ping.call(inventory.cron.ping_url)
    elif streak.add(_state(inventory, "bad")) == ALERT_AFTER and inventory.cron.alert:
        message = f"fleet {inventory.name}: {ALERT_AFTER} passes in a row have failed.\n{text}\n"
        env = without_secrets(os.environ, inventory)
        subprocess.run(list(inventory.cron.alert), input=message.encode(), env=env, timeout=60, check=False)


def _state(inventory: Inventory, ending: str) -> Path:
    return state_folder() / f"{inventory.name}.{ending}"
