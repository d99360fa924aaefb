"""OpenSSH's known_hosts: which keys a host may show (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT).

Read here and never written. A revoked key counts nowhere; certificate authorities are not followed.
"""

import base64
import binascii
import fnmatch
import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class _Entry:
    marker: str
    hosts: str
    key: str


def known_keys(files: Iterable[Path], address: str, port: int) -> tuple[str, ...]:
    """The public key lines under which this host is known, in the order of the files; those that cannot be read
    are passed over, as OpenSSH does."""
    name = address if port == 22 else f"[{address}]:{port}"
    entries = [one for file in files for one in _entries(file) if _is_of(one.hosts, name)]
    revoked = {one.key for one in entries if one.marker == "@revoked"}
    known = dict.fromkeys(one.key for one in entries if not one.marker)
    return tuple(key for key in known if key not in revoked)


def _entries(file: Path) -> Iterator[_Entry]:
    try:
        text = file.read_text("utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        marker = words.pop(0) if words[0].startswith("@") else ""
        if len(words) >= 3:
            yield _Entry(marker, words[0], f"{words[1]} {words[2]}")


def _is_of(hosts: str, name: str) -> bool:
    """Patterns with commas between them, of which one with ``!`` says no; or one hashed name."""
    if hosts.startswith("|1|"):
        return _is_hash_of(hosts, name)
    patterns = hosts.lower().split(",")
    refused = (pattern[1:] for pattern in patterns if pattern.startswith("!"))
    return _any(patterns, name) and not _any(refused, name)


def _any(patterns: Iterable[str], name: str) -> bool:
    """Brackets stand for themselves in ``[host]:port``; only ``*`` and ``?`` are wild."""
    return any(fnmatch.fnmatchcase(name.lower(), pattern.replace("[", "[[]")) for pattern in patterns)


def _is_hash_of(hashed: str, name: str) -> bool:
    try:
        salt, digest = (base64.b64decode(part, validate=True) for part in hashed.split("|")[2:4])
    except (ValueError, binascii.Error):
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), hashlib.sha1), digest)
