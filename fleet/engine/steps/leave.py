"""The way out, without losing a job (design: section 6). Each line is resumable and looks before it acts.

The proof that a machine is empty is Gitea's list of jobs in progress; task containers on the host are the second.
Gitea's own "busy" is a guess of ten seconds and proves nothing.
"""

from collections.abc import Mapping, Sequence

from fleet.core.errors import Deferred, HostError, HostLocked, NamesakeRefused, RunnerUnknown, StepFailed
from fleet.core.facts import HostFacts
from fleet.core.lifecycle import Step
from fleet.core.machine import Asker, asker_of, draining_label, is_held
from fleet.core.names import Tag, fleet_label, is_ours
from fleet.core.observation import Job, JobState, Runner
from fleet.core.serving import KEEPS
from fleet.core.setup import CONTAINER, FETCH_TIMEOUT
from fleet.engine.steps.credentials import credentials
from fleet.engine.steps.freeze import end, frozen
from fleet.engine.wait import wait_for
from fleet.engine.work import Work

FLIGHT = FETCH_TIMEOUT + 1
"""Seconds after a cordon until a request for a task that was already under way has its answer."""


ASKERS = {Step.ASK_REPAIR: Asker.REPAIR, Step.ASK_SCALE: Asker.SCALE, Step.ASK_LEAVE: Asker.PERSON}


def go_last(work: Work) -> None:
    """Not while others leave that use what this one serves: a later look finds it alone, and asks it to leave."""
    raise Deferred(f"{work.name} {KEEPS}: it leaves last")


def ask(work: Work, step: Step) -> None:
    """Say on the server who wants it out of service (or back), before anything else is done.

    Looks at the tags of now: what a person has said since the plan was made is not overruled by a pass.
    """
    _lock(work)
    asker = ASKERS[step]
    tags = _tags_by_id(work)
    if tags is None:
        return
    now = work.world.cloud.now()
    if is_held(tags, now):
        raise Deferred(f"{work.name} is held by a person")
    planned = work.machine.asker if work.machine else None
    if asker_of(tags) is Asker.PERSON and Asker.PERSON not in {asker, planned}:
        raise Deferred(f"a person has asked {work.name} to leave")
    _must_be_as_planned(work, tags)
    if asker_of(tags) is not asker:
        work.remember({Tag.DRAINING: f"{asker}.{int(now.timestamp())}"})


def _must_be_as_planned(work: Work, tags: Mapping[str, str]) -> None:
    """Each rung once: somebody else may have climbed since the plan was made. Raises Deferred."""
    planned = work.machine.tags.get(Tag.REPAIR) if work.machine else None
    if work.change.rung is not None and tags.get(Tag.REPAIR) != planned:
        raise Deferred(f"somebody else has repaired {work.name} since it was looked at")


def _tags_by_id(work: Work) -> Mapping[str, str] | None:
    """As they are now, of the server that was seen or is found by name now; None when it is gone."""
    if work.static is None:
        work.must_have_server()
    return work.tags_now()


def _lock(work: Work) -> None:
    """The host's lock before anything is said: a repair under way elsewhere would take our cordon back.

    A host that does not answer has nobody at work on it; what may be done to it, later steps decide.
    """
    try:
        work.host()
    except HostLocked:
        raise
    except HostError:
        return


def cordon(work: Work) -> None:
    """No new job: by Gitea where it can disable runners, else by the runner's own credentials and a label nobody
    asks for. Jobs that run go on. Then wait until a request in flight has been answered.

    One that is offline is disabled too: it may come back at any moment. Where Gitea cannot, ``stop`` looks again.
    Raises Deferred when it has jobs and only its end keeps it from more.
    """
    records = _records(work)
    loose = [one for one in records if not work.world.gitea.set_disabled(one.id, True) and one.online]
    nameless = [one for one in loose if not _declared_draining(work, one)]
    if nameless:
        _end_without_a_job(work, nameless)
    if any(one.online for one in (*records, *_records(work))):  # one may have come back in between
        work.world.clock.sleep(FLIGHT)


