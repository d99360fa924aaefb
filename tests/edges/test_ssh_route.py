"""Static hosts, reached as OpenSSH would reach them: known_hosts, jump hosts, ProxyCommand, and its identities."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.core.errors import HostError, HostSilent, LoginRefused, WrongHostKey
from fleet.core.inventory import SshSettings
from fleet.core.orders import Target
from fleet.core.ssh_key import fingerprint
from fleet.edges.openssh import OpenSsh, Settings
from fleet.edges.ssh import SshHosts
from fleet.edges.ssh_keys import OperatorKey, new_host_key
from fleet.edges.ssh_route import Hop, Route, route
from tests.edges.ssh_server import SshServer, ssh_server
from tests.edges.test_ssh import an_ed25519_key

DESK = Target("ci-build.desk", "desk", "", "", 0, openssh=True)


class Said(OpenSsh):
    """An OpenSSH whose configuration the test has."""

    def __init__(self, known: Mapping[str, Settings]) -> None:
        super().__init__()
        self._known = known

    def settings(self, address: str, user: str = "", port: int = 0) -> Settings:
        found = self._known[address]
        return replace(found, user=user or found.user, port=port or found.port)


def known_hosts(tmp_path: Path, *servers: SshServer) -> tuple[Path, ...]:
    file = tmp_path / "known_hosts"
    file.write_text("".join(f"[127.0.0.1]:{one.port} {one.public_line}\n" for one in servers))
    return (file,)


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> OperatorKey:
    return OperatorKey.from_settings(SshSettings(), "ci", tmp_path_factory.mktemp("config"))


@pytest.fixture
def servers(operator: OperatorKey) -> Iterator[list[SshServer]]:
    with ExitStack() as stack:
        yield [stack.enter_context(ssh_server(an_ed25519_key(), allowed=operator.public_line())) for _ in range(3)]


def hosts(operator: OperatorKey, tmp_path: Path, known: Mapping[str, Settings]) -> SshHosts:
    return SshHosts(operator, connect_timeout=5, lock_folder=str(tmp_path), openssh=Said(known))


def test_known_hosts_has_the_key_of_a_static_host(
    operator: OperatorKey, servers: list[SshServer], tmp_path: Path
) -> None:
    desk = Settings("127.0.0.1", "root", servers[0].port, known_hosts=known_hosts(tmp_path, servers[0]))
    with hosts(operator, tmp_path, {"desk": desk}).connect(DESK) as host:
        assert host.run("echo hello").out == "hello\n"
    assert servers[0].users == ["root"]


def test_a_host_that_nobody_knows_is_not_even_dialled(operator: OperatorKey, tmp_path: Path) -> None:
    desk = Settings("192.0.2.9", "ann", 2222, known_hosts=(tmp_path / "none",))
    with pytest.raises(WrongHostKey, match="is in no known_hosts file") as caught:
        hosts(operator, tmp_path, {"desk": desk}).connect(DESK)
    assert "ssh -p 2222 ann@192.0.2.9" in caught.value.hint
    assert "host_key" in caught.value.hint


def test_an_impostor_is_refused_before_any_login(
    operator: OperatorKey, servers: list[SshServer], tmp_path: Path
) -> None:
    known = tmp_path / "known"
    known.write_text(f"[127.0.0.1]:{servers[0].port} {new_host_key()[1]}\n")
    desk = Settings("127.0.0.1", "root", servers[0].port, known_hosts=(known,))
    with pytest.raises(WrongHostKey, match="answers with the host key"):
        hosts(operator, tmp_path, {"desk": desk}).connect(DESK)
    assert servers[0].attempts == []


def test_any_of_the_known_keys_will_do(operator: OperatorKey, servers: list[SshServer], tmp_path: Path) -> None:
    known = tmp_path / "known"
    place = f"[127.0.0.1]:{servers[0].port}"
    known.write_text(f"{place} {new_host_key()[1]}\n{place} {servers[0].public_line}\n{place} nonsense AAAA\n")
    desk = Settings("127.0.0.1", "root", servers[0].port, known_hosts=(known,))
    with hosts(operator, tmp_path, {"desk": desk}).connect(DESK) as host:
        assert host.run("true").status == 0


def test_the_key_of_the_inventory_goes_before_known_hosts(
    operator: OperatorKey, servers: list[SshServer], tmp_path: Path
) -> None:
    desk = Settings("127.0.0.1", "root", servers[0].port, known_hosts=known_hosts(tmp_path, servers[0]))
    expected = new_host_key()[1]
    with pytest.raises(WrongHostKey) as caught:
        hosts(operator, tmp_path, {"desk": desk}).connect(replace(DESK, host_key=expected))
    assert fingerprint(expected) in caught.value.message


def test_a_host_behind_two_jump_hosts_is_reached(
    operator: OperatorKey, servers: list[SshServer], tmp_path: Path
) -> None:
    outer, inner, last = servers
    known = known_hosts(tmp_path, *servers)
    said = {
        "desk": Settings("127.0.0.1", "root", last.port, known_hosts=known, jumps=("ann@outer", f"inner:{inner.port}")),
        "outer": Settings("127.0.0.1", "nobody", outer.port, known_hosts=known),
        "inner": Settings("127.0.0.1", "bob", 1, known_hosts=known),
    }
    with hosts(operator, tmp_path, said).connect(DESK) as host:
        assert host.run("echo hello").out == "hello\n"
        assert host.run("cat", stdin=b"x" * 300_000).out == "x" * 300_000
    assert outer.forwarded == [("127.0.0.1", inner.port)]
    assert inner.forwarded == [("127.0.0.1", last.port)]
    assert (outer.users, inner.users, last.users) == (["ann"], ["bob"], ["root"])


def test_each_jump_host_shows_its_own_key(operator: OperatorKey, servers: list[SshServer], tmp_path: Path) -> None:
    known = known_hosts(tmp_path, servers[1])
    said = {
        "desk": Settings("127.0.0.1", "root", servers[1].port, known_hosts=known, jumps=("outer",)),
        "outer": Settings("127.0.0.1", "root", servers[0].port, known_hosts=known),
    }
    with pytest.raises(WrongHostKey, match=r"the jump host of ci-build\.desk"):
        hosts(operator, tmp_path, said).connect(DESK)
    assert servers[0].attempts == []


def test_a_jump_host_that_cannot_reach_it_is_told(
    operator: OperatorKey, servers: list[SshServer], tmp_path: Path
) -> None:
    known = known_hosts(tmp_path, servers[0])
    said = {
        "desk": Settings("127.0.0.1", "root", 1, jumps=("outer",)),
        "outer": Settings("127.0.0.1", "root", servers[0].port, known_hosts=known),
    }
    with pytest.raises(HostSilent, match="its jump host could not reach it"):
        hosts(operator, tmp_path, said).connect(replace(DESK, host_key=new_host_key()[1]))


def test_a_proxy_command_gives_the_connection_and_ends_with_it(
    operator: OperatorKey, servers: list[SshServer], tmp_path: Path
) -> None:
    relay = tmp_path / "relay.py"
    relay.write_text(
        "import os, socket, sys, threading\n"
        "s = socket.create_connection(('127.0.0.1', int(sys.argv[1])))\n"
        "def back():\n"
        "    while data := s.recv(65536): os.write(1, data)\n"
        "    os._exit(0)\n"
        "threading.Thread(target=back, daemon=True).start()\n"
        "while data := os.read(0, 65536): s.sendall(data)\n"
    )
    desk = Settings(
        "192.0.2.9", "root", 22,
        known_as="desk",
        known_hosts=(tmp_path / "known",),
        command=f"{sys.executable} {relay} {servers[0].port}",
    )  # fmt: skip
    (tmp_path / "known").write_text(f"desk {servers[0].public_line}\n")
    with hosts(operator, tmp_path, {"desk": desk}).connect(DESK) as host:
        assert host.run("cat", stdin=b"x" * 300_000).out == "x" * 300_000


def test_a_proxy_command_that_fails_is_silence(operator: OperatorKey, tmp_path: Path) -> None:
    desk = Settings("192.0.2.9", "root", 22, command="false")
    with pytest.raises(HostSilent):
        hosts(operator, tmp_path, {"desk": desk}).connect(replace(DESK, host_key=new_host_key()[1]))


def test_what_openssh_would_offer_is_offered_after_our_own_key(operator: OperatorKey, tmp_path: Path) -> None:
    private, public = new_host_key()
    key = tmp_path / "id_ed25519"
    key.write_text(private.reveal())
    with ssh_server(an_ed25519_key(), allowed=public) as server:
        known = known_hosts(tmp_path, server)
        desk = Settings("127.0.0.1", "ann", server.port, known_hosts=known, identities=(tmp_path / "no", key))
        with hosts(operator, tmp_path, {"desk": desk}).connect(DESK) as host:
            host.must_be_connected("login")
        assert list(dict.fromkeys(server.attempts)) == [operator.public_line(), public]


def test_a_host_that_takes_none_of_them_is_told_with_ours(operator: OperatorKey, tmp_path: Path) -> None:
    key = tmp_path / "id_ed25519"
    key.write_text(new_host_key()[0].reveal())
    with ssh_server(an_ed25519_key(), allowed="") as server:
        desk = Settings(
            "127.0.0.1", "ann", server.port, known_hosts=known_hosts(tmp_path, server), identities=(key,)
        )  # fmt: skip
        with pytest.raises(LoginRefused) as caught:
            hosts(operator, tmp_path, {"desk": desk}).connect(DESK)
    assert operator.public_line() in caught.value.hint


def test_a_server_of_ours_is_reached_without_any_configuration(tmp_path: Path) -> None:
    server = Target("ci-build-1", "192.0.2.1", "ssh-ed25519 AAAA")
    assert route(server, Said({})) == Route((Hop("ci-build-1", "192.0.2.1", 22, "root", ("ssh-ed25519 AAAA",)),))


def test_a_way_in_a_circle_ends(tmp_path: Path) -> None:
    (tmp_path / "known").write_text("192.0.2.9 ssh-ed25519 AAAA\n")
    desk = Settings("192.0.2.9", "root", 22, known_hosts=(tmp_path / "known",), jumps=("desk",))
    with pytest.raises(HostError, match="more than 8 jump hosts"):
        route(replace(DESK, host_key="ssh-ed25519 AAAA"), Said({"desk": desk}))


@pytest.mark.parametrize(
    ("jump", "asked"),
    [
        ("host", ("host", "", 0)),
        ("ann@host:2222", ("host", "ann", 2222)),
        ("ssh://ann@host:2222", ("host", "ann", 2222)),
        ("ann@[2001:db8::1]:2222", ("2001:db8::1", "ann", 2222)),
        ("2001:db8::1", ("2001:db8::1", "", 0)),
    ],
)
def test_a_jump_is_read_in_every_form(jump: str, asked: tuple[str, str, int]) -> None:
    class Noting(OpenSsh):
        def __init__(self) -> None:
            super().__init__()
            self.asked: list[tuple[str, str, int]] = []

        def settings(self, address: str, user: str = "", port: int = 0) -> Settings:
            self.asked.append((address, user, port))
            return Settings(address, "root", 22, jumps=(jump,) if address == "desk" else ())

    openssh = Noting()
    with pytest.raises(WrongHostKey):
        route(replace(DESK, host_key="ssh-ed25519 AAAA"), openssh)
    assert openssh.asked[1] == asked


def test_a_user_who_may_not_become_root_is_told_what_to_type(
    operator: OperatorKey, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text("#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with (
        ssh_server(an_ed25519_key(), allowed=operator.public_line()) as server,
        hosts(operator, tmp_path, {}).connect(server.target(user="ann")) as host,
        pytest.raises(HostError, match="may not become root") as caught,
    ):
        host.run("true")
    assert "NOPASSWD" in caught.value.hint


def test_a_failing_command_is_not_taken_for_sudo(operator: OperatorKey, tmp_path: Path) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\nshift\nexec "$@"\n')
    sudo.chmod(0o755)
    path = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    with (
        ssh_server(an_ed25519_key(), allowed=operator.public_line(), environment=path) as server,
        hosts(operator, tmp_path, {}).connect(server.target(user="ann")) as host,
    ):
        assert host.run("echo no >&2; exit 1").status == 1
