"""SSH over paramiko: connections to hosts whose key is known beforehand. No key is taken because it is new.

All waits have a limit: connect, banner, key exchange, login, channel, command. A keepalive with TCP's own
limit ends a connection whose other side is gone.
"""

import base64
import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import paramiko
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import IncompatiblePeer

from fleet.core.docker_seen import DockerSeen
from fleet.core.errors import HostError, LoginRefused, WrongHostKey
from fleet.core.orders import Target
from fleet.core.secret import Secret
from fleet.core.ssh_key import fingerprint
from fleet.edges import ssh_identities as identities
from fleet.edges import ssh_keys, ssh_line
from fleet.edges.openssh import OpenSsh
from fleet.edges.ssh_host import LookAtDocker, SshHost, hang_up, place, silent
from fleet.edges.ssh_keys import OperatorKey
from fleet.edges.ssh_line import Line
from fleet.edges.ssh_route import Hop, route
from fleet.edges.ssh_unix import Transport

CONNECT = 10.0
"""Seconds for each step of opening; a host that is gone costs the first one."""

LIMIT = 20.0
"""Seconds for all of it, on whatever steps a host spends them."""

KEEPALIVE = 15
"""Seconds of silence before we say something."""

RSA = ("rsa-sha2-512", "rsa-sha2-256")
"""How an RSA key may sign today."""

Pins = tuple[paramiko.PKey, ...]

# paramiko logs tracebacks of errors that it also raises; the raised ones are told to the person.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


class SshHosts:
    """Opens connections, from many threads at once. ``connect_timeout``: seconds for each step of opening,
    ``limit``: for all of them.

    ``openssh``: says how static hosts are reached. ``alone``: no other key than ours is offered, which then proves that
    it opens. ``docker``: asks a host's Docker, given here because that edge uses this one.
    """

    def __init__(
        self,
        key: OperatorKey,
        *,
        connect_timeout: float = CONNECT,
        limit: float = LIMIT,
        lock_folder: str = "/run/lock",
        openssh: OpenSsh | None = None,
        alone: bool = False,
        docker: LookAtDocker = lambda _host: DockerSeen(trouble="not asked"),
    ) -> None:
        self._docker = docker
        self._alone = alone
        self._key = key
        self._timeout = connect_timeout
        self._limit = limit
        self._lock_folder = lock_folder
        self._openssh = openssh or OpenSsh()

    def connect(self, target: Target) -> "SshHost":
        """One authenticated attempt. Raises HostSilent, LoginRefused, WrongHostKey, and CredentialsError.

        One key, once, for a server: sshd counts every failed attempt against our address (PerSourcePenalties). A
        static host is offered what OpenSSH would offer it too, on the same connection.
        """
        deadline = time.monotonic() + self._limit
        way = route(target, self._openssh)
        pins = [_pins(hop) for hop in way.hops]
        with ExitStack() as ends:
            client = None
            for hop, keys in zip(way.hops, pins, strict=True):
                line = self._line(hop, client, way.command, ends)
                client = self._login(hop, line, keys, ends, deadline)
            assert client is not None
            reached = replace(target, address=hop.address, port=hop.port, user=hop.user)
            kept = ends.pop_all()
        return SshHost(reached, client, kept, timeout=self._timeout, lock_folder=self._lock_folder, docker=self._docker)

    def public_key(self) -> str:
        """The public half of the key we log in with (made on first use), as an OpenSSH line."""
        return self._key.public_line()

    def new_host_key(self) -> tuple[Secret, str]:
        """A fresh ed25519 host key: the private half in OpenSSH's format, and the public line."""
        return ssh_keys.new_host_key()

    def _line(self, hop: Hop, before: paramiko.SSHClient | None, command: str, ends: ExitStack) -> Line:
        if before is not None:
            return ssh_line.through(before, _target(hop), self._timeout)
        if command:
            return ssh_line.command(command, _target(hop), ends)
        return ssh_line.dial(_target(hop), self._timeout)

    def _login(self, hop: Hop, line: Line, pins: Pins, ends: ExitStack, deadline: float) -> paramiko.SSHClient:
        client = paramiko.SSHClient()
        ends.callback(hang_up, client, line)
        try:
            with _cut_at(deadline, line), self._keys(hop) as keys:
                self._log_in(client, line, hop, pins, keys)
        except (paramiko.SSHException, OSError, EOFError) as error:
            if time.monotonic() >= deadline:
                raise silent(_target(hop), f"no login within {self._limit:g} s") from error
            raise self._explained(error, hop, pins) from error
        return client

    @contextmanager
    def _keys(self, hop: Hop) -> Iterator[list[paramiko.PKey]]:
        if self._alone:
            with self._key.unlocked() as key:
                yield [key]
        else:
            with identities.keys(self._key, hop.identities, agent=hop.agent) as keys:
                yield keys

    def _log_in(
        self, client: paramiko.SSHClient, line: Line, hop: Hop, pins: Pins, keys: Sequence[paramiko.PKey]
    ) -> None:
        client.set_missing_host_key_policy(_Pinned(pins))
        try:
            client.connect(
                hop.address,
                hop.port,
                hop.user,
                pkey=keys[0],
                sock=line,
                allow_agent=False,  # an agent's keys come as `keys`: few, chosen by us
                look_for_keys=False,
                timeout=2 * self._timeout,  # the whole negotiation: banner, then keys
                banner_timeout=self._timeout,
                auth_timeout=self._timeout,
                channel_timeout=self._timeout,
                transport_factory=_transport_for(pins, self._timeout),
            )
        except paramiko.AuthenticationException as error:
            if not _means_refused(error) or not _another_lets_in(client, hop, keys[1:]):
                raise
        transport = client.get_transport()
        assert transport is not None
        transport.set_keepalive(KEEPALIVE)

    def _explained(self, error: Exception, hop: Hop, pins: Pins) -> HostError:
        """What a failed attempt means for us."""
        target = _target(hop)
        match error:
            case paramiko.BadHostKeyException():
                return _wrong_key(target, pins, f"answers with the host key {_print_of(error.key)}")
            case IncompatiblePeer() if "host key" in str(error):
                return _wrong_key(target, pins, "has no host key of the expected kind")
            case IncompatiblePeer():
                return HostError(f"{place(target)}: its SSH is too old for us ({error})")
            case paramiko.AuthenticationException() if _means_refused(error):
                return self._refused(target)
            case _:
                return silent(target, str(error) or "the connection was closed")

    def _refused(self, target: Target) -> LoginRefused:
        line = self._key.public_line()
        return LoginRefused(
            f"{place(target)} does not let {target.user} in with our key {fingerprint(line)}",
            hint="use the key it was made with (ssh.key), or have somebody who can log in add this line to "
            f"~{target.user}/.ssh/authorized_keys: {line}",
        )


