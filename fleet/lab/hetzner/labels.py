"""The syntax of Hetzner's labels (our tags)."""

import re
from typing import Any

from fleet.lab.hetzner.errors import invalid

NAME = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
PREFIX = re.compile(r"(?=.{1,253}\Z)[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
RESERVED = "hetzner.cloud"


def read_labels(found: Any) -> dict[str, str]:
    """The labels of a request body. Raises ApiError."""
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise invalid("labels", "must be an object")
    for key, value in found.items():
        if not is_key(key):
            raise invalid("labels", f"label key '{key}' is not valid")
        if not isinstance(value, str) or not is_value(value):
            raise invalid("labels", f"label value '{value}' of '{key}' is not valid")
    return dict(found)


def is_key(text: str) -> bool:
    prefix, slash, name = text.rpartition("/")
    if slash and (prefix == RESERVED or not PREFIX.fullmatch(prefix)):
        return False
    return bool(NAME.fullmatch(name))


def is_value(text: str) -> bool:
    return text == "" or bool(NAME.fullmatch(text))
