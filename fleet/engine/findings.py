"""What is wrong in one look: the look and this run's wishes, given to ``core/health``."""

from collections.abc import Sequence

from fleet.core.change import Plan
from fleet.core.health import Finding, View, findings
from fleet.core.machine import Machine
from fleet.core.observation import Observation
from fleet.core.record import Record
from fleet.core.waiting import Wait
from fleet.engine.world import World


def findings_now(
    world: World, seen: Observation, machines: Sequence[Machine], plan: Plan, record: Record, waits: tuple[Wait, ...]
) -> tuple[Finding, ...]:
    """Of the fleet as a whole, then by machine in the order of the plan. ``waits``: what ``waits_now`` says."""
    view = View(
        world.inventory,
        seen,
        world.wants(seen),
        waits,
        last_pass=record.last_pass,
        paused_until=record.paused_until,
    )
    return findings(machines, plan, view)
