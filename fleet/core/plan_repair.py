"""The change of a machine in trouble: the rung whose turn it is, the wait for its grace, or a word to a person."""

from collections.abc import Mapping
from dataclasses import replace

from fleet.core.change import Change, Verb
from fleet.core.health import Trouble
from fleet.core.lifecycle import BACK, EMPTIED, Step
from fleet.core.machine import BOOT_GRACE, Asker, Machine
from fleet.core.machine_change import change_of
from fleet.core.repair import LADDER, SILENT_STEPS, STEPS, WORDS, Now, Turn, after, rungs_for, story, turn
from fleet.core.rungs import HARD, Rung, Tried, read_silent_since, read_tried


def repaired(
    machine: Machine, trouble: Trouble, what: str, now: Now, *, useless: frozenset[Rung] = frozenset()
) -> Change:
    """The next rung for a machine whose host answers, and that has no job. ``useless``: rungs to pass over."""
    tried = read_tried(machine.tags)
    rungs = rungs_for(trouble, useless, static=machine.static is not None)
    found = turn(rungs, tried, now)
    if found.climb in HARD and now.cut_off and not now.asked:
        return _cut_off(machine, what)
    if found.climb is not None:
        return _climb(machine, what, found.climb, tried, STEPS)
    if tried is not None and found.until is not None and machine.asker is Asker.REPAIR:
        # Begun by a run that was killed, or failed: gone on with, and not begun again.
        return change_of(Verb.REPAIR, machine, f"{what}: {WORDS[tried.rung]}", steps=(*EMPTIED, *BACK))
    return _wait(machine, what, found, rungs, tried)


def repaired_silent(machine: Machine, now: Now) -> Change:
    """The same for a server that does not answer: noted first, for a single look is no reason to reset anything."""
    what = "SSH is silent and Gitea says offline"
    rungs, tried, since = LADDER[Trouble.LOST], read_tried(machine.tags), read_silent_since(machine.tags)
    if since is None and not now.asked:
        return change_of(Verb.REPAIR, machine, what, steps=(Step.SUSPECT,))
    waits = since is not None and not now.asked and now.at < since + BOOT_GRACE
    found = Turn(until=since + BOOT_GRACE) if waits and since else turn(rungs, tried, now)
    if found.climb is not None:
        return _climb(machine, what, found.climb, tried, SILENT_STEPS)
    return _wait(machine, what, found, rungs, tried)


def _climb(
    machine: Machine, what: str, rung: Rung, tried: Tried | None, steps: Mapping[Rung, tuple[Step, ...]]
) -> Change:
    before = f", also after {WORDS[tried.rung]}" if tried is not None else ""
    change = change_of(Verb.REPAIR, machine, f"{what}{before}: next is {WORDS[rung]}", steps=steps[rung])
    return replace(change, rung=rung)


def _wait(machine: Machine, what: str, found: Turn, rungs: tuple[Rung, ...], tried: Tried | None) -> Change:
    """For the grace of what was tried; or, at the end of the ladder, for a person."""
    if found.until is None:
        told = f"{what}, {story(rungs, tried)}" if tried is not None else what
        return change_of(Verb.REFUSE, machine, told, steps=(), hint=_for_a_person(machine))
    since = f", also after {WORDS[tried.rung]} at {tried.at:%H:%M}" if tried is not None else ""
    higher = after(rungs, tried)
    following = WORDS[higher[0]] if higher else "a person's turn"
    reason = f"{what}{since}: next is {following}, after {found.until:%H:%M} UTC"
    return change_of(Verb.KEEP, machine, reason, steps=(), hint=f"not to wait: fleet repair {machine.name}")


def _for_a_person(machine: Machine) -> str:
    look = f"fleet ssh {machine.name}, and when the cause is gone: fleet repair {machine.name}"
    return look if machine.static is not None else f"{look}; or a new one: fleet down {machine.name}, then fleet up"


def _cut_off(machine: Machine, what: str) -> Change:
    """No reset of everything for a fault of Gitea, or of the way to it. Kept, and told: it is no failure of a pass."""
    reason = f"{what}, and so are all others: the machines themselves are hardly at fault, and are not reset for it"
    hint = f"does Gitea answer there? fleet logs {machine.name}; to go on all the same: fleet repair {machine.name}"
    return change_of(Verb.KEEP, machine, reason, steps=(), hint=hint)
