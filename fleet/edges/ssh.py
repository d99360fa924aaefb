"""SSH over paramiko: connections to hosts whose key is known beforehand. No key is taken because it is new.

All waits have a limit: connect, banner, key exchange, login, channel, command. A keepalive with TCP's own
limit ends a connection whose other side is gone.
"""

import base64
import logging
import socket
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import paramiko
from paramiko.pkey import UnknownKeyType
from paramiko.ssh_exception import IncompatiblePeer

from fleet.core.errors import HostError, LoginRefused, WrongHostKey
from fleet.core.orders import Target
from fleet.core.secret import Secret
from fleet.edges import ssh_keys
from fleet.edges.ssh_host import SshHost, hang_up, place, silent
from fleet.edges.ssh_keys import OperatorKey

KEEPALIVE = 15
"""Seconds of silence before we say something."""

GONE_AFTER = 60
"""Seconds that sent data may stay unacknowledged before the connection counts as lost."""

# paramiko logs tracebacks of errors that it also raises; the raised ones are told to the person.
logging.getLogger("paramiko").addHandler(logging.NullHandler())
logging.getLogger("paramiko").propagate = False


class SshHosts:
    """Opens connections, from many threads at once. ``connect_timeout``: seconds for each step of opening."""

    def __init__(self, key: OperatorKey, *, connect_timeout: float = 10, lock_folder: str = "/run/lock") -> None:
        self._key = key
        self._timeout = connect_timeout
        self._lock_folder = lock_folder

    def connect(self, target: Target) -> "SshHost":
        """One authenticated attempt. Raises HostSilent, LoginRefused, WrongHostKey, and CredentialsError.

        One key, once: sshd counts every failed attempt against our address (PerSourcePenalties).
        """
        pin = _pin(target)
        sock = _dial(target, self._timeout)
        with ExitStack() as undo:
            client = paramiko.SSHClient()
            undo.callback(hang_up, client, sock)
            try:
                self._log_in(client, sock, target, pin)
            except (paramiko.SSHException, OSError, EOFError) as error:
                raise self._explained(error, target, pin) from error
            undo.pop_all()
        return SshHost(target, client, sock, timeout=self._timeout, lock_folder=self._lock_folder)

    def public_key(self) -> str:
        """The public half of the key we log in with (made on first use), as an OpenSSH line."""
        return self._key.public_line()

    def new_host_key(self) -> tuple[Secret, str]:
        """A fresh ed25519 host key: the private half in OpenSSH's format, and the public line."""
        return ssh_keys.new_host_key()

    def _log_in(self, client: paramiko.SSHClient, sock: socket.socket, target: Target, pin: paramiko.PKey) -> None:
        client.get_host_keys().add(_known_as(target), pin.get_name(), pin)
        client.set_missing_host_key_policy(paramiko.RejectPolicy())
        with self._key.unlocked() as key:
            client.connect(
                target.address,
                target.port,
                target.user,
                pkey=key,
                sock=sock,
                allow_agent=False,  # an agent's key comes as `key`: one, chosen by us
                look_for_keys=False,
                timeout=2 * self._timeout,  # the whole negotiation: banner, then keys
                banner_timeout=self._timeout,
                auth_timeout=self._timeout,
                channel_timeout=self._timeout,
                transport_factory=_transport_for(pin, self._timeout),
            )
        transport = client.get_transport()
        assert transport is not None
        transport.set_keepalive(KEEPALIVE)

    def _explained(self, error: Exception, target: Target, pin: paramiko.PKey) -> HostError:
        """What a failed attempt means for us."""
        match error:
            case paramiko.BadHostKeyException():
                return _wrong_key(target, pin, f"answers with the host key {_print_of(error.key)}")
            case IncompatiblePeer() if "host key" in str(error):
                return _wrong_key(target, pin, "has no host key of the expected kind")
            case IncompatiblePeer():
                return HostError(f"{place(target)}: its SSH is too old for us ({error})")
            case paramiko.AuthenticationException() if _means_refused(error):
                return self._refused(target)
            case _:
                return silent(target, str(error) or "the connection was closed")

    def _refused(self, target: Target) -> LoginRefused:
        line = self._key.public_line()
        return LoginRefused(
            f"{place(target)} does not let {target.user} in with our key {ssh_keys.fingerprint(line)}",
            hint="use the key it was made with (ssh.key), or have somebody who can log in add this line to "
            f"~{target.user}/.ssh/authorized_keys: {line}",
        )


def _pin(target: Target) -> paramiko.PKey:
    """The one key this host may show."""
    words = target.host_key.split()
    try:
        return paramiko.PKey.from_type_string(words[0], base64.b64decode(words[1], validate=True))
    except (IndexError, ValueError, paramiko.SSHException, UnknownKeyType) as error:
        raise WrongHostKey(
            f"{place(target)} cannot be checked: its known host key is not a public key line",
            hint="a host key looks like `ssh-ed25519 AAAA...`; nothing was sent to the host",
        ) from error


def _dial(target: Target, timeout: float) -> socket.socket:
    try:
        sock = socket.create_connection((target.address, target.port), timeout)
    except OSError as error:
        raise silent(target, error.strerror or str(error)) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # small packets back and forth: no waiting for more
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux: paramiko sends keepalives and does not miss their answers
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_AFTER * 1000)
    return sock


def _known_as(target: Target) -> str:
    """The name in OpenSSH's known_hosts."""
    return target.address if target.port == 22 else f"[{target.address}]:{target.port}"


def _transport_for(pin: paramiko.PKey, timeout: float) -> Callable[..., paramiko.Transport]:
    """Asks for the pinned key's algorithm alone, so that a host shows that key if it has it."""
    ours = ("rsa-sha2-512", "rsa-sha2-256") if pin.get_name() == "ssh-rsa" else (pin.get_name(),)

    def make(sock: socket.socket, **options: Any) -> paramiko.Transport:
        transport = paramiko.Transport(sock, **options)
        transport.get_security_options().key_types = ours
        transport.handshake_timeout = timeout
        return transport

    return make


def _means_refused(error: paramiko.AuthenticationException) -> bool:
    """paramiko says "no", "no answer in time" and "the connection ended" by one exception."""
    return not any(words in str(error) for words in ("timeout", "shut down", "saw EOF"))


def _wrong_key(target: Target, pin: paramiko.PKey, what: str) -> WrongHostKey:
    return WrongHostKey(
        f"{place(target)} {what}, expected is {_print_of(pin)}: not connected",
        hint="another machine may have this address now, or somebody listens in; when you reinstalled "
        "a host of your own, give its new key as host_key in the inventory",
    )


def _print_of(key: paramiko.PKey) -> str:
    return f"{ssh_keys.fingerprint(ssh_keys.public_line_of(key))} ({key.get_name()})"
