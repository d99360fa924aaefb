"""The ladder of repair: for each trouble the rungs that can help it, and which one it is the turn of.

A rung is remembered before it is done, has its grace to help, and leads to the next one when it did not. Each is tried
once in a climb; behind the last one stands a person.
"""

from dataclasses import dataclass, field
from datetime import datetime

from fleet.core.health import Trouble
from fleet.core.inventory import Upkeep
from fleet.core.lifecycle import (
    BACK,
    BACK_AS_IT_WAS,
    BACK_RENEWED,
    EMPTIED,
    EMPTIED_AND_NOTED,
    Step,
)
from fleet.core.rungs import GRACE, HARD, ORDER, Rung, Tried

LADDER: dict[Trouble, tuple[Rung, ...]] = {
    Trouble.OFFLINE: (Rung.RESTART, Rung.SET_UP, Rung.REGISTER, Rung.RESET, Rung.REBUILD),
    Trouble.LOST: (Rung.RESET, Rung.REBUILD),
    Trouble.UNFINISHED: (Rung.RESET, Rung.REBUILD),
    Trouble.DISK: (Rung.CLEAN, Rung.REBUILD),
    Trouble.LEFTOVERS: (Rung.CLEAN,),
    Trouble.CACHE: (Rung.RESTART,),
}
"""What can help, by trouble. What cannot is not there: nothing but its power reaches a host that is silent."""

STEPS: dict[Rung, tuple[Step, ...]] = {
    Rung.REBOOT: (*EMPTIED, Step.REBOOT, Step.BOOT, *BACK),
    Rung.CLEAN: (*EMPTIED_AND_NOTED, Step.CLEAN, *BACK_AS_IT_WAS),
    Rung.RESTART: (*EMPTIED_AND_NOTED, *BACK_AS_IT_WAS),
    Rung.SET_UP: (*EMPTIED_AND_NOTED, *BACK),
    Rung.REGISTER: (*EMPTIED_AND_NOTED, *BACK_RENEWED),
    Rung.RESET: (*EMPTIED, Step.RESET, Step.BOOT, *BACK),
    Rung.REBUILD: (*EMPTIED, Step.REBUILD, Step.BOOT, *BACK),
}
"""What is done to a host that answers: it is empty before anything of it restarts. A clean-up spares what a job may
need, by itself."""

SILENT_STEPS: dict[Rung, tuple[Step, ...]] = {
    Rung.RESET: (Step.RESET, Step.BOOT),
    Rung.REBUILD: (Step.REBUILD, Step.BOOT, *BACK),
}
"""The same for one that does not answer, and that Gitea has not heard of either."""

WORDS = {
    Rung.REBOOT: "a reboot",
    Rung.CLEAN: "a clean-up",
    Rung.RESTART: "a restart of its runner",
    Rung.SET_UP: "another set-up",
    Rung.REGISTER: "another registration",
    Rung.RESET: "a hard reset",
    Rung.REBUILD: "a rebuild",
}
"""Rungs as a person reads them, after "after" or "next"."""


@dataclass(frozen=True, slots=True)
class Now:
    """When, and what is true of the fleet as a whole.

    ``asked``: a person has asked for the next rung, and does not wait for a grace.
    ``upkeep``: from when on a disk is full. ``may_reboot``: the machines whose turn it would be.
    ``cut_off``: of several machines none is heard of by Gitea: the fault is hardly theirs.
    """

    at: datetime
    asked: bool = False
    cut_off: bool = False
    upkeep: Upkeep = field(default_factory=Upkeep)
    may_reboot: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Turn:
    """What is to be done now: ``climb`` this rung; or wait until ``until``; or, with neither, call a person."""

    climb: Rung | None = None
    until: datetime | None = None


def turn(rungs: tuple[Rung, ...], tried: Tried | None, now: Now) -> Turn:
    """Whose turn it is. A person who asks at the end of the ladder begins it anew."""
    if tried is not None and not now.asked and now.at < tried.at + GRACE[tried.rung]:
        return Turn(until=tried.at + GRACE[tried.rung])
    higher = after(rungs, tried)
    if higher:
        return Turn(higher[0])
    return Turn(rungs[0]) if now.asked and rungs else Turn()


def after(rungs: tuple[Rung, ...], tried: Tried | None) -> tuple[Rung, ...]:
    """Those that were not reached yet."""
    return tuple(one for one in rungs if tried is None or ORDER.index(one) > ORDER.index(tried.rung))


def rungs_for(trouble: Trouble, useless: frozenset[Rung], *, static: bool) -> tuple[Rung, ...]:
    """The rungs that can help here. Nobody takes a static host's power or disk away: it is somebody's own."""
    passed_over = useless | HARD if static else useless
    return tuple(one for one in LADDER[trouble] if one not in passed_over)


def story(rungs: tuple[Rung, ...], tried: Tried) -> str:
    """What was tried, and when the last of it was, for the person whose turn it is."""
    done = [WORDS[one] for one in rungs if one not in after(rungs, tried)] or [WORDS[tried.rung]]
    all_of_it = f"{', '.join(done[:-1])} and {done[-1]}" if done[1:] else done[0]
    return f"also after {all_of_it}; the last was at {tried.at:%Y-%m-%d %H:%M} UTC"
