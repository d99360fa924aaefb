"""One whole world in memory, and fleet processes that run in it, side by side or one after the other."""

import threading
from collections.abc import Sequence
from copy import deepcopy
from typing import cast

from fleet.cli import down as cli_down
from fleet.cli.wiring import shipped
from fleet.core.change import Change, Plan
from fleet.core.inventory import GiteaSettings, Inventory, Pool, RunnerSettings
from fleet.core.machine import Machine, join
from fleet.core.observation import Observation, Server
from fleet.core.plan import plan_down, plan_repair, plan_up
from fleet.core.report import Event, Report
from fleet.core.secret import Secret
from fleet.core.setup import cache_secrets, host_wanted, password_key
from fleet.edges.no_cloud import NoCloud
from fleet.engine import apply as engine_apply
from fleet.engine import passes
from fleet.engine.logins import explaining
from fleet.engine.observe import observe
from fleet.engine.ports import Clock, Cloud, Gitea, Hosts, Tailnet
from fleet.engine.wanted import wanted_now
from fleet.engine.world import Limits, Sessions, Shared, World
from tests.fakes.calls import Calls, Counted, Moment, ProcessClock
from tests.fakes.clock import FakeClock
from tests.fakes.cloud import CATALOG, FakeCloud, Project
from tests.fakes.gitea import FakeGitea, FakeJob, Instance, RunnerProcess
from tests.fakes.host import FakeHost
from tests.fakes.hosts import Computers, FakeHosts
from tests.fakes.operator import FakeOperator
from tests.fakes.tailnet import FakeTailnet, Network

STACK = shipped("stack")
USER_DATA = shipped("cloud-init")["server.yaml"]
LIMITS = Limits(ssh=120, cloud_init=60, stop=20, online=30, foreign_key=20)
SHARED = Secret("what runners and their cache share")


def build_pool(name: str = "build", *, least: int = 1, most: int = 3, capacity: int = 1, log: str = "info") -> Pool:
    """A pool with everything that has no default."""
    labels = ("ubuntu-latest:docker://ci/job:1",)
    runner = RunnerSettings("gitea/runner:4.1.0", labels, capacity=capacity, log_level=log)
    return Pool(name, runner, min=least, max=most, types=("cx33", "cx43"), locations=("fsn1", "nbg1"))


def build_inventory(*pools: Pool) -> Inventory:
    """The inventory of fleet ``ci``, by default with one pool of one machine."""
    gitea = GiteaSettings("https://git.example", "https://git.example")
    return Inventory("ci", gitea, pools or (build_pool(),))


class FakeWorld:
    """Everything outside fleet. ``can_disable``: whether its Gitea knows ``PATCH disabled``.

    ``network``: its tailnet; a process sees it when its inventory has one. ``operator_keys``: the public lines that new
    processes log in with.
    """

    def __init__(self, *, can_disable: bool = True) -> None:
        self.guard = threading.RLock()
        self.operator_keys: tuple[str, ...] = ()
        self.clock = FakeClock()
        self.gitea = Instance(self.clock, can_disable)
        self.network = Network(self.clock)
        self.computers = Computers(self.clock, self.gitea, self.network)
        self.project = Project(self.clock, self.computers)
        self.operator = FakeOperator()
        self.clock.at_each_tick(self.gitea.tick)
        self.clock.at_each_tick(self.computers.tick)

    def __deepcopy__(self, memo: dict[int, object]) -> "FakeWorld":
        """Another world that is just as far, with a lock of its own."""
        another = object.__new__(type(self))
        memo |= {id(self): another, id(self.guard): threading.RLock()}
        another.__dict__.update({name: deepcopy(value, memo) for name, value in self.__dict__.items()})
        return another

    @property
    def lost_jobs(self) -> list[FakeJob]:
        """Jobs that somebody killed."""
        return self.gitea.lost_jobs

    @property
    def server_names(self) -> list[str]:
        """The servers there are."""
        return sorted(one.name for one in self.project.servers.values())

    @property
    def processes(self) -> list[RunnerProcess]:
        """The runners that run."""
        return [host.process for host in self.computers.hosts.values() if host.process is not None]

    @property
    def interrupted(self) -> list[str]:
        """What restarted or killed something while a job ran, on all hosts."""
        return [what for host in self.computers.hosts.values() for what in host.interrupted]

    def server(self, name: str) -> Server:
        """The server of this name."""
        found = self.project.named(name)
        assert found is not None, f"there is no server {name}"
        return found

    def host(self, name: str) -> FakeHost:
        """The host of this name."""
        return self.computers.hosts[self.server(name).id]

    def process(
        self, inventory: Inventory | None = None, *, die_at: Moment | None = None, has_cloud: bool = True
    ) -> "Process":
        """A new fleet process, as on another computer. ``has_cloud``: it has a token for Hetzner."""
        return Process(self, inventory or build_inventory(), Calls(self.clock, self.guard, die_at), has_cloud=has_cloud)