@contextmanager
def _cut_at(deadline: float, line: Line) -> Iterator[None]:
    """No step waits longer than this: the line is cut under it."""
    knife = threading.Timer(max(deadline - time.monotonic(), 0), _cut, (line,))
    knife.daemon = True
    knife.start()
    try:
        yield
    finally:
        knife.cancel()


def _cut(line: Line) -> None:
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        line.shutdown(socket.SHUT_RDWR)


class _Pinned(paramiko.MissingHostKeyPolicy):
    """No key is known to paramiko, so that each is missing: those that are pinned are let by, and no other."""

    def __init__(self, pins: Pins) -> None:
        self._pins = pins

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        if key not in self._pins:
            raise paramiko.BadHostKeyException(hostname, key, self._pins[0])


def _another_lets_in(client: paramiko.SSHClient, hop: Hop, keys: Sequence[paramiko.PKey]) -> bool:
    """Offers the other keys on the same connection."""
    transport = client.get_transport()
    for key in keys:
        if transport is None or not transport.is_active():
            return False
        with contextlib.suppress(paramiko.AuthenticationException):
            transport.auth_publickey(hop.user, key)
            return True
    return False


def _target(hop: Hop) -> Target:
    """The hop as messages name it."""
    return Target(hop.name, hop.address, hop.keys[0], hop.user, hop.port)


def _pins(hop: Hop) -> Pins:
    """The keys this host may show. Raises WrongHostKey when none can be read."""
    read = [_pin(line) for line in hop.keys]
    pins = tuple(key for key in read if key is not None)
    if not pins:
        raise WrongHostKey(
            f"{place(_target(hop))} cannot be checked: its known host key is not a public key line",
            hint="a host key looks like `ssh-ed25519 AAAA...`; nothing was sent to the host",
        )
    return pins


def _pin(line: str) -> paramiko.PKey | None:
    words = line.split()
    try:
        return paramiko.PKey.from_type_string(words[0], base64.b64decode(words[1], validate=True))
    except (IndexError, ValueError, paramiko.SSHException, UnknownKeyType):
        return None


def _transport_for(pins: Pins, timeout: float) -> Callable[..., paramiko.Transport]:
    """Asks for the pinned keys' algorithms alone, so that a host shows such a key if it has one."""
    kinds = dict.fromkeys(pin.get_name() for pin in pins)
    ours = tuple(name for kind in kinds for name in (RSA if kind == "ssh-rsa" else (kind,)))

    def make(sock: Line, **options: Any) -> paramiko.Transport:
        transport = Transport(sock, **options)
        transport.get_security_options().key_types = ours
        transport.handshake_timeout = timeout
        return transport

    return make


def _means_refused(error: paramiko.AuthenticationException) -> bool:
    """paramiko says "no", "no answer in time" and "the connection ended" by one exception."""
    return not any(words in str(error) for words in ("timeout", "shut down", "saw EOF"))


def _wrong_key(target: Target, pins: Pins, what: str) -> WrongHostKey:
    expected = " or ".join(_print_of(pin) for pin in pins)
    return WrongHostKey(
        f"{place(target)} {what}, expected is {expected}: not connected",
        hint="another machine may have this address now, or somebody listens in; when you reinstalled "
        "a host of your own, give its new key as host_key in the inventory",
    )


def _print_of(key: paramiko.PKey) -> str:
    return f"{fingerprint(ssh_keys.public_line_of(key))} ({key.get_name()})"
