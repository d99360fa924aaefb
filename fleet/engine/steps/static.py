"""What is done to static hosts alone: our stack leaves them, and they stay."""

import shlex

from fleet.core.names import Tag
from fleet.core.setup import COMPOSE, HOME
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
    paths = [file.path for file in reversed(work.wanted.files)]
    work.must_run(f"rm -rf {HOME} {shlex.join(paths)}", "remove fleet's files")
    if work.static is not None and work.static.wanted:
        now = int(work.world.cloud.now().timestamp())
        work.remember({Tag.DRAINING: None, Tag.SETUP: None, Tag.DOWN: f"person.{now}"})
    else:
        work.must_run(f"rm -rf {MEMORY}", "forget the fleet")
