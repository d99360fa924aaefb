"""Reading the fields of a request body, each refusal naming its field."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from fleet.lab.hetzner.errors import ApiError, invalid, not_found, taken
from fleet.lab.hetzner.exchange import Json
from fleet.lab.hetzner.offers import Location
from fleet.lab.hetzner.state import Record

R = TypeVar("R", bound=Record)


def text(body: Json, field: str, longest: int = 128) -> str:
    """A string that must be there. Raises ApiError."""
    found = body.get(field)
    if not isinstance(found, str) or not 0 < len(found) <= longest:
        raise invalid(field, f"must be a text of 1 to {longest} characters")
    return found


def flag(body: Json, field: str, otherwise: bool) -> bool:
    found = body.get(field, otherwise)
    if not isinstance(found, bool):
        raise invalid(field, "must be true or false")
    return found


def number(body: Json, field: str) -> int:
    return whole(body.get(field), field)


def whole(found: Any, field: str) -> int:
    if isinstance(found, bool) or not isinstance(found, int):
        raise invalid(field, "must be a number")
    return found


def listing(body: Json, field: str) -> list[Any]:
    found = body.get(field)
    if found is None:
        return []
    if not isinstance(found, list):
        raise invalid(field, "must be a list")
    return found


def record(records: Mapping[int, R], what: str, found: int) -> R:
    """The record with this id. Raises ApiError 404."""
    if found not in records:
        raise not_found(what, found)
    return records[found]


def free_name(records: Iterable[Record], what: str, name: str, owner: Record | None = None) -> str:
    """The name, if nobody but `owner` has it. Raises ApiError 409."""
    if any(other.name == name and other is not owner for other in records):
        raise taken(what, "name")
    return name


def location(locations: Mapping[str, Location], found: Any) -> Location:
    """By name or id. Raises ApiError."""
    for known in locations.values():
        if found in (known.name, known.id, str(known.id)):
            return known
    raise ApiError(422, "invalid_input", f"location '{found}' not found", invalid("location", "unknown").details)
