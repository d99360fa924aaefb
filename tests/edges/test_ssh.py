"""The SSH edge against a real SSH server on the loopback."""

import contextlib
import io
import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import paramiko
import pytest

from fleet.core.errors import CommandFailed, HostError, HostLocked, HostSilent, LoginRefused, WrongHostKey
from fleet.core.inventory import SshSettings
from fleet.core.orders import Result, Target
from fleet.core.ssh_key import fingerprint
from fleet.edges.ssh import SshHosts
from fleet.edges.ssh_host import SshHost
from fleet.edges.ssh_keys import OperatorKey, new_host_key, public_line_of
from tests.edges.ssh_server import SshServer, ssh_server

BIG = 5_000_000


@pytest.fixture(autouse=True)
def _nothing_is_left_running() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(2)  # less than a handshake's timer would stay
    assert [thread for thread in left if thread.is_alive()] == []


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> OperatorKey:
    return OperatorKey.from_settings(SshSettings(), "ci", tmp_path_factory.mktemp("config"))


@pytest.fixture
def hosts(operator: OperatorKey, tmp_path: Path) -> SshHosts:
    return SshHosts(operator, connect_timeout=5, lock_folder=str(tmp_path))


@pytest.fixture
def server(operator: OperatorKey) -> Iterator[SshServer]:
    with ssh_server(an_ed25519_key(), allowed=operator.public_line()) as server:
        yield server


@pytest.fixture
def host(hosts: SshHosts, server: SshServer) -> Iterator[SshHost]:
    with hosts.connect(server.target()) as host:
        yield host


def an_ed25519_key() -> paramiko.PKey:
    return paramiko.Ed25519Key.from_private_key(io.StringIO(new_host_key()[0].reveal()))


def test_a_host_with_the_pinned_key_is_reached(host: SshHost) -> None:
    assert host.run("echo hello") == Result(0, "hello\n", "")


def test_another_host_key_is_refused_before_any_login(hosts: SshHosts, server: SshServer) -> None:
    expected = new_host_key()[1]
    real = server.target().host_key

    with pytest.raises(WrongHostKey) as caught:
        hosts.connect(server.target(expected))

    assert fingerprint(expected) in caught.value.message
    assert fingerprint(real) in caught.value.message
    assert "ci-build-1 (127.0.0.1 port" in caught.value.message
    assert caught.value.hint
    assert server.attempts == []


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 !", "magic AAAA"])
def test_a_host_without_a_readable_pin_is_not_even_dialled(hosts: SshHosts, line: str) -> None:
    with pytest.raises(WrongHostKey, match="is not a public key line"):
        hosts.connect(Target("ci-build-1", "127.0.0.1", line, port=1))


def test_a_host_that_shows_only_a_key_of_another_kind_is_refused(hosts: SshHosts, operator: OperatorKey) -> None:
    with ssh_server(paramiko.ECDSAKey.generate(), allowed=operator.public_line()) as server:
        with pytest.raises(WrongHostKey, match="no host key of the expected kind"):
            hosts.connect(server.target(new_host_key()[1]))
        assert server.attempts == []


@pytest.mark.parametrize("make", [paramiko.ECDSAKey.generate, lambda: paramiko.RSAKey.generate(2048)])
def test_the_pinned_key_is_asked_for_among_several(hosts: SshHosts, operator: OperatorKey, make: object) -> None:
    assert callable(make)
    key = make()
    with (
        ssh_server(key, an_ed25519_key(), allowed=operator.public_line()) as server,
        hosts.connect(server.target(public_line_of(key))) as host,
    ):
        assert host.run("true").status == 0


def test_a_refused_login_names_our_key_and_was_tried_once(hosts: SshHosts, operator: OperatorKey) -> None:
    with ssh_server(an_ed25519_key(), allowed=new_host_key()[1]) as server:
        with pytest.raises(LoginRefused) as caught:
            hosts.connect(server.target())
        assert server.attempts == [operator.public_line()]
    assert fingerprint(operator.public_line()) in caught.value.message
    assert operator.public_line() in caught.value.hint


