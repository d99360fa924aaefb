"""How long ago, as a person says it."""

from datetime import datetime


def age(since: datetime, now: datetime) -> str:
    """``40 s``, ``12 min``, ``3 h``, ``5 d``: two digits are enough."""
    seconds = max(0, int((now - since).total_seconds()))
    for size, unit in ((1, "s"), (60, "min"), (3600, "h")):
        if seconds < 100 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds // 86400} d"
