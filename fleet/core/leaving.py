"""A person's word on single machines: drain, and back again."""

from collections.abc import Sequence

from fleet.core.change import Change, Verb
from fleet.core.errors import HostOfAnother
from fleet.core.lifecycle import DRAIN, TAKE_BACK_BUSY, TAKE_BACK_EMPTY, Step
from fleet.core.machine import Machine, Phase
from fleet.core.names import read_machine_name


def plan_drain(machines: Sequence[Machine]) -> list[Change]:
    """No new job for these machines."""
    return [_drain(machine) for machine in machines]


def plan_enable(machines: Sequence[Machine]) -> list[Change]:
    """These machines back into service, whoever took them out, and also when Gitea's own page did."""
    return [_enable(machine) for machine in machines]


def _drain(machine: Machine) -> Change:
    if isinstance(machine.host, HostOfAnother):
        return _change(Verb.REFUSE, machine, machine.host.message, (), hint=machine.host.hint)
    if machine.phase is Phase.HELD:
        return _change(Verb.KEEP, machine, "held by a person", (), hint=f"fleet release {machine.name}")
    return _change(Verb.DRAIN, machine, "a person asked", DRAIN)


def _enable(machine: Machine) -> Change:
    if machine.phase is Phase.HELD:
        return _change(Verb.KEEP, machine, "held by a person", (), hint=f"fleet release {machine.name}")
    if machine.phase not in {Phase.DRAINING, Phase.DRAINED, Phase.PAUSED}:
        return _change(Verb.KEEP, machine, f"{machine.phase}: nobody took it out of service", ())
    steps = TAKE_BACK_BUSY if machine.jobs else TAKE_BACK_EMPTY
    return _change(Verb.TAKE_BACK, machine, "a person asked", steps)


def _change(verb: Verb, machine: Machine, reason: str, steps: tuple[Step, ...], hint: str = "") -> Change:
    parts = read_machine_name(machine.name)
    return Change(verb, machine.name, parts.pool if parts else "", reason, steps, hint)
