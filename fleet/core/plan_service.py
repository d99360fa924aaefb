"""What brings one machine into service, or keeps it there: finish what was begun, mend what differs, repair."""

from dataclasses import replace

from fleet.core.change import Change, Verb
from fleet.core.errors import HostError, HostOfAnother, HostSilent, LoginRefused, WrongHostKey
from fleet.core.health import Trouble
from fleet.core.lifecycle import BACK, EMPTIED, MEND, Step
from fleet.core.machine import BOOT_GRACE, Asker, Machine, Phase, last_start
from fleet.core.machine_change import change_of, drained, jobs_of, offline_reason, pool_of
from fleet.core.names import Tag
from fleet.core.plan_care import cared_for, is_full, rebooted
from fleet.core.plan_repair import repaired, repaired_silent
from fleet.core.plan_static import static_change
from fleet.core.repair import WORDS, Now
from fleet.core.rungs import WELL, Rung, read_tried
from fleet.core.setup import HostWanted, drift, is_flushed, kept_settings

STARTS_ANEW = "taken back while it had jobs: its runner starts anew, to hear of jobs that waited"


def into_service(machine: Machine, wanted: HostWanted, now: Now) -> Change:
    """The change that brings this machine into service, or says why it is kept as it is."""
    if isinstance(machine.host, WrongHostKey | LoginRefused | HostOfAnother):
        return refused_by_host(machine, machine.host)
    first = static_change(machine, wanted) if machine.static is not None else None
    if first is not None:
        return first
    change = _by_phase(machine, wanted, now)
    return _answering(change) if is_silent_no_more(machine) else change


def is_silent_no_more(machine: Machine) -> bool:
    """Whether it answers, and an earlier look that it did not is still remembered."""
    return machine.facts is not None and Tag.SUSPECT in machine.tags


def _answering(change: Change) -> Change:
    """Its silence is forgotten before anything else is done: it must not count for the next one."""
    return (
        replace(change, steps=(Step.WELL, *change.steps)) if change.steps and Step.WELL not in change.steps else change
    )


def _by_phase(machine: Machine, wanted: HostWanted, now: Now) -> Change:
    match machine.phase:
        case Phase.IDLE:
            return _idle(machine, wanted, now)
        case Phase.LOST:
            return _lost(machine, now)
        case Phase.BOOTING | Phase.BARE | Phase.UNREGISTERED:
            return _unfinished(machine, now)
        case Phase.OFFLINE:
            return _offline(machine, wanted, now)
        case Phase.DRAINING | Phase.DRAINED:
            return drained(machine)
        case Phase.ABSENT:
            return change_of(Verb.FINISH, machine, "taken down by a person, and wanted")
        case Phase.BUSY | Phase.PAUSED:
            return _serving(machine, wanted, now)
        case _:
            return change_of(Verb.KEEP, machine, "held by a person")


def refused_by_host(machine: Machine, error: HostError) -> Change:
    """A host that answers wrongly is never touched, and never a reason to delete: the fault may be ours."""
    return Change(Verb.REFUSE, machine.name, pool_of(machine.name), error.message, hint=error.hint)


def _idle(machine: Machine, wanted: HostWanted, now: Now) -> Change:
    """Drift on an idle machine is mended; what restarts something does so only once the machine is empty."""
    facts = machine.facts
    if facts is None:
        return _unasked(machine)
    care = cared_for(machine, facts, now)
    if care is not None:
        return care
    if machine.asker is Asker.REPAIR:
        return change_of(Verb.REPAIR, machine, STARTS_ANEW, steps=(*EMPTIED, *BACK))
    found = drift(facts, wanted)
    if found:
        reason = "differs from the inventory: " + ", ".join(one.what for one in found)
        steps = (*EMPTIED, *BACK) if any(one.restarts for one in found) else MEND
        return change_of(Verb.REPAIR, machine, reason, steps=steps)
    forgets = _forgets(machine, now)
    if forgets is not None:
        return forgets
    if any(not one.online for one in machine.runners):
        return change_of(Verb.REPAIR, machine, "a registration was not finished", steps=(Step.REGISTER,))
    reboot = rebooted(machine, now) if facts.reboot_needed else None
    if reboot is not None:
        return reboot
    kept = kept_settings(facts, wanted)
    beside = f"; its own daemon.json goes before ours in: {', '.join(kept)}" if kept else ""
    return change_of(Verb.KEEP, machine, f"online, idle, as wanted{beside}")


def _unasked(machine: Machine) -> Change:
    """Gitea sees its runner, we do not see its host: it works, and cannot be looked after."""
    said = machine.host.message if isinstance(machine.host, HostError) else "its host was not asked"
    return Change(Verb.KEEP, machine.name, pool_of(machine.name), f"online, but {said}", hint=_ssh_hint(machine))


def _ssh_hint(machine: Machine) -> str:
    return (machine.host.hint if isinstance(machine.host, HostError) else "") or "is port 22 open to you?"


