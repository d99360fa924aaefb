"""New keys and credentials for machines that are there: what is done to which, and why others keep what they have."""

from collections.abc import Sequence

from fleet.core.change import Change, Verb
from fleet.core.errors import HostError
from fleet.core.lifecycle import EMPTIED, Step
from fleet.core.machine import Machine, Phase
from fleet.core.machine_change import change_of

PROVE = (Step.ADD_KEY,)
"""The new SSH key beside the old one, proven by a login."""

TAKE_OVER = (Step.ADD_KEY, Step.DROP_KEY)
"""The same, and then the old one goes."""

RENEW = (*EMPTIED, Step.RENEW, Step.UNCORDON, Step.START, Step.ONLINE, Step.BACK_AGAIN)
"""New credentials for a runner: only on a machine that is empty."""

OUT_BY_A_PERSON = frozenset({Phase.DRAINING, Phase.DRAINED, Phase.PAUSED})
UNWANTED = frozenset({Phase.GHOST, Phase.STRAY, Phase.UNKNOWN, Phase.ORPHAN})


def plan_keys(machines: Sequence[Machine], steps: tuple[Step, ...]) -> list[Change]:
    """These steps on each machine that can be logged into; the others are told, and keep the key they have.

    A static host that is out of service is left as it is.
    """
    there = (one for one in machines if one.server is not None or one.static is not None)
    return [_key(machine, steps) for machine in there if machine.phase is not Phase.ABSENT]


def _key(machine: Machine, steps: tuple[Step, ...]) -> Change:
    if machine.phase is Phase.HELD:
        return _kept(machine, "held by a person: it keeps the old key", f"fleet release {machine.name}")
    if machine.facts is None:
        return _kept(machine, f"it keeps the old key: {_said(machine)}", "type this again when it answers")
    return change_of(Verb.ROTATE, machine, "a person asked", steps=steps)


def plan_renewals(machines: Sequence[Machine], *, wait: bool) -> list[Change]:
    """New credentials for each runner, those without a job first. Without ``wait``, busy ones are left for later."""
    changes = [_renewal(machine, wait) for machine in machines if machine.phase is not Phase.ABSENT]
    busy = {machine.name for machine in machines if machine.phase is Phase.BUSY}
    return sorted(changes, key=lambda change: change.machine in busy)


def _renewal(machine: Machine, wait: bool) -> Change:
    """A host that does not answer, or that a person keeps from work, is not touched; its old credentials still work."""
    again = f"fleet rotate runners {machine.name}"
    if machine.runner is None and not machine.runners:
        return _kept(machine, "has no runner yet", "")
    if machine.phase is Phase.HELD:
        return _kept(machine, "held by a person: it keeps its credentials", f"fleet release {machine.name}")
    if machine.phase in UNWANTED:
        return _kept(machine, "the inventory does not want it: it keeps its credentials", _down(machine))
    if machine.phase in OUT_BY_A_PERSON:
        hint = f"fleet enable {machine.name}, then {again}; or {_down(machine)}"
        return _kept(machine, "out of service by a person: it keeps its credentials", hint)
    if machine.facts is None:
        return _kept(machine, f"it keeps its credentials: {_said(machine)}", f"{again}, when it answers")
    if machine.phase is Phase.BUSY and not wait:
        return _kept(machine, "busy: later", again)
    return change_of(Verb.ROTATE, machine, "a person asked", steps=RENEW)


def _down(machine: Machine) -> str:
    return f"fleet down {machine.name}"


def _said(machine: Machine) -> str:
    return machine.host.message if isinstance(machine.host, HostError) else "its host was not asked"


def _kept(machine: Machine, reason: str, hint: str) -> Change:
    return change_of(Verb.KEEP, machine, reason, steps=(), hint=hint)
