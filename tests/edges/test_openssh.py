"""What OpenSSH says of a host, by an ``ssh -G`` of the test and by the real one where there is one."""

import shutil
from pathlib import Path

import pytest

from fleet.core.errors import HostError
from fleet.edges.openssh import OpenSsh, Settings


def speaking(tmp_path: Path, says: str, code: int = 0) -> OpenSsh:
    """An ``ssh`` that says this, and keeps what it was asked."""
    program = tmp_path / "ssh"
    program.write_text(f"#!/bin/sh\nprintf '%s\\n' \"$@\" >{tmp_path}/asked\ncat <<'END'\n{says}\nEND\nexit {code}\n")
    program.chmod(0o755)
    return OpenSsh(str(program))


def asked(tmp_path: Path) -> list[str]:
    return (tmp_path / "asked").read_text().splitlines()


PLAIN = "user ann\nhostname 192.0.2.9\nport 2222"


def test_the_answer_becomes_settings(tmp_path: Path) -> None:
    key = tmp_path / "id"
    key.touch()
    says = f"""{PLAIN}
identityfile {key}
identityfile {tmp_path}/missing
identitiesonly yes
hostkeyalias desk
userknownhostsfile /a/known /b/known
globalknownhostsfile /c/known
proxyjump bob@bastion:2200,inner
proxycommand none"""
    assert speaking(tmp_path, says).settings("desk") == Settings(
        "192.0.2.9",
        "ann",
        2222,
        known_as="desk",
        known_hosts=(Path("/a/known"), Path("/b/known"), Path("/c/known")),
        identities=(key,),
        only_identities=True,
        jumps=("bob@bastion:2200", "inner"),
    )
    assert asked(tmp_path) == ["-G", "--", "desk"]


def test_what_the_inventory_says_goes_before(tmp_path: Path) -> None:
    speaking(tmp_path, PLAIN).settings("desk", "root", 2200)
    assert asked(tmp_path) == ["-G", "-l", "root", "-p", "2200", "--", "desk"]


def test_the_tokens_of_a_proxy_command_are_filled_in(tmp_path: Path) -> None:
    says = f"{PLAIN}\nproxycommand nc -X %r 100%% %h %p %C %"
    assert speaking(tmp_path, says).settings("desk").command == "nc -X ann 100% 192.0.2.9 2222 %C %"


def test_an_ssh_that_refuses_is_told_with_its_words(tmp_path: Path) -> None:
    program = speaking(tmp_path, "", code=255)
    with pytest.raises(HostError, match="could not say how to reach desk"):
        program.settings("desk")


def test_without_an_ssh_the_defaults_count() -> None:
    settings = OpenSsh("no-such-program").settings("192.0.2.9", "ann")
    assert (settings.address, settings.user, settings.port) == ("192.0.2.9", "ann", 22)
    assert Path.home() / ".ssh/known_hosts" in settings.known_hosts


def test_the_real_one_is_understood(tmp_path: Path) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("there is no ssh on this computer: apt-get install openssh-client")
    config = tmp_path / "config"
    config.write_text(
        "Host desk\n HostName 192.0.2.9\n User ann\n Port 2222\n ProxyJump bob@bastion.example:2200\n HostKeyAlias d\n"
        f" IdentityFile {tmp_path}/config\n UserKnownHostsFile {tmp_path}/known\n"
        "Host other\n ProxyCommand nc %h %p\n UserKnownHostsFile none\n"
    )
    desk = OpenSsh(config=config).settings("desk")
    assert (desk.address, desk.user, desk.port, desk.known_as) == ("192.0.2.9", "ann", 2222, "d")
    assert desk.jumps == ("bob@bastion.example:2200",)
    assert desk.identities == (config,)
    assert desk.known_hosts[0] == tmp_path / "known"
    other = OpenSsh(config=config).settings("other", "root", 2022)
    assert (other.address, other.user, other.port, other.command) == ("other", "root", 2022, "nc other 2022")
