"""What an earlier run has tried on a machine that is in trouble: one tag, ``repair``, ``<rung>.<epoch>``."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from fleet.core.names import Tag


class Rung(StrEnum):
    """One thing to try, the gentlest first: this is the order of the ladder. The text is in the tag.

    ``REBOOT`` is for a host that asks for it and is well otherwise: no trouble begins there.
    """

    REBOOT = "reboot"
    CLEAN = "clean"
    RESTART = "restart"
    SET_UP = "set-up"
    REGISTER = "register"
    RESET = "reset"
    REBUILD = "rebuild"


ORDER = tuple(Rung)

HARD = frozenset({Rung.RESET, Rung.REBUILD})
"""For servers alone: they take the power away, or the disk."""

BOOTS = frozenset({Rung.REBOOT, *HARD})
"""After these a host is silent for a while, and that is no trouble."""

GRACE = {
    Rung.REBOOT: timedelta(minutes=15),
    Rung.CLEAN: timedelta(minutes=10),
    Rung.RESTART: timedelta(minutes=5),
    Rung.SET_UP: timedelta(minutes=10),
    Rung.REGISTER: timedelta(minutes=5),
    Rung.RESET: timedelta(minutes=15),
    Rung.REBUILD: timedelta(minutes=15),
}
"""How long a rung has to help, before the next one is tried."""

WELL = timedelta(minutes=30)
"""After this, a machine that is in service has forgotten what was tried on it. Longer than any grace: what helps for a
moment only leads on, and not back to where it began."""


EPOCH_DIGITS = 11
"""More is no time that we have written."""


@dataclass(frozen=True, slots=True)
class Tried:
    """The highest rung that was tried, and when."""

    rung: Rung
    at: datetime


def read_tried(tags: Mapping[str, str]) -> Tried | None:
    """What the tag says; None when there is none, or none that can be read."""
    word, _, epoch = tags.get(Tag.REPAIR, "").partition(".")
    at = _time(epoch)
    return Tried(Rung(word), at) if word in set(Rung) and at is not None else None


def read_silent_since(tags: Mapping[str, str]) -> datetime | None:
    """Since when an earlier look found it silent (tag ``suspect``); None when none did."""
    epoch = tags.get(Tag.SUSPECT, "").rpartition(".")[2]
    return _time(epoch)


def tried_tag(rung: Rung, at: datetime) -> dict[str, str | None]:
    """The change of tags that remembers a rung."""
    return {Tag.REPAIR: f"{rung}.{int(at.timestamp())}"}


def _time(epoch: str) -> datetime | None:
    if not epoch.isdecimal() or len(epoch) > EPOCH_DIGITS:
        return None
    return datetime.fromtimestamp(int(epoch), tz=UTC)
