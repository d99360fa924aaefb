"""The command line as a person meets it, 80 columns wide and without colour, over a world of plain values."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from rich.console import Console, RenderableType
from typer.testing import CliRunner

from fleet.cli import sight
from fleet.cli.main import app
from fleet.core.inventory import Inventory
from fleet.core.observation import EndedJobs, Observation
from fleet.core.record import Record
from fleet.core.report import Report
from fleet.core.setup import host_wanted
from fleet.engine import firewall, memory, preflight
from fleet.engine.world import public_target
from tests.core.builders import ROOT, STACK, catalog

NOTHING = Record()
NO_JOBS = EndedJobs()
PLAIN: Mapping[str, str] = {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb"}


def shown(what: RenderableType, width: int = 80) -> str:
    """What stands on the terminal, without the spaces at the ends of lines."""
    out = StringIO()
    Console(file=out, width=width, no_color=True, highlight=False, legacy_windows=False).print(what)
    return trimmed(out.getvalue())


@dataclass(frozen=True, slots=True)
class Typed:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """All of it."""
        return self.stdout + self.stderr


def typed(*arguments: str) -> Typed:
    """A command as it is typed; without a terminal, so nobody answers questions. A mistake of ours is raised."""
    result = CliRunner().invoke(app, list(arguments), env=dict(PLAIN), catch_exceptions=False)
    return Typed(result.exit_code, result.stdout, result.stderr)


def trimmed(text: str) -> str:
    """Without the spaces at the ends of lines."""
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def golden(name: str) -> str:
    """What must stand on the screen, whole: a file of ``tests/cases/cli``."""
    return (ROOT / "tests" / "cases" / "cli" / name).read_text("utf-8")


def set_scene(
    monkeypatch: pytest.MonkeyPatch,
    command: ModuleType,
    of: Inventory,
    observation: Observation,
    report: Report | None = None,
    record: Record = NOTHING,
    sessions: object = None,
    clock: object = None,
    gitea: object = None,
    ended: EndedJobs = NO_JOBS,
) -> None:
    """The command sees this observation and this record; what it applies ends in this report."""

    wanted = {one.name: host_wanted(of, one, STACK) for one in of.pools}

    @contextmanager
    def opened(_: str | None, *, ask_gitea: bool = True) -> Iterator[SimpleNamespace]:
        world = SimpleNamespace(
            inventory=of,
            gitea=gitea
            or SimpleNamespace(
                version=lambda: "1.26.0", jobs=lambda: (), ended_jobs=lambda: ended, ended_job=lambda number: None
            ),
            cloud=SimpleNamespace(
                calls_left=lambda: (3590, 3600),
                warnings=lambda: ("type cx33 is on its way out",),
                leftovers=lambda tags: ("volume old (7)",) if of.name == "left" else (),
            ),
            fleet_tags={},
            sessions=sessions,
            target_of=lambda machine: public_target(machine.server),
            clock=clock,
            catalog=catalog(),
            wanted=wanted,
            wants=lambda seen: wanted,
            wanted_on=lambda machine, pool, facts: wanted[pool],
            stack=STACK,
        )
        world.by_now = lambda: world
        yield world

    monkeypatch.setattr(command, "open_world", opened)
    monkeypatch.setattr(memory, "raised", lambda world: (world, record))
    monkeypatch.setattr(firewall, "let_in", lambda world: None)
    monkeypatch.setattr(firewall, "ensure", lambda world: 1)
    told = ("the firewall does not let you in",) if of.name == "left" else ()
    monkeypatch.setattr(firewall, "notes", lambda world: told)
    monkeypatch.setattr(preflight, "check_pools", lambda world, pools: None)
    monkeypatch.setattr(preflight, "notes", lambda world, seen: ())
    for module in (command, sight):
        for way in ("observe", "without_gitea"):
            if hasattr(module, way):
                monkeypatch.setattr(module, way, lambda world, **_: observation)
    if report is not None:
        monkeypatch.setattr(command, "apply", lambda *_: report)


def children(command: Any) -> dict[str, Any]:
    """The commands below this one by name; none below one that is no group."""
    names = command.list_commands(None) if hasattr(command, "list_commands") else []
    return {name: command.get_command(None, name) for name in names}
