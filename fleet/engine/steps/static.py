"""What is done to static hosts alone: our stack leaves them, and they stay."""

from fleet.core.names import Tag
from fleet.core.setup import COMPOSE, HOME, MEMORY, WantedFile, in_place, left_settings
from fleet.engine.work import Work


def clear(work: Work) -> None:
    """Take off what we have put there: the runner, its cache, our files, our memory, and what we have added to the
    settings of a Docker that was there. Docker stays, with its packages and images: others may have come to use it.

    A host that should be in service remembers that a person took it down, so that no pass brings it back.
    """
    work.must_run(
        f"[ ! -e {COMPOSE} ] || docker compose -f {COMPOSE} down --volumes --remove-orphans 2>&1",
        "remove the runner",
        seconds=180,
    )
    settings = left_settings(work.facts or work.look(), work.wanted)
    for file in reversed(work.wanted.files):
        _remove(work, file)
    if settings is not None:
        work.put(f"{settings.path}.new", settings.text, settings.mode)
        work.must_run(in_place(settings), "give Docker its settings back", seconds=settings.seconds)
    work.must_run(f"rm -rf {HOME}", f"remove {HOME}")
    if work.static is not None and work.static.wanted:
        now = int(work.world.cloud.now().timestamp())
        work.remember({Tag.DRAINING: None, Tag.SETUP: None, Tag.DOWN: f"person.{now}"})
    else:
        work.must_run(f"rm -rf {MEMORY}", "forget the fleet")


def _remove(work: Work, file: WantedFile) -> None:
    """One in our own folder goes with that, unless something follows from it. It is out of its place before that
    is done, and gone after."""
    if file.undo:
        going = f"{file.path}.going"
        out = f"[ ! -e {file.path} ] || mv {file.path} {going}"
        work.must_run(f"{out}; {{ {file.undo}; }} >/dev/null 2>&1; rm -f {going}", f"remove {file.path}", seconds=60)
    elif not file.path.startswith(f"{HOME}/"):
        work.must_run(f"rm -f {file.path}", f"remove {file.path}")
