"""Runner records and dead devices of ours without a server: noted by one pass, removed by a later one."""

from fleet.core.errors import Deferred
from fleet.core.machine import is_our_device
from fleet.core.observation import Device, JobState, Runner
from fleet.core.record import device_tag, ghost_tag
from fleet.engine import memory
from fleet.engine.work import Work


def note(work: Work) -> None:
    """Cordon it where Gitea can, and remember since when it is a ghost."""
    now = int(work.world.cloud.now().timestamp())
    for one in _records(work):
        work.world.gitea.set_disabled(one.id, True)
        memory.write(work.world, ghost_tag(one.id, now))
    for device in _dead(work):
        memory.write(work.world, device_tag(device.id, now))


def forget(work: Work) -> None:
    """Remove what there is, once more confirmed by id: offline, without a job, without a server of its name."""
    if work.world.cloud.server_named(work.name) is not None:
        raise Deferred(f"{work.name} has a server again")
    running = {job.runner_id for job in work.world.gitea.jobs(fresh=True) if job.state is JobState.RUNNING}
    for one in _records(work):
        if one.online or one.id in running:
            raise Deferred(f"runner {one.id} ({one.name}) is online, or has a job")
        work.world.gitea.delete_runner(one.id)
        if one.id in memory.read(work.world).ghosts:
            memory.write(work.world, ghost_tag(one.id, None))
    for device in _dead(work):
        _remove(work, device)


def _records(work: Work) -> list[Runner]:
    seen = work.machine.runners if work.machine else ()
    found = (work.world.gitea.runner(one.id) for one in seen)
    return [one for one in found if one is not None and one.name == work.name]


def _dead(work: Work) -> list[Device]:
    """Of the devices that were seen offline, those that still are, and still are ours."""
    world = work.world
    if world.tailnet is None or world.inventory.tailnet is None or work.machine is None:
        return []
    seen = {one.id for one in work.machine.devices if one.online is False}
    now = (one for one in world.tailnet.devices(fresh=True) if one.id in seen and one.hostname == work.name)
    settings = world.inventory.tailnet
    return [one for one in now if one.online is False and is_our_device(one, world.inventory.name, settings)]


def _remove(work: Work, device: Device) -> None:
    assert work.world.tailnet is not None
    work.world.tailnet.remove_device(device.id)
    if device.id in memory.read(work.world).devices:
        memory.write(work.world, device_tag(device.id, None))
