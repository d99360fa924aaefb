"""Metrics in a file: of ``fleet status --prometheus FILE``, and of each pass from cron."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from fleet.cli.figures import ended_jobs
from fleet.cli.sight import Sight, look
from fleet.cli.wiring import RealClock, load_inventory, open_world
from fleet.core.errors import FleetError
from fleet.core.health import Finding
from fleet.core.inventory import Inventory
from fleet.core.machine import Machine
from fleet.core.metrics import Family, Seen, metrics, no_metrics
from fleet.core.observation import Observation
from fleet.core.plan import plan_up
from fleet.core.record import Record
from fleet.engine.findings import findings_now
from fleet.engine.passes import Look
from fleet.engine.waiting import waits_now
from fleet.engine.world import World


def write_file(option: str | None, path: Path) -> Sight:
    """Look, and write what was seen; what was looked at. Raises what kept it from looking."""
    with MetricsFile(load_inventory(option), path) as file, open_world(option) as world:
        sight = look(world)
        file.looked()
        file.write(sight.world, sight.seen, sight.machines, sight.findings, sight.record)
    return sight


def of_pass(inventory: Inventory) -> "MetricsFile":
    """The file that the inventory wants each pass from cron to write, if any."""
    return MetricsFile(inventory, Path(inventory.cron.prometheus) if inventory.cron.prometheus else None)


class MetricsFile:
    """Old numbers never stay: where the look fails, because Hetzner or Gitea do not answer, the file says just that.

    Without a path nothing is written.
    """

    def __init__(self, inventory: Inventory, path: Path | None) -> None:
        self._inventory = inventory
        self._path = path
        self._clock = RealClock()
        self._began = self._clock.now()
        self._took: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if isinstance(error, FleetError) and self._took is None:
            now = self._clock.now()
            with suppress(FleetError):  # why nobody answered is what a person wants to read
                self._put(no_metrics(self._inventory, now, now - self._began))

    def looked(self) -> None:
        """All have answered: what goes wrong from here on is no fault of the look."""
        self._took = self._clock.now() - self._began

    def of_look(self, look: Look) -> str:
        """Write what a pass has seen. Why that was not possible, else nothing: it is no failure of the pass."""
        if self._path is None:
            return ""
        world, seen = look.world, look.seen
        plan = plan_up(world.inventory, seen, world.catalog, world.wants(seen))
        try:
            waits = waits_now(world, seen, look.machines, look.record)
            found = findings_now(world, seen, look.machines, plan, look.record, waits)
            self.write(world, seen, look.machines, found, look.record)
        except FleetError as error:
            return f"no metrics: {error.message}"
        return ""

    def write(
        self,
        world: World,
        seen: Observation,
        machines: Sequence[Machine],
        findings: Sequence[Finding],
        record: Record,
    ) -> None:
        """Write what was seen. Asks Gitea for the jobs that ended. Raises Refused when the file cannot be written."""
        calls = world.cloud.calls_left()
        found = Seen(
            inventory=world.inventory,
            seen=seen,
            machines=tuple(machines),
            findings=tuple(findings),
            record=record,
            catalog=world.catalog,
            labels={pool.name: frozenset(world.wanted[pool.name].label_names) for pool in world.inventory.pools},
            ended=ended_jobs(world),
            calls_left=calls[0] if calls else None,
            seconds=self._took or 0.0,
        )
        self._put(metrics(found))

    def _put(self, families: Sequence[Family]) -> None:
        from fleet.edges import prometheus

        if self._path is not None:
            prometheus.write(self._path, self._inventory.name, families)
