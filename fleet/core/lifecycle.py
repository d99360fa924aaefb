"""The whole life of a machine as one table: in this phase, to be in service (or gone), do these steps.

Each step looks first at what is there, can run twice, and can be killed anywhere: the next run finds the phase
it left and goes on from there. What a step does is in ``engine/steps/``.
"""

from enum import StrEnum

from fleet.core.machine import Phase


class Step(StrEnum):
    """One step of a machine's life. The text is what a person who waits is shown."""

    CREATE = "create server"
    SUSPECT = "note that it is silent"
    NOTE_RUNG = "note what is tried"
    WELL = "note that it is well"
    CLEAN = "clean up"
    REBOOT = "reboot"
    RESET = "hard reset"
    REBUILD = "rebuild"
    BOOT = "wait for boot"
    JOIN_TAILNET = "join the tailnet"
    SET_UP = "set up"
    GUARD = "load the metadata guard"
    REGISTER = "register"
    START = "start runner"
    ONLINE = "wait for online"
    UNCORDON = "uncordon"
    BACK_AGAIN = "take the mark off"

    GO_LAST = "let the others leave first"
    ASK_REPAIR = "mark for repair"
    ASK_LEAVE = "mark as draining"
    ASK_SCALE = "mark as surplus"
    CORDON = "cordon"
    EMPTY = "look for jobs"
    STOP = "stop runner"
    GO_PAST = "go past its host"
    STILL_EMPTY = "look again"
    DEREGISTER = "deregister"
    FORGET_DEVICE = "leave the tailnet"
    DELETE = "delete server"

    ADOPT = "take over from what is there"
    CLEAR = "take the stack off"

    RENEW = "register anew"
    ADD_KEY = "prove the new SSH key"
    DROP_KEY = "take the old SSH key off"

    NOTE_GHOST = "note the ghost"
    FORGET_GHOST = "remove the ghost"


OF_TAILNET = frozenset({Step.JOIN_TAILNET, Step.FORGET_DEVICE})
"""What machines without a tailnet pass by."""

MEND = (Step.JOIN_TAILNET, Step.SET_UP)
"""What brings a host to what is wanted without a restart of anything. The tailnet comes first: what set-up pulls may
be in it."""

ENTER = (Step.BOOT, *MEND, Step.REGISTER, Step.START, Step.ONLINE)
"""Into service, from the first boot on."""

_OUT = (Step.CORDON, Step.EMPTY, Step.STOP, Step.STILL_EMPTY, Step.DEREGISTER, Step.FORGET_DEVICE, Step.DELETE)

LEAVE = (Step.ASK_LEAVE, *_OUT)
"""Out of it without losing a job (design: section 6), because a person asked. Stops at the first that is not done."""

LEAVE_AS_SURPLUS = (Step.ASK_SCALE, *_OUT)
"""The same, asked by a pass: what it began, a later pass may take back."""

LEAVE_BY_FORCE = (Step.ASK_LEAVE, Step.CORDON, Step.DEREGISTER, Step.FORGET_DEVICE, Step.DELETE)
"""Without looking for jobs: a person has read which ones die."""

LEAVE_UNSEEN = tuple(Step.GO_PAST if step is Step.STOP else step for step in LEAVE)
"""By Gitea's word alone: a person has said that a host which does not answer is not waited for."""

DRAIN = (Step.ASK_LEAVE, Step.CORDON, Step.EMPTY)
"""No new job, and the running ones end; the machine stays, and waits for a person."""

EMPTIED = (Step.ASK_REPAIR, Step.CORDON, Step.EMPTY, Step.STOP, Step.STILL_EMPTY)
"""A step that restarts something on a host comes only after these."""

EMPTIED_AND_NOTED = (Step.ASK_REPAIR, Step.CORDON, Step.EMPTY, Step.NOTE_RUNG, Step.STOP, Step.STILL_EMPTY)
"""The same, and what is tried is remembered once the machine has no job: one that has is not in trouble. Before the
stop, for a stop that always fails must lead on, too."""

BACK_AS_IT_WAS = (Step.UNCORDON, Step.START, Step.ONLINE, Step.BACK_AGAIN)
"""The end of each way back. Uncordoned before it starts: a runner that has once been told "nothing for you" does not
hear of jobs that already waited. The tag goes last."""

BACK = (*MEND, Step.REGISTER, *BACK_AS_IT_WAS)
"""Back into service after a repair, with what is missing."""

BACK_RENEWED = (*MEND, Step.RENEW, *BACK_AS_IT_WAS)
"""The same with a new record in Gitea, whatever the old one is like."""

TAKE_BACK_EMPTY = (*EMPTIED, *BACK_AS_IT_WAS)
"""Back from a cordon. The runner starts anew, so that it hears of jobs that already waited."""

TAKE_BACK_BUSY = (Step.ASK_REPAIR, Step.UNCORDON)
"""The same with jobs on it. The mark stays: once the machine is idle, a pass starts its runner anew, so that it hears
of jobs that waited."""

NEVER_ON_STATIC = frozenset({Step.CREATE, Step.SUSPECT, Step.REBOOT, Step.RESET, Step.REBUILD, Step.BOOT})
"""What is for servers alone: a static host is somebody's own, and nobody waits for its boot."""


def on_static(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The same way for a static host: what would delete its server takes our stack off it instead."""
    return tuple(Step.CLEAR if step is Step.DELETE else step for step in steps if step not in NEVER_ON_STATIC)


INTO_SERVICE: dict[Phase, tuple[Step, ...]] = {
    Phase.ABSENT: (Step.CREATE, *ENTER),
    Phase.BOOTING: ENTER,
    Phase.BARE: ENTER,
    Phase.UNREGISTERED: BACK,
    Phase.OFFLINE: BACK,
    Phase.LOST: (Step.RESET, Step.BOOT),
    Phase.IDLE: (),
    Phase.BUSY: (),
    Phase.PAUSED: (),
    Phase.HELD: (),
    Phase.DRAINING: (),
    Phase.DRAINED: (),
    Phase.ORPHAN: (),
    Phase.GHOST: (),
    Phase.STRAY: (),
    Phase.UNKNOWN: (),
}
"""What brings a machine into service. Empty: nothing to do, or not ours to do."""

OUT_OF_SERVICE: dict[Phase, tuple[Step, ...]] = {
    Phase.ABSENT: (),
    Phase.GHOST: (Step.FORGET_GHOST,),
    Phase.STRAY: (Step.FORGET_GHOST,),
    Phase.UNKNOWN: (),
    Phase.HELD: (),
    **dict.fromkeys(
        (
            Phase.BOOTING,
            Phase.BARE,
            Phase.UNREGISTERED,
            Phase.OFFLINE,
            Phase.IDLE,
            Phase.BUSY,
            Phase.PAUSED,
            Phase.DRAINING,
            Phase.DRAINED,
            Phase.LOST,
            Phase.ORPHAN,
        ),
        LEAVE,
    ),
}
"""What makes a machine gone. A step that has nothing to act on (no runner yet, no container) says so and passes."""
