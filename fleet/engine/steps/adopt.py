"""A hand-made runner makes room for ours, as carefully as one of ours would leave: cordoned, empty, stopped, and only
then deregistered. What it was made of stays on the host, and does not start again."""

import json
import shlex

from fleet.core.errors import Deferred, RunnerUnknown, StepFailed
from fleet.core.facts import HandMade
from fleet.core.machine import draining_label
from fleet.core.names import Tag
from fleet.core.observation import JobState, Runner
from fleet.core.orders import Credentials
from fleet.core.secret import Secret
from fleet.engine.steps.enter import say_whose
from fleet.engine.steps.leave import FLIGHT
from fleet.engine.wait import wait_for
from fleet.engine.work import Work


def adopt(work: Work) -> None:
    """Take over from every runner in a container that is there. Raises Deferred while one has a job.

    What is being taken over is remembered, so that a run that was killed when it had stopped is gone on with.
    """
    work.host()  # the lock, before anything is said to Gitea
    say_whose(work)
    for old in work.look().hand_made:
        _take_over(work, old)
    file = work.tags.get(Tag.ADOPTING)
    if file:
        _deregister(work, file)
        work.remember({Tag.ADOPTING: None})
    work.look()


def _take_over(work: Work, old: HandMade) -> None:
    if old.registration is None:
        raise StepFailed(f"the .runner of {old.container} on {work.name} was not found", hint="stop it yourself")
    record = _record(work, old.file)
    if record is not None:
        _cordon(work, record, old.file)
    _must_be_empty(work, record)
    if record is not None:
        work.remember({Tag.ADOPTING: old.file})
    _stop(work, old)
    _must_be_empty(work, record)
    _deregister(work, old.file)


def _record(work: Work, file: str) -> Runner | None:
    """Gitea's record of it, proven by its own credentials. None when Gitea does not know these.

    Raises StepFailed when it is a runner that we cannot see, and so cannot see the jobs of.
    """
    who, labels = _identity(work, file)
    try:
        number = work.world.gitea.declare(who, labels)  # its own: nothing changes
    except RunnerUnknown:
        return None
    record = work.world.gitea.runner(number)
    if record is None:
        raise StepFailed(
            f"Gitea knows the hand-made runner of {work.name}, and not in the inventory's scope",
            hint="stop it yourself when it is idle",
        )
    return record


def _identity(work: Work, file: str) -> tuple[Credentials, list[str]]:
    """What its ``.runner`` holds: who it is, and the names of its labels."""
    data = json.loads(work.must_run(f"cat {shlex.quote(file)}", "read the other runner's .runner"))
    labels = [str(label).partition(":")[0] for label in data.get("labels") or ()]
    return Credentials(int(data["id"]), str(data["uuid"]), Secret(str(data["token"]))), labels


def _deregister(work: Work, file: str) -> None:
    record = _record(work, file)
    if record is not None:
        work.tell(f"deregister runner {record.id} ({record.name}), whose .runner is {file}")
        work.world.gitea.delete_runner(record.id)


def _cordon(work: Work, record: Runner, file: str) -> None:
    if not work.world.gitea.set_disabled(record.id, True):
        who, _ = _identity(work, file)
        work.world.gitea.declare(who, [draining_label(work.world.inventory.name)])
    work.world.clock.sleep(FLIGHT)


def _must_be_empty(work: Work, record: Runner | None) -> None:
    running = [job for job in work.world.gitea.jobs(fresh=True) if job.state is JobState.RUNNING]
    mine = [job for job in running if record is not None and job.runner_id == record.id]
    if mine:
        names = ", ".join(f"job {job.id} ({job.name})" for job in mine)
        raise Deferred(f"the hand-made runner on {work.name} runs {names}")
    tasks = work.look().tasks
    if tasks:
        raise Deferred(f"the hand-made runner on {work.name} has task containers: {', '.join(tasks)}")


def _stop(work: Work, old: HandMade) -> None:
    """It is idle, so that its end is soon; no restart of Docker or of the host brings it back."""
    name = shlex.quote(old.container)
    command = f"docker update --restart=no {name} >/dev/null && docker kill --signal TERM {name} >/dev/null"
    work.must_run(command, f"stop {old.container}")
    limit = work.world.limits.stop
    if not wait_for(work.world.clock, lambda: _has_stopped(work, name) or None, limit=limit, first=0.2, longest=2):
        raise Deferred(f"{old.container} on {work.name} has not stopped within {limit:.0f} seconds")


def _has_stopped(work: Work, name: str) -> bool:
    running = work.must_run(f"docker container inspect --format '{{{{.State.Running}}}}' {name}", f"look at {name}")
    return running.strip() == "false"
