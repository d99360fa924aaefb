"""One look at a fleet: what is there, what is wrong, what is to be done."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from fleet.core.change import Plan
from fleet.core.health import Finding, Severity
from fleet.core.machine import Machine, join
from fleet.core.names import read_machine_name
from fleet.core.observation import Observation
from fleet.core.plan import plan_up
from fleet.core.pricing import servers_price
from fleet.core.record import Record
from fleet.core.waiting import Wait
from fleet.engine import firewall, memory, preflight
from fleet.engine.findings import findings_now
from fleet.engine.observe import observe
from fleet.engine.waiting import waits_now
from fleet.engine.workers import workers
from fleet.engine.world import World


@dataclass(frozen=True, slots=True)
class Sight:
    """One look at a fleet, and what should be done about it. ``world`` has the inventory of that moment.

    ``gitea``: its version. ``findings``: what is not as wanted, errors first. ``waits``: jobs ready for a runner, the
    oldest first, each with its reason. ``eur_per_hour``: what all machines cost, also those that are not shown.
    """

    world: World
    seen: Observation
    machines: tuple[Machine, ...]
    plan: Plan
    record: Record
    gitea: str
    findings: tuple[Finding, ...]
    waits: tuple[Wait, ...]
    eur_per_hour: float

    @property
    def troubles(self) -> tuple[Finding, ...]:
        """Those findings that are more than worth knowing."""
        return tuple(one for one in self.findings if one.severity is not Severity.NOTE)


def look(opened: World, seen: Callable[[str], None] = lambda _: None) -> Sight:
    """Look at everything; nothing is changed. Raises Refused when Hetzner or Gitea do not answer."""
    with workers(3) as pool:  # while the hosts are asked, which takes longest
        raised = pool.submit(memory.raised, opened)
        of_firewall = pool.submit(firewall.notes, opened)
        version = pool.submit(opened.gitea.version)
        observation = observe(opened, seen=seen)
        world, record = raised.result()
        plan = plan_up(world.inventory, observation, world.catalog, world.wants(observation))
        plan = replace(plan, notes=(*plan.notes, *of_firewall.result(), *preflight.notes(world, observation)))
        return _sight(world, observation, plan, record, version.result())


def _sight(world: World, seen: Observation, plan: Plan, record: Record, gitea: str) -> Sight:
    machines = join(world.inventory, seen)
    waits = waits_now(world, seen, machines, record)
    found = findings_now(world, seen, machines, plan, record, waits)
    findings = tuple(sorted(found, key=lambda one: list(Severity).index(one.severity)))
    price = servers_price((one.server for one in machines if one.server), world.catalog)
    return Sight(world, seen, machines, plan, record, gitea, findings, waits, float(price.hour))


def only(sight: Sight, names: Sequence[str]) -> Sight:
    """The same look at these machines and pools alone; all of it without names."""
    if not names:
        return sight

    def named(machine: str) -> bool:
        parts = read_machine_name(machine)
        return machine in names or (parts is not None and parts.pool in names)

    changes = tuple(change for change in sight.plan.changes if named(change.machine))
    machines = tuple(machine for machine in sight.machines if named(machine.name))
    findings = tuple(one for one in sight.findings if not one.machine or named(one.machine))
    return replace(sight, machines=machines, plan=replace(sight.plan, changes=changes), findings=findings)
