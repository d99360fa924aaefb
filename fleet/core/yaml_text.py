"""Writes plain values as YAML that a person likes to read. Strings are quoted as JSON, which is YAML too."""

import json
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


def _mapping(value: Mapping[str, Plain]) -> list[str]:
    lines: list[str] = []
    for key, item in value.items():
        name = json.dumps(key) if not key.replace("_", "").replace(".", "").isalnum() else key
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
                lines.append(f"- {json.dumps(item)}")
    return lines


def _indented(lines: list[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _scalar(value: str | float | bool | None) -> str:
    return json.dumps(value, ensure_ascii=False)
