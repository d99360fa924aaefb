"""What is done to static hosts alone: our stack leaves them, and they stay."""

from fleet.core.names import Tag
from fleet.core.setup import COMPOSE, HOME, WantedFile
from fleet.core.static_hosts import MEMORY
from fleet.engine.work import Work


def clear(work: Work) -> None:
    """Take off what we have put there: the runner, its cache, our files, our memory. Docker stays, with its packages,
    settings and images: other things may have come to use it.

    A host that should be in service remembers that a person took it down, so that no pass brings it back.
    """
    work.must_run(
        f"[ ! -e {COMPOSE} ] || docker compose -f {COMPOSE} down --volumes --remove-orphans 2>&1",
        "remove the runner",
        seconds=180,
    )
    for file in reversed(work.wanted.files):
        _remove(work, file)
    work.must_run(f"rm -rf {HOME}", f"remove {HOME}")
    if work.static is not None and work.static.wanted:
        now = int(work.world.cloud.now().timestamp())
        work.remember({Tag.DRAINING: None, Tag.SETUP: None, Tag.DOWN: f"person.{now}"})
    else:
        work.must_run(f"rm -rf {MEMORY}", "forget the fleet")


def _remove(work: Work, file: WantedFile) -> None:
    """One that was there before us comes back; one in our own folder goes with that."""
    if file.path.startswith(f"{HOME}/") and not file.undo:
        return
    undo = f"; {{ {file.undo}; }} >/dev/null 2>&1" if file.undo else ""
    work.must_run(f"rm -f {file.path}{undo}; true", f"remove {file.path}")
