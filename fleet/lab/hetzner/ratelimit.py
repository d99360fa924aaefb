"""The request budget of a project: a bucket that refills evenly over the hour."""

import math
from dataclasses import dataclass
from datetime import datetime


@dataclass(slots=True)
class RateLimit:
    """At most `per_hour` requests at once; as many come back in an hour, one by one."""

    per_hour: int
    left: float
    seen: datetime

    def take(self, now: datetime) -> bool:
        """Use one request; False where none is left."""
        gained = max(0.0, (now - self.seen).total_seconds()) * self.per_hour / 3600
        self.left, self.seen = min(float(self.per_hour), self.left + gained), now
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def headers(self) -> tuple[tuple[str, str], ...]:
        full_in = (self.per_hour - self.left) * 3600 / self.per_hour
        return (
            ("RateLimit-Limit", str(self.per_hour)),
            ("RateLimit-Remaining", str(int(self.left))),
            ("RateLimit-Reset", str(math.ceil(self.seen.timestamp() + full_in))),
        )
