"""OpenSSH's own configuration, as OpenSSH reads it: ``ssh -G`` says what would count for a host.

Without an ``ssh`` on this computer there is no such configuration, and the defaults count.
"""

import getpass
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleet.core.errors import HostError

SECONDS = 20.0
"""``Match exec`` may run commands."""

FILES = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


@dataclass(frozen=True, slots=True)
class Settings:
    """What counts for one host.

    ``known_as``: the name under which its key is known; empty: its address and port. ``identities``: private keys,
    those that are there. ``jumps``: ``[user@]host[:port]``, the nearest to us first. ``command``: a shell command
    that gives the connection instead.
    """

    address: str
    user: str
    port: int
    known_as: str = ""
    known_hosts: tuple[Path, ...] = ()
    identities: tuple[Path, ...] = ()
    only_identities: bool = False
    jumps: tuple[str, ...] = ()
    command: str = ""


class OpenSsh:
    """``config``: a file to read instead of the user's and the system's."""

    def __init__(self, program: str = "ssh", config: Path | None = None) -> None:
        self._program = program
        self._config = config

    def settings(self, address: str, user: str = "", port: int = 0) -> Settings:
        """What counts for this host; what is given goes before what is configured. Raises HostError."""
        program = shutil.which(self._program)
        if program is None:
            return Settings(address, user or _ourselves(), port or 22, known_hosts=_paths(FILES))
        words = [program, "-G", *(("-F", str(self._config)) if self._config else ())]
        words += [*(("-l", user) if user else ()), *(("-p", str(port)) if port else ()), "--", address]
        return _read(_grouped(_ask(words, address)))


def _ask(words: Sequence[str], address: str) -> str:
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=SECONDS, check=False, stdin=subprocess.DEVNULL
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise HostError(f"OpenSSH could not say how to reach {address}: {error}") from error
    if done.returncode != 0:
        raise HostError(
            f"OpenSSH could not say how to reach {address}: {done.stderr.strip()}", hint=f"try it: ssh -G {address}"
        )
    return done.stdout


def _grouped(text: str) -> dict[str, list[str]]:
    """``key value`` lines; a key may come again."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        found.setdefault(key.lower(), []).append(value)
    return found


def _read(said: Mapping[str, Sequence[str]]) -> Settings:
    def one(key: str) -> str:
        value = next(iter(said.get(key, ())), "")
        return "" if value.lower() == "none" else value

    user, port, address = one("user"), one("port"), one("hostname")
    jumps, command = one("proxyjump"), one("proxycommand")
    return Settings(
        address=address,
        user=user,
        port=int(port),
        known_as=one("hostkeyalias"),
        known_hosts=_paths((*one("userknownhostsfile").split(), *one("globalknownhostsfile").split())),
        identities=tuple(path for path in _paths(said.get("identityfile", ())) if path.is_file()),
        only_identities=one("identitiesonly") == "yes",
        jumps=tuple(jump.strip() for jump in jumps.split(",")) if jumps else (),
        command=_filled(command, {"h": address, "n": address, "p": port, "r": user, "%": "%"}),
    )


def _filled(command: str, tokens: Mapping[str, str]) -> str:
    """The tokens of ssh_config(5) that a ProxyCommand may have."""
    parts = command.split("%")
    filled = parts.pop(0)
    while parts:
        part = parts.pop(0)
        if not part and parts:  # "%%"
            filled += "%" + parts.pop(0)
        else:
            filled += tokens.get(part[:1], "%" + part[:1]) + part[1:]
    return filled


def _paths(names: Sequence[str]) -> tuple[Path, ...]:
    return tuple(Path(name).expanduser() for name in names)


def _ourselves() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return "root"
