"""What is wrong, in findings: each has a stable name, a severity, a sentence, and what to type (design: section 9).

``values`` has the words; the other files find, each in one place: the plan, SSH, the host, the runner, the fleet.
"""

from collections.abc import Iterator, Sequence

from fleet.core.change import Plan
from fleet.core.health.of_fleet import OVERDUE, of_fleet
from fleet.core.health.of_host import of_host
from fleet.core.health.of_plan import of_plan
from fleet.core.health.of_reach import of_reach
from fleet.core.health.of_runner import of_runner
from fleet.core.health.values import Finding, Severity, Trouble, View
from fleet.core.machine import Machine, Phase

__all__ = ["OVERDUE", "Finding", "Severity", "Trouble", "View", "findings", "of_machine"]

_NOT_LOOKED_INTO = frozenset({Phase.ABSENT, Phase.BOOTING})

_OF_RUNNER = {
    Trouble.DOCKER_DOWN,
    Trouble.STOPPED,
    Trouble.RESTARTING,
    Trouble.NO_REGISTRATION,
    Trouble.DELETED,
    Trouble.OTHER_GITEA,
}
_OF_SETTINGS = {Trouble.DRIFT, Trouble.TAILNET, Trouble.GUARD, Trouble.OTHER_GITEA, Trouble.DOCKER_DOWN, Trouble.CACHE}
_SAYS_MORE: dict[Trouble, set[Trouble]] = {
    Trouble.UNFINISHED: _OF_RUNNER | {Trouble.SETUP},
    Trouble.OFFLINE: _OF_RUNNER | {Trouble.OFFLINE},
    Trouble.DRIFT: _OF_SETTINGS,
    Trouble.SILENT: {Trouble.SILENT},
    Trouble.REFUSED: {Trouble.LOGIN, Trouble.HOST_KEY},
}
"""What the plan says of a machine in general, and what says the same of it with its cause."""


def findings(machines: Sequence[Machine], plan: Plan, view: View) -> tuple[Finding, ...]:
    """All that is not as wanted: of the fleet as a whole, then by machine in the order of the plan."""
    rows = {machine.name: machine for machine in machines}
    found = {name: tuple(of_machine(machine, view)) for name, machine in rows.items()}
    planned: dict[str, list[Finding]] = {change.machine: [] for change in plan.changes}
    for one in of_plan(plan, rows):
        if not _is_said(one, found.get(one.machine, ())):
            planned[one.machine].append(one)
    names = dict.fromkeys((*planned, *rows))
    return (*of_fleet(view), *(one for name in names for one in (*planned.get(name, ()), *found.get(name, ()))))


def of_machine(machine: Machine, view: View) -> Iterator[Finding]:
    """What its host, its Docker and its runner show, whatever is planned."""
    yield from of_reach(machine)
    facts = machine.facts
    if facts is not None and machine.phase not in _NOT_LOOKED_INTO:
        yield from of_runner(machine, facts, view)
        yield from of_host(machine, facts, view)


def _is_said(planned: Finding, found: Sequence[Finding]) -> bool:
    return any(one.trouble in _SAYS_MORE.get(planned.trouble, ()) for one in found)
