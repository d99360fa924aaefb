"""One pass: look, decide, carry out, remember. What ``fleet scale`` runs, by hand or from cron."""

from collections.abc import Callable
from dataclasses import dataclass

from fleet.core.change import Plan
from fleet.core.machine import Machine, join
from fleet.core.names import Tag
from fleet.core.observation import Observation
from fleet.core.record import LAST_PASS, Record
from fleet.core.report import Report, Verdict
from fleet.core.scaling import plan_scale
from fleet.engine import firewall, memory
from fleet.engine.observe import observe
from fleet.engine.world import World


@dataclass(frozen=True, slots=True)
class Look:
    """What a pass has seen and decided. ``world`` has the inventory of this moment."""

    world: World
    seen: Observation
    machines: tuple[Machine, ...]
    record: Record
    plan: Plan


def look(world: World, *, only_down: bool, seen: Callable[[str], None], let_in: bool = True) -> Look:
    """Observe and plan; no machine is changed. Raises Refused when Hetzner or Gitea do not answer.

    ``let_in``: put the firewall's rules right first, so that hosts can be asked.
    """
    now, record = memory.raised(world)
    if let_in and record.kept and not record.paused(world.cloud.now()):
        firewall.ensure(now)
    observation = observe(now, seen=seen)
    plan = plan_scale(now.inventory, observation, now.catalog, now.wants(observation), record, only_down=only_down)
    return Look(now, observation, join(now.inventory, observation), record, plan)


def remember(look: Look, report: Report) -> None:
    """Write down when a pass last ended well: any computer's ``status`` says so, and when it is overdue.

    A machine that is for a person to see to, as a static host that is off, is told by itself: the pass ran.
    """
    if not report.any(Verdict.FAILED) and can_remember(look):
        memory.write(look.world, {LAST_PASS: str(int(look.world.cloud.now().timestamp()))})


def can_remember(look: Look) -> bool:
    """Whether there is anything that keeps the fleet's record. Of static hosts those that are absent, or silent, can
    remember nothing."""
    serving = (one.static and one.static.wanted and Tag.FLEET in one.tags for one in look.machines)
    return look.world.has_cloud or any(serving)
