"""What fleet would observe in the simulated world: the core's own values."""

from dataclasses import replace

from fleet.core.facts import HostFacts, Registration
from fleet.core.inventory import CronSettings, Inventory, Schedule
from fleet.core.names import Tag
from fleet.core.observation import Job, JobState, Observation, Runner, Server
from fleet.core.setup import HostWanted
from fleet.edges.schedules import effective
from tests.core.builders import GITEA, facts, fresh, inventory, pool, runner, server, wanted
from tests.week.office import HOUR, Planned, clock
from tests.week.world import Ran, Rented, World

MAX = 8
LABELS = frozenset({"ubuntu-latest"})


class Eyes:
    """Makes observations. The inventory: one pool, 0 to 8 machines, at least ``by_day`` in office hours."""

    def __init__(self, capacity: int, minutes: int, by_day: int = 0) -> None:
        plain = pool()
        settings = replace(plain.runner, capacity=capacity)
        schedule = (Schedule("0 9 * * 1-5", "UTC", 9 * HOUR, min=by_day),) if by_day else ()
        only = replace(plain, runner=settings, min=0, max=MAX, schedule=schedule)
        self._inventory = inventory(only, cron=CronSettings(minutes))
        self.wanted: dict[str, HostWanted] = {only.name: wanted(only)}
        self._facts = facts(self.wanted[only.name])
        self._booting = fresh(boot="")

    def inventory(self, world: World) -> Inventory:
        """As its schedule makes it now."""
        fixed = not self._inventory.pools[0].schedule
        return self._inventory if fixed else effective(self._inventory, clock(world.now))

    def look(self, world: World) -> Observation:
        """All of the world as it is now."""
        machines = world.machines.values()
        running = [_job(ran.job, ran) for one in machines for ran in one.jobs]
        return Observation(
            at=clock(world.now),
            servers=tuple(_server(one) for one in machines),
            runners=tuple(_runner(one) for one in machines if world.serves(one)),
            jobs=(*running, *(_job(job, None) for job in world.waiting)),
            hosts={one.name: self._host(world, one) for one in machines},
        )

    def _host(self, world: World, one: Rented) -> HostFacts:
        if not world.serves(one):
            return self._booting
        registration = Registration(one.id, f"u-{one.id}", one.name, GITEA.runner_url)
        return replace(self._facts, registration=registration)


def _server(one: Rented) -> Server:
    tags = {Tag.DRAINING: "scale.1"} if one.draining else {}
    return replace(server(one.name, tags=tags), id=one.id, created=clock(one.created))


def _runner(one: Rented) -> Runner:
    return runner(one.name, id=one.id, busy=bool(one.jobs), disabled=one.draining)


def _job(job: Planned, ran: Ran | None) -> Job:
    state = JobState.RUNNING if ran else JobState.WAITING
    started = clock(ran.start) if ran else None
    return Job(job.id, "test", state, LABELS, ran.runner_id if ran else None, clock(job.at), started, "acme/app")
