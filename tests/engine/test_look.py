"""One look at a host: whole, or none."""

import pytest

from fleet.core.errors import CommandFailed
from fleet.core.orders import Result
from fleet.engine.world import probe
from tests.core.builders import STACK


class _Host:
    """Its shell ends before its script does."""

    def __init__(self, status: int) -> None:
        self._status = status

    def run(self, command: str, *, stdin: bytes = b"", timeout: float = 60) -> Result:
        return Result(self._status, "boot\t0\n", "Killed")


@pytest.mark.parametrize("status", [-1, 1, 137])
def test_half_a_look_is_no_look(status: int) -> None:
    """Without its second half a busy machine would look like one that was never set up."""
    with pytest.raises(CommandFailed, match="not looked at to the end"):
        probe(_Host(status), STACK, None)  # type: ignore[arg-type]


def test_a_look_that_came_to_its_end_counts() -> None:
    assert probe(_Host(0), STACK, None).boot == "0"  # type: ignore[arg-type]
