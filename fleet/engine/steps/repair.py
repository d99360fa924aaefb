"""What a repair remembers on the machine, and the reboot that an update has asked for."""

import shlex

from fleet.core.errors import HostError, HostLocked, StepFailed
from fleet.core.names import Tag
from fleet.core.rungs import WELL, Rung, read_tried, tried_tag
from fleet.core.setup import CLEAN
from fleet.engine.wait import wait_for
from fleet.engine.work import Work

CLEAN_SECONDS = 1200
"""It may wait for another clean-up, and Docker takes its time with large images."""


def note_rung(work: Work) -> None:
    """Remember what is about to be tried, before it is: a run that is killed in it must not begin it again for ever."""
    work.host()  # the lock
    if work.change.rung is not None:
        work.remember(tried_tag(work.change.rung, work.world.cloud.now()))


def well(work: Work) -> None:
    """It answers, so its silence is forgotten; what was tried is, after a while, unless somebody tried something since
    it was looked at."""
    work.host()  # the lock
    seen, now = work.tags.get(Tag.REPAIR), work.tags_now() or {}
    tried = read_tried(now)
    over = tried is not None and work.world.cloud.now() >= tried.at + WELL
    forgotten = {Tag.SUSPECT, *([Tag.REPAIR] if over and now.get(Tag.REPAIR) == seen else [])} & now.keys()
    if forgotten:
        work.remember(dict.fromkeys(forgotten))


def clean(work: Work) -> None:
    """All that no running job can need, however young: the script knows how jobs are spared."""
    work.must_run(f"{CLEAN} --now", "clean up", seconds=CLEAN_SECONDS)


def reboot(work: Work) -> None:
    """Reboot a host that still asks for it, and see that it has. Only where it is empty, and its runner stopped.

    Remembered afterwards: what asks no more is not rebooted again, and what still asks is told.
    """
    if not work.look().reboot_needed:
        return
    before = _boot(work)
    work.must_run(f"systemd-run --quiet --collect sh -c {shlex.quote('sleep 1; systemctl reboot')}", "reboot")
    if not wait_for(work.world.clock, lambda: _has_rebooted(work, before), limit=work.world.limits.ssh, longest=3):
        raise StepFailed(f"{work.name} was told to reboot, and has not done so", hint=f"fleet ssh {work.name}")
    work.remember(tried_tag(Rung.REBOOT, work.world.cloud.now()))


def _boot(work: Work) -> str:
    """What is another one after each boot, in a container as on a machine: the kernel's, and the first process's."""
    return work.must_run("cat /proc/sys/kernel/random/boot_id; cut -d ' ' -f 22 /proc/1/stat", "look at the boot")


def _has_rebooted(work: Work, before: str) -> bool | None:
    try:
        return True if _boot(work) != before else None
    except HostLocked:
        raise
    except HostError:
        work.disconnect()
        return None
