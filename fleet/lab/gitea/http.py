"""Requests and answers as values, and the shapes of Gitea's errors."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

JSON = "application/json;charset=utf-8"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names are lower case, ``here`` is the address the caller used."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    here: str

    def json(self) -> dict[str, Any]:
        """The body's object; empty where there is none."""
        try:
            value = json.loads(self.body or b"{}")
        except ValueError as error:
            raise ApiError(422, f"invalid JSON: {error}") from error
        return value if isinstance(value, dict) else {}

    def number(self, name: str, default: int) -> int:
        """A number of the query; what is no number counts as absent, as in Gitea."""
        text = self.query.get(name, [""])[0]
        return int(text) if text.isdigit() else default


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes = b""
    kind: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """What the REST API refuses, and with which code."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def answer(self, here: str) -> Answer:
        """The recorded shape; a 405 has no body at all."""
        if self.status == 405:
            return Answer(405)
        return give({"message": self.message, "url": f"{here}/api/swagger"}, self.status)


class NotFoundError(ApiError):
    """A 404 of Gitea's own kind, which lists errors (usually none, as null)."""

    def __init__(self, message: str = "not found", *errors: str) -> None:
        super().__init__(404, message)
        self.errors = list(errors) or None

    def answer(self, here: str) -> Answer:
        body = {"errors": self.errors, "message": self.message, "url": f"{here}/api/swagger"}
        return give(body, self.status)


PAGE_NOT_FOUND = Answer(404, b"404 page not found\n", TEXT)  # no route at all


def give(value: Any, status: int = 200) -> Answer:
    """A JSON answer."""
    return Answer(status, json.dumps(value).encode() + b"\n", JSON)


def read_query(text: str) -> Mapping[str, list[str]]:
    return parse_qs(text, keep_blank_values=True)
