"""``fleet rotate``: what it asks, what it refuses, and how a key that a person keeps is replaced in two steps."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.cli import doctor, rotate, rotate_key
from fleet.cli.exits import FAILED, OK, UNTOUCHED
from fleet.core.inventory import GiteaSettings, Inventory, Scope, ScopeKind, SshSettings
from fleet.core.ssh_key import fingerprint
from fleet.edges.own_key import OwnKey
from fleet.edges.ssh_keys import OperatorKey
from fleet.engine.world import World
from tests.cli.terminal import Typed, typed
from tests.fakes.host import LOGIN_FILES
from tests.fakes.hosts import FakeHosts
from tests.fakes.world import STACK, FakeWorld, build_inventory


class Terminal:
    """A fleet of one machine, made with a key that a person keeps in a file, and commands about it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.outside = FakeWorld()
        self.folder = folder
        self.old = self.key("old")
        self.inventory = self.with_key("old")
        self._process = self.outside.process(self.inventory)
        self.outside.operator_keys = (self.old,)
        self.outside.process(self.inventory).up()
        monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
        monkeypatch.setattr(rotate_key, "load_inventory", lambda _: self.inventory)
        monkeypatch.setattr(rotate_key, "open_world", self._open)
        monkeypatch.setattr(rotate, "open_world", self._open)
        monkeypatch.setattr(rotate_key, "open_key", lambda _: self._of(self.inventory.ssh.key))
        monkeypatch.setattr(rotate_key, "own_key", lambda _: OwnKey(folder / "ci.ed25519"))
        monkeypatch.setattr(rotate_key, "only_with", lambda key: self._hosts(key.public_line()))
        monkeypatch.setattr(rotate_key, "open_hosts", lambda _: self._hosts(self._line()))

    def key(self, name: str) -> str:
        """Make one; its public line."""
        return OperatorKey(self.folder / name, own=True).public_line()

    def with_key(self, name: str) -> Inventory:
        return replace(build_inventory(), ssh=SshSettings(key=str(self.folder / name)))

    def type(self, *words: str) -> Typed:
        return typed("rotate", *words)

    def lets_in(self) -> set[str]:
        lines = self.outside.host("ci-build-1").disk.files[LOGIN_FILES[0]].splitlines()
        return {fingerprint(line) for line in lines}

    @contextmanager
    def _open(self, _: str | None, *, ask_gitea: bool = True) -> Iterator[World]:
        self.outside.operator_keys = (self._line(),)
        self._process = self.outside.process(self.inventory)
        yield self._process.world

    def _hosts(self, *keys: str) -> FakeHosts:
        return FakeHosts(self.outside.computers, STACK, self._process.calls, *keys)

    def _of(self, path: str) -> OperatorKey:
        return OperatorKey(Path(path))

    def _line(self) -> str:
        return self._of(self.inventory.ssh.key).public_line()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    return Terminal(monkeypatch, tmp_path)


def test_a_key_of_a_person_is_replaced_in_two_steps(terminal: Terminal) -> None:
    new = terminal.key("new")
    first = terminal.type("sshkey", "--yes", "--new-key", str(terminal.folder / "new"))
    assert first.exit_code == OK, first.said
    assert f'ssh.key = "{terminal.folder}/new"' in first.said
    assert terminal.lets_in() == {fingerprint(terminal.old), fingerprint(new)}

    terminal.inventory = terminal.with_key("new")
    second = terminal.type("sshkey", "--yes", "--old-key", str(terminal.folder / "old.pub"))
    assert second.exit_code == OK, second.said
    assert terminal.lets_in() == {fingerprint(new)}
    assert list(terminal.outside.project.key_lines.values()) == [new]


def test_the_old_one_stays_as_long_as_the_inventory_names_it(terminal: Terminal) -> None:
    refused = terminal.type("sshkey", "--yes", "--old-key", str(terminal.folder / "old"))
    assert refused.exit_code == UNTOUCHED
    assert "is the key in use" in refused.said
    assert terminal.lets_in() == {fingerprint(terminal.old)}


