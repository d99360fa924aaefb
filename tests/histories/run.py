"""Plays a history, looks for crimes after everything that happens, and for peace at the end."""

from collections.abc import Callable, Sequence
from functools import cache
from random import Random
from typing import cast
from unittest.mock import patch

from fleet.core.change import Change
from fleet.core.errors import FleetError
from fleet.core.inventory import Inventory
from fleet.core.leaving import plan_drain, plan_enable
from fleet.core.machine import Asker, Machine, asker_of, join
from fleet.core.names import Tag
from fleet.core.observation import Server
from fleet.core.plan import plan_up
from fleet.core.record import Floor, floor_tag, paused_tag
from fleet.core.report import Report
from fleet.core.rungs import Rung, read_tried
from fleet.core.setup import HostWanted, host_wanted
from fleet.engine import memory, passes
from fleet.engine.logins import explaining
from fleet.engine.observe import observe
from fleet.engine.ports import Cloud, Gitea
from fleet.engine.world import Sessions, Shared, World
from tests.engine.conftest import AtOnce
from tests.fakes.calls import Counted, Killed, ProcessClock
from tests.fakes.cloud import CATALOG
from tests.fakes.host import CURES, RUNNER_FILE
from tests.fakes.operator import FakeOperator
from tests.fakes.world import LIMITS, STACK, USER_DATA, Process, run_changes
from tests.histories.history import LENGTH, MINUTE, PERIOD, QUIET, Happening, History, What, write
from tests.histories.mischief import Mischief, StrangeCalls
from tests.histories.strange import DroppingHosts, SlowLists, StrangeWorld, WatchedCloud

PATIENCE = 3 * 60 * MINUTE
"""Seconds of calm after which everything must be as wanted."""

TOLD = 60
"""Lines of the story that are shown when it ended badly."""


class Broken(AssertionError):
    """A history went wrong."""


def play(seed: int, *, told: int = TOLD) -> None:
    """Play the history of this seed to its end. Raises Broken with the last lines of the story."""
    with (
        patch("fleet.engine.workers.ThreadPoolExecutor", AtOnce),
        patch("fleet.cli.down.apply", run_changes),
    ):
        Stage(write(seed), told).play()


