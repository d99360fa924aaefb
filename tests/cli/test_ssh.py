"""``fleet ssh``: whom it leads to, whom it lets in first, and what it says when it cannot."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.cli import wiring
from fleet.cli.exits import UNTOUCHED
from fleet.core.inventory import Inventory, SshRoute, SshSettings, TailnetSettings
from fleet.core.names import Tag, hostkey_line
from fleet.core.record import paused_tag
from fleet.edges import login
from fleet.engine import memory
from fleet.engine.world import World
from tests.cli.terminal import Typed, typed
from tests.fakes.world import FakeWorld, build_inventory, build_pool

CLOSED = replace(build_inventory(), ssh=SshSettings(allow_from=("203.0.113.0/24",)))
INSIDE = replace(
    build_inventory(replace(build_pool(), tailnet=True)),
    ssh=SshSettings(route=SshRoute.TAILNET),
    tailnet=TailnetSettings(url="https://headscale.example"),
)
ME = replace(build_inventory(), ssh=SshSettings(allow_from=("me",)))


class Terminal:
    """A fleet of one machine, and what ``fleet ssh`` has become."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
        monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
        monkeypatch.setattr(wiring, "open_world", self._open)
        monkeypatch.setattr(login, "become", self._become)
        self.outside = FakeWorld()
        self.outside.process(CLOSED).up()
        self.inventory: Inventory = CLOSED
        self.became: list[list[str]] = []
        self.asked_gitea = True

    def _become(self, line: Sequence[str], env: Mapping[str, str]) -> None:
        self.became.append(list(line))
        self.environment = dict(env)

    @contextmanager
    def _open(self, _: str | None, *, ask_gitea: bool = True) -> Iterator[World]:
        self.asked_gitea = ask_gitea
        yield self.outside.process(self.inventory).world

    def type(self, *words: str) -> Typed:
        return typed("ssh", *words)

    @property
    def let_in(self) -> list[str]:
        (rules,) = self.outside.project.rules.values()
        return sorted(network for rule in rules if rule.port == "22" for network in rule.sources)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    return Terminal(monkeypatch, tmp_path)


def test_it_becomes_ssh_to_that_machine_with_the_key_of_its_tag(terminal: Terminal) -> None:
    assert terminal.type("ci-build-1", "--", "docker", "ps", "-a").exit_code == 0
    (line,) = terminal.became
    server = terminal.outside.server("ci-build-1")
    assert line[0] == "ssh"
    assert line[line.index("--") - 1 :] == [server.ipv4, "--", "docker", "ps", "-a"]
    (known,) = [word for word in line if "UserKnownHostsFile" in word]
    text = Path(known.partition("=")[2].strip('"')).read_text()
    assert text == f"ci-build-1 {hostkey_line(server.tags[Tag.HOSTKEY])}\n"


def test_ssh_does_not_know_our_tokens_which_it_could_send_to_the_other_side(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_GITEA_TOKEN", "s3cr3t-of-tests")
    monkeypatch.setenv("LC_TEST", "C")
    terminal.type("ci-build-1")
    assert terminal.environment["LC_TEST"] == "C"
    assert "s3cr3t-of-tests" not in terminal.environment.values()


def test_it_works_when_gitea_does_not(terminal: Terminal) -> None:
    terminal.type("ci-build-1")
    assert terminal.asked_gitea is False


def test_it_lets_its_operator_in_first_also_when_passes_are_paused(terminal: Terminal) -> None:
    memory.write(terminal.outside.process(CLOSED).world, paused_tag(0))
    terminal.inventory = ME
    terminal.type("ci-build-1")
    assert terminal.let_in == ["198.51.100.7/32"]


def test_open_lets_in_beside_what_the_inventory_says_and_tells_how_long(terminal: Terminal) -> None:
    said = terminal.type("--open")
    assert said.exit_code == 0
    assert said.stderr == "port 22 of fleet ci is open to 198.51.100.7/32 for 30 minutes\n"
    assert terminal.let_in == ["198.51.100.7/32", "203.0.113.0/24"]
    assert terminal.became == []


def test_open_with_a_machine_goes_on_to_it(terminal: Terminal) -> None:
    terminal.type("--open", "ci-build-1")
    assert len(terminal.became) == 1


def test_a_machine_that_is_not_there_is_told_with_those_that_are(terminal: Terminal) -> None:
    said = terminal.type("ci-build-7")
    assert said.exit_code == UNTOUCHED
    assert "there is no machine ci-build-7" in said.stderr
    assert "ci-build-1" in said.stderr
    assert terminal.became == []


def test_a_namesake_that_is_not_ours_is_no_machine(terminal: Terminal) -> None:
    terminal.outside.project.add("ci-build-2", {"fleet": "ci", "pool": "build", "gitea": "other"})
    assert terminal.type("ci-build-2").exit_code == UNTOUCHED


def test_a_machine_whose_key_is_not_known_is_not_connected_to(terminal: Terminal) -> None:
    server = terminal.outside.server("ci-build-1")
    tags = {key: value for key, value in server.tags.items() if key != Tag.HOSTKEY}
    terminal.outside.project.servers[server.id] = replace(server, tags=tags)
    assert "cannot be checked" in terminal.type("ci-build-1").stderr
    assert terminal.became == []


def test_nobody_named_is_a_question_back(terminal: Terminal) -> None:
    said = terminal.type()
    assert said.exit_code == UNTOUCHED
    assert "fleet ssh MACHINE" in said.stderr


def test_it_goes_through_the_tailnet_where_fleet_does_and_past_it_when_opened(terminal: Terminal) -> None:
    terminal.inventory = INSIDE
    terminal.outside.process(INSIDE).up()
    terminal.type("ci-build-1")
    terminal.type("--open", "ci-build-1")
    server = terminal.outside.server("ci-build-1")
    assert [line[-1] for line in terminal.became] == ["100.64.0.1", server.ipv4]
