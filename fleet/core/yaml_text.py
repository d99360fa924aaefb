"""Writes plain values as YAML that a person likes to read. Strings are quoted as JSON, which is YAML too."""

import json
import re
from collections.abc import Mapping, Sequence

Plain = str | int | float | bool | None | Mapping[str, "Plain"] | Sequence["Plain"]


def to_yaml(value: Mapping[str, Plain]) -> str:
    """The mapping in block style, with a line end."""
    return "\n".join(_mapping(value)) + "\n"


def merge(base: Mapping[str, Plain], over: Mapping[str, Plain]) -> dict[str, Plain]:
    """``over`` laid on ``base``: tables are merged key by key, all else is replaced."""
    merged: dict[str, Plain] = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = merge(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return merged


_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n", "null"})
"""What some YAML reader takes for something else than text."""

_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
"""What JSON leaves as it is, and YAML readers refuse or read as a line end."""


def _mapping(value: Mapping[str, Plain]) -> list[str]:
    lines: list[str] = []
    for key, item in value.items():
        name = key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS else _quoted(key)
        match item:
            case Mapping() if item:
                lines += [f"{name}:", *_indented(_mapping(item))]
            case str() | bool() | int() | float() | None:
                lines.append(f"{name}: {_scalar(item)}")
            case Mapping():
                lines.append(f"{name}: {{}}")
            case _:
                lines += [f"{name}:", *_indented(_sequence(item))] if item else [f"{name}: []"]
    return lines


def _sequence(items: Sequence[Plain]) -> list[str]:
    lines: list[str] = []
    for item in items:
        match item:
            case Mapping() if item:
                first, *rest = _mapping(item)
                lines += [f"- {first}", *_indented(rest)]
            case str() | bool() | int() | float() | None:
                lines.append(f"- {_scalar(item)}")
            case _:
                lines.append(f"- {_flow(item)}")
    return lines


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _flow(value: Plain) -> str:
    match value:
        case Mapping():
            return "{" + ", ".join(f"{_quoted(key)}: {_flow(item)}" for key, item in value.items()) + "}"
        case str() | bool() | int() | float() | None:
            return _scalar(value)
        case _:
            return "[" + ", ".join(map(_flow, value)) + "]"


def _scalar(value: str | float | bool | None) -> str:
    if isinstance(value, str):
        return _quoted(value)
    text = json.dumps(value)
    # YAML 1.1 knows a power of ten only behind a point.
    return text.replace("e", ".0e") if isinstance(value, float) and "." not in text else text


def _quoted(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
