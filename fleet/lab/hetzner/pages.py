"""Lists: filter by name and labels, sort, cut into pages."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import TypeVar
from urllib.parse import urlencode

from fleet.lab.hetzner.errors import invalid
from fleet.lab.hetzner.exchange import Answer, Json, Request
from fleet.lab.hetzner.selector import read_selector
from fleet.lab.hetzner.state import Record

T = TypeVar("T")
R = TypeVar("R", bound=Record)

LARGEST_PAGE = 50


def record_page(request: Request, key: str, records: Iterable[R], as_json: Callable[[R], Json]) -> Answer:
    """A page of records by `name`, `label_selector` and `sort`. Raises ApiError."""
    name, selector = request.one("name"), read_selector(request.one("label_selector") or "")
    found = [record for record in records if name in (None, record.name) and selector.matches(record.labels)]
    return page(request, key, in_order(request, found, ("id", "name", "created")), as_json)


def in_order(request: Request, items: Iterable[T], fields: Sequence[str]) -> list[T]:
    """By the `sort` parameters, the first one counting most; by id without. Raises ApiError."""
    found = sorted(items, key=attrgetter("id"))
    for wish in reversed(request.query.get("sort", [])):
        field, _, direction = wish.partition(":")
        if field not in fields or direction not in ("", "asc", "desc"):
            raise invalid("sort", f"cannot sort by '{wish}'")
        found.sort(key=attrgetter(field), reverse=direction == "desc")
    return found


def page(request: Request, key: str, items: Sequence[T], as_json: Callable[[T], Json]) -> Answer:
    """One page, its numbers and its Link header. Raises ApiError."""
    number = request.number("page", 1)
    size = min(request.number("per_page", 25), LARGEST_PAGE)
    last = max(1, -(-len(items) // size))
    numbers = {
        "page": number,
        "per_page": size,
        "previous_page": number - 1 if number > 1 else None,
        "next_page": number + 1 if number < last else None,
        "last_page": last,
        "total_entries": len(items),
    }
    shown = [as_json(item) for item in items[(number - 1) * size : number * size]]
    return Answer(200, {key: shown, "meta": {"pagination": numbers}}, _link(request, numbers))


def _link(request: Request, numbers: dict[str, int | None]) -> tuple[tuple[str, str], ...]:
    targets = {
        "prev": numbers["previous_page"],
        "next": numbers["next_page"],
        "last": numbers["last_page"],
    }
    links = [
        f'<{request.origin}{request.path}?{_query(request, target)}>; rel="{word}"'
        for word, target in targets.items()
        if target is not None
    ]
    return (("Link", ", ".join(links)),)


def _query(request: Request, number: int) -> str:
    return urlencode({**request.query, "page": [str(number)]}, doseq=True)
