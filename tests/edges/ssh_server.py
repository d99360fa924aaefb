"""An SSH server on the loopback that runs commands by ``sh -c``, as the user of the tests."""

import os
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import paramiko
from paramiko.common import AUTH_FAILED, AUTH_SUCCESSFUL, OPEN_FAILED_CONNECT_FAILED, OPEN_SUCCEEDED

from fleet.core.orders import Target
from fleet.edges import ssh_unix

CHUNK = 32 * 1024


class _Transport(paramiko.Transport):
    """Knows when a request has been answered: paramiko's own server lets a quick command end before that."""

    def __init__(self, connection: socket.socket) -> None:
        super().__init__(connection)
        self.to_be_answered: list[threading.Event] = []
        self.sockets: list[tuple[str, str, int]] = []

    def _parse_channel_open(self, message: paramiko.Message) -> None:
        """What follows where a Unix socket is asked for (openssh-portable: PROTOCOL, 2.4)."""
        whole = paramiko.Message(message.get_remainder())
        kind, *_ = (whole.get_text(), whole.get_int(), whole.get_int(), whole.get_int())
        if kind == ssh_unix.KIND:
            self.sockets.append((whole.get_text(), whole.get_text(), whole.get_int()))
        super()._parse_channel_open(message)  # type: ignore[misc]

    def _send_user_message(self, data: object) -> None:
        super()._send_user_message(data)  # type: ignore[misc]
        while self.to_be_answered and threading.current_thread() is self:
            self.to_be_answered.pop().set()


