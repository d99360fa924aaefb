"""The line below an SSH connection: a TCP connection, a channel through another host, or a command's two ends."""

import contextlib
import os
import signal
import socket
import subprocess
from contextlib import ExitStack

import paramiko

from fleet.core.orders import Target
from fleet.edges.ssh_host import silent

GONE_AFTER = 60
"""Seconds that sent data may stay unacknowledged before the connection counts as lost."""

Line = socket.socket | paramiko.Channel


def dial(target: Target, timeout: float) -> socket.socket:
    """A TCP connection. Raises HostSilent."""
    try:
        sock = socket.create_connection((target.address, target.port), timeout)
    except OSError as error:
        raise silent(target, error.strerror or str(error)) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # small packets back and forth: no waiting for more
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: paramiko sends keepalives and does not miss their answers
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_AFTER * 1000)
    return sock


def through(client: paramiko.SSHClient, target: Target, timeout: float) -> paramiko.Channel:
    """A channel from a host where we are logged in to the next one. Raises HostSilent."""
    transport = client.get_transport()
    if transport is None:
        raise silent(target, "its jump host has hung up")
    try:
        place = (target.address, target.port)
        return transport.open_channel("direct-tcpip", place, ("127.0.0.1", 0), timeout=timeout)
    except (paramiko.SSHException, OSError, EOFError) as error:
        raise silent(target, f"its jump host could not reach it: {error}") from error


def command(shell: str, target: Target, ends: ExitStack) -> socket.socket:
    """What a ProxyCommand reads and writes, as a socket; ``ends`` ends the command. Raises HostSilent."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {shell}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            raise silent(target, f"its ProxyCommand could not be run: {error}") from error
    ends.callback(_end, process)
    return ours


def _end(process: "subprocess.Popen[bytes]") -> None:
    """It ends with its input as a rule; one that does not is ended, with all that it has started."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(1)
        return
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
