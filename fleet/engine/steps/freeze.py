"""The cordon of last resort (docs/decisions/0005): a runner that nothing else keeps from a new job is frozen.

One that is told to stop throws away an answer that is under way, and with it the job that Gitea has put into it. A
frozen one throws nothing away: thawed, it goes on with what it got meanwhile.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from fleet.core.errors import FleetError
from fleet.core.setup import CONTAINER
from fleet.engine.work import Work

THAWED_AFTER = 30
"""Seconds after which the host thaws it by itself, whatever has become of us: far below the ten minutes after which
Gitea gives up a runner's jobs."""

_UNIT = "fleet-thaw"
_FORGET_TIMER = f"systemctl stop {_UNIT}.timer {_UNIT}.service 2>/dev/null"

FREEZE = (
    f"{_FORGET_TIMER}; systemd-run --quiet --collect --unit={_UNIT} --on-active={THAWED_AFTER}"
    f" --timer-property=AccuracySec=1s docker unpause {CONTAINER} && docker pause {CONTAINER} >/dev/null"
)

THAW = f"{_FORGET_TIMER}; docker unpause {CONTAINER} >/dev/null 2>&1 || true"

_OF = f"docker container inspect {CONTAINER} --format"

END = (
    f"{_FORGET_TIMER}; [ \"$({_OF} '{{{{.State.Paused}}}}')\" = true ] || {{ echo it is not frozen any more; exit 1; }}"
    f"; first=$({_OF} '{{{{.State.Pid}}}}') && docker top {CONTAINER} -o pid | grep -vwe PID -e \"$first\""
    f" | xargs --no-run-if-empty kill -KILL; docker kill {CONTAINER} >/dev/null"
)
"""Without the timer, what is frozen now has been all the while. Its first process comes last, by Docker: to end thaws
it, when no other process is left that could ask for a job; and Docker does not start again what it has ended itself.
"""


@contextmanager
def frozen(work: Work) -> Iterator[None]:
    """Within, its runner does nothing at all, and its jobs go on unseen. Thawed at the end, if it still lives then."""
    work.must_run(FREEZE, "freeze the runner")
    try:
        yield
    finally:
        try:
            work.must_run(THAW, "thaw the runner")
        except FleetError:  # the host does it by itself; and what has gone wrong before is what a person should read
            work.tell(f"the runner of {work.name} is frozen; its host thaws it within {THAWED_AFTER} seconds")


def end(work: Work) -> None:
    """No process of a frozen runner runs ever again. Raises StepFailed when it is not frozen any more."""
    work.must_run(END, "end the runner")
