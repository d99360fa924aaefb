"""One request and its answer, apart from sockets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked. ``token``: what follows Bearer."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    token: str

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> "Request":
        """From what came over the wire."""
        parts = urlsplit(target)
        token = headers.get("Authorization", "").removeprefix("Bearer ")
        return cls(method, parts.path, dict(parse_qsl(parts.query)), body, token)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def message(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = json.loads(self.body)
        return found

    @property
    def form(self) -> dict[str, str]:
        """The body as a web form."""
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back."""

    status: int
    body: str = ""
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_of(body: Mapping[str, Any], status: int = 200, kind: str = "application/json") -> Answer:
    """A JSON answer."""
    return Answer(status, json.dumps(body), kind)


def plain(text: str, status: int) -> Answer:
    """A text answer."""
    return Answer(status, text, "text/plain; charset=utf-8" if text else "")


def stamp(at: datetime | None) -> str | None:
    """A moment as Go writes it: no zeros at the end of the fraction."""
    if at is None:
        return None
    whole, _, fraction = at.strftime("%Y-%m-%dT%H:%M:%S.%f").partition(".")
    return f"{whole}.{fraction.rstrip('0')}Z" if fraction.strip("0") else f"{whole}Z"
