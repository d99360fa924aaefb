"""What a repair remembers on the machine, and the reboot that an update has asked for."""

from fleet.core.names import Tag
from fleet.core.rungs import tried_tag
from fleet.engine.work import Work


def note_rung(work: Work) -> None:
    """Remember what is about to be tried, before it is: a run that is killed in it must not begin it again for ever."""
    if work.change.rung is not None:
        work.remember(tried_tag(work.change.rung, work.world.cloud.now()))


def well(work: Work) -> None:
    """Forget what was tried, unless something else was tried since it was looked at."""
    work.host()  # the lock
    seen = work.tags.get(Tag.REPAIR)
    if (work.tags_now() or {}).get(Tag.REPAIR) == seen:
        work.remember({Tag.REPAIR: None})