class Stage:
    """One history while it is played."""

    def __init__(self, history: History, told: int = TOLD) -> None:
        self.history = history
        self._told = told
        self.random = Random(f"stage {history.seed}")
        self.inventory = history.inventory
        self.odds = history.odds
        self.world = StrangeWorld(history.inventory, self.random, can_disable=history.can_disable)

    def play(self) -> None:
        start = self.world.clock.now()
        for one in self.history.happenings:
            self._let_time_go_by(start + one.at - self.world.clock.now())
            self.world.tell("world", one.what)
            _HAPPENS[one.what](self, one)
            self._check()
        self._let_time_go_by(start + LENGTH - self.world.clock.now())
        self._calm_down()
        self._settle()

    def _let_time_go_by(self, seconds: float) -> None:
        if seconds > 0:
            self.world.clock.sleep(seconds)

    def _check(self) -> None:
        self.world.check_strangers()
        if self.world.crimes:
            self._fail("; ".join(self.world.crimes))

    def _fail(self, why: str) -> None:
        lines = [f"{at - 1_800_000_000:9.1f}  {who:10} {what}" for at, who, what in self.world.story[-self._told :]]
        again = f"python -m tests.histories {self.history.seed}"
        raise Broken("\n".join([f"history {self.history.seed}: {why}", *lines, f"play it again: {again}"]))

    def process(self, who: str, *, calm: bool = False, alone: bool = False) -> "StrangeProcess":
        """A new fleet process."""
        odds = QUIET if calm else self.odds
        return StrangeProcess(self, who, Mischief(self.world, self.random, odds, None if alone else self))

    def second_operator(self) -> None:
        """Somebody else's pass, or ``up``, in the middle of what goes on."""
        process = self.process("second", alone=True)
        process.do(self.random.choice((process.one_pass, process.one_pass, process.one_up)))

    def person_holds(self) -> None:
        """A person keeps a machine, in the middle of what goes on."""
        self.hold(self.random.random())

    def some_machine(self, luck: float) -> str | None:
        """The name of one of our servers."""
        names = sorted(server.name for server in self.world.ours)
        return names[int(luck * len(names))] if names else None

    def hold(self, luck: float) -> None:
        """A person keeps a machine as it is."""
        name = self.some_machine(luck)
        if name is not None:
            number = self.world.server(name).id
            self.world.tell("person", f"hold {name}")
            WatchedCloud(self.world, 0).set_tags(number, {Tag.HELD: "person"})
            self.world.held_since.setdefault(number, self.world.clock.now())

    def release(self) -> None:
        """A person lets go of all."""
        for server in self.world.ours:
            if Tag.HELD in server.tags:
                WatchedCloud(self.world, 0).set_tags(server.id, {Tag.HELD: None})
        self.world.held_since.clear()

    def _calm_down(self) -> None:
        """No more failures, deaths or wishes; what others did is undone."""
        self.world.tell("world", "is calm from now on")
        self.odds = QUIET
        self.release()
        self.process("person", calm=True).do(lambda: None)
        self.process("person", calm=True).resume()
        self.world.project.room.clear()
        for host in self.world.computers.hosts.values():
            host.mute, host.deaf = "", ""
        for server in self.world.ours:
            if self.world.answers_wrongly(server):
                self.world.delete_by_hand(server)

    def _settle(self) -> None:
        """Passes only, and persons who repeat what they asked for, until all is as wanted."""
        # One machine may have to run all that has piled up, one job after the other.
        piled_up = sum(job.seconds for job in self.world.gitea.jobs if not job.end)
        end = self.world.clock.now() + PATIENCE + piled_up
        wrong = "nothing was looked at"
        while wrong and self.world.clock.now() < end:
            self._repeat_orders()
            self.process("calm", calm=True).do_pass(only_down=False)
            self._check()
            self.world.clock.sleep(PERIOD)
            wrong = self._unsettled()
        if wrong:
            self._fail(f"not as wanted after hours of calm: {wrong}")

    def _repeat_orders(self) -> None:
        for server in self.world.ours:
            if asker_of(server.tags) is Asker.PERSON:
                person = self.process("person", calm=True)
                person.do(person.leaver(server.name) if self.random.random() < 0.5 else person.enabler(server.name))
            elif self._is_at_its_end(server):
                self.process("person", calm=True).do_repair(server.name)
            elif self._paused_by_others(server.name):
                person = self.process("person", calm=True)
                person.do(person.enabler(server.name))

    def _is_at_its_end(self, server: Server) -> bool:
        """Whether everything was tried on it: then it is a person's turn."""
        tried = read_tried(server.tags)
        last = tried is not None and tried.rung is Rung.REBUILD
        return last and self._runner_of(server.name) is None and self.random.random() < 0.5

    def _paused_by_others(self, name: str) -> bool:
        records = self.world.gitea.records.values()
        return any(one.name == name and one.disabled and one.id in self.world.disabled for one in records)

    def _unsettled(self) -> str:
        """What is not as wanted, or nothing."""
        waiting = [job.id for job in self.world.gitea.jobs if not job.end]
        if waiting:
            return f"jobs {waiting} have not ended"
        for pool in self.inventory.pools:
            have = sum(one.tags[Tag.POOL] == pool.name for one in self.world.ours)
            if have != min(max(pool.min, pool.idle), pool.max):
                return f"pool {pool.name} has {have} machines"
        ids = [self._runner_of(server.name) for server in self.world.ours]
        if None in ids:
            return f"not in service: {self.world.server_names}, runners {ids}"
        if sorted(cast(list[int], ids)) != sorted(self.world.gitea.records):
            return f"runners {sorted(self.world.gitea.records)} for machines with {ids}"
        return ""

    def _runner_of(self, name: str) -> int | None:
        """The id of the runner that serves there; None when it could not take a job now."""
        server, host = self.world.server(name), self.world.host(name)
        process = host.process
        record = self.world.gitea.records.get(process.id) if process is not None and process.polls else None
        serves = record is not None and not record.disabled and "ubuntu-latest" in record.labels
        if not serves or {Tag.DRAINING, Tag.SUSPECT} & server.tags.keys() or record is None:
            return None
        return record.id if record.name == name else None


