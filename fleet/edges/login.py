"""The system's own OpenSSH, led to a machine: with the host key we know, our key, and nothing guessed."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from fleet.core.errors import Refused
from fleet.core.orders import Target
from fleet.edges.ssh_keys import KeyFiles

CONNECT_SECONDS = 20


def words(target: Target, key: KeyFiles, known_hosts: Path, command: Sequence[str] = ()) -> list[str]:
    """The command line. ``known_hosts``: the file that ``write_known_hosts`` made of this target.

    A machine of ours is reached past all configuration: nothing of it could make this safer. A static host is the
    person's own, and their configuration may say how to get there.
    """
    return ["ssh", *_options(target, key, known_hosts), target.address, *(["--", *command] if command else ())]


def write_known_hosts(folder: Path, target: Target) -> Path:
    """The file with the one host key that is right, for the user alone. A second writer writes the same."""
    path = folder / target.name
    new = folder / f".{target.name}.{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        new.write_text(f"{target.name} {target.host_key}\n", "utf-8")
        new.replace(path)
    except OSError as error:
        raise Refused(
            f"could not write {path}: {error.strerror}", hint="name a folder you may write in XDG_STATE_HOME"
        ) from None
    return path


def become(command_line: Sequence[str], env: Mapping[str, str]) -> None:
    """This process becomes ssh: the terminal, signals and the exit code are its own from here. Does not return.

    ``env`` is all that it knows of our environment: OpenSSH may be configured to send variables to the other side.
    """
    try:
        os.execvpe(command_line[0], list(command_line), dict(env))  # noqa: S606 - no shell is wanted
    except OSError as error:
        raise Refused(
            f"could not run {command_line[0]}: {error.strerror}",
            hint="install your distribution's OpenSSH client (Debian: apt install openssh-client)",
        ) from None


def _options(target: Target, key: KeyFiles, known_hosts: Path) -> Iterator[str]:
    if not target.openssh:
        yield from ("-F", "none")
    if target.user:
        yield from ("-l", target.user)
    if target.port:
        yield from ("-p", str(target.port))
    identity = _identities(key) if target.openssh else _identity(key)
    for name, value in (*_trust(target, known_hosts), *identity):
        yield from ("-o", f"{name}={value}")


def _trust(target: Target, known_hosts: Path) -> Iterator[tuple[str, str]]:
    """Without a key of our own, a static host's is in the person's known_hosts or the way ends here."""
    yield "StrictHostKeyChecking", "yes"
    yield "UpdateHostKeys", "no"
    yield "ConnectTimeout", str(CONNECT_SECONDS)
    if target.host_key:
        yield "HostKeyAlias", target.name
        yield "UserKnownHostsFile", _quoted(known_hosts)
        yield "GlobalKnownHostsFile", "none"


def _identity(key: KeyFiles) -> Iterator[tuple[str, str]]:
    """One key and no other: a door that was knocked at too often closes. No agent unless it holds that key."""
    yield "PasswordAuthentication", "no"
    yield "KbdInteractiveAuthentication", "no"
    yield "ForwardAgent", "no"
    if key.path is not None:
        yield "IdentitiesOnly", "yes"
        yield "IdentityFile", _quoted(key.path)
    if key.former is not None:
        yield "IdentityFile", _quoted(key.former)
    if not key.agent:
        yield "IdentityAgent", "none"


def _identities(key: KeyFiles) -> Iterator[tuple[str, str]]:
    """A static host is offered ours, and then what ssh would offer: naming one key drops those it knows by itself."""
    yield "PasswordAuthentication", "no"
    yield "KbdInteractiveAuthentication", "no"
    yield "ForwardAgent", "no"
    usual = (Path("~/.ssh").expanduser() / name for name in ("id_ed25519", "id_ecdsa", "id_rsa"))
    for path in (*((key.path,) if key.path is not None else ()), *usual):
        if path.is_file():
            yield "IdentityFile", _quoted(path)


def _quoted(path: Path) -> str:
    """As ssh_config reads a file's name: blanks would end it, and % begins a word of its own."""
    return '"' + str(path).replace("%", "%%") + '"'
