"""One connected host: commands as root, and the host's lock."""

import contextlib
import getpass
import os
import shlex
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType

import paramiko

from fleet.core.docker_seen import DockerSeen
from fleet.core.errors import CommandFailed, HostError, HostLocked, HostSilent
from fleet.core.orders import Result, Target
from fleet.edges import ssh_channel
from fleet.edges.ssh_unix import Transport

CHANNELS = 8
"""Commands at once on one connection. sshd allows 10 (MaxSessions): the lock and Docker need one each."""

BUSY = 75
"""How flock says that another has the lock (sysexits: EX_TEMPFAIL); no other part of the command ends so."""

AS_ONE = "exec 2>&1; "
"""Makes the shell write both outputs to one: sshd sends two in any order."""

HELD = b"held\n"
"""What the lock's command says once it has the lock."""


LookAtDocker = Callable[["SshHost"], DockerSeen]
"""Asks a host's Docker, through its connection."""


class SshHost:
    """One connection; ``ends`` is what its end is made of. Commands may run at the same time from several threads."""

    def __init__(
        self,
        target: Target,
        client: paramiko.SSHClient,
        ends: ExitStack,
        *,
        timeout: float,
        lock_folder: str,
        docker: LookAtDocker,
    ) -> None:
        self._target = target
        self._look_at_docker = docker
        self._client = client
        self._ends = ends
        self._timeout = timeout
        self._lock_folder = lock_folder
        self._slots = threading.BoundedSemaphore(CHANNELS)
        self._held: paramiko.Channel | None = None

    def docker(self) -> DockerSeen:
        """What the Docker of this host says. Raises HostSilent when the connection is lost."""
        return self._look_at_docker(self)

    def dial_unix(self, path: str, timeout: float) -> paramiko.Channel | None:
        """A channel to this socket, as root; None where sshd does not give one. ``timeout``: to get there."""
        transport = self._client.get_transport()
        if self._target.user != "root" or not isinstance(transport, Transport):
            return None
        try:
            return transport.open_unix(path, timeout)
        except (paramiko.SSHException, OSError, EOFError):
            self.must_be_connected(path)
            return None

    def dial(self, command: str, timeout: float) -> paramiko.Channel:
        """A channel to a command that is spoken with, as root; who asks for it ends it. ``timeout``: to get there."""
        channel = self._open(command)
        try:
            self._start(channel, command, time.monotonic() + timeout)
        except ssh_channel.Overdue as error:
            ssh_channel.end(channel)
            raise silent(self._target, f"{_brief(command)} did not start in {timeout:g} s") from error
        return channel

    def must_be_connected(self, command: str) -> None:
        """Raises HostSilent when the connection was lost while ``command`` was spoken with."""
        if not self._is_connected():
            raise self._lost(command)

    def run(self, command: str, *, stdin: bytes = b"", timeout: float = 60) -> Result:
        """Run a shell command as root; the exit status is the verdict, -1 means a signal.

        ``timeout`` in seconds. Raises HostSilent when it takes longer or the connection is lost; what was
        started may then still go on, over there.
        """
        out, err = bytearray(), bytearray()
        with self._slots, self._session(command) as channel:
            status = self._execute(channel, command, stdin, timeout, out.extend, err.extend)
        self._must_be_root(status, _text(err))
        return Result(status, _text(out), _text(err))

    def stream(
        self, command: str, on_line: Callable[[str], None], *, stdin: bytes = b"", timeout: float = 1800
    ) -> Result:
        """Like ``run``, and give each line to ``on_line`` as it comes: stdout and stderr as one."""
        lines = _Lines(on_line)
        with self._slots, self._session(command) as channel:
            channel.set_combine_stderr(True)
            status = self._execute(channel, command, stdin, timeout, lines.feed, lines.feed, before=AS_ONE)
        lines.end()
        return Result(status, _text(lines.all), "")

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold this host's lock, which dies with the connection. Raises HostLocked when another has it."""
        with self._session("flock") as channel:
            self._acquire(channel)
            self._held = channel
            try:
                yield
            finally:
                self._held = None
                self._release(channel)

    def close(self) -> None:
        """End the connection. Twice is harmless."""
        self._ends.close()

    def __enter__(self) -> "SshHost":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _session(self, command: str) -> Iterator[paramiko.Channel]:
        """A fresh channel, closed in the end."""
        channel = self._open(command)
        try:
            yield channel
        finally:
            ssh_channel.end(channel)

    def _open(self, command: str) -> paramiko.Channel:
        if self._held is not None and self._held.closed:
            raise silent(self._target, f"the lock was lost before {_brief(command)}")
        transport = self._client.get_transport()
        if transport is None:
            raise silent(self._target, f"the connection was ended before {_brief(command)}")
        try:
            return _session_of(transport, time.monotonic() + self._timeout)
        except paramiko.ChannelException as error:
            raise HostError(f"{place(self._target)} refuses a session for {_brief(command)}: {error.text}") from error
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._lost(command) from error

    def _execute(
        self,
        channel: paramiko.Channel,
        command: str,
        stdin: bytes,
        timeout: float,
        out: ssh_channel.Sink,
        err: ssh_channel.Sink,
        *,
        before: str = "",
    ) -> int:
        deadline = time.monotonic() + timeout
        try:
            self._start(channel, before + command, deadline)
            status = ssh_channel.finish(channel, stdin, deadline, out, err)
        except ssh_channel.Overdue as error:
            raise HostSilent(
                f"{place(self._target)}: {_brief(command)} did not end in {timeout:g} s",
                hint=f"look at it: fleet ssh {self._target.name}",
            ) from error
        self._check_alive(channel, command, status)
        return status

    def _start(self, channel: paramiko.Channel, command: str, deadline: float) -> None:
        try:
            ssh_channel.start(channel, self._as_root(command), deadline)
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self._lost(command.removeprefix(AS_ONE)) from error

    def _as_root(self, command: str) -> str:
        return command if self._target.user == "root" else f"sudo -n sh -c {shlex.quote(command)}"

    def _must_be_root(self, status: int, err: str) -> None:
        """sudo speaks for itself before any command of ours has run."""
        user = self._target.user
        if user == "root" or status == 0 or not (err.startswith("sudo: ") or "sudo: not found" in err):
            return
        raise HostError(
            f"{user} may not become root on {place(self._target)} without a password: {err.strip().splitlines()[0]}",
            hint=f"on the host, as root: echo '{user} ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/{user}",
        )

    def _check_alive(self, channel: paramiko.Channel, command: str, status: int) -> None:
        """A connection that died looks like a command that was killed, or like a short output."""
        if status != -1 and channel.eof_received:
            return
        self.must_be_connected(command)

    def _is_connected(self) -> bool:
        transport = self._client.get_transport()
        if transport is not None:
            transport.join(0.2)  # it closes its channels a moment before it says that it is dead
        return transport is not None and transport.is_active()

    def _lost(self, command: str) -> HostSilent:
        return silent(self._target, f"the connection was lost at {_brief(command)}")

    def _acquire(self, channel: paramiko.Channel) -> None:
        """Return with the lock held; the first output says so, or who else has it."""
        deadline = time.monotonic() + self._timeout
        out, err = bytearray(), bytearray()
        try:
            self._start(channel, _lock_command(self._lock_folder), deadline)
            out += ssh_channel.first_output(channel, deadline)
            if out == HELD:
                return
            status = ssh_channel.finish(channel, b"", deadline, out.extend, err.extend)
        except ssh_channel.Overdue as error:
            raise silent(self._target, f"the lock gave no answer in {self._timeout:g} s") from error
        self._check_alive(channel, "flock", status)
        raise _not_locked(self._target, status, _text(out), _text(err))

    def _release(self, channel: paramiko.Channel) -> None:
        """Let the command end and see it ended, so that the lock is free when we go on."""
        with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
            channel.shutdown_write()
            channel.status_event.wait(self._timeout)


