"""Runner records of ours without a server: cordoned and noted by one pass, removed by a later one."""

from fleet.core.errors import Deferred
from fleet.core.observation import JobState, Runner
from fleet.core.record import ghost_tag
from fleet.engine import memory
from fleet.engine.work import Work


def note(work: Work) -> None:
    """Cordon it where Gitea can, and remember since when it is a ghost."""
    now = int(work.world.cloud.now().timestamp())
    for one in _records(work):
        work.world.gitea.set_disabled(one.id, True)
        memory.write(work.world, ghost_tag(one.id, now))


def forget(work: Work) -> None:
    """Remove the record, once more confirmed by id: offline, without a job, without a server of its name."""
    if work.world.cloud.server_named(work.name) is not None:
        raise Deferred(f"{work.name} has a server again")
    running = {job.runner_id for job in work.world.gitea.jobs(fresh=True) if job.state is JobState.RUNNING}
    for one in _records(work):
        if one.online or one.id in running:
            raise Deferred(f"runner {one.id} ({one.name}) is online, or has a job")
        work.world.gitea.delete_runner(one.id)
        if one.id in memory.read(work.world).ghosts:
            memory.write(work.world, ghost_tag(one.id, None))


def _records(work: Work) -> list[Runner]:
    seen = work.machine.runners if work.machine else ()
    found = (work.world.gitea.runner(one.id) for one in seen)
    return [one for one in found if one is not None and one.name == work.name]