def _forgets(machine: Machine, now: Now) -> Change | None:
    """A machine that serves has forgotten its silence at once, and what was tried on it after a while."""
    if is_silent_no_more(machine):
        return change_of(Verb.FINISH, machine, "answers again", steps=(Step.WELL,))
    tried = read_tried(machine.tags)
    again = tried is not None and tried.rung is Rung.REBOOT and machine.facts and machine.facts.reboot_needed
    if tried is not None and not again and now.at >= tried.at + WELL:
        reason = f"well since {WORDS[tried.rung]} at {tried.at:%H:%M} UTC"
        return change_of(Verb.FINISH, machine, reason, steps=(Step.WELL,))
    return None


def _serving(machine: Machine, wanted: HostWanted, now: Now) -> Change:
    """Nothing restarts on a machine with a job, or one that a person has paused."""
    forgets = _forgets(machine, now) if machine.facts else None
    if forgets is not None:
        return forgets
    if machine.facts and is_flushed(machine.facts):
        return change_of(Verb.REPAIR, machine, "its containers reach the cloud's metadata", steps=(Step.GUARD,))
    if machine.phase is Phase.PAUSED:
        return change_of(Verb.KEEP, machine, "disabled in Gitea, not by fleet")
    late = drift(machine.facts, wanted) if machine.facts else ()
    later = f"; later: {', '.join(one.what for one in late)}" if late else ""
    return change_of(Verb.KEEP, machine, f"busy with {jobs_of(machine)}{later}")


_UNFINISHED = {
    Phase.BOOTING: "the server is booting",
    Phase.BARE: "the server runs and is not set up",
    Phase.UNREGISTERED: "Gitea has no runner for it",
}


def _unfinished(machine: Machine, now: Now) -> Change:
    """What was begun goes on: each step looks first. A boot that does not come to its end, or ended badly, is made
    again."""
    if _boot_failed(machine, now):
        ended = machine.phase is Phase.BARE
        what = "cloud-init has failed" if ended else "its boot does not come to an end"
        # A second boot would not do what the first one should have done: that is for a new disk.
        return repaired(machine, Trouble.UNFINISHED, what, now, useless=frozenset({Rung.RESET} if ended else ()))
    reason = "the host is not set up" if machine.static else _UNFINISHED[machine.phase]
    if machine.phase is Phase.BOOTING and machine.runners:  # it may come back by itself, and take a job
        return change_of(Verb.FINISH, machine, reason, steps=(Step.BOOT,))
    if machine.phase is Phase.UNREGISTERED and _runs_as_before(machine):
        reason = "its runner does not know any more who it is"
        return change_of(Verb.REPAIR, machine, reason, steps=(*EMPTIED, *BACK))
    return change_of(Verb.FINISH, machine, reason)


def _runs_as_before(machine: Machine) -> bool:
    """A runner whose file has gone goes on with what it knows, and may take a job at any moment."""
    container = machine.facts.container if machine.facts else None
    return bool(machine.runners) and container is not None and container.running


def _boot_failed(machine: Machine, now: Now) -> bool:
    """Of a server that never had a runner, and has no job: cloud-init failed, or is at it past its grace."""
    facts = machine.facts
    if facts is None or machine.server is None or machine.runner or machine.jobs or facts.tasks:
        return False
    if machine.phase is Phase.BARE:
        return not facts.booted
    return machine.phase is Phase.BOOTING and now.at - last_start(machine.server) >= BOOT_GRACE


def _offline(machine: Machine, wanted: HostWanted, now: Now) -> Change:
    """A runner that is up may come back and take a job at any moment: it is emptied before anything restarts.

    What differs because the inventory (or fleet itself) has changed since the last set-up is set up, as often as it
    takes: the fault is not the machine's, and no rung would help.
    """
    facts = machine.facts
    found = drift(facts, wanted) if facts is not None else ()
    what = offline_reason(machine)
    if facts is not None and is_full(facts, now.upkeep) and read_tried(machine.tags) is None:
        return repaired(machine, Trouble.DISK, f"{what}, and its disk is full", now)
    if found and machine.tags.get(Tag.SETUP) != wanted.fingerprint:
        return change_of(Verb.REPAIR, machine, f"{what}, and it is not as wanted", steps=(*EMPTIED, *BACK))
    if machine.asker is Asker.REPAIR and (machine.runner is not None and machine.runner.online):
        return change_of(Verb.REPAIR, machine, what, steps=(*EMPTIED, *BACK))
    useless = Rung.RESTART if found else Rung.SET_UP  # started as it is, or set up where nothing differs
    return repaired(machine, Trouble.OFFLINE, what, now, useless=frozenset({useless}))


def _lost(machine: Machine, now: Now) -> Change:
    """Silent past its grace: hard reset once, rebuild once, then it is a person's turn (never a new server).
    Only silence counts: an answer that is wrong, or a host that was not asked, is no reason to touch anything."""
    if machine.host is None:
        return change_of(Verb.KEEP, machine, "Gitea says offline; its host was not asked", steps=())
    if isinstance(machine.host, HostError) and (machine.static or not isinstance(machine.host, HostSilent)):
        return refused_by_host(machine, machine.host)
    return repaired_silent(machine, now)