class _Lines:
    """Cuts bytes into lines as they come, and keeps all."""

    def __init__(self, on_line: Callable[[str], None]) -> None:
        self.all = bytearray()
        self._on_line = on_line
        self._told = 0

    def feed(self, data: bytes) -> None:
        self.all += data
        while (end := self.all.find(b"\n", max(self._told, len(self.all) - len(data)))) >= 0:
            self._tell(end + 1)

    def end(self) -> None:
        if self._told < len(self.all):
            self._tell(len(self.all))

    def _tell(self, end: int) -> None:
        line, self._told = self.all[self._told : end], end
        self._on_line(_text(line).rstrip("\r\n"))


def _session_of(transport: paramiko.Transport, deadline: float) -> paramiko.Channel:
    """A channel. sshd may still count sessions that have just ended, and refuse one too many for a moment.

    When two threads are refused at once, paramiko gives one of them the reason and the other a bare SSHException.
    """
    while True:
        try:
            return transport.open_session()
        except paramiko.SSHException:
            if not transport.is_active() or time.monotonic() >= deadline:
                raise
            time.sleep(0.02)


def _not_locked(target: Target, status: int, holder: str, complaint: str) -> HostError:
    if status == BUSY:
        who = holder.strip() or "another fleet process"
        return HostLocked(f"{place(target)} is being worked on by {who}", hint="wait for it, then type this again")
    return CommandFailed(f"{place(target)}: the lock cannot be taken, flock ended with {status}: {complaint.strip()}")


def _lock_command(folder: str) -> str:
    """Holds the lock until its input ends, which it does when the connection dies, however that happens."""
    lock, holder = (shlex.quote(f"{folder}/fleet.{kind}") for kind in ("lock", "holder"))
    hold = f'printf "%s\\n" "$1" >{holder}; echo held; cat >/dev/null; rm -f {holder}'
    return (
        f"flock -n -E {BUSY} {lock} sh -c {shlex.quote(hold)} fleet {shlex.quote(_ourselves())}; "
        f"status=$?; [ $status -ne {BUSY} ] || cat {holder}; exit $status"
    )


def _ourselves() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()} (process {os.getpid()})"


def hang_up(client: paramiko.SSHClient, sock: socket.socket | paramiko.Channel) -> None:
    """End all of it. paramiko alone leaves thread, timer and socket behind when opening failed."""
    transport = client.get_transport()
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        sock.shutdown(socket.SHUT_RDWR)  # wakes the thread at once
    client.close()
    if transport is not None:
        transport.packetizer.complete_handshake()  # cancels its timer
        if transport.is_alive():
            transport.join(2)
    sock.close()


def silent(target: Target, what: str) -> HostSilent:
    return HostSilent(f"{place(target)} does not answer on SSH: {what}", hint=f"look at it: fleet ssh {target.name}")


def place(target: Target) -> str:
    port = "" if target.port == 22 else f" port {target.port}"
    return f"{target.name} ({target.address}{port})"


def _brief(command: str) -> str:
    """Enough to know it again; the rest may be long, or private."""
    return "`" + " ".join(command.split()[:2])[:40] + "`"


def _text(data: bytes | bytearray) -> str:
    return data.decode(errors="replace")
