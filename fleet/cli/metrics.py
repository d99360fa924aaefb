"""``fleet status --prometheus FILE``: metrics instead of a screen."""

from pathlib import Path

from fleet.cli import dashboard
from fleet.cli.dashboard import Sight
from fleet.cli.figures import ended_jobs
from fleet.cli.wiring import RealClock, load_inventory, open_world
from fleet.core.errors import FleetError
from fleet.core.metrics import Family, Seen, metrics, no_metrics


def write_file(option: str | None, path: Path) -> Sight:
    """Look, and write what was seen; what was looked at. Old numbers never stay: where Hetzner or Gitea do not answer
    the file says just that, and the error goes on."""
    from fleet.edges import prometheus

    fleet, clock = load_inventory(option).name, RealClock()
    began = clock.now()
    try:
        with open_world(option) as world:
            sight = dashboard.look(world)
            found = families(sight, clock.now() - began)
    except FleetError:
        prometheus.write(path, fleet, no_metrics(clock.now(), clock.now() - began))
        raise
    prometheus.write(path, fleet, found)
    return sight


def families(sight: Sight, seconds: float) -> tuple[Family, ...]:
    """The metrics of one look that took so long. Asks Gitea for the jobs that ended."""
    world = sight.world
    calls = world.cloud.calls_left()
    return metrics(
        Seen(
            inventory=world.inventory,
            seen=sight.seen,
            machines=sight.machines,
            findings=sight.findings,
            record=sight.record,
            catalog=world.catalog,
            labels={pool.name: frozenset(world.wanted[pool.name].label_names) for pool in world.inventory.pools},
            ended=ended_jobs(world),
            calls_left=calls[0] if calls else None,
            seconds=seconds,
        )
    )
