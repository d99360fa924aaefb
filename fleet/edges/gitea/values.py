"""Gitea's JSON, taken apart. A missing or strange field raises KeyError, TypeError or ValueError."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fleet.core.observation import Job, JobState, Runner
from fleet.core.orders import Credentials
from fleet.core.plain import plain
from fleet.core.secret import Secret

Body = Mapping[str, Any]
Page = tuple[int, dict[int, Body]]  # the total of the whole list, and this page's items by id


def page(body: Body, what: str) -> Page:
    """One page of a list. Gitea writes an empty one as ``[]`` or ``null``."""
    return int(body["total_count"]), {int(item["id"]): item for item in body[what] or ()}


def runner(item: Body) -> Runner:
    """``disabled`` is absent before Gitea 1.26."""
    return Runner(
        id=int(item["id"]),
        name=text(item, "name"),
        online=item["status"] == "online",
        busy=bool(item["busy"]),
        labels=frozenset(text(label, "name") for label in item["labels"] or ()),
        disabled=item.get("disabled"),
    )


def job(item: Body, state: JobState) -> Job:
    """A job out of the list of that state. ``runner_id`` is absent or 0 until it has one."""
    created = _time(item["created_at"])
    if created is None:
        raise ValueError("created_at is empty")
    return Job(
        id=int(item["id"]),
        name=plain(text(item, "name")),
        state=state,
        labels=frozenset(plain(str(label)) for label in item["labels"] or ()),
        runner_id=int(item.get("runner_id") or 0) or None,
        created=created,
        started=_time(item.get("started_at")),
        repo=_repo(text(item, "url")),
        url=text(item, "html_url"),
        run=int(item.get("run_id") or 0),
        attempt=int(item.get("run_attempt") or 1),
        ended=_time(item.get("completed_at")),
    )


def credentials(answer: Body) -> Credentials:
    """What ``Register`` answers. The runner protocol's JSON has 64-bit numbers as text."""
    item = answer["runner"]
    return Credentials(int(item["id"]), text(item, "uuid"), Secret(text(item, "token")))


def runner_id(answer: Body) -> int:
    """Which runner ``Declare`` was of."""
    return int(answer["runner"]["id"])


def text(item: Body, key: str) -> str:
    """A field that must be text."""
    value = item[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} is not text")
    return value


def _time(value: str | None) -> datetime | None:
    """Gitea writes 1970 for "not yet"."""
    when = datetime.fromisoformat(value) if value else None
    return when.astimezone(UTC) if when and when.year > 1970 else None


def _repo(url: str) -> str:
    found = re.search(r"/api/v1/repos/([^/]+/[^/]+)/", url)
    return found[1] if found else ""
