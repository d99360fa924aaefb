"""One command over one SSH channel. Nothing here waits for ever, whoever talks first or most.

Instants are ``time.monotonic()``. A connection that dies ends a command with status -1.
"""

import contextlib
import select
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import paramiko

Sink = Callable[[bytes], object]

CHUNK = 32 * 1024
"""The largest packet of the protocol (RFC 4253, 6.1)."""

WAKE = 0.1
"""Seconds between looks without a sign: paramiko's pipe for two streams can miss one."""

FULL = 0.01
"""Seconds between looks while the other side has no room for our input: nothing tells when it has again."""


class Overdue(Exception):
    """The deadline has passed. Not an OSError, so that a sink's own errors are not taken for it."""


def start(channel: paramiko.Channel, command: str, deadline: float) -> None:
    """Ask for the command. Raises paramiko's errors when it is refused."""
    try:
        with _closed_at(channel, deadline):
            channel.exec_command(command)
    except paramiko.SSHException:
        _check(deadline)
        raise


def first_output(channel: paramiko.Channel, deadline: float) -> bytes:
    """What the command says first; empty when it ended without a word. Its input stays open."""
    channel.settimeout(max(0.0, deadline - time.monotonic()))
    try:
        return channel.recv(CHUNK)
    except TimeoutError as error:
        raise Overdue from error
    finally:
        channel.settimeout(None)


def end(channel: paramiko.Channel) -> None:
    """Close it, which sends a word of farewell; the connection may be dead already."""
    with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
        channel.close()


def finish(channel: paramiko.Channel, stdin: bytes, deadline: float, out: Sink, err: Sink) -> int:
    """Write the input and read both outputs at once, until the command and its output have ended.

    The exit status, or -1 when there was none: a signal, or a lost connection.
    """
    signs = select.poll()
    signs.register(channel.fileno(), select.POLLIN)
    unsent = _send(channel, memoryview(stdin))
    while not _ended(channel):
        _check(deadline)
        unsent = _send(channel, unsent)
        if not _receive(channel, out, err):
            _wait(channel, signs, FULL if unsent else WAKE)
    return channel.recv_exit_status()


@contextmanager
def _closed_at(channel: paramiko.Channel, deadline: float) -> Iterator[None]:
    """paramiko waits without limit for the answer to ``exec``: only closing the channel ends that."""
    guard = threading.Timer(max(0.0, deadline - time.monotonic()), end, (channel,))
    guard.daemon = True
    guard.start()
    try:
        yield
    finally:
        guard.cancel()


def _ended(channel: paramiko.Channel) -> bool:
    over = channel.closed or (channel.exit_status_ready() and channel.eof_received)
    return bool(over) and not channel.recv_ready() and not channel.recv_stderr_ready()


def _check(deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise Overdue


def _send(channel: paramiko.Channel, unsent: memoryview) -> memoryview:
    """Send what there is room for; return the rest. A command may end without reading its input."""
    with contextlib.suppress(paramiko.SSHException, OSError, EOFError):
        while unsent and channel.send_ready():
            unsent = unsent[channel.send(bytes(unsent[:CHUNK])) :]
        if not unsent and not channel.eof_sent:
            channel.shutdown_write()
        return unsent
    return memoryview(b"")


def _receive(channel: paramiko.Channel, out: Sink, err: Sink) -> bool:
    said, complained = channel.recv_ready(), channel.recv_stderr_ready()
    if said:
        out(_take(channel.recv))
    if complained:
        err(_take(channel.recv_stderr))
    return said or complained


def _take(read: Callable[[int], bytes]) -> bytes:
    """Reading also says that there is room again, which fails when the connection just died."""
    try:
        return read(CHUNK)
    except (paramiko.SSHException, OSError, EOFError):
        return b""


def _wait(channel: paramiko.Channel, signs: select.poll, seconds: float) -> None:
    if channel.eof_received:  # its pipe is readable for good, and only the exit status is missing
        channel.status_event.wait(seconds)
    else:
        signs.poll(seconds * 1000)
