"""What each step of a machine's life does. Each looks first at what is there, so each can run twice."""

from fleet.core.lifecycle import Step
from fleet.engine.steps import adopt, create, enter, ghost, keys, leave, repair, static, tailnet
from fleet.engine.work import Work


def do(step: Step, work: Work) -> None:
    """Do one step of this machine's change. Raises FleetError; Deferred means: not now, and not a failure."""
    match step:
        case Step.CREATE:
            create.create(work)
        case Step.SUSPECT:
            create.suspect(work)
        case Step.NOTE_RUNG:
            repair.note_rung(work)
        case Step.WELL:
            repair.well(work)
        case Step.CLEAN:
            repair.clean(work)
        case Step.REBOOT:
            repair.reboot(work)
        case Step.RESET:
            create.reset(work)
        case Step.REBUILD:
            create.rebuild(work)
        case Step.BOOT:
            enter.boot(work)
        case Step.JOIN_TAILNET:
            tailnet.join(work)
        case Step.SET_UP:
            enter.set_up(work)
        case Step.GUARD:
            enter.load_guard(work)
        case Step.REGISTER:
            enter.register(work)
        case Step.START:
            enter.start(work)
        case Step.ONLINE:
            enter.online(work)
        case Step.UNCORDON:
            enter.uncordon(work)
        case Step.BACK_AGAIN:
            enter.back_again(work)
        case Step.GO_LAST:
            leave.go_last(work)
        case Step.ASK_REPAIR | Step.ASK_LEAVE | Step.ASK_SCALE:
            leave.ask(work, step)
        case Step.CORDON:
            leave.cordon(work)
        case Step.EMPTY:
            leave.empty(work)
        case Step.STOP:
            leave.stop(work)
        case Step.GO_PAST:
            leave.go_past(work)
        case Step.STILL_EMPTY:
            leave.still_empty(work)
        case Step.DEREGISTER:
            leave.deregister(work)
        case Step.FORGET_DEVICE:
            tailnet.forget(work)
        case Step.DELETE:
            leave.delete(work)
        case Step.ADOPT:
            adopt.adopt(work)
        case Step.CLEAR:
            static.clear(work)
        case Step.RENEW:
            enter.renew(work)
        case Step.ADD_KEY:
            keys.add(work)
        case Step.DROP_KEY:
            keys.drop(work)
        case Step.NOTE_GHOST:
            ghost.note(work)
        case Step.FORGET_GHOST:
            ghost.forget(work)