def test_a_port_that_never_speaks_is_a_silent_host(operator: OperatorKey) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Target("ci-build-1", "127.0.0.1", new_host_key()[1], port=listener.getsockname()[1])
        with pytest.raises(HostSilent, match="banner"):
            SshHosts(operator, connect_timeout=0.2).connect(target)


def test_a_port_that_says_its_name_and_no_more_is_a_silent_host(operator: OperatorKey) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Target("ci-build-1", "127.0.0.1", new_host_key()[1], port=listener.getsockname()[1])
        speaker = threading.Thread(target=_say, args=(listener, b"SSH-2.0-Half\r\n"))
        speaker.start()
        with pytest.raises(HostSilent):
            SshHosts(operator, connect_timeout=0.2).connect(target)
        speaker.join()


def test_a_port_that_speaks_another_protocol_is_a_silent_host(operator: OperatorKey) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Target("ci-build-1", "127.0.0.1", new_host_key()[1], port=listener.getsockname()[1])
        speaker = threading.Thread(target=_say, args=(listener, b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200))
        speaker.start()
        with pytest.raises(HostSilent):
            SshHosts(operator, connect_timeout=0.2).connect(target)
        speaker.join()


def test_a_port_that_drips_is_given_up_when_all_steps_together_took_too_long(operator: OperatorKey) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        target = Target("ci-build-1", "127.0.0.1", new_host_key()[1], port=listener.getsockname()[1])
        stop = threading.Event()
        dripper = threading.Thread(target=_drip, args=(listener, stop))
        dripper.start()
        began = time.monotonic()
        with pytest.raises(HostSilent, match=r"no login within 0\.4 s"):
            SshHosts(operator, connect_timeout=5, limit=0.4).connect(target)
        assert time.monotonic() - began < 4, "no step has waited for its own limit"
        stop.set()
        dripper.join()


def _drip(listener: socket.socket, stop: threading.Event) -> None:
    """Words that may stand before SSH's own (RFC 4253, 4.2), one after the other."""
    connection, _ = listener.accept()
    with connection, contextlib.suppress(OSError):
        while not stop.wait(0.1):
            connection.sendall(b"soon\r\n")


def _say(listener: socket.socket, words: bytes) -> None:
    connection, _ = listener.accept()
    with connection:
        try:
            connection.sendall(words)
            while connection.recv(4096):
                pass
        except ConnectionError:
            pass


def test_a_closed_port_is_a_silent_host(hosts: SshHosts) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(HostSilent, match="Connection refused") as caught:
        hosts.connect(Target("ci-build-1", "127.0.0.1", new_host_key()[1], port=port))
    assert caught.value.message.startswith(f"ci-build-1 (127.0.0.1 port {port})")


def test_output_errors_and_status_come_back_apart(host: SshHost) -> None:
    assert host.run("echo out; echo bad >&2; exit 7") == Result(7, "out\n", "bad\n")


def test_a_signal_is_status_minus_one(host: SshHost) -> None:
    assert host.run("kill -KILL $$") == Result(-1, "", "")


def test_output_that_is_not_utf8_is_kept_readable(host: SshHost) -> None:
    assert host.run(r"printf 'a\377b'").out == "a\ufffdb"


