"""What keeps a host fit by itself: it cleans up what jobs have left, by age (``clean.sh`` says how jobs are spared).

Of a Docker that is not ours, only what is named like a task's is cleaned. See docs/decisions/0021-upkeep.md.
"""

import shlex

from fleet.core.inventory import DockerSource, Inventory, Pool
from fleet.core.labels import images
from fleet.core.setup.part import Given, Part
from fleet.core.setup.values import GRACE_MARGIN, HOME, SHUTDOWN_MARGIN, WantedFile

CLEAN = f"{HOME}/bin/clean"
UNITS = "/etc/systemd/system"
JOURNAL = "/etc/systemd/journald.conf.d/60-fleet.conf"


def upkeep(inventory: Inventory, pool: Pool, given: Given) -> Part:
    """The script with its ages, and the timer that runs it; on hosts we made, a journal that stays small."""
    stack = given.stack
    journal = WantedFile(JOURNAL, stack["journald.conf"], then="systemctl restart systemd-journald")
    return Part(
        after_docker=(
            *(() if given.static else (journal,)),
            WantedFile(CLEAN, stack["clean.sh"], 0o755),
            WantedFile(f"{HOME}/clean.conf", _ages(inventory, pool, given)),
            WantedFile(f"{UNITS}/fleet-clean.service", stack["fleet-clean.service"]),
            WantedFile(
                f"{UNITS}/fleet-clean.timer",
                stack["fleet-clean.timer"],
                then="systemctl daemon-reload && systemctl enable --now --quiet fleet-clean.timer",
                undo=f"systemctl stop fleet-clean.timer fleet-clean.service; rm -f {UNITS}/*.wants/fleet-clean.timer; "
                f"rm -f {UNITS}/fleet-clean.service; systemctl daemon-reload",
            ),
        ),
    )


def _ages(inventory: Inventory, pool: Pool, given: Given) -> str:
    """A job is over when its time limit is, and the time that its runner is given to leave."""
    wanted, runner = inventory.upkeep, pool.runner
    numbers = {
        "CLEAN_AFTER": wanted.clean_after,
        "IMAGES_AFTER": wanted.images_after,
        "BUILD_CACHE_AFTER": wanted.build_cache_after,
        "DISK_FULL": wanted.disk_full,
        "JOB_LIMIT": runner.job_timeout + SHUTDOWN_MARGIN + GRACE_MARGIN,
    }
    theirs = given.static and pool.docker.source is DockerSource.PRESENT
    kept = shlex.quote(" ".join((runner.image, *images(runner.labels))))
    lines = (f': "${{{name}:={number}}}"' for name, number in numbers.items())
    head = "# Written by fleet: [upkeep] in seconds and percent; how long a job may take; which images always stay."
    return "\n".join((head, *lines, f"DOCKER={'theirs' if theirs else 'ours'}", f"KEEP_IMAGES={kept}", ""))