class SshServer:
    """Lets in who has the ``allowed`` public key line. ``attempts`` are the keys that asked to be let in.

    ``unix``: who is there behind a Unix socket, whichever is asked for; None: nobody.
    """

    def __init__(
        self,
        host_keys: list[paramiko.PKey],
        allowed: str,
        environment: Mapping[str, str],
        max_sessions: int,
        port: int = 0,
    ) -> None:
        self.attempts: list[str] = []
        self.users: list[str] = []
        self.forwarded: list[tuple[str, int]] = []
        self.unix: tuple[str, int] | None = None
        self.most_running = 0
        self.processes: list[subprocess.Popen[bytes]] = []
        self._host_keys = host_keys
        self._allowed = allowed
        self._environment = environment
        self._max_sessions = max_sessions
        self._listener = socket.create_server(("127.0.0.1", port))
        self._transports: list[_Transport] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def sockets(self) -> list[tuple[str, str, int]]:
        """Unix sockets that were asked for, with the two fields that are kept free."""
        return [asked for transport in self._transports for asked in transport.sockets]

    @property
    def port(self) -> int:
        """Where it listens, on the loopback."""
        port: int = self._listener.getsockname()[1]
        return port

    @property
    def public_line(self) -> str:
        """The host key it really has."""
        return f"{self._host_keys[0].get_name()} {self._host_keys[0].get_base64()}"

    def target(self, host_key: str | None = None, *, name: str = "ci-build-1", user: str = "root") -> Target:
        """This server, with the pin given or the key it really has."""
        line = host_key if host_key is not None else self.public_line
        return Target(name, "127.0.0.1", line, user, self.port)

    def drop_connections(self) -> None:
        """What a crash, or a network that is gone, looks like."""
        for transport in self._transports:
            with suppress(OSError):
                transport.sock.shutdown(socket.SHUT_RDWR)
            transport.join(5)

    def stop(self) -> None:
        """End all; no thread and no socket stays."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._threads[0].join(5)
        self.drop_connections()
        for transport in self._transports:
            transport.packetizer.complete_handshake()  # its timer
            transport.sock.close()
        for process in self.processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            transport = _Transport(connection)
            for key in self._host_keys:
                transport.add_server_key(key)
            self._transports.append(transport)
            with suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(threading.Event(), _Door(self, transport))

    def allows(self, key: paramiko.PKey) -> bool:
        self.attempts.append(f"{key.get_name()} {key.get_base64()}")
        return self.attempts[-1] == self._allowed

    def forward(self, transport: paramiko.Transport, chanid: int, destination: tuple[str, int]) -> bool:
        """As a jump host does: the channel, once it is there, is joined to a connection of ours."""
        try:
            onward = socket.create_connection(destination, 5)
        except OSError:
            return False
        onward.settimeout(None)
        self.forwarded.append(destination)
        thread = threading.Thread(target=_join_ends, args=(transport, chanid, onward))
        self._threads.append(thread)
        thread.start()
        return True

    def running(self) -> int:
        """Commands that have not ended."""
        return sum(process.returncode is None for process in self.processes)

    def has_room(self) -> bool:
        """sshd's MaxSessions."""
        return self.running() < self._max_sessions

    def start(self, channel: paramiko.Channel, command: str, answered: threading.Event) -> None:
        self.most_running = max(self.most_running, self.running() + 1)  # before it can end the others' wait
        process = subprocess.Popen(
            ["sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **self._environment},
            start_new_session=True,
        )
        self.processes.append(process)
        thread = threading.Thread(target=_serve, args=(channel, process, answered))
        self._threads.append(thread)
        thread.start()


class _Door(paramiko.ServerInterface):
    """One connection's questions."""

    def __init__(self, server: SshServer, transport: _Transport) -> None:
        self._server = server
        self._transport = transport

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self._server.users.append(username)
        return AUTH_SUCCESSFUL if self._server.allows(key) else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        if kind == ssh_unix.KIND:
            there = self._server.unix is not None and self._server.forward(self._transport, chanid, self._server.unix)
            return OPEN_SUCCEEDED if there else OPEN_FAILED_CONNECT_FAILED
        return OPEN_SUCCEEDED if self._server.has_room() else OPEN_FAILED_CONNECT_FAILED

    def check_channel_direct_tcpip_request(self, chanid: int, origin: object, destination: tuple[str, int]) -> int:
        went = self._server.forward(self._transport, chanid, destination)
        return OPEN_SUCCEEDED if went else OPEN_FAILED_CONNECT_FAILED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        if command == b"never answer":
            threading.Event().wait(1)
            return True
        answered = threading.Event()
        self._transport.to_be_answered.append(answered)
        self._server.start(channel, command.decode(), answered)
        return True


def _join_ends(transport: paramiko.Transport, chanid: int, onward: socket.socket) -> None:
    channel = transport.accept(5)
    if channel is None or channel.get_id() != chanid:
        onward.close()
        return
    back = threading.Thread(target=_copy_out, args=(onward.fileno(), channel.sendall))
    back.start()
    with suppress(OSError):
        while data := channel.recv(CHUNK):
            onward.sendall(data)
    with suppress(OSError):
        onward.shutdown(socket.SHUT_RDWR)
    back.join()
    onward.close()
    with suppress(OSError, EOFError, paramiko.SSHException):  # the other side may have gone first
        channel.close()


def _serve(channel: paramiko.Channel, process: subprocess.Popen[bytes], answered: threading.Event) -> None:
    answered.wait(5)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        pumps = [
            threading.Thread(target=_copy_in, args=(channel, process)),
            threading.Thread(target=_copy_out, args=(process.stdout.fileno(), channel.sendall)),
            threading.Thread(target=_copy_out, args=(process.stderr.fileno(), channel.sendall_stderr)),
        ]
        for pump in pumps:
            pump.start()
        for pump in pumps[1:]:
            pump.join()
        status = process.wait()
        with suppress(OSError, EOFError, paramiko.SSHException):
            if status >= 0:  # a signal has no exit status (RFC 4254, 6.10)
                channel.send_exit_status(status)
            channel.shutdown_write()
            channel.close()
        pumps[0].join()


def _copy_in(channel: paramiko.Channel, process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with suppress(OSError):
        while data := channel.recv(CHUNK):
            process.stdin.write(data)
            process.stdin.flush()
    with suppress(OSError):
        process.stdin.close()


def _copy_out(source: int, send: object) -> None:
    """To its end, also when nobody listens any more. A connection that is reset has ended, too."""
    assert callable(send)
    with suppress(ConnectionResetError):
        while data := os.read(source, CHUNK):
            with suppress(OSError, EOFError, paramiko.SSHException):
                send(data)


@contextmanager
def ssh_server(
    *host_keys: paramiko.PKey,
    allowed: str,
    environment: Mapping[str, str] | None = None,
    max_sessions: int = 10,
    port: int = 0,
) -> Iterator[SshServer]:
    """Runs while the block does."""
    server = SshServer(list(host_keys), allowed, environment or {}, max_sessions, port)
    try:
        yield server
    finally:
        server.stop()