def test_the_old_one_stays_where_the_new_one_was_never_let_in(terminal: Terminal) -> None:
    terminal.key("new")
    terminal.inventory = terminal.with_key("new")
    refused = terminal.type("sshkey", "--yes", "--old-key", str(terminal.folder / "old"))
    assert refused.exit_code == FAILED
    assert "nothing was taken off anywhere" in refused.said
    assert terminal.lets_in() == {fingerprint(terminal.old)}


def test_fleet_makes_no_key_for_a_person_who_keeps_one(terminal: Terminal) -> None:
    refused = terminal.type("sshkey", "--yes")
    assert refused.exit_code == UNTOUCHED
    assert "fleet rotate sshkey --new-key PATH" in refused.said


def test_both_steps_at_once_are_refused(terminal: Terminal) -> None:
    assert terminal.type("sshkey", "--yes", "--new-key", "a", "--old-key", "b").exit_code == UNTOUCHED


@pytest.mark.parametrize("words", [("sshkey", "--new-key", "new"), ("runners",)])
def test_without_a_terminal_somebody_must_have_said_yes(terminal: Terminal, words: tuple[str, ...]) -> None:
    refused = terminal.type(*words)
    assert refused.exit_code == UNTOUCHED
    assert "--yes" in refused.said


def test_an_old_key_that_the_inventory_lets_in_still_opens_and_that_is_said(terminal: Terminal) -> None:
    terminal.key("new")
    terminal.type("sshkey", "--yes", "--new-key", str(terminal.folder / "new"))
    listed = terminal.with_key("new")
    terminal.inventory = replace(listed, ssh=replace(listed.ssh, authorized_keys=(f"{terminal.old} me@home",)))
    said = terminal.type("sshkey", "--yes", "--old-key", str(terminal.folder / "old")).said
    assert "the old key is in ssh.authorized_keys too" in said


def test_runners_are_registered_anew_and_the_token_is_spoken_of(terminal: Terminal) -> None:
    before = set(terminal.outside.gitea.records)
    done = terminal.type("runners", "--yes")
    assert done.exit_code == OK, done.said
    assert not before & set(terminal.outside.gitea.records)
    assert "the registration token is the same as before" in done.said
    assert "https://git.example/-/admin/actions/runners" in done.said


def test_a_token_that_was_reset_meanwhile_is_told() -> None:
    gitea = GiteaSettings("https://git.example", "https://git.example")
    assert "was reset meanwhile" in rotate._about_token(gitea, same=False)


@pytest.mark.parametrize(
    ("scope", "page"),
    [
        (Scope(ScopeKind.INSTANCE), "/-/admin/actions/runners"),
        (Scope(ScopeKind.ORG, "acme"), "/org/acme/settings/actions/runners"),
        (Scope(ScopeKind.USER), "/user/settings/actions/runners"),
        (Scope(ScopeKind.REPO, "acme/app"), "/acme/app/settings/actions/runners"),
    ],
)
def test_the_page_with_the_button_is_named_for_each_scope(scope: Scope, page: str) -> None:
    gitea = GiteaSettings("https://git.example/base/", "https://git.example", scope)
    assert f"https://git.example/base{page}," in rotate._about_token(gitea, same=True)


def test_doctor_says_that_a_rotation_is_not_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    own = OwnKey(tmp_path / "fleet" / "ci.ed25519")
    OperatorKey(own.path, own=True).public_line()
    assert "rotate" not in str(list(doctor._ssh(build_inventory())))
    own.coming()
    assert "fleet rotate sshkey" in str(list(doctor._ssh(build_inventory())))
    own.switch()
    assert "fleet rotate sshkey" in str(list(doctor._ssh(build_inventory())))
    own.forget()
    assert "rotate" not in str(list(doctor._ssh(build_inventory())))