class StrangeProcess(Process):
    """One run of fleet in a strange world."""

    def __init__(self, stage: Stage, who: str, mischief: Mischief) -> None:
        self.stage = stage
        self.who = who
        self.events = []
        self.calls = StrangeCalls(who, mischief)
        self.world = _world(stage, self.calls, mischief)

    def do(self, what: Callable[[], object]) -> None:
        """Do it, and die or fail as a process may."""
        world = self.stage.world
        try:
            what()
        except Killed:
            return
        except FleetError as error:
            world.tell(self.who, f"ends: {error.message}")
        finally:
            self._told()
            if not self.calls.dead:
                self.world.sessions.close()

    def _told(self) -> None:
        for event in self.events:
            if not event.step:
                self.stage.world.tell(self.who, f"{event.machine}: {event.text.splitlines()[0]}")

    def do_pass(self, *, only_down: bool) -> None:
        """A pass, as cron starts it."""
        self.do(lambda: self.one_pass(only_down=only_down))

    def one_pass(self, *, only_down: bool = False) -> None:
        """What ``fleet scale`` and ``fleet scale-down`` do."""
        look = passes.look(self.world, only_down=only_down, seen=lambda _: None)
        if not look.record.paused(look.seen.at):
            report = run_changes(look.world, look.plan.changes, look.machines, self.events.append)
            passes.remember(look, report)

    def one_up(self, add: int = 0, pool: str | None = None, seconds: int = 0) -> Report:
        """What ``fleet up`` does."""
        world, _ = memory.raised(self.world)
        seen = observe(world)
        plan = plan_up(world.inventory, seen, world.catalog, world.wants(seen), only=pool, add=add)
        if add and pool:
            until = int(world.cloud.now().timestamp()) + seconds
            memory.write(world, floor_tag(pool, Floor(sum(one.pool == pool for one in plan.changes), until)))
        return run_changes(world, plan.changes, join(world.inventory, seen), self.events.append)

    def do_repair(self, *names: str) -> None:
        """``fleet repair``, as a person types it."""
        outside = self.stage.world
        outside.asked = True
        try:
            self.do(lambda: self.repair(*names))
        finally:
            outside.asked = False

    def leaver(self, name: str) -> Callable[[], object]:
        """``fleet down NAME --no-wait``."""
        return lambda: self.down(name, wait=False)

    def drainer(self, name: str) -> Callable[[], object]:
        """``fleet drain NAME``."""
        return lambda: self._one(name, plan_drain)

    def enabler(self, name: str) -> Callable[[], object]:
        """``fleet enable NAME``."""
        return lambda: self._one(name, plan_enable)

    def _one(self, name: str, plan: Callable[[Sequence[Machine]], list[Change]]) -> None:
        rows = join(self.world.inventory, observe(self.world))
        mine = [row for row in rows if row.name == name]
        run_changes(self.world, plan(mine), rows, self.events.append)

    def pause(self, seconds: int) -> None:
        """``fleet pause --for``."""
        self.do(lambda: memory.write(self.world, paused_tag(int(self.world.cloud.now().timestamp()) + seconds)))

    def resume(self) -> None:
        """``fleet resume``."""
        self.do(lambda: memory.write(self.world, paused_tag(None)))


@cache
def _wanted(inventory: Inventory) -> dict[str, HostWanted]:
    return {pool.name: host_wanted(inventory, pool, STACK) for pool in inventory.pools}


def _world(stage: Stage, calls: StrangeCalls, mischief: Mischief) -> World:
    outside = stage.world
    cloud: Cloud = WatchedCloud(outside, outside.clock.now())
    gitea: Gitea = SlowLists(outside.gitea)
    hosts = DroppingHosts(outside.computers, STACK, calls, mischief.drops)
    return World(
        inventory=stage.inventory,
        cloud=cast(Cloud, Counted("cloud", cloud, calls)),
        gitea=cast(Gitea, Counted("gitea", gitea, calls)),
        hosts=hosts,
        clock=ProcessClock(outside.clock, calls),
        operator=FakeOperator(),
        stack=STACK,
        user_data=USER_DATA,
        wanted=_wanted(stage.inventory),
        catalog=CATALOG,
        sessions=Sessions(hosts, explaining(stage.inventory, cloud)),
        shared=Shared(),
        limits=LIMITS,
    )


def _job(stage: Stage, one: Happening) -> None:
    pool = stage.inventory.pools[int(one.luck * 997) % len(stage.inventory.pools)]
    label = pool.name if one.luck < 0.4 else "ubuntu-latest"
    stage.world.gitea.queue(seconds=int(one.luck * 1009) % 15 * 60 + 5, labels=(label,))


def _pass(stage: Stage, one: Happening) -> None:
    stage.process("pass").do_pass(only_down=one.what is What.ONLY_DOWN)