def test_input_and_both_outputs_may_be_bigger_than_any_window(host: SshHost) -> None:
    stdin = os.urandom(BIG // 2).hex().encode()
    result = host.run("tee /dev/stderr", stdin=stdin)
    assert result == Result(0, stdin.decode(), stdin.decode())


def test_a_flood_of_errors_alone_does_not_block(host: SshHost) -> None:
    result = host.run(f"head -c {BIG} /dev/zero >&2; echo done")
    assert (result.out, len(result.err)) == ("done\n", BIG)


def test_a_command_need_not_read_its_input(host: SshHost) -> None:
    assert host.run("exec <&-; exit 3", stdin=b"x" * BIG).status == 3


def test_a_command_without_input_sees_its_end(host: SshHost) -> None:
    assert host.run("cat; echo end").out == "end\n"


def test_a_command_that_closes_its_output_is_waited_for(host: SshHost) -> None:
    assert host.run("exec >&- 2>&-; sleep 0.2; exit 4").status == 4


def test_a_command_that_takes_too_long_is_silence_and_the_connection_goes_on(host: SshHost) -> None:
    with pytest.raises(HostSilent, match=r"\): `sleep 30` did not end in 0\.2 s"):
        host.run("sleep 30", timeout=0.2)
    assert host.run("echo on").out == "on\n"


def test_a_message_shows_no_more_than_the_first_words_of_a_command(host: SshHost) -> None:
    with pytest.raises(HostSilent) as caught:
        host.run("sleep 1 --token hunter2", timeout=0.0)
    assert "hunter2" not in str(caught.value)


def test_a_server_that_does_not_answer_a_request_is_not_waited_for(host: SshHost) -> None:
    with pytest.raises(HostSilent, match="did not end in"):
        host.run("never answer", timeout=0.1)


def test_a_connection_that_dies_during_a_command_is_silence(host: SshHost, server: SshServer) -> None:
    threading.Timer(0.2, server.drop_connections).start()
    with pytest.raises(HostSilent, match="the connection was lost at `echo a;`"):
        host.run("echo a; sleep 1")


def test_a_connection_that_died_before_a_command_is_silence(host: SshHost, server: SshServer) -> None:
    server.drop_connections()
    with pytest.raises(HostSilent, match="lost"):
        host.run("true")


def test_a_closed_host_runs_nothing(hosts: SshHosts, server: SshServer) -> None:
    host = hosts.connect(server.target())
    host.close()
    host.close()
    with pytest.raises(HostSilent, match="was ended"):
        host.run("true")


def test_twelve_commands_at_once_share_the_sessions_that_sshd_allows(
    host: SshHost, server: SshServer, tmp_path: Path
) -> None:
    """None ends before eight have begun, however slow the machine is."""
    begun = tmp_path / "begun"
    wait = f'echo >>{begun}; while [ "$(wc -l <{begun})" -lt 8 ]; do sleep 0.02; done'
    with ThreadPoolExecutor(12) as pool, host.lock():
        results = list(pool.map(lambda n: host.run(f"{wait}; echo {n}").out, range(12)))
    assert results == [f"{n}\n" for n in range(12)]
    assert server.most_running == 9


def test_a_session_that_is_refused_for_a_moment_is_asked_for_again(hosts: SshHosts, operator: OperatorKey) -> None:
    with (
        ssh_server(an_ed25519_key(), allowed=operator.public_line(), max_sessions=1) as server,
        hosts.connect(server.target()) as host,
        ThreadPoolExecutor(3) as pool,
    ):
        assert list(pool.map(lambda n: host.run(f"sleep 0.05; echo {n}").out, range(3))) == ["0\n", "1\n", "2\n"]


def test_a_host_out_of_sessions_says_so(operator: OperatorKey) -> None:
    with (
        ssh_server(an_ed25519_key(), allowed=operator.public_line(), max_sessions=0) as server,
        SshHosts(operator, connect_timeout=0.5).connect(server.target()) as host,
        pytest.raises(HostError, match="refuses a session"),
    ):
        host.run("true")


def test_a_stream_tells_each_line_as_it_comes(host: SshHost, tmp_path: Path) -> None:
    """The command goes on only when its second line was heard."""
    lines: list[str] = []
    heard = tmp_path / "heard"

    def hear(line: str) -> None:
        lines.append(line)
        if line == "two":
            heard.touch()

    wait = f"while [ ! -e {heard} ]; do sleep 0.02; done"
    result = host.stream(f"echo one; echo two >&2; {wait}; printf 'thr\\303'; printf '\\251e'", hear, timeout=30)
    assert lines == ["one", "two", "thrée"]
    assert result == Result(0, "one\ntwo\nthrée", "")


def test_an_error_of_the_listener_is_not_taken_for_the_hosts(host: SshHost) -> None:
    def fail(line: str) -> None:
        raise BrokenPipeError("nobody reads")

    with pytest.raises(BrokenPipeError, match="nobody reads"):
        host.stream("echo one", fail)


def test_another_user_becomes_root_by_sudo_with_the_command_whole(
    hosts: SshHosts, operator: OperatorKey, tmp_path: Path
) -> None:
    sudo = tmp_path / "sudo"
    sudo.write_text('#!/bin/sh\n[ "$1" = -n ] || exit 9\nshift\nAS_ROOT=yes exec "$@"\n')
    sudo.chmod(0o755)
    path = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with (
        ssh_server(an_ed25519_key(), allowed=operator.public_line(), environment=path) as server,
        hosts.connect(server.target(user="admin")) as host,
    ):
        assert host.run("""echo "it's $AS_ROOT"; exit 5""") == Result(5, "it's yes\n", "")
        with host.lock():
            assert (tmp_path / "fleet.holder").exists()


def test_a_lock_is_held_against_others_and_names_the_holder(hosts: SshHosts, server: SshServer) -> None:
    with (
        hosts.connect(server.target()) as one,
        hosts.connect(server.target()) as two,
    ):
        with one.lock():
            with pytest.raises(HostLocked, match=rf"ci-build-1 .*@.*\(process {os.getpid()}\)"), two.lock():
                pass
            assert one.run("echo still").out == "still\n"
        with two.lock():
            pass


def test_a_lock_dies_with_its_connection_and_the_next_command_notices(hosts: SshHosts, server: SshServer) -> None:
    with hosts.connect(server.target()) as one:
        with one.lock():
            server.drop_connections()
            with pytest.raises(HostSilent, match="was lost"):
                one.run("true")
        with hosts.connect(server.target()) as two:
            _wait_for_lock(two)


def test_a_lock_whose_keeper_was_killed_is_noticed(host: SshHost, tmp_path: Path) -> None:
    with host.lock():
        host.run(f"kill -KILL {' '.join(_holders(tmp_path / 'fleet.lock'))}")
        with pytest.raises(HostSilent, match="the lock was lost"):
            _run_often(host)


def _run_often(host: SshHost) -> None:
    for _ in range(100):
        host.run("sleep 0.01")


def _holders(path: Path) -> list[str]:
    """The processes that have this file open."""
    inode = path.stat().st_ino
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(fd.stat().st_ino == inode for fd in (process / "fd").iterdir()):
                found.append(process.name)
        except OSError:
            continue
    return found


def _wait_for_lock(host: SshHost) -> None:
    for _ in range(200):
        try:
            with host.lock():
                return
        except HostLocked:
            time.sleep(0.01)
    pytest.fail("the lock is still held")


def test_an_error_under_the_lock_is_told_as_it_is_and_frees_it(host: SshHost) -> None:
    with pytest.raises(TimeoutError, match="mine"), host.lock():
        raise TimeoutError("mine")
    with host.lock():
        pass


def test_a_lock_that_cannot_be_taken_for_another_reason_says_why(operator: OperatorKey, server: SshServer) -> None:
    with (
        SshHosts(operator, lock_folder="/nowhere").connect(server.target()) as host,
        pytest.raises(CommandFailed, match="cannot open lock file"),
        host.lock(),
    ):
        pass


def test_a_host_without_flock_says_so(hosts: SshHosts, operator: OperatorKey, tmp_path: Path) -> None:
    for tool in ("sh", "cat"):
        (tmp_path / tool).symlink_to(shutil.which(tool) or "")
    with (
        ssh_server(an_ed25519_key(), allowed=operator.public_line(), environment={"PATH": str(tmp_path)}) as server,
        hosts.connect(server.target()) as host,
        pytest.raises(CommandFailed, match=r"127: .*not found"),
        host.lock(),
    ):
        pass


def test_hosts_give_public_keys_and_make_host_keys(hosts: SshHosts, operator: OperatorKey) -> None:
    assert hosts.public_key() == operator.public_line()
    private, public = hosts.new_host_key()
    assert str(private) == "***"
    assert public.startswith("ssh-ed25519 ")


def test_a_command_can_be_spoken_with(host: SshHost) -> None:
    with closing(host.dial("cat", 5)) as channel:
        channel.sendall(b"raw\n")
        assert channel.recv(10) == b"raw\n"


def test_a_command_that_does_not_start_in_time_is_silence(host: SshHost) -> None:
    with pytest.raises(HostSilent, match="did not start in"):
        host.dial("never answer", 0.2)
