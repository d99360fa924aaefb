"""What is wrong, in findings: each has a stable name, a severity, a sentence, and what to type (design: section 9).

``values`` has the words; the other files find, each in one place: the plan, SSH, the host, the runner, the fleet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from fleet.core.change import Plan
from fleet.core.health.of_fleet import OVERDUE, agreed_clock_off, of_fleet
from fleet.core.health.of_host import of_host
from fleet.core.health.of_plan import of_plan
from fleet.core.health.of_reach import of_reach
from fleet.core.health.of_runner import of_runner
from fleet.core.health.values import IN_GENERAL, Finding, Severity, Trouble, View
from fleet.core.machine import Machine, Phase
from fleet.core.machine_change import offline_reason

__all__ = ["IN_GENERAL", "OVERDUE", "Finding", "Severity", "Trouble", "View", "findings", "of_machine"]

_NOT_LOOKED_INTO = frozenset({Phase.ABSENT, Phase.BOOTING})

_CAUSES = {
    Trouble.DOCKER_DOWN,
    Trouble.STOPPED,
    Trouble.RESTARTING,
    Trouble.NO_REGISTRATION,
    Trouble.DELETED,
    Trouble.OTHER_GITEA,
    Trouble.OFFLINE,
}
"""Why a runner is not online."""

_OF_SETTINGS = {Trouble.DRIFT, Trouble.TAILNET, Trouble.GUARD, Trouble.OTHER_GITEA, Trouble.DOCKER_DOWN, Trouble.CACHE}
_SAYS_MORE: dict[Trouble, set[Trouble]] = {
    Trouble.UNFINISHED: _CAUSES | {Trouble.SETUP},
    Trouble.OFFLINE: _CAUSES,
    Trouble.DRIFT: _OF_SETTINGS,
    Trouble.SILENT: {Trouble.SILENT},
    Trouble.REFUSED: {Trouble.LOGIN, Trouble.HOST_KEY},
}
"""What the plan says of a machine in general, and what says the same of it with its cause."""


def findings(machines: Sequence[Machine], plan: Plan, view: View) -> tuple[Finding, ...]:
    """All that is not as wanted: of the fleet as a whole, then by machine in the order of the plan."""
    rows = {machine.name: machine for machine in machines}
    view = replace(view, clock_off=agreed_clock_off(machines))
    found = {name: tuple(of_machine(machine, view)) for name, machine in rows.items()}
    for one in of_plan(plan, rows):
        found[one.machine] = tuple(_joined(rows.get(one.machine), one, found.get(one.machine, ())))
    names = dict.fromkeys((*(change.machine for change in plan.changes), *rows))
    return (*of_fleet(view), *(one for name in names for one in found.get(name, ())))


def of_machine(machine: Machine, view: View) -> Iterator[Finding]:
    """What its host, its Docker and its runner show, whatever is planned."""
    yield from of_reach(machine)
    facts = machine.facts
    if facts is not None and machine.phase not in _NOT_LOOKED_INTO:
        yield from of_runner(machine, facts, view)
        yield from of_host(machine, facts, view)


def _joined(machine: Machine | None, planned: Finding, found: Sequence[Finding]) -> Iterator[Finding]:
    """One machine's findings and what is planned for it, none of them twice."""
    cause = next((one for one in found if machine is not None and _begins(planned, one, machine)), None)
    if cause is not None and machine is not None:
        rest = planned.sentence.removeprefix(_in_general(cause, machine))
        yield replace(cause, sentence=f"{cause.sentence}{rest}", hint=planned.hint)
    elif not any(one.trouble in _SAYS_MORE.get(planned.trouble, ()) for one in found):
        yield planned
    yield from (one for one in found if one is not cause)


def _begins(planned: Finding, one: Finding, machine: Machine) -> bool:
    """Whether the plan speaks of this very trouble, and goes on to say what comes next."""
    general = _in_general(one, machine)
    return bool(general) and planned.sentence.startswith(general)


def _in_general(one: Finding, machine: Machine) -> str:
    return offline_reason(machine) if one.trouble in _CAUSES else IN_GENERAL.get(one.trouble, "")
