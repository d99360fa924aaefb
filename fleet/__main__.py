"""``python -m fleet`` is the command ``fleet``. A shell that asks for the next word is answered before all else."""

import atexit
import gc
import io
import os
import sys


def main() -> None:
    """The entry point of the command ``fleet``."""
    shell = os.environ.get("_FLEET_COMPLETE")
    if shell is not None:
        from fleet.cli.complete import answer

        sys.exit(answer(shell, sys.argv[1:]))
    gc.set_threshold(100_000)  # what is imported stays: to look for garbage among it is a tenth of a start
    atexit.register(gc.freeze)  # and at the end, when all of it goes anyway, a fifth
    _show_what_can_be_shown()
    from fleet.cli import main as program

    program.main()


def _show_what_can_be_shown() -> None:
    """A terminal that has no euro sign gets a ``?``: no answer ends for want of a character."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


if __name__ == "__main__":
    main()