def _declared_draining(work: Work, runner: Runner) -> bool:
    """Whether it could be, by the credentials on its host: they may be gone, or another's."""
    who = credentials(work)
    if who is None or who.id != runner.id:
        return False
    try:
        work.world.gitea.declare(who, [draining_label(work.world.inventory.name)])
    except RunnerUnknown:
        return False
    return True


def _end_without_a_job(work: Work, nameless: Sequence[Runner]) -> None:
    """The runner of this host has lost its credentials: end it between two jobs, and see that these records were its.

    Raises Deferred when it has jobs, StepFailed when the host or its Docker does not answer.
    """
    facts = _facts(work)
    if facts is None or not facts.docker:
        what = "its host" if facts is None else "the Docker of its host"
        raise _cannot_cordon(nameless, f"{what} does not answer", "when it answers, or when the runner is offline")
    if Step.EMPTY not in work.change.steps:  # by force: a person has read which jobs die
        return
    if facts.container is not None and facts.container.running:
        work.tell("freeze the runner: it has lost its credentials, and this Gitea cannot disable it")
        empty(work)
        with frozen(work):
            _see_no_answer_come(work)
            end(work)
    work.tell("wait until Gitea calls the runner offline")
    limit = work.world.limits.offline
    if not wait_for(work.world.clock, lambda: not _online(work) or None, limit=limit, first=1, longest=5):
        raise _cannot_cordon(nameless, "it is not the one on this host", "when that runner is offline")


def _see_no_answer_come(work: Work) -> None:
    """Look until any request of a frozen runner has been answered. Raises Deferred once a job is in an answer: soon
    enough for the runner, which waits no longer than its ``fetch_timeout``, and has the job when it is thawed.
    """
    wait_for(work.world.clock, lambda: _no_job(work), limit=FLIGHT, first=0.1, longest=0.1)
    empty(work)


def _cannot_cordon(runners: Sequence[Runner], why: str, again: str) -> StepFailed:
    names = ", ".join(f"runner {one.id} ({one.name})" for one in runners)
    return StepFailed(
        f"could not cordon {names}: this Gitea cannot disable runners, and {why}",
        hint=f"type the same command again {again}",
    )


def _online(work: Work) -> list[Runner]:
    return [one for one in _records(work) if one.online]


def empty(work: Work) -> None:
    """Go on only when no job is on the machine. Raises Deferred naming the jobs otherwise."""
    _no_job(work)
    facts = _facts(work)
    if facts is not None and facts.tasks:
        raise Deferred(f"{work.name} still has task containers: {', '.join(facts.tasks)}")


def _no_job(work: Work) -> None:
    jobs = _jobs(work)
    if jobs:
        names = ", ".join(f"job {job.id} ({job.name}{' of ' + job.repo if job.repo else ''})" for job in jobs)
        raise Deferred(f"{work.name} runs {names}")


def _jobs(work: Work) -> list[Job]:
    """Jobs in progress on any record of this machine, by Gitea's word of now."""
    ids = {one.id for one in _records(work)} | {work.runner_id}
    running = (job for job in work.world.gitea.jobs(fresh=True) if job.state is JobState.RUNNING)
    return [job for job in running if job.runner_id is not None and job.runner_id in ids]


def _facts(work: Work) -> HostFacts | None:
    try:
        return work.look()
    except HostError as error:
        if isinstance(error, HostLocked):
            raise
        return None


