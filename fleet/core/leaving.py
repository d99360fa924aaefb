"""A person's word on single machines: drain, and back again."""

from collections.abc import Sequence

from fleet.core.change import Change, Verb
from fleet.core.errors import HostOfAnother
from fleet.core.lifecycle import DRAIN, TAKE_BACK_BUSY, TAKE_BACK_EMPTY
from fleet.core.machine import Machine, Phase
from fleet.core.machine_change import change_of, held


def plan_drain(machines: Sequence[Machine]) -> list[Change]:
    """No new job for these machines."""
    return [_drain(machine) for machine in machines]


def plan_enable(machines: Sequence[Machine]) -> list[Change]:
    """These machines back into service, whoever took them out, and also when Gitea's own page did."""
    return [_enable(machine) for machine in machines]


def _drain(machine: Machine) -> Change:
    if isinstance(machine.host, HostOfAnother):
        return change_of(Verb.REFUSE, machine, machine.host.message, steps=(), hint=machine.host.hint)
    if machine.phase is Phase.HELD:
        return held(machine)
    return change_of(Verb.DRAIN, machine, "a person asked", steps=DRAIN)


def _enable(machine: Machine) -> Change:
    if machine.phase is Phase.HELD:
        return held(machine)
    if machine.phase not in {Phase.DRAINING, Phase.DRAINED, Phase.PAUSED}:
        return change_of(Verb.KEEP, machine, f"{machine.phase}: nobody took it out of service", steps=())
    steps = TAKE_BACK_BUSY if machine.jobs else TAKE_BACK_EMPTY
    return change_of(Verb.TAKE_BACK, machine, "a person asked", steps=steps)
