"""Which keys to offer a host: ours first; where OpenSSH is the one that knows the way, then what it would offer."""

import contextlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import paramiko

from fleet.core.errors import CredentialsError
from fleet.edges.ssh_keys import OperatorKey, public_blob

MOST = 5
"""Keys offered on one connection: sshd hangs up after six (MaxAuthTries)."""


@contextmanager
def keys(own: OperatorKey, identities: Sequence[Path], *, agent: bool) -> Iterator[list[paramiko.PKey]]:
    """At least our own key, each once. ``identities``: private keys, by file, which the agent may hold too."""
    with own.unlocked() as first, ExitStack() as closing:
        held = _held(closing) if agent or identities else []
        found = [first, *own.former(), *_named(identities, held), *(held if agent else ())]
        yield list({key.asbytes(): key for key in reversed(found)}.values())[::-1][:MOST]


def _held(closing: ExitStack) -> list[paramiko.PKey]:
    """What the agent holds; nothing where there is no agent."""
    try:
        agent = paramiko.Agent()
    except (paramiko.SSHException, OSError):
        return []
    closing.callback(agent.close)
    return list(agent.get_keys())


def _named(identities: Sequence[Path], held: Sequence[paramiko.PKey]) -> Iterator[paramiko.PKey]:
    """The agent's one of the same public half, or the file itself when it has no passphrase."""
    for path in identities:
        match = _same(path, held)
        if match is not None:
            yield match
            continue
        with contextlib.suppress(CredentialsError), OperatorKey(path).unlocked() as key:
            yield key


def _same(path: Path, held: Sequence[paramiko.PKey]) -> paramiko.PKey | None:
    with contextlib.suppress(CredentialsError):
        blob = public_blob(path)
        return next((key for key in held if key.asbytes() == blob), None)
    return None
