"""How a key of ours is known again, by another process too, so that it can be revoked when its own was killed.

Tailscale and the newer Headscale keep a description with a key. The older Headscale keeps nothing that one may write
but the moment a key expires: there the microseconds carry the mark. A colleague's key is taken for ours only if it
has the same tags, is for one use, ephemeral, unused, short-lived *and* has our microseconds: one in a million.
"""

import hashlib
from datetime import datetime, timedelta

LONGEST = 900
"""Seconds that a key of ours may live: anything older in a list is not ours."""

DESCRIPTION = 50
"""Characters of a description: letters, digits, hyphens and spaces (Tailscale's and Headscale's API: keys)."""


class Marks:
    """The marks of one fleet's keys. ``fleet``: what tells it from a namesake with another Gitea."""

    def __init__(self, fleet: str) -> None:
        self._fleet = fleet

    def description(self, machine: str) -> str:
        """For a person and for us: the mark comes first, because a long name is cut."""
        return f"{self._prefix(machine)} {machine}"[:DESCRIPTION].rstrip()

    def is_described(self, machine: str, description: str) -> bool:
        """Whether a key with this description is ours, for this machine."""
        return description.startswith(self._prefix(machine))

    def expiry(self, machine: str, now: datetime, seconds: int) -> datetime:
        """When a key for this machine expires, marked. ``now``: by the server's clock, ours may be wrong."""
        return (now + timedelta(seconds=seconds)).replace(microsecond=self._microsecond(machine))

    def is_marked(self, machine: str, made: datetime, expires: datetime) -> bool:
        """Whether a key that was made and expires then is ours, for this machine."""
        lives = (expires - made).total_seconds()
        return expires.microsecond == self._microsecond(machine) and 0 < lives <= LONGEST + 1

    def _prefix(self, machine: str) -> str:
        return f"fleet {self._digest(machine)[:10]}"

    def _microsecond(self, machine: str) -> int:
        """Never 0, which a moment written by hand has."""
        return 1 + int(self._digest(machine), 16) % 999_999

    def _digest(self, machine: str) -> str:
        return hashlib.sha256(f"{self._fleet} {machine}".encode()).hexdigest()
