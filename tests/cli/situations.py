"""Six fleets that a person meets on the screen of ``fleet status``; each is a plain value."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from fleet.core.errors import HostSilent
from fleet.core.facts import Disk, HostFacts, Registration, RunnerContainer
from fleet.core.inventory import HostState, Inventory, RunnerSettings, StaticHost
from fleet.core.observation import HostSeen, Job, JobState, Observation, Runner, Server
from fleet.core.record import Record
from tests.core.builders import GITEA, NOW, facts, inventory, job, pool, runner, seen, server, wanted

RUNNER = RunnerSettings("gitea/runner:4.1.0", ("ubuntu-latest:docker://node:22",), capacity=2)
BUILD = pool(min=3, max=6, runner=RUNNER)
DESK = pool("desk", min=0, max=0, runner=RUNNER, hosts=(StaticHost("ann", "desk.example", state=HostState.PRESENT),))
FLEET = inventory(BUILD)
PASS = Record(last_pass=int(NOW.timestamp()) - 180, kept=True)


@dataclass(frozen=True, slots=True)
class Situation:
    """What is wanted, what is seen, and what the fleet remembers."""

    inventory: Inventory
    seen: Observation
    record: Record = PASS


def machine(name: str, number: int, *, minutes: int = 95, **more: Any) -> tuple[Server, Runner]:
    """A server and its runner, whose id is the number."""
    made = server(name, minutes=minutes, id=1000 + number, ipv4=f"192.0.2.{number}")
    return made, runner(name, id=number, **more)


def host(name: str, number: int, *, used: int = 31, **more: Any) -> HostFacts:
    """A host on which all is well. ``used``: how full its disk is, in percent."""
    of = wanted(BUILD)
    size = 80 * 10**9
    good = facts(
        of,
        registration=Registration(number, f"u-{number}", name, GITEA.runner_url),
        container=RunnerContainer(True, 0, 0, of.config_hash, "gitea/runner:4.1.0"),
        disk_size=size,
        disk_free=size * (100 - used) // 100,
        disks=(Disk("/var/lib/docker", size, size * (100 - used) // 100),),
    )
    return replace(good, **more)


def running(number: int, name: str, on: int, minutes: int) -> Job:
    """A job that runs on the runner of this id."""
    since = NOW - timedelta(minutes=minutes)
    return job(id=number, name=name, runner_id=on, created=since, started=since)


def waiting(number: int, label: str, minutes: int) -> Job:
    """A job that waits for a runner with this label."""
    since = NOW - timedelta(minutes=minutes)
    return job(
        id=number, state=JobState.WAITING, runner_id=None, labels=frozenset({label}), created=since, started=None
    )


def three(
    *more: Job, hosts: Mapping[str, HostSeen] | None = None, offline: frozenset[int] = frozenset()
) -> Observation:
    """Three machines that serve, with some jobs; ``hosts``: those that answer otherwise."""
    names = {number: f"ci-build-{number}" for number in (1, 2, 3)}
    rows = [
        machine(name, number, minutes=40 * number + 15, online=number not in offline) for number, name in names.items()
    ]
    well: dict[str, HostSeen] = {name: host(name, number, used=20 + 11 * number) for number, name in names.items()}
    return seen(*(part for row in rows for part in row), *more, hosts={**well, **(hosts or {})})


JOBS = (
    running(51, "test (3.11)", 1, 12),
    running(52, "test (3.12)", 1, 4),
    running(53, "integration tests of the web shop (postgres 17)", 2, 31),
)

FULL = (*JOBS, running(54, "lint", 2, 1), running(55, "docs", 3, 2), running(56, "wheels (arm64)", 3, 17))

SILENT = HostSilent("ci-build-3 (192.0.2.3) does not answer on SSH: timed out", hint="look at it: fleet ssh ci-build-3")

SITUATIONS: Mapping[str, Situation] = {
    "all well": Situation(FLEET, three(*JOBS)),
    "one host dead": Situation(FLEET, three(*JOBS, hosts={"ci-build-3": SILENT}, offline=frozenset({3}))),
    "one disk full": Situation(FLEET, three(*JOBS, hosts={"ci-build-2": host("ci-build-2", 2, used=99)})),
    "no matching pool": Situation(
        FLEET, three(*FULL, waiting(61, "gpu", 9), waiting(62, "gpu", 7), waiting(63, "ubuntu-latest", 1))
    ),
    "empty fleet": Situation(replace(FLEET, pools=(replace(BUILD, min=0),)), seen(), Record()),
    "paused": Situation(
        FLEET,
        three(*FULL, waiting(61, "ubuntu-latest", 9)),
        replace(PASS, paused_until=int(NOW.timestamp()) + 7200),
    ),
}
