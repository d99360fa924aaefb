"""A new SSH key for all machines: proven on each that answers before the old one is taken off anywhere."""

from dataclasses import replace

from fleet.core.lifecycle import Step
from fleet.core.machine import join
from fleet.core.report import Report, Verdict
from fleet.core.rotation import PROVE, TAKE_OVER, plan_keys
from fleet.engine.apply import Listener, apply
from fleet.engine.logins import explaining
from fleet.engine.observe import observe
from fleet.engine.ports import Hosts
from fleet.engine.world import Rotation, Sessions, World

NOT_PROVEN = (Verdict.FAILED, Verdict.LOCKED, Verdict.DEFERRED)
"""How a machine that answers may end without letting the new key in: then the old one stays everywhere."""


def prove(world: World, rotation: Rotation, listen: Listener) -> Report:
    """Both keys open each machine that answers, and new servers get the new one."""
    if world.has_cloud:
        world.cloud.ensure_ssh_key(world.shared_name, rotation.new, world.fleet_tags)
    return _on_all(replace(world, rotation=rotation), PROVE, listen)


def take_over(world: World, hosts: Hosts, rotation: Rotation, listen: Listener) -> Report:
    """The new key alone opens each machine that answers. ``hosts``: logs in with the new key from now on."""
    sessions = Sessions(hosts, explaining(world.inventory, world.cloud))
    try:
        now = replace(world, hosts=hosts, sessions=sessions, rotation=rotation)
        report = _on_all(now, TAKE_OVER, listen)
    finally:
        sessions.close()
    if world.has_cloud:
        world.cloud.remove_ssh_key(rotation.old, world.fleet_tags)
    return report


def is_proven(report: Report) -> bool:
    """Whether the new key may take over: it opens every machine that answers, and one at least if there are any."""
    done = any(one.verdict is Verdict.DONE for one in report.outcomes)
    return not report.any(*NOT_PROVEN) and (done or not report.outcomes)


def is_over(report: Report) -> bool:
    """Whether no machine needs the old key any more."""
    return all(one.verdict is Verdict.DONE for one in report.outcomes)


def _on_all(world: World, steps: tuple[Step, ...], listen: Listener) -> Report:
    machines = join(world.inventory, observe(world))
    return apply(world, plan_keys(machines, steps), machines, listen)
