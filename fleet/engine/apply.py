"""Carries a plan out: one thread per machine, one outcome per machine, and nobody waits for somebody else's failure."""

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from fleet.core.change import Change, Verb
from fleet.core.errors import Deferred, FleetError, HostLocked
from fleet.core.lifecycle import Step
from fleet.core.machine import Machine
from fleet.core.names import Tag
from fleet.core.report import Event, Outcome, Report, Verdict
from fleet.core.stages import stages_tag
from fleet.engine.steps import do
from fleet.engine.work import Work
from fleet.engine.world import World

WORKERS = 16

Listener = Callable[[Event], None]


def apply(world: World, changes: Sequence[Change], machines: Sequence[Machine], listen: Listener) -> Report:
    """Do all changes that have steps, at most 16 machines at once; the others are reported as they are.

    The threads are daemons: an interrupted run ends at once, and every step is made to be cut anywhere.
    """
    todo: queue.SimpleQueue[Change] = queue.SimpleQueue()
    for change in changes:
        todo.put(change)
    done: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
    by_name = {machine.name: machine for machine in machines}

    def worker() -> None:
        for change in _drained(todo):
            done.put(_one(world, change, by_name.get(change.machine), listen))

    for _ in range(min(WORKERS, len(changes))):
        threading.Thread(target=worker, daemon=True).start()
    outcomes = {outcome.machine: outcome for outcome in (done.get() for _ in changes)}
    world.keep_names(_names_now(machines, outcomes.values()))
    return Report(tuple(outcomes[change.machine] for change in changes))


def _names_now(machines: Sequence[Machine], outcomes: Iterable[Outcome]) -> set[str]:
    """The machines that have a host, after what was done."""
    done = {(one.verb, one.machine) for one in outcomes if one.verdict is Verdict.DONE}
    there = {one.name for one in machines if one.server or one.static}
    return (there | {name for verb, name in done if verb is Verb.CREATE}) - {
        one.name for one in machines if one.server and (Verb.REMOVE, one.name) in done
    }


def _drained(todo: "queue.SimpleQueue[Change]") -> Iterator[Change]:
    while True:
        try:
            yield todo.get_nowait()
        except queue.Empty:
            return


def _one(world: World, change: Change, machine: Machine | None, listen: Listener) -> Outcome:
    if not change.steps:
        verdict = Verdict.REFUSED if change.verb is Verb.REFUSE else Verdict.KEPT
        return Outcome(change.machine, change.verb, verdict, change.reason, change.hint)
    run = _Run(world, change, machine, listen)
    outcome = run.outcome()
    listen(Event(change.machine, "", f"{outcome.verdict}: {outcome.text}", outcome.seconds))
    return outcome


class _Run:
    """One change from its first step to its outcome."""

    def __init__(self, world: World, change: Change, machine: Machine | None, listen: Listener) -> None:
        self._world = world
        self._change = change
        self._listen = listen
        self._start = world.clock.now()
        self._step = ""
        self._stages: list[tuple[str, float]] = []
        self._work = Work(
            world,
            change,
            machine,
            self._tell,
            server=machine.server if machine else None,
            facts=machine.facts if machine else None,
            static=world.statics.get(change.machine),
            memory=machine.tags if machine else {},
            runner_id=machine.runner.id if machine and machine.runner else None,
        )
        self._work.is_new = self._work.static is not None and Tag.FLEET not in self._work.memory

    def outcome(self) -> Outcome:
        try:
            self._steps()
        except Deferred as error:
            return self._ended(Verdict.DEFERRED, error)
        except HostLocked as error:
            return self._ended(Verdict.LOCKED, error)
        except FleetError as error:
            return self._ended(Verdict.FAILED, error)
        except Exception as error:  # a fault of ours must not hide what happened to the other machines
            fault = FleetError(
                f"fleet itself failed at {self._step!r}: {type(error).__name__}: {error}",
                hint="type the same command again; if it fails again, please report it with this line",
            )
            return self._ended(Verdict.FAILED, fault)
        finally:
            self._work.release()
        return self._ended(Verdict.DONE, FleetError(_done(self._change)))

    def _steps(self) -> None:
        for step in self._change.steps:
            began = self._world.clock.now()
            self._step = step.value
            self._tell("")
            do(step, self._work)
            self._stages.append((step.value, self._world.clock.now() - began))
        if self._work.is_new and Step.ONLINE in self._change.steps:
            self._remember_stages()

    def _remember_stages(self) -> None:
        """How long each stage took, of a machine that this one run has brought into service from its beginning.

        Where several runs were needed, nobody has seen it whole: it stays unknown. A tag that is not written fails
        nothing.
        """
        try:
            self._work.remember({Tag.STAGES: stages_tag(self._stages, self._world.cloud.now())})
        except FleetError as error:
            self._tell(f"how long it took is not kept: {error.message}")

    def _tell(self, text: str) -> None:
        self._listen(Event(self._change.machine, self._step, text, self._seconds()))

    def _seconds(self) -> float:
        return self._world.clock.now() - self._start

    def _ended(self, verdict: Verdict, word: FleetError) -> Outcome:
        return Outcome(
            self._change.machine,
            self._change.verb,
            verdict,
            word.message,
            word.hint,
            self._seconds(),
            tuple(self._stages),
        )


def _done(change: Change) -> str:
    match change.verb:
        case Verb.CREATE:
            return "created and online"
        case Verb.FINISH:
            return "online"
        case Verb.REPAIR if change.steps == (Step.SUSPECT,):
            return f"{change.reason}: reset when it is still so in 15 minutes"
        case Verb.REPAIR:
            return "repaired"
        case Verb.REMOVE if Step.CLEAR in change.steps:
            return "out of service: runner deregistered, the host stays"
        case Verb.REMOVE if Step.FORGET_GHOST in change.steps:
            return "gone: runner deregistered"
        case Verb.REMOVE:
            return "gone: runner deregistered, server deleted"
        case Verb.DRAIN:
            return "gets no new job, and has none"
        case Verb.TAKE_BACK:
            return "back in service"
        case Verb.ROTATE if Step.RENEW in change.steps:
            return "its runner has new credentials, the old ones are gone"
        case Verb.ROTATE if Step.DROP_KEY in change.steps:
            return "opens with the new SSH key, and with the old one no more"
        case Verb.ROTATE:
            return "opens with the new SSH key, too"
        case Verb.KEEP | Verb.REFUSE | Verb.LIMIT:
            return change.reason
