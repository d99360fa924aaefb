"""What a repair remembers on the machine, and the reboot that an update has asked for."""

from fleet.core.names import Tag
from fleet.core.rungs import WELL, read_tried, tried_tag
from fleet.engine.work import Work


def note_rung(work: Work) -> None:
    """Remember what is about to be tried, before it is: a run that is killed in it must not begin it again for ever."""
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
