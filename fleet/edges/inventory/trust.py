"""Whom hosts trust and how they get out: ``gitea.ca``, ``[proxy]`` and ``[registries."HOST"]``."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, ValidationInfo, field_validator

from fleet.core import inventory_rules as rules
from fleet.core.inventory import ProxySettings, Registry
from fleet.edges.inventory.base import SecretKey, Table, context

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

_PROXY = ProxySettings()
SOON = timedelta(days=30)

RegistryName = Annotated[
    str,
    AfterValidator(
        rules.form(
            r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?",
            "registry",
            'its name and port, as images begin with it: "registry.example:5000", or "docker.io"',
        )
    ),
]


def _unseen(pattern: str, what: str, allowed: str) -> Callable[[str], str]:
    """As `rules.form`, for what may have a password in it by mistake: not shown."""

    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise rules.WrongError(f"is no {what}", allowed)
        return text

    return check


_Url = Annotated[
    str,
    AfterValidator(
        _unseen(r"(https?://[A-Za-z0-9.:[\]_-]+/?)?", "proxy", 'like "http://10.0.0.5:3128", without a password')
    ),
]
_User = Annotated[str, AfterValidator(_unseen(r"[^\s:]+", "user", "a name without spaces and colons"))]
_Direct = Annotated[
    str,
    AfterValidator(rules.form(r"[A-Za-z0-9.:*/_-]+", "name or network", 'like ".example", "10.0.0.5" or "10.0.0.0/8"')),
]


class ProxyTable(Table):
    """``[proxy]``. What has no effect without a proxy stands behind it."""

    http: _Url = _PROXY.http
    https: _Url = _PROXY.https
    no_proxy: Annotated[list[_Direct], AfterValidator(rules.each_once)] = list(_PROXY.no_proxy)

    @field_validator("no_proxy")
    @classmethod
    def _has_effect(cls, direct: list[str], info: ValidationInfo) -> list[str]:
        if direct and not any(info.data.get(key, "wrong") for key in ("http", "https")):
            raise rules.WrongError("has no effect without a proxy", "proxy.http, proxy.https or both")
        return direct


class RegistryTable(Table):
    """``[registries."HOST"]``."""

    user: _User
    password: SecretKey


def proxy_of(table: ProxyTable) -> ProxySettings | None:
    """None where no proxy is named."""
    if not table.http and not table.https:
        return None
    return ProxySettings(table.http, table.https or table.http, tuple(table.no_proxy))


def registries_of(tables: Mapping[str, RegistryTable]) -> tuple[Registry, ...]:
    """In the order they are written."""
    return tuple(Registry(host, table.user, table.password) for host, table in tables.items())


def certificates(path: str, info: ValidationInfo) -> str:
    """The certificates of a PEM file, and nothing else of it. Raises WrongError."""
    if not path:
        return ""
    if "-----BEGIN" in path:
        raise rules.WrongError("holds the certificate itself", "the path of its file, relative to this one")
    shown = json.dumps(path)
    text = _text(context(info)["folder"] / Path(path).expanduser(), shown)
    if "PRIVATE KEY-----" in text:
        raise rules.WrongError(f"{shown} holds a private key", "the certificate alone: hosts and jobs get this file")
    return _good(text, shown)


def endings(pem: str) -> tuple[str, ...]:
    """A sentence for each certificate that ends soon."""
    soon = datetime.now(UTC) + SOON
    return tuple(
        f"gitea.ca: {_name(one)} expires on {one.not_valid_after_utc:%Y-%m-%d}: put its successor into the file too"
        for one in (_read(pem) if pem else ())
        if one.not_valid_after_utc < soon
    )


def _text(file: Path, shown: str) -> str:
    try:
        return file.read_text("ascii")
    except OSError as error:
        reason = error.strerror or "it cannot be read"
        raise rules.WrongError(f"{shown} could not be read: {reason}", f"a file of certificates, at {file}") from None
    except UnicodeDecodeError:
        raise rules.WrongError(f"{shown} is not PEM", _AS_PEM) from None


def _read(text: str) -> "list[Certificate]":
    """By the library that is first needed here: a fleet without a private CA does not wait for it."""
    from cryptography import x509

    return x509.load_pem_x509_certificates(text.encode())


def _name(one: "Certificate") -> str:
    return one.subject.rfc4514_string() or "one without a name"


_AS_PEM = "text that begins with -----BEGIN CERTIFICATE-----: openssl x509 -inform der -in FILE"


def _good(text: str, shown: str) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        found = _read(text)
    except ValueError:
        raise rules.WrongError(f"{shown} has no certificate in it that can be read", _AS_PEM) from None
    for one in found:
        if (end := one.not_valid_after_utc) < datetime.now(UTC):
            raise rules.WrongError(
                f"{shown} has a certificate that expired on {end:%Y-%m-%d}: {_name(one)}", "a newer one"
            )
    return "".join(dict.fromkeys(one.public_bytes(Encoding.PEM).decode() for one in found))
