"""The one place that prints errors and chooses the exit code.

0 as wanted or deferred, 1 something failed, 2 nothing was touched, 3 ``--check``: not as wanted, 4 locked,
130 interrupted.
"""

import functools
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn, ParamSpec

from fleet.core.errors import FleetError, FleetLocked, HostLocked, Refused

if TYPE_CHECKING:
    from fleet.core.report import Report

P = ParamSpec("P")

OK, FAILED, UNTOUCHED, NOT_AS_WANTED, LOCKED, INTERRUPTED = 0, 1, 2, 3, 4, 130


def with_verdict(command: Callable[P, int]) -> Callable[P, None]:
    """A command that returns its exit code, made one that exits with it; errors become one message."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            code = command(*args, **kwargs)
        except FleetError as error:
            show_error(error)
            code = _code_of_error(error)
        except KeyboardInterrupt:
            _interrupted()
        except BrokenPipeError:
            _end(OK)
        except OSError as error:
            show_error(_of_this_computer(error))
            code = FAILED
        sys.exit(code)

    return wrapped


def _code_of_error(error: FleetError) -> int:
    if isinstance(error, FleetLocked | HostLocked):
        return LOCKED
    return UNTOUCHED if isinstance(error, Refused) else FAILED


def _of_this_computer(error: OSError) -> FleetError:
    """A disk that is full, a file that may not be read: what the system said, which no traceback makes clearer."""
    return FleetError(": ".join(filter(None, (str(error.filename or ""), error.strerror or str(error)))))


def show_error(error: FleetError) -> None:
    """What happened, and what to type, on stderr."""
    from rich.console import Console  # this file is part of every `--help`, which needs none of it
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text.assemble(("fleet: ", "bold red"), error.message))
    if error.hint:
        console.print(Text.assemble(("what to do: ", "bold"), error.hint))


def code_of(report: "Report") -> int:
    """Failures first, then locks; deferred is as wanted, only later."""
    from fleet.core.report import Verdict

    if report.any(Verdict.FAILED, Verdict.REFUSED):
        return FAILED
    return LOCKED if report.any(Verdict.LOCKED) else OK


def _interrupted() -> NoReturn:
    """Machines may be half-way; each step can be cut anywhere, so there is nothing to wait for."""
    from rich.console import Console

    Console(stderr=True).print("\ninterrupted: type the same command again to go on", highlight=False)
    _end(INTERRUPTED)


def _end(code: int) -> NoReturn:
    """Without waiting for threads that talk to hosts."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            continue
    os._exit(code)
