"""Public SSH keys as OpenSSH writes them, a line each; and how a server's tag remembers one."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

_LINE = re.compile(r"(?:^|\s)((?:ssh|ecdsa|sk)-[A-Za-z0-9@.-]+)\s+([A-Za-z0-9+/]+={0,2})(?:\s+(.*))?$")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One key: its kind, its data in base64, and who a person says it is of."""

    kind: str
    data: str
    comment: str = ""

    @property
    def fingerprint(self) -> str:
        """``SHA256:...`` as OpenSSH prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(_bytes(self.data)).digest()).decode().rstrip("=")

    @property
    def line(self) -> str:
        """As a line of a ``.pub`` file, without its comment."""
        return f"{self.kind} {self.data}"

    def __str__(self) -> str:
        return f"{self.fingerprint} ({self.comment})" if self.comment else self.fingerprint


def read_public_key(line: str) -> PublicKey | None:
    """The key of a ``.pub`` or ``authorized_keys`` line, its options passed over; None when there is none."""
    found = _LINE.search(line.strip())
    if found is None:
        return None
    try:
        _bytes(found[2])
    except binascii.Error:
        return None
    return PublicKey(found[1], found[2], found[3] or "")


def fingerprint(line: str) -> str:
    """``SHA256:...`` as OpenSSH prints it. Raises ValueError when the line is no public key."""
    key = read_public_key(line)
    if key is None:
        raise ValueError("not a public key line")
    return key.fingerprint


def sshkey_tag(line: str) -> str:
    """The fingerprint of a key in a form fit for a tag: it can be read back, and 50 characters are room enough."""
    return fingerprint(line).replace(":", ".").replace("+", "-").replace("/", "_")


def fingerprint_in(tag: str) -> str:
    """The fingerprint that ``sshkey_tag`` was made from; empty for what is none."""
    if not re.fullmatch(r"SHA256\.[A-Za-z0-9_-]{43}", tag):
        return ""
    return tag.replace(".", ":", 1).replace("-", "+").replace("_", "/")


def _bytes(data: str) -> bytes:
    return base64.b64decode(data, validate=True)
