"""``fleet down``: machines leave, and no job is lost."""

from collections.abc import Mapping, Sequence
from typing import Annotated

import typer
from rich.console import Console

from fleet.cli import show
from fleet.cli.ask import confirm
from fleet.cli.exits import OK, code_of, with_verdict
from fleet.cli.machines import unknown
from fleet.cli.options import InventoryOption, JsonOption, QuietOption, YesOption
from fleet.cli.story import looking, telling
from fleet.cli.wiring import open_world
from fleet.core.change import Plan
from fleet.core.machine import Machine, join
from fleet.core.names import is_ours
from fleet.core.observation import JobState, Observation
from fleet.core.plan import plan_down
from fleet.core.pricing import servers_price
from fleet.core.record import paused_tag
from fleet.core.report import Event, Outcome, Report, Verdict
from fleet.engine import firewall, memory
from fleet.engine.apply import Listener, apply
from fleet.engine.observe import observe
from fleet.engine.world import World

PAUSED = "passes are paused, or they would rent anew: fleet resume; or, for good, fleet cron remove and fleet down"

BETWEEN_LOOKS = 5
"""Seconds between two looks at the jobs that still run. Nothing is held meanwhile: no lock, no worker."""


@with_verdict
def down(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[POOL|MACHINE]...", help="Only these pools and machines.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Wait for running jobs, or return and say what still costs.")
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Do not wait: running jobs die. The question names them.")
    ] = False,
    yes: YesOption = False,
    quiet: QuietOption = False,
    json: JsonOption = False,
    inventory: InventoryOption = None,
) -> int:
    """Take machines out of service and delete them, once their jobs have ended. No job is lost."""
    with open_world(inventory) as world:
        wanted = tuple(names or ())
        firewall.let_in(world)
        with looking(f"looking at fleet {world.inventory.name}", quiet=json or quiet) as seen:
            observation = observe(world, seen=seen)
        plan = plan_down(world.inventory, observation, world.catalog, names=wanted, force=force)
        _must_be_known(world, plan, wanted)
        if yes and force:
            Console(stderr=True, highlight=False).print(_deaths(plan), end="", markup=False)
        if plan.todo:
            confirm(_question(world.inventory.name, plan, force=force), yes=yes)
        with telling(quiet=quiet or json) as listen:
            passes_run = not wanted and _pause_passes(world)
            report = _until_gone(world, observation, plan, listen, wait=wait)
            if not wanted and not passes_run:
                _remove_shared(world)
        console = Console(highlight=False)
        if json:
            console.print_json(data=show.report_json(world.inventory.name, report))
        else:
            console.print(show.report_of(world.inventory.name, report))
        still = _still_costs(world, observation, report, wanted)
        if still and not quiet:
            Console(stderr=True, highlight=False).print(still, markup=False, soft_wrap=True)
        if passes_run:
            Console(stderr=True, highlight=False).print(PAUSED)
        return code_of(report) if report.outcomes else OK


def _must_be_known(world: World, plan: Plan, names: Sequence[str]) -> None:
    """A name that is neither a pool nor a machine that exists is most likely a slip."""
    met = {change.machine for change in plan.changes} | {pool.name for pool in world.inventory.pools}
    met |= {change.pool for change in plan.changes}
    for name in names:
        if name not in met:
            raise unknown(f"there is no machine or pool {name}", name, met)


def _question(fleet: str, plan: Plan, *, force: bool) -> str:
    count = len(plan.todo)
    machines = "1 machine" if count == 1 else f"{count} machines"
    words = _deaths(plan) if force else ""
    return f"{words}Remove {machines} of fleet {fleet}, which then costs {show.euros(plan.after)}?"


def _until_gone(world: World, observation: Observation, plan: Plan, listen: Listener, *, wait: bool) -> Report:
    """Pass after pass until nothing is deferred; each begins with a new look."""
    outcomes: dict[str, Outcome] = {}
    while True:
        machines = join(world.inventory, observation)
        report = apply(world, plan.changes, machines, listen)
        outcomes |= {one.machine: one for one in report.outcomes}
        later = [one.machine for one in report.outcomes if one.verdict is Verdict.DEFERRED]
        if not later or not wait:
            return Report(tuple(outcomes.values()))
        late = [machine for machine in machines if machine.name in later]
        # The one that leaves last waits for the others, not for jobs of its own.
        others = [machine for machine in late if machine.name != world.inventory.cache.machine]
        wait_for_jobs(world, others or late, outcomes, listen)
        observation = observe(world)
        plan = plan_down(world.inventory, observation, world.catalog, names=later)


def _still_costs(world: World, seen: Observation, report: Report, names: Sequence[str]) -> str:
    """What is not gone is paid for, by whoever believes it is; empty when all is gone."""
    left = {one.machine for one in report.outcomes if one.verdict in {Verdict.DEFERRED, Verdict.FAILED}}
    servers = [server for server in seen.servers if server.name in left]
    if not servers:
        return ""
    price = servers_price(servers, world.catalog)
    who = ", ".join(server.name for server in servers)
    return f"still there, for {show.euros(price)}: {who} -> {' '.join(('fleet down', *names))}"


def _deaths(plan: Plan) -> str:
    """What a person must have read before it happens; nothing when no job dies."""
    deaths = [f"  {change.machine}: {change.reason}\n" for change in plan.todo if "dies" in change.reason]
    return f"These jobs will die:\n{''.join(deaths)}" if deaths else ""


def _pause_passes(world: World) -> bool:
    """Whether passes run for this fleet; then they are paused first, or they would rent again what leaves."""
    if memory.read(world).last_pass is None:
        return False
    memory.write(world, paused_tag(0))
    return True


def wait_for_jobs(world: World, machines: Sequence[Machine], outcomes: Mapping[str, Outcome], listen: Listener) -> None:
    """Until at least one of the machines has no job any more, by one list call for all."""
    start = world.clock.now()
    ids = {machine.name: {one.id for one in machine.runners} for machine in machines}
    while True:
        for machine in machines:
            listen(Event(machine.name, "wait", outcomes[machine.name].text, world.clock.now() - start))
        world.clock.sleep(BETWEEN_LOOKS)
        busy = {job.runner_id for job in world.gitea.jobs(fresh=True) if job.state is JobState.RUNNING}
        if any(not mine & busy for mine in ids.values()):
            return


def _remove_shared(world: World) -> None:
    """With the last machine of the fleet go its SSH key and its firewall at Hetzner."""
    inventory = world.inventory
    if not any(is_ours(s.name, s.tags, inventory.name, inventory.gitea) for s in world.cloud.servers(fresh=True)):
        world.cloud.remove_shared(world.fleet_tags)
