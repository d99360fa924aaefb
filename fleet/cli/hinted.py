"""A sentence and what to type: on one line where both have room, else the hint on a line of its own."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

ARROW = "-> "


@dataclass(frozen=True, slots=True)
class Hinted:
    """``hint`` may be empty."""

    text: Text
    hint: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As rich asks for it, for the width of this moment."""
        hint = Text(ARROW + self.hint, "italic") if self.hint else Text()
        line = Text.assemble(self.text, " ", hint) if self.hint else self.text
        if self.hint and line.cell_len > options.max_width:
            yield self.text
            yield hint
        else:
            yield line
