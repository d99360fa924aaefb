"""Reading a whole list page by page while others change it."""

from collections.abc import Callable

from fleet.core.errors import GiteaError
from fleet.edges.gitea.values import Body, Page

READINGS = 3


def read_list(page: Callable[[int, int], Page], page_size: int, doing: str) -> list[Body]:
    """All items, each id once; ``page`` takes a number (from 1) and a size, which the server may lower.

    Gitea sorts runners by last contact and jobs not at all: between two pages an item may move, come or go.
    A reading is whole when every page told the same total and that many ids were seen. The next reading cuts
    the pages elsewhere, so that items which tie at an edge are met in one reading or the other.
    Raises GiteaError when no reading was whole: part of a list would mean "gone" for the rest.
    """
    seen: dict[int, Body] = {}
    total = -1
    for reading in range(READINGS):
        found, totals = _read_pages(page, max(1, page_size * (10 - reading) // 10))
        if totals != {total}:
            seen, total = {}, totals.pop() if len(totals) == 1 else -1
        seen |= found
        if len(seen) == total:
            return list(seen.values())
        if len(seen) > total:  # something went and something came: what was seen does not belong together
            total = -1
    raise GiteaError(f"could not {doing}: the list kept changing", hint="type the same command again")


def _read_pages(page: Callable[[int, int], Page], size: int) -> tuple[dict[int, Body], set[int]]:
    """What was on the pages, and every total they told. Ends at a page that brings nothing new."""
    found: dict[int, Body] = {}
    totals: set[int] = set()
    number = 0
    while True:
        number += 1
        total, items = page(number, size)
        totals.add(total)
        if items.keys() <= found.keys():
            return found, totals
        found |= items
        if len(found) >= max(totals):
            return found, totals


def read_newest(page: Callable[[int, int], Page], page_size: int) -> tuple[list[Body], bool]:
    """The newest items of a list that is sorted by id, in whichever direction: its first page, or its last. And whether
    that is all there is.

    The first page also says how many items this server gives on one, which may be fewer than were asked for.
    """
    total, first = page(1, page_size)
    ids = list(first)
    newest_first = len(ids) > 1 and ids == sorted(ids, reverse=True)
    whole = len(ids) >= total
    if not ids or whole or newest_first:
        return list(first.values()), whole
    size = _with_the_fullest_last_page(total, len(ids))
    _, last = page(-(-total // size), size)
    return list(last.values()), False


def _with_the_fullest_last_page(total: int, most: int) -> int:
    return max(range(most // 2 + 1, most + 1), key=lambda size: (total - 1) % size)