class Process:
    """One run of fleet, from its start to its end or its death."""

    def __init__(self, outside: FakeWorld, inventory: Inventory, calls: Calls, *, has_cloud: bool = True) -> None:
        self.calls = calls
        self.events: list[Event] = []
        self.world = build_world(outside, inventory, calls, has_cloud=has_cloud)

    def up(self, *, add: int = 0) -> Report:
        """``fleet up``."""
        return self.apply(*self.plan_up(add=add))

    def plan_up(self, *, add: int = 0) -> tuple[Plan, tuple[Machine, ...]]:
        """What ``fleet up`` would do, from one look."""
        world, seen = self.world, observe(self.world)
        plan = plan_up(world.inventory, seen, world.catalog, world.wants(seen), add=add)
        return plan, join(world.inventory, seen)

    def down(self, *names: str, wait: bool = True) -> Report:
        """``fleet down``. Needs ``fleet.cli.down.apply`` to be ``run_changes``, or threads."""
        return self.go_down(*self.plan_down(*names), names, wait=wait)

    def plan_down(self, *names: str) -> tuple[Plan, Observation]:
        """What ``fleet down`` would do, from one look."""
        world, seen = self.world, observe(self.world)
        return plan_down(world.inventory, seen, world.catalog, names=names), seen

    def go_down(self, plan: Plan, seen: Observation, names: Sequence[str] = (), *, wait: bool = True) -> Report:
        """Carry such a plan out."""
        report = cli_down._until_gone(self.world, seen, plan, self.events.append, wait=wait)
        if not names:
            cli_down._remove_shared(self.world)
        return report

    def repair(self, *names: str) -> Report:
        """``fleet repair``."""
        world, seen = self.world, observe(self.world)
        plan = plan_repair(world.inventory, seen, world.catalog, world.wants(seen), names)
        return self.apply(plan, join(world.inventory, seen))

    def scale(self) -> Report:
        """``fleet scale``."""
        look = passes.look(self.world, only_down=False, seen=lambda _: None)
        report = run_changes(look.world, look.plan.changes, look.machines, self.events.append)
        passes.remember(look, report)
        return report

    def apply(self, plan: Plan, machines: Sequence[Machine]) -> Report:
        """Do the changes one after the other, in this thread."""
        return run_changes(self.world, plan.changes, machines, self.events.append)


def run_changes(
    world: World, changes: Sequence[Change], machines: Sequence[Machine], listen: engine_apply.Listener
) -> Report:
    """Like ``fleet.engine.apply.apply``, without threads: the calls come in the same order each time."""
    by_name = {machine.name: machine for machine in machines}
    return Report(tuple(engine_apply._one(world, one, by_name.get(one.machine), listen) for one in changes))


def build_world(outside: FakeWorld, inventory: Inventory, calls: Calls, *, has_cloud: bool = True) -> World:
    """What one process works with: counted ports into the simulated world, and the files that are shipped."""
    cloud: Cloud = FakeCloud(outside.project) if has_cloud else NoCloud()
    gitea: Gitea = FakeGitea(outside.gitea)
    hosts: Hosts = FakeHosts(outside.computers, STACK, calls, *outside.operator_keys)
    clock: Clock = ProcessClock(outside.clock, calls)
    tailnet: Tailnet = FakeTailnet(outside.network)
    return World(
        inventory=inventory,
        cloud=cast(Cloud, Counted("cloud", cloud, calls)),
        gitea=cast(Gitea, Counted("gitea", gitea, calls)),
        hosts=hosts,
        clock=clock,
        operator=outside.operator,
        stack=STACK,
        user_data=USER_DATA,
        wanted=wanted_now(inventory, cloud, tailnet, STACK, dict.fromkeys(_secret_keys(inventory), SHARED)),
        catalog=CATALOG,
        sessions=Sessions(hosts, explaining(inventory, cloud)),
        shared=Shared(),
        limits=LIMITS,
        has_cloud=has_cloud,
        want_static=lambda pool: host_wanted(inventory, pool, STACK, static=True),
        tailnet=cast(Tailnet, Counted("tailnet", tailnet, calls)) if inventory.tailnet else None,
    )


def _secret_keys(inventory: Inventory) -> tuple[str, ...]:
    """Of all secrets that go to hosts."""
    return (*cache_secrets(inventory.cache), *map(password_key, inventory.registries))
