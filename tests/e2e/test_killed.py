"""Killed at any step, and a moment into it, the same command typed again converges."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest

import pytest

from fleet.lab.place import Lab
from tests.e2e.keyboard import Fleet, Person, new_fleet, step_of

pytestmark = pytest.mark.e2e

AT_ONCE = 4
"""Fleets that are tried side by side; most of the time they wait."""

INSIDE = 0.3
"""Seconds after a step's line: inside the step."""


@dataclass(frozen=True)
class Killed:
    """One life. Its ``up`` is killed when this step begins, typed again and killed inside the step, and typed
    again; then its ``down`` likewise."""

    fleet: Fleet
    up: str
    down: str | None

    def live(self) -> list[str]:
        """What was not as it should be; empty when all converged."""
        return [f"up killed at {self.up!r}, down at {self.down!r}: {wrong}" for wrong in self._wrong()]

    def _wrong(self) -> Iterator[str]:
        yield from self._again("up", self.up)
        yield from _not_up(self.fleet)
        yield from self._again("down", self.down)
        if left := self.fleet.left():
            yield f"left behind: {left}"

    def _again(self, command: str, step: str | None) -> Iterator[str]:
        if step is not None:
            _kill(self.fleet, command, step, 0)
            _kill(self.fleet, command, step, INSIDE)
        typed = self.fleet.type(command, "--yes")
        if typed.code:
            yield f"{command} again: exit {typed.code}\n{typed.said}"


def test_killed_at_every_step_the_same_command_converges(person: Person, lab: Lab) -> None:
    model = new_fleet(person, lab)
    ups, downs = (_steps(model.must(command, "--yes").err) for command in ("up", "down"))
    assert {"create server", "set up", "register", "start runner", "wait for online"} <= set(ups)
    assert {"mark as draining", "cordon", "stop runner", "deregister", "delete server"} <= set(downs)

    lives = [Killed(new_fleet(person, lab), up, down) for up, down in zip_longest(ups, downs) if up]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        wrong = [line for lines in pool.map(Killed.live, lives) for line in lines]
    assert len(downs) <= len(ups), "each step of down was tried, too"
    assert not wrong, "\n".join(wrong)


def _steps(story: str) -> list[str]:
    """The lines of a plain story, each once."""
    return list(dict.fromkeys(step for line in story.splitlines() if (step := step_of(line))))


def _kill(fleet: Fleet, command: str, step: str, wait: float) -> None:
    """SIGKILL that long after this line; one that does not come this time lets the command end by itself."""
    with fleet.start(command, "--yes") as process:
        assert process.stderr is not None
        if any(step_of(line) == step for line in process.stderr):
            time.sleep(wait)
        process.kill()
        process.communicate()


def _not_up(fleet: Fleet) -> Iterator[str]:
    """How the fleet differs from one machine in service."""
    name = f"{fleet.name}-build-1"
    servers, runners = fleet.servers(), fleet.runners()
    if [one["name"] for one in servers] != [name]:
        yield f"servers: {[one['name'] for one in servers]}"
    if [(one["name"], one["status"]) for one in runners] not in ([(name, "online")], [(name, "idle")]):
        yield f"runners: {[(one['name'], one['status']) for one in runners]}"
    if sorted(fleet.shared()) != [f"firewalls: fleet-{fleet.name}", f"ssh_keys: fleet-{fleet.name}"]:
        yield f"shared: {fleet.shared()}"
