"""The command line of OpenSSH: whom it trusts, with which key, and that nothing else decides."""

import os
import stat
from itertools import pairwise
from pathlib import Path

import pytest

from fleet.core.errors import Refused
from fleet.core.inventory import SshSettings
from fleet.core.orders import Target
from fleet.edges import login
from fleet.edges.own_key import OwnKey
from fleet.edges.ssh_keys import KeyFiles, OperatorKey

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZpeGVk"
OURS = Target("ci-build-1", "192.0.2.7", KEY)
MINE = KeyFiles(Path("/home/ann/.config/fleet/ci.ed25519"), agent=False)
KNOWN = Path("/home/ann/.local/state/fleet/known_hosts/ci-build-1")


def options(line: list[str]) -> dict[str, str]:
    return dict(word.split("=", 1) for flag, word in pairwise(line) if flag == "-o")


def test_the_whole_command_line_for_a_machine_of_ours() -> None:
    assert login.words(OURS, MINE, KNOWN, ("docker", "ps")) == [
        *("ssh", "-F", "none", "-l", "root", "-p", "22"),
        *("-o", "StrictHostKeyChecking=yes"),
        *("-o", "UpdateHostKeys=no"),
        *("-o", "ConnectTimeout=20"),
        *("-o", "HostKeyAlias=ci-build-1"),
        *("-o", f'UserKnownHostsFile="{KNOWN}"'),
        *("-o", "GlobalKnownHostsFile=none"),
        *("-o", "PasswordAuthentication=no"),
        *("-o", "KbdInteractiveAuthentication=no"),
        *("-o", "ForwardAgent=no"),
        *("-o", "IdentitiesOnly=yes"),
        *("-o", f'IdentityFile="{MINE.path}"'),
        *("-o", "IdentityAgent=none"),
        *("192.0.2.7", "--", "docker", "ps"),
    ]


def test_without_a_command_there_is_a_shell() -> None:
    assert login.words(OURS, MINE, KNOWN)[-1] == "192.0.2.7"


@pytest.mark.parametrize(
    ("key", "agent", "identity"),
    [
        (KeyFiles(Path("/k"), agent=False), "none", '"/k"'),
        (KeyFiles(Path("/k.pub"), agent=True), None, '"/k.pub"'),
        (KeyFiles(None, agent=True), None, None),
    ],
)
def test_the_agent_is_used_when_it_was_asked_for(key: KeyFiles, agent: str | None, identity: str | None) -> None:
    given = options(login.words(OURS, key, KNOWN))
    assert (given.get("IdentityAgent"), given.get("IdentityFile")) == (agent, identity)
    assert (given.get("IdentitiesOnly") == "yes") is (identity is not None)


def test_a_static_host_is_reached_as_the_person_has_configured_it() -> None:
    line = login.words(Target("ci-build-rack", "rack", "", user="", port=0, openssh=True), MINE, KNOWN)
    assert "-F" not in line
    assert "-l" not in line
    assert "-p" not in line
    given = options(line)
    assert given["StrictHostKeyChecking"] == "yes"
    assert "UserKnownHostsFile" not in given, "theirs has its key"


def test_a_static_host_with_a_key_in_the_inventory_is_known_by_that_alone() -> None:
    static = Target("ci-build-rack", "rack", KEY, user="ann", port=2222, openssh=True)
    line = login.words(static, MINE, KNOWN)
    assert line[:5] == ["ssh", "-l", "ann", "-p", "2222"]
    assert options(line)["UserKnownHostsFile"] == f'"{KNOWN}"'


def test_the_key_that_was_replaced_is_offered_second_until_no_machine_needs_it(tmp_path: Path) -> None:
    own = OwnKey(tmp_path / "ci.ed25519")
    operator = OperatorKey.from_settings(SshSettings(), "ci", tmp_path)
    operator.public_line()
    own.coming()
    own.switch()
    line = login.words(OURS, operator.files(), tmp_path / "known")
    offered = [word for word in line if word.startswith("IdentityFile=")]
    assert offered == [f'IdentityFile="{own.path}"', f'IdentityFile="{own.path}.old"']
    own.forget()
    assert str(login.words(OURS, operator.files(), tmp_path / "known")).count("IdentityFile=") == 1


def test_names_of_files_are_taken_as_they_are() -> None:
    given = options(login.words(OURS, KeyFiles(Path("/my keys/100%d"), agent=False), KNOWN))
    assert given["IdentityFile"] == '"/my keys/100%%d"'


def test_the_one_key_that_is_right_is_in_a_file_of_the_users_own(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "known_hosts"
    first = login.write_known_hosts(folder, OURS)
    assert first.read_text() == f"ci-build-1 {KEY}\n"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    again = login.write_known_hosts(folder, Target("ci-build-1", "192.0.2.7", KEY.replace("GZpe", "GZpf")))
    assert (again, list(folder.iterdir())) == (first, [first])
    assert "GZpf" in again.read_text()


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").touch()
    with pytest.raises(Refused, match="could not write"):
        login.write_known_hosts(tmp_path / "known_hosts", OURS)


def test_this_process_becomes_ssh(monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[object] = []
    monkeypatch.setattr(os, "execvpe", lambda *told: became.append(told))
    login.become(["ssh", "-V"], {"PATH": "/usr/bin"})
    assert became == [("ssh", ["ssh", "-V"], {"PATH": "/usr/bin"})]


def test_without_openssh_it_says_what_to_install() -> None:
    with pytest.raises(Refused, match="could not run no-such-ssh") as caught:
        login.become(["no-such-ssh"], os.environ)
    assert "openssh-client" in caught.value.hint


def test_the_fleets_own_key_is_made_when_it_is_first_needed(tmp_path: Path) -> None:
    files = OperatorKey.from_settings(SshSettings(), "ci", tmp_path).files()
    assert files == KeyFiles(tmp_path / "ci.ed25519", agent=False)
    assert stat.S_IMODE((tmp_path / "ci.ed25519").stat().st_mode) == 0o600
    assert OperatorKey.from_settings(SshSettings(agent=True), "ci", tmp_path).files() == KeyFiles(None, agent=True)
