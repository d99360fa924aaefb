"""A request and its answer, without a socket."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.lab.hetzner.errors import ApiError, invalid

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """What a client sent; `path` is without `/v1`, `ids` are the numbers in it, `origin` is the base URL."""

    method: str
    path: str
    query: Mapping[str, list[str]] = field(default_factory=dict)
    authorization: str = ""
    raw: bytes = b""
    origin: str = ""
    ids: tuple[int, ...] = ()

    def body(self) -> Json:
        """The JSON object of the body; no body is an empty object. Raises ApiError."""
        if not self.raw.strip():
            return {}
        try:
            found = json.loads(self.raw)
        except ValueError:
            raise ApiError(400, "json_error", "Invalid JSON in request body") from None
        if not isinstance(found, dict):
            raise ApiError(400, "json_error", "the request body must be an object")
        return found

    def one(self, name: str) -> str | None:
        return self.query.get(name, [None])[-1]

    def number(self, name: str, otherwise: int) -> int:
        """A positive number of the query. Raises ApiError."""
        text = self.one(name)
        if text is None:
            return otherwise
        if not text.isdecimal() or int(text) < 1:
            raise invalid(name, "must be a positive number")
        return int(text)


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back; a body of None is no content."""

    status: int
    body: Json | None = None
    headers: tuple[tuple[str, str], ...] = ()
