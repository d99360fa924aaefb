"""A job's log, a part at a time: Gitea gives any range of it, also while the job runs (seen with 1.26)."""

import re

from fleet.core.errors import Refused
from fleet.core.orders import LogPart
from fleet.edges.http.wire import Answer

MOST = 256 * 1024
"""Bytes of the end of a log that are asked for first."""

_SPAN = re.compile(r"bytes (\d+)-\d+/\d+")


def span_header(since: int | None) -> dict[str, str]:
    """Asks for what is there from this byte on; None: for the end of it."""
    return {"Accept": "*/*", "Range": f"bytes=-{MOST}" if since is None else f"bytes={since}-"}


def is_beyond(answer: Answer) -> bool:
    """Whether there is nothing new."""
    return answer.status == 416


def log_part(answer: Answer, since: int | None) -> LogPart:
    """The part in an answer. A server that knows no ranges gives all of it."""
    found = _SPAN.match(answer.span)
    if answer.status == 206 and found:
        begin = int(found[1])
        return LogPart(answer.content, begin, begin + len(answer.content))
    begin = min(since or 0, len(answer.content))
    return LogPart(answer.content[begin:], begin, len(answer.content))


def no_log(answer: Answer, job_id: int) -> Refused:
    """Of a job that has not begun, or whose log was cleaned up: its errors say which."""
    errors = (answer.body or {}).get("errors")
    why = ", ".join(map(str, errors)) if isinstance(errors, list) and errors else answer.message or "not found"
    return Refused(f"Gitea has no log of job {job_id}: {why}", hint="fleet jobs shows which jobs run, and which wait")
