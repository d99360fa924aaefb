"""The fleets that the pictures show."""

from dataclasses import replace

from fleet.core.inventory import Inventory
from fleet.core.observation import HostSeen, Job, Observation
from tests.cli.situations import (
    BUILD,
    PASS,
    SILENT,
    Situation,
    host,
    machine,
    running,
    waiting,
)
from tests.core.builders import inventory, seen

NUMBERS = (1, 2, 3, 4)
LARGE = replace(BUILD, name="large", min=1, max=2, types=("cx43",))
FLEET: Inventory = inventory(replace(BUILD, min=3, max=4), LARGE)

WORK = (
    running(51, "test (3.11)", 1, 12),
    running(52, "test (3.12)", 1, 9),
    running(53, "integration", 2, 31),
    running(54, "lint", 3, 1),
    running(55, "wheels (arm64)", 3, 17),
    running(56, "image", 11, 6),
)


def _fleet(*jobs: Job, silent: frozenset[int] = frozenset(), full: frozenset[int] = frozenset()) -> Observation:
    builds = {number: f"ci-build-{number}" for number in NUMBERS}
    rows = [
        machine(name, number, minutes=35 * number + 14, online=number not in silent) for number, name in builds.items()
    ]
    large = machine("ci-large-1", 11, minutes=142)
    large = (replace(large[0], type="cx43", location="fsn1"), large[1])
    hosts: dict[str, HostSeen] = {
        name: SILENT if number in silent else host(name, number, used=97 if number in full else 18 + 9 * number)
        for number, name in builds.items()
    }
    return seen(
        *(part for row in (*rows, large) for part in row),
        *jobs,
        hosts={**hosts, "ci-large-1": host("ci-large-1", 11, used=44)},
    )


BUSY = Situation(FLEET, _fleet(*WORK), PASS)
"""A day on which all is well."""

TROUBLE = Situation(
    FLEET,
    _fleet(
        *WORK[:3], WORK[5], waiting(61, "gpu", 9), waiting(62, "gpu", 7), silent=frozenset({3}), full=frozenset({2})
    ),
    PASS,
)
"""A dead host, a full disk, and jobs that no pool takes."""

SMALL = Situation(inventory(replace(BUILD, min=2, max=2)), seen(), PASS)
"""The first ``fleet plan``: nothing is there yet."""
