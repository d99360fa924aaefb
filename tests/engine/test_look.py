"""One look at a host: whole, or none."""

import pytest

from fleet.core.docker_seen import DockerSeen
from fleet.core.errors import CommandFailed
from fleet.core.orders import Result
from fleet.engine.probe import probe
from tests.core.builders import STACK
from tests.fakes.clock import START, FakeClock


class _Host:
    """Its shell ends before its script does."""

    def __init__(self, status: int) -> None:
        self._status = status

    def run(self, command: str, *, stdin: bytes = b"", timeout: float = 60) -> Result:
        return Result(self._status, "boot\t0\n", "Killed")

    def docker(self) -> DockerSeen:
        return DockerSeen()


@pytest.mark.parametrize("status", [-1, 1, 137])
def test_half_a_look_is_no_look(status: int) -> None:
    """Without its second half a busy machine would look like one that was never set up."""
    with pytest.raises(CommandFailed, match="not looked at to the end"):
        probe(_Host(status), STACK, None, FakeClock())  # type: ignore[arg-type]


def test_a_look_that_came_to_its_end_counts() -> None:
    assert probe(_Host(0), STACK, None, FakeClock()).boot == "0"  # type: ignore[arg-type]


class _Slow(_Host):
    """It says its time after some seconds, and ends after some more."""

    def __init__(self, clock: FakeClock, *, says: float) -> None:
        super().__init__(0)
        self._clock = clock
        self._says = says

    def run(self, command: str, *, stdin: bytes = b"", timeout: float = 60) -> Result:
        self._clock.sleep(4)
        return Result(0, f"clock\t{START + self._says}\n", "")


@pytest.mark.parametrize(("says", "off"), [(0, 0), (2.5, 0), (4, 0), (-7, -7), (94, 90)])
def test_a_clock_is_off_by_what_the_time_of_asking_does_not_explain(says: float, off: float) -> None:
    clock = FakeClock()
    assert probe(_Slow(clock, says=says), STACK, None, clock).clock_off == off  # type: ignore[arg-type]


class _Waited(_Host):
    """Remembers how long its script was waited for."""

    def run(self, command: str, *, stdin: bytes = b"", timeout: float = 60) -> Result:
        self.timeout = timeout
        return super().run(command, stdin=stdin, timeout=timeout)


@pytest.mark.parametrize(("left", "waited"), [(None, 60), (31.5, 31.5), (-3, 1)])
def test_the_script_is_waited_for_as_long_as_the_whole_look_may_take(left: float | None, waited: float) -> None:
    host, clock = _Waited(0), FakeClock()
    probe(host, STACK, None, clock, end=None if left is None else clock.now() + left)  # type: ignore[arg-type]
    assert host.timeout == waited