def stop(work: Work) -> None:
    """Ask the runner to end (SIGTERM: it waits for jobs), and see that it has. It is empty, so that is soon.

    A host that does not answer can only be passed when Gitea has not heard of its runner for a minute either.
    """
    facts = _facts(work)
    if facts is None:
        must_be_offline(work)
        return
    if not facts.docker:  # a runner outlives its daemon, and may run unseen
        _must_be_cordoned(work)
        return
    if facts.container is None or not facts.container.running:
        return
    _must_be_cordoned(work)
    work.must_run(f"docker kill --signal TERM {CONTAINER} >/dev/null", "stop the runner")
    limit = work.world.limits.stop
    if not wait_for(work.world.clock, lambda: _has_stopped(work) or None, limit=limit, first=0.2, longest=2):
        raise Deferred(f"the runner of {work.name} has not stopped within {limit:.0f} seconds")
    work.look()  # or a later step, which may start it again, would still believe that it runs


def _must_be_cordoned(work: Work) -> None:
    """A runner that was away when it was cordoned, and came back since, may be asking for a job at this moment.

    Raises Deferred.
    """
    mark = draining_label(work.world.inventory.name)
    back = [one for one in _records(work) if one.online and not one.disabled and mark not in one.labels]
    if back:
        raise Deferred(f"the runner of {work.name} has come back just now, and may take a job")


def _has_stopped(work: Work) -> bool:
    status = work.must_run(
        f"docker container inspect --format '{{{{.State.Running}}}}' {CONTAINER}", "look at the runner"
    )
    return status.strip() == "false"


def must_be_offline(work: Work) -> None:
    """Raises StepFailed when Gitea, asked now, sees its runner online: then it may have or get a job."""
    if _online(work):
        raise _unsafe(work, "SSH does not answer, and Gitea says its runner is online")


def go_past(work: Work) -> None:
    """Its runner goes on: Gitea gives a disabled one no job, whatever it does, and a look has seen none on it.

    Raises StepFailed when one that is online is not disabled.
    """
    if not all(one.disabled for one in _online(work)):
        raise _unsafe(work, "SSH does not answer, its runner is online, and this Gitea cannot disable it")


def _unsafe(work: Work, why: str) -> StepFailed:
    return StepFailed(
        f"{work.name} cannot be stopped safely: {why}",
        hint="type the same command again when SSH answers, or when the runner has gone offline",
    )


def still_empty(work: Work) -> None:
    """Look again now that the runner is down: a job that Gitea still calls running is told, never hidden."""
    _no_job(work)
    _must_not_be_held(work)


def _must_not_be_held(work: Work) -> None:
    """What a person said since the change began is heard as long as there is a way back."""
    tags = work.tags_now()
    if tags is not None and is_held(tags, work.world.cloud.now()):
        raise Deferred(f"{work.name} is held by a person")


def deregister(work: Work) -> None:
    """Remove all records of ours with this name. Gitea never refuses, so the proof is what came before."""
    for one in _records(work):
        work.world.gitea.delete_runner(one.id)


def delete(work: Work) -> None:
    """Look at the server once more by id, delete it, and see it gone with all it would leave behind."""
    now = work.world.cloud.now()  # asked first: nothing is between the last look and the end
    server = work.server and work.world.cloud.server(work.server.id)
    if server is None:
        return
    inventory = work.world.inventory
    if server.name != work.name or not is_ours(server.name, server.tags, inventory.name, inventory.gitea):
        raise NamesakeRefused(f"server {server.id} is no longer {work.name} of this fleet: it is kept")
    if is_held(server.tags, now):
        raise Deferred(f"{work.name} is held by a person")
    work.world.cloud.delete_server(server)
    work.world.sessions.drop(work.name)  # not before: the lock keeps others from bringing it back meanwhile


def _records(work: Work) -> list[Runner]:
    """Gitea's records of this machine, asked by id where we know it: by name and our own label otherwise."""
    known = {one.id for one in (work.machine.runners if work.machine else ())}
    if work.facts is not None and work.facts.registration is not None:
        known.add(work.facts.registration.id)
    marks = {fleet_label(work.world.inventory.name), draining_label(work.world.inventory.name)}
    named = {one.id for one in work.world.gitea.runners() if one.name == work.name and one.labels & marks}
    found = (work.world.gitea.runner(one) for one in sorted(known | named))
    return [one for one in found if one is not None and one.name == work.name]
