"""How long something took, or is ago, as a person says it."""

from datetime import datetime


def age(since: datetime, now: datetime) -> str:
    """How long ago that was."""
    return span((now - since).total_seconds())


def span(seconds: float) -> str:
    """``40 s``, ``12 min``, ``3 h``, ``5 d``: two digits are enough."""
    whole = max(0, int(seconds))
    for size, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if whole < 100 * size:
            return f"{whole // size} {unit}"
    return f"{whole // 86400} d"
