"""Pictures of the real commands, over made-up fleets: ``python -m tests.pictures`` writes ``docs/pictures/*.svg``.

The same program and the same fleet give the same bytes, so a test can say when a picture is out of date.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from types import ModuleType

import pytest
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text
from typer.testing import CliRunner

from fleet.cli import plan, status_answer
from fleet.cli.main import app
from tests.cli.situations import Situation
from tests.cli.terminal import set_scene
from tests.core.builders import ROOT
from tests.picture_fleets import BUSY, SMALL, TROUBLE

FOLDER = ROOT / "docs" / "pictures"
WIDTH = 100
ASPECT = 0.602
"""Of the first font that is named: what ignores the length of a text draws columns below each other all the same."""
TERMINAL = {"COLUMNS": str(WIDTH), "FORCE_COLOR": "1", "TERM": "xterm", "COLORTERM": "", "NO_COLOR": ""}

THEME = TerminalTheme(
    (18, 22, 30),
    (214, 219, 229),
    [
        *((72, 79, 94), (242, 92, 92), (120, 200, 120), (229, 180, 80)),
        *((100, 150, 240), (200, 130, 220), (90, 195, 205), (214, 219, 229)),
    ],
)

FORM = """\
<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix, .{unique_id}-title {{
  font-family: "DejaVu Sans Mono", ui-monospace, "Liberation Mono", Menlo, Consolas, monospace;
}}
.{unique_id}-matrix {{ font-size: {char_height}px; line-height: {line_height}px; }}
.{unique_id}-title {{ font-size: 17px; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""
"""Our own frame around the lines: it names fonts that are there, and loads nothing from anywhere."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A command as it is typed, and the fleet that it sees."""

    command: ModuleType
    typed: tuple[str, ...]
    fleet: Situation


PICTURES: Mapping[str, Picture] = {
    "status": Picture(status_answer, ("status",), BUSY),
    "status-trouble": Picture(status_answer, ("status",), TROUBLE),
    "plan": Picture(plan, ("plan",), SMALL),
}
"""By the name of the file."""


def drawn(name: str) -> str:
    """The picture as SVG: what the command has written to a terminal with colours, drawn."""
    picture = PICTURES[name]
    with pytest.MonkeyPatch.context() as patch:
        set_scene(patch, picture.command, picture.fleet.inventory, picture.fleet.seen, record=picture.fleet.record)
        written = CliRunner().invoke(app, list(picture.typed), env=dict(TERMINAL), catch_exceptions=False).stdout
    console = Console(record=True, file=StringIO(), width=WIDTH, force_terminal=True, color_system="standard")
    console.print(Text.from_ansi(written), end="")
    title = " ".join(("fleet", *picture.typed))
    return console.export_svg(
        title=title, theme=THEME, code_format=FORM, unique_id=f"fleet-{name}", font_aspect_ratio=ASPECT
    )


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        (FOLDER / f"{name}.svg").write_text(drawn(name), "utf-8")


if __name__ == "__main__":
    main()
