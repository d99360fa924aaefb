"""What a token may do. Gitea has no call for that; but it tells it when it refuses one (seen with 1.26)."""

import re
from collections.abc import Sequence

from fleet.edges.http.wire import Answer

NOT_FOR_FLEETS = ("/notifications/new", "/user", "/repos/issues/search?limit=1")
"""Harmless questions, of three scopes. A token for runners is refused at least one of them."""

_HELD = re.compile(r"token scope=(\S+)$")


def held(answers: Sequence[Answer]) -> frozenset[str] | None:
    """The scopes that a refusal names. ``all`` where none of them was refused."""
    for answer in answers:
        if answer.status == 403 and (found := _HELD.search(answer.message)):
            return frozenset(found[1].split(","))
    if any(answer.status == 403 for answer in answers) or not any(answer.is_success for answer in answers):
        return None
    return frozenset({"all"})


def root_in_refusal(answer: Answer) -> str | None:
    """Its own address, as every refusal of the API has it in front of the API's documentation."""
    url = (answer.body or {}).get("url")
    root, swagger, _ = url.rpartition("/api/swagger") if isinstance(url, str) else ("", "", "")
    return root if swagger and not answer.is_success else None
