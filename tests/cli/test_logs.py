"""``fleet logs``: the right log of the right machine, line by line."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from fleet.cli import exec as execute
from fleet.cli import logs
from fleet.cli.exits import FAILED, OK, UNTOUCHED
from fleet.cli.logs import Source, command
from fleet.core.orders import Result, Target
from fleet.engine import firewall
from tests.cli.scenes import DAY, FLEET
from tests.cli.terminal import set_scene, typed


class Sessions:
    """Hosts that print the command they were given, and end with this status."""

    def __init__(self, status: int) -> None:
        self.status = status

    def get(self, target: Target) -> SimpleNamespace:
        def stream(words: str, on_line: Callable[[str], None], *, timeout: float) -> Result:
            on_line(f"{target.name} [red] {words}")
            return Result(self.status, "", "")

        return SimpleNamespace(stream=stream, run=lambda words, timeout: Result(self.status, words, ""))


@pytest.mark.parametrize(("status", "code"), [(0, OK), (1, FAILED)])
def test_the_lines_of_one_machine_are_printed_as_they_are(
    monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    set_scene(monkeypatch, logs, FLEET, DAY, sessions=Sessions(status))
    result = typed("logs", "ci-build-1", "-n", "5")
    assert result.stdout == "ci-build-1 [red] docker logs --timestamps --tail 5 fleet-runner 2>&1\n"
    assert result.exit_code == code


def test_a_pool_is_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, logs, FLEET, DAY, sessions=Sessions(0))
    result = typed("logs", "build")
    assert (result.exit_code, result.stdout) == (UNTOUCHED, "")
    assert "fleet logs ci-build-1" in result.stderr


@pytest.mark.parametrize("source", list(Source))
def test_each_log_can_be_followed_and_not(source: Source) -> None:
    plain, followed = (command(source, 7, follow=follow) for follow in (False, True))
    assert "7" in plain
    assert plain != followed
    assert "-F" in followed or "--follow" in followed


@pytest.mark.parametrize("words", [("logs", "ci-build-1"), ("exec", "ci-build-1", "--", "true")])
def test_the_firewall_lets_its_operator_in_before_a_host_is_asked(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    let_in: list[object] = []
    for module in (logs, execute):
        set_scene(monkeypatch, module, FLEET, DAY, sessions=Sessions(0))
    monkeypatch.setattr(firewall, "let_in", let_in.append)
    typed(*words)
    assert len(let_in) == 1