def _up(stage: Stage, _: Happening) -> None:
    process = stage.process("up")
    process.do(process.one_up)


def _add(stage: Stage, one: Happening) -> None:
    pool = stage.inventory.pools[int(one.luck * 997) % len(stage.inventory.pools)]
    process = stage.process("add")
    process.do(lambda: process.one_up(1, pool.name, 40 * MINUTE))


def _down(stage: Stage, one: Happening) -> None:
    name, process = stage.some_machine(one.luck), stage.process("down")
    if name is not None:
        process.do(process.leaver(name))


def _drain(stage: Stage, one: Happening) -> None:
    name, process = stage.some_machine(one.luck), stage.process("drain")
    if name is not None:
        process.do(process.drainer(name))


def _enable(stage: Stage, one: Happening) -> None:
    name, process = stage.some_machine(one.luck), stage.process("enable")
    if name is not None:
        process.do(process.enabler(name))


def _hold(stage: Stage, one: Happening) -> None:
    stage.hold(one.luck)


def _release(stage: Stage, _: Happening) -> None:
    stage.release()


def _pause(stage: Stage, one: Happening) -> None:
    stage.process("pause").pause(int(one.luck * 40) * MINUTE + 1)


def _resume(stage: Stage, _: Happening) -> None:
    stage.process("resume").resume()


def _edit(stage: Stage, _: Happening) -> None:
    stage.inventory = stage.history.edited


def _accident(stage: Stage, one: Happening) -> None:
    name = stage.some_machine(one.luck)
    if name is None:
        return
    host = stage.world.host(name)
    match one.what:
        case What.REBOOT:
            stage.world.reboot(host)
        case What.DOCKER:
            stage.world.restart_docker(host)
        case What.SILENCE:
            stage.world.silence(name, stage.random.choice(("always", "reset")))
        case _:
            stage.world.silence(name, stage.random.choice(("reset", "rebuild")))
            host.reaches_gitea = False


def _trouble(stage: Stage, one: Happening) -> None:
    """What a person, a fault or a bad hour does to a runner, and its host answers all the same."""
    name = stage.some_machine(one.luck)
    if name is None:
        return
    host = stage.world.host(name)
    match one.what:
        case What.DEAF:
            host.deaf = stage.random.choice((*CURES, "always"))
        case What.FORGETS if stage.world.gitea.can_disable:  # without, nobody can cordon a runner that has lost it
            host.disk.files.pop(RUNNER_FILE, None)
        case What.FORGETS:
            return
        case _:
            records = [record for record in stage.world.gitea.records.values() if record.name == name]
            with stage.world.strange.accident():
                for record in records:
                    stage.world.gitea.forget(record.id)


def _repair(stage: Stage, one: Happening) -> None:
    name = stage.some_machine(one.luck)
    stage.process("repair").do_repair(*([name] if name is not None and one.luck < 0.5 else []))


def _disable(stage: Stage, one: Happening) -> None:
    """Somebody uses the button on Gitea's own page."""
    records = list(stage.world.gitea.records.values())
    if records and stage.world.gitea.can_disable:
        record = records[int(one.luck * len(records))]
        record.disabled = True
        stage.world.disabled.add(record.id)


def _sold_out(stage: Stage, one: Happening) -> None:
    places = [("cx33", "fsn1"), ("cx33", "nbg1"), ("cx43", "fsn1"), ("cx43", "nbg1")]
    stage.world.project.room.update(dict.fromkeys(places[: 1 + int(one.luck * 4)], 0))


_HAPPENS: dict[What, Callable[[Stage, Happening], None]] = {
    What.JOB: _job,
    What.PASS: _pass,
    What.ONLY_DOWN: _pass,
    What.UP: _up,
    What.ADD: _add,
    What.DOWN: _down,
    What.DRAIN: _drain,
    What.ENABLE: _enable,
    What.HOLD: _hold,
    What.RELEASE: _release,
    What.PAUSE: _pause,
    What.RESUME: _resume,
    What.EDIT: _edit,
    What.REBOOT: _accident,
    What.DOCKER: _accident,
    What.SILENCE: _accident,
    What.HANG: _accident,
    What.DEAF: _trouble,
    What.FORGETS: _trouble,
    What.DELETED: _trouble,
    What.REPAIR: _repair,
    What.DISABLE: _disable,
    What.SOLD_OUT: _sold_out,
}
