"""SSH keys: the operator's own, and those we make for hosts.

A private half leaves this process only into the operator's key file or, a host's, into its user data.
"""

import base64
import binascii
import contextlib
import io
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from fleet.core.errors import CredentialsError
from fleet.core.inventory import SshSettings
from fleet.core.secret import Secret
from fleet.core.ssh_key import fingerprint, read_public_key

PUBLIC_KINDS = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "ssh-dss")
"""How a public key line begins."""


def new_host_key() -> tuple[Secret, str]:
    """A fresh ed25519 key: the private half in OpenSSH's format, and the public line."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return Secret(_openssh(key)), public.decode()


def public_line_of(key: paramiko.PKey) -> str:
    """The public half as an OpenSSH line without a comment."""
    return f"{key.get_name()} {base64.b64encode(key.asbytes()).decode()}"


@dataclass(frozen=True, slots=True)
class KeyFiles:
    """Where a key is. With ``agent`` the agent has it, and ``path`` may name its public half, or be None.

    ``former``: the key that this one has replaced, as long as some machine may know no other.
    """

    path: Path | None
    agent: bool
    former: Path | None = None


class OperatorKey:
    """The key we log in with: a file a person named, a key of their agent, or one of the fleet's own.

    Nothing is read or made before it is needed. Safe to use from many threads.
    """

    def __init__(
        self, path: Path | None, *, own: bool = False, agent: bool = False, passphrase: Secret | None = None
    ) -> None:
        self._path = path
        self._own = own
        self._agent = agent
        self._passphrase = passphrase
        self._lock = threading.Lock()
        self._loaded: paramiko.PKey | None = None

    @classmethod
    def from_settings(
        cls, settings: SshSettings, fleet: str, folder: Path, passphrase: Secret | None = None
    ) -> "OperatorKey":
        """``folder`` is the user's config folder, where the fleet's own key lives when no other is given."""
        path = Path(settings.key).expanduser() if settings.key else None
        if path is None and not settings.agent:
            return cls(folder / f"{fleet}.ed25519", own=True)
        return cls(path, agent=settings.agent, passphrase=passphrase)

    def public_line(self) -> str:
        """The public half, as an OpenSSH line."""
        with self.unlocked() as key:
            return public_line_of(key)

    def is_there(self) -> bool:
        """Whether it exists already; one of the fleet's own is made when it is first needed."""
        return self._agent or (self._path is not None and (self._path.exists() or not self._own))

    def place(self) -> str:
        """Where it is, in words."""
        if self._agent:
            return f"the SSH agent's {self._path}" if self._path else "the SSH agent's key"
        return str(self._path)

    def files(self) -> KeyFiles:
        """The key for a program that reads it itself; one of the fleet's own is made now. Raises CredentialsError."""
        if self._own and self._path is not None:
            _make_once(self._path)
        return KeyFiles(self._path, self._agent, self._former())

    def fingerprint(self) -> str:
        """``SHA256:...`` of the public half. Raises CredentialsError when it cannot be used."""
        return fingerprint(self.public_line())

    def former(self) -> tuple[paramiko.PKey, ...]:
        """The fleet's own key that this one has replaced, as long as some machine may know no other."""
        old = self._former()
        return (_load(old, None),) if old is not None else ()

    def _former(self) -> Path | None:
        old = self._path.with_name(f"{self._path.name}.old") if self._own and self._path is not None else None
        return old if old is not None and old.exists() else None

    @contextmanager
    def unlocked(self) -> Iterator[paramiko.PKey]:
        """The key, ready to sign. Raises CredentialsError."""
        if self._agent:
            with _agent_key(self._path) as key:
                yield key
        else:
            yield self._from_file()

    def _from_file(self) -> paramiko.PKey:
        with self._lock:  # once: an encrypted key costs a tenth of a second of CPU
            if self._loaded is None:
                assert self._path is not None
                if self._own:
                    _make_once(self._path)
                self._loaded = _load(self._path, self._passphrase)
            return self._loaded


@contextmanager
def _agent_key(named: Path | None) -> Iterator[paramiko.PKey]:
    """One key of the agent. Each has its own connection: on a shared one answers would be mixed up."""
    try:
        agent = paramiko.Agent()
    except (paramiko.SSHException, OSError) as error:
        raise CredentialsError(f"the SSH agent does not answer: {error}", hint="ssh-add -l") from error
    with contextlib.closing(agent):
        yield _chosen(agent.get_keys(), named)


def _chosen(keys: tuple[paramiko.AgentKey, ...], named: Path | None) -> paramiko.PKey:
    """Exactly one: each refused key counts at the host's door (sshd: MaxAuthTries, PerSourcePenalties)."""
    if not keys:
        raise CredentialsError("the SSH agent holds no key, or there is no agent", hint="ssh-add")
    if named is not None:
        wanted = public_blob(named)
        keys = tuple(key for key in keys if key.asbytes() == wanted)
        if not keys:
            raise CredentialsError(f"the SSH agent does not hold {named}", hint=f"ssh-add {named}")
    if len(keys) > 1:
        raise CredentialsError(
            f"the SSH agent holds {len(keys)} keys, and nothing says which to use",
            hint='name its public half: ssh.key = "~/.ssh/id_ed25519.pub"',
        )
    return keys[0]


