"""How a change of one machine begins: its verb, its reason, and the steps that this machine may see."""

from fleet.core.change import Change, Verb
from fleet.core.lifecycle import INTO_SERVICE, Step, on_static
from fleet.core.machine import Asker, Machine
from fleet.core.names import read_machine_name


def change_of(
    verb: Verb, machine: Machine, reason: str, *, steps: tuple[Step, ...] | None = None, hint: str = ""
) -> Change:
    """The one place where steps of a machine begin: those that a static host must never see end here."""
    todo = INTO_SERVICE[machine.phase] if steps is None else steps
    if machine.static is not None:
        todo = on_static(todo)
    return Change(verb, machine.name, pool_of(machine.name), reason, todo, hint)


def pool_of(name: str) -> str:
    """The pool in a machine's name."""
    parts = read_machine_name(name)
    return parts.pool if parts else ""


def held(machine: Machine) -> Change:
    """A person keeps it as it is."""
    return change_of(Verb.KEEP, machine, "held by a person", steps=(), hint=f"fleet release {machine.name}")


def drained(machine: Machine) -> Change:
    """It takes no new job, and is left alone. Only a person brings back what a person has drained."""
    if machine.asker is Asker.SCALE:
        return change_of(Verb.KEEP, machine, "is leaving: asked by scale", hint=f"fleet down {machine.name}")
    hint = f"fleet enable {machine.name}, or fleet down {machine.name}"
    return change_of(Verb.KEEP, machine, "drained by a person: it takes no new job", hint=hint)


def jobs_of(machine: Machine) -> str:
    """What it is busy with, in words."""
    if not machine.jobs:
        return "a task container"
    return ", ".join(f"job {job.id} ({job.name})" for job in machine.jobs)


def offline_reason(machine: Machine) -> str:
    """What a plan begins with where a host answers and its runner is not online; findings know more of the cause."""
    if machine.asker is not None:
        return "a repair was not finished"
    facts = machine.facts
    if facts is not None and not facts.docker:
        return "its Docker does not answer"
    if facts is not None and (facts.container is None or not facts.container.running):
        return "its runner is stopped"
    return "Gitea says offline"
