"""Another host at the same address is refused before it learns anything of us; and which keys are offered to whom."""

import io
from pathlib import Path

import paramiko
import pytest

from fleet.core.errors import HostSilent, LoginRefused, WrongHostKey
from fleet.core.inventory import SshSettings
from fleet.edges.own_key import OwnKey
from fleet.edges.ssh import SshHosts
from fleet.edges.ssh_keys import OperatorKey, new_host_key
from tests.edges.ssh_server import ssh_server


def host_key() -> paramiko.PKey:
    return paramiko.Ed25519Key.from_private_key(io.StringIO(new_host_key()[0].reveal()))


@pytest.fixture
def operator(tmp_path: Path) -> OperatorKey:
    """The fleet's own key, in ``config``."""
    return OperatorKey.from_settings(SshSettings(), "ci", tmp_path / "config")


@pytest.fixture
def hosts(operator: OperatorKey, tmp_path: Path) -> SshHosts:
    return SshHosts(operator, connect_timeout=5, lock_folder=str(tmp_path))


def test_after_a_dropped_session_another_host_at_the_address_is_refused(hosts: SshHosts, operator: OperatorKey) -> None:
    with ssh_server(host_key(), allowed=operator.public_line()) as server:
        target = server.target()
        host = hosts.connect(target)
        host.run("true")
    with host, pytest.raises(HostSilent):
        host.run("true")
    with ssh_server(host_key(), allowed=operator.public_line(), port=target.port) as impostor:
        with pytest.raises(WrongHostKey, match="not connected"):
            hosts.connect(target)
        assert impostor.attempts == [], "it has not even seen which key we would log in with"
        assert impostor.processes == []


def test_the_true_host_is_reached_again_when_it_is_back(hosts: SshHosts, operator: OperatorKey) -> None:
    key = host_key()
    with ssh_server(key, allowed=operator.public_line()) as server:
        target = server.target()
    with ssh_server(key, allowed=operator.public_line(), port=target.port), hosts.connect(target) as host:
        assert host.run("echo back").out == "back\n"


def replaced(folder: Path) -> OwnKey:
    """The fleet's own key, just replaced; the old one is beside it still."""
    own = OwnKey(folder / "ci.ed25519")
    OperatorKey(own.path, own=True).public_line()
    own.coming()
    own.switch()
    return own


def test_a_machine_that_knows_only_the_replaced_key_is_reached_by_it(operator: OperatorKey, tmp_path: Path) -> None:
    own = replaced(tmp_path / "config")
    hosts = SshHosts(operator, connect_timeout=5, lock_folder=str(tmp_path))
    with ssh_server(host_key(), allowed=own.former().public_line()) as server:
        with hosts.connect(server.target()) as host:
            assert host.run("true").status == 0
        assert server.attempts[0] == own.current().public_line(), "the new one first"


def test_the_replaced_key_is_offered_no_more_once_it_is_forgotten(operator: OperatorKey, tmp_path: Path) -> None:
    own = replaced(tmp_path / "config")
    former = own.former().public_line()
    own.forget()
    hosts = SshHosts(operator, connect_timeout=5, lock_folder=str(tmp_path))
    with ssh_server(host_key(), allowed=former) as server:
        with pytest.raises(LoginRefused):
            hosts.connect(server.target())
        assert server.attempts == [own.current().public_line()]


def test_a_login_that_is_to_prove_a_key_offers_that_key_alone(tmp_path: Path) -> None:
    own = replaced(tmp_path / "config")
    alone = SshHosts(OperatorKey(own.path, own=True), connect_timeout=5, lock_folder=str(tmp_path), alone=True)
    with ssh_server(host_key(), allowed=own.former().public_line()) as server:
        with pytest.raises(LoginRefused):
            alone.connect(server.target())
        assert server.attempts == [own.current().public_line()]
