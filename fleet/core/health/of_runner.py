"""What is wrong between Docker, the runner in it, and its record in Gitea."""

from collections.abc import Iterator

from fleet.core.docker_seen import RunnerContainer
from fleet.core.facts import HostFacts
from fleet.core.health.values import IN_GENERAL, Finding, Severity, Trouble, View, mended_later
from fleet.core.known_bad import known_bad
from fleet.core.machine import Machine, Phase
from fleet.core.runner_version import read_runner
from fleet.core.setup import same_url

RESTARTS = 3
"""So many restarts are a loop, if the last was but now."""

JUST_NOW = 600
"""Seconds after its start in which a runner with so many restarts is not believed to stay."""

_MAY_BE_STOPPED = frozenset({Phase.DRAINING, Phase.DRAINED, Phase.HELD})


def of_runner(machine: Machine, facts: HostFacts, view: View) -> Iterator[Finding]:
    """From the ground up: where Docker is down, nothing is said of what would run in it."""
    if _set_up_was_cut(machine, facts):
        sentence = "its set-up was begun, and has not come to its end"
        yield Finding(Trouble.SETUP, Severity.WARNING, machine.name, sentence, "fleet up")
        return
    if not facts.docker:
        yield from _docker_down(machine, facts)
        return
    yield from _docker_bad(machine, facts)
    yield from _registration(machine, facts, view)
    container = facts.container
    if container is not None and (container.restarting or _is_loop(container, facts)):
        yield _restarting(machine, container)
    elif facts.registration is not None and (container is None or not container.running):
        yield from _stopped(machine, container)
    elif container is not None and machine.runner is not None and not machine.runner.online:
        sentence = "its runner runs, and Gitea does not hear from it"
        yield Finding(Trouble.OFFLINE, Severity.ERROR, machine.name, sentence, f"fleet logs {machine.name}")
    yield from _cache(machine, facts, view)


def _set_up_was_cut(machine: Machine, facts: HostFacts) -> bool:
    """Nobody is at it, and nothing of ours is there yet but its log."""
    there = facts.registration is not None or facts.container is not None or bool(machine.runners)
    return facts.setup_began and not facts.setup_running and not there


def _docker_down(machine: Machine, facts: HostFacts) -> Iterator[Finding]:
    """Of a host that has had one."""
    if facts.registration is None and not {"docker.io", "docker-ce"} & facts.packages:
        return
    what = f"Docker gives no answer: {facts.docker_trouble}" if facts.docker_active else "Docker is not running"
    yield Finding(Trouble.DOCKER_DOWN, Severity.ERROR, machine.name, f"{what}{mended_later(machine)}", _repair(machine))


def _docker_bad(machine: Machine, facts: HostFacts) -> Iterator[Finding]:
    """The first of what is known: that which breaks jobs is told before the rest."""
    runner = read_runner(machine.pool.runner.image) if machine.pool else None
    for one in known_bad(facts.docker, runner)[:1]:
        severity = Severity.ERROR if one.breaks else Severity.NOTE
        yield Finding(Trouble.DOCKER_BAD, severity, machine.name, one.sentence, one.fix)


def _registration(machine: Machine, facts: HostFacts, view: View) -> Iterator[Finding]:
    record, wanted = facts.registration, view.inventory.gitea.runner_url
    later = mended_later(machine)
    if record is None:
        if facts.container is not None or machine.runners:
            sentence = f"its .runner is missing, so that its runner does not know who it is{later}"
            yield Finding(Trouble.NO_REGISTRATION, Severity.ERROR, machine.name, sentence, _repair(machine))
    elif not same_url(record.address, wanted):
        online = machine.runner is not None and machine.runner.online
        severity = Severity.WARNING if online else Severity.ERROR
        sentence = f"its runner is registered at {record.address}, and the inventory says {wanted}{later}"
        yield Finding(Trouble.OTHER_GITEA, severity, machine.name, sentence, _repair(machine))
    elif machine.runner is None:
        sentence = f"Gitea has no runner {record.id} ({record.name}) any more: somebody has deleted its record{later}"
        yield Finding(Trouble.DELETED, Severity.ERROR, machine.name, sentence, _repair(machine))


def _is_loop(container: RunnerContainer, facts: HostFacts) -> bool:
    return container.restarts >= RESTARTS and facts.clock - container.started < JUST_NOW


def _restarting(machine: Machine, container: RunnerContainer) -> Finding:
    sentence = f"its runner starts again and again: {container.restarts} restarts{_ended(container)}"
    return Finding(Trouble.RESTARTING, Severity.ERROR, machine.name, sentence, f"fleet logs {machine.name}")


def _stopped(machine: Machine, container: RunnerContainer | None) -> Iterator[Finding]:
    if machine.phase in _MAY_BE_STOPPED:
        return
    what = f"its runner is stopped{_ended(container)}" if container else "its runner has no container"
    given_up = "; Gitea gives its jobs up within 15 min, and nothing is touched before" if machine.jobs else ""
    yield Finding(Trouble.STOPPED, Severity.ERROR, machine.name, what + given_up, _repair(machine))


def _ended(container: RunnerContainer) -> str:
    why = " for want of memory" if container.killed else ""
    return f", it ended with {container.exit_code}{why}" if container.exit_code or container.killed else ""


def _cache(machine: Machine, facts: HostFacts, view: View) -> Iterator[Finding]:
    wanted = view.wanted(machine)
    if facts.cache_silent and wanted is not None:
        sentence = f"{IN_GENERAL[Trouble.CACHE]} at {wanted.jobs.cache}{mended_later(machine)}"
        yield Finding(Trouble.CACHE, Severity.WARNING, machine.name, sentence, f"fleet logs {machine.name}")


def _repair(machine: Machine) -> str:
    return f"fleet repair {machine.name}"