def public_line_at(path: Path) -> str:
    """The public half of a key by its file, private or public. Raises CredentialsError."""
    public = path if path.suffix == ".pub" else path.with_name(path.name + ".pub")
    key = read_public_key(_read(public).decode(errors="replace")) if public.exists() else None
    return key.line if key is not None else OperatorKey(path).public_line()


def public_blob(path: Path) -> bytes:
    """Of a public key file, or of the ``.pub`` beside a private one."""
    public = path if path.suffix == ".pub" else path.with_name(path.name + ".pub")
    try:
        return _blob(_read(public).decode())
    except ValueError as error:
        raise CredentialsError(f"{public}: not an OpenSSH public key") from error


def _make_once(path: Path) -> None:
    """Make the fleet's own key unless it is there. Linking a finished file lets exactly one of many win."""
    try:
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh = _openssh(Ed25519PrivateKey.generate())
            with _temporary(path, fresh) as ready, contextlib.suppress(FileExistsError):
                os.link(ready, path)
        public = path.with_name(path.name + ".pub")
        if not public.exists():
            with _temporary(public, public_line_of(_load(path, None)) + "\n") as ready:
                ready.chmod(0o644)
                ready.replace(public)
    except OSError as error:
        raise CredentialsError(
            f"the fleet's SSH key cannot be kept at {path}: {error.strerror}",
            hint="make the folder writable, or name a key of yours by ssh.key",
        ) from error


@contextmanager
def _temporary(beside: Path, text: str) -> Iterator[Path]:
    """A finished file (0600) next to where it shall be, gone in the end."""
    handle, name = tempfile.mkstemp(prefix=f".{beside.name}.", dir=beside.parent)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # it opens machines that cost money: not to be lost with the power
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _load(path: Path, passphrase: Secret | None) -> paramiko.PKey:
    data = _read(path)
    if data.lstrip().startswith(tuple(name.encode() for name in PUBLIC_KINDS)):
        raise CredentialsError(
            f"{path} is a public key; the private one is needed",
            hint=f'ssh.key = "{path.with_suffix("")}"' if path.suffix == ".pub" else "",
        )
    key = _decrypt(path, data, passphrase)
    return _for_paramiko(path, key)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CredentialsError(
            f"SSH key {path}: no such file",
            hint=f"ssh-keygen -t ed25519 -f {path}; or leave ssh.key out, and the fleet makes its own",
        ) from error
    except OSError as error:
        raise CredentialsError(f"SSH key {path}: {error.strerror}") from error


def _decrypt(path: Path, data: bytes, passphrase: Secret | None) -> object:
    """The key behind OpenSSH's or PEM's wrapping. cryptography says TypeError for "it is encrypted"."""
    ours = b"BEGIN OPENSSH PRIVATE KEY" in data
    load = serialization.load_ssh_private_key if ours else serialization.load_pem_private_key
    try:
        return load(data, None)
    except TypeError:
        return _with_passphrase(path, lambda word: load(data, word), passphrase)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CredentialsError(
            f"SSH key {path}: not a private key that can be read ({error})", hint=f"ssh-keygen -y -f {path}"
        ) from error


def _with_passphrase(path: Path, load: Callable[[bytes], object], passphrase: Secret | None) -> object:
    if passphrase is None:
        raise CredentialsError(
            f"SSH key {path} has a passphrase",
            hint='say where it is: ssh.passphrase = { env = "FLEET_SSH_PASSPHRASE" }',
        )
    try:
        return load(passphrase.reveal().encode())
    except ValueError as error:
        raise CredentialsError(
            f"SSH key {path}: the passphrase does not open it", hint=f"try it: ssh-keygen -y -f {path}"
        ) from error


def _for_paramiko(path: Path, key: object) -> paramiko.PKey:
    if isinstance(key, Ed25519PrivateKey):
        return paramiko.Ed25519Key.from_private_key(io.StringIO(_openssh(key)))
    if isinstance(key, RSAPrivateKey):
        return paramiko.RSAKey.from_private_key(io.StringIO(_openssh(key)))
    if isinstance(key, EllipticCurvePrivateKey):
        return paramiko.ECDSAKey.from_private_key(io.StringIO(_openssh(key)))
    raise CredentialsError(f"SSH key {path}: of a kind that cannot log in", hint="ssh-keygen -t ed25519")


def _openssh(key: Ed25519PrivateKey | RSAPrivateKey | EllipticCurvePrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def _blob(public_line: str) -> bytes:
    words = public_line.split()
    if len(words) < 2:
        raise ValueError("not a public key line")
    try:
        return base64.b64decode(words[1], validate=True)
    except binascii.Error as error:
        raise ValueError("not a public key line") from error
