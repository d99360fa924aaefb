"""Why a job waits, in the order the reasons are tried."""

from datetime import timedelta
from decimal import Decimal

import pytest

from fleet.core.inventory import Inventory
from fleet.core.machine import Machine, Phase
from fleet.core.money import Catalog
from fleet.core.observation import Job, JobState
from fleet.core.record import FailedCreates, Record
from fleet.core.waiting import waits
from tests.core.builders import NOW, catalog, inventory, job, pool, server, server_type

MINUTE = timedelta(minutes=1)
LABELS = {"build": frozenset({"ubuntu-latest", "fleet-ci"}), "arm": frozenset({"arm"})}


def waiting(number: int = 1, minutes: float = 5, label: str = "ubuntu-latest") -> Job:
    return job(
        id=number,
        state=JobState.WAITING,
        runner_id=None,
        labels=frozenset({label}),
        created=NOW - timedelta(minutes=minutes),
    )


def machine(of: Inventory, phase: Phase = Phase.IDLE, n: int = 1, jobs: int = 0) -> Machine:
    name = f"ci-build-{n}"
    return Machine(name, of.pools[0], phase, server(name), jobs=tuple(job(id=100 + n + i) for i in range(jobs)))


def reasons(
    of: Inventory, machines: list[Machine], jobs: list[Job], *, at: Catalog | None = None, paused: bool = False
) -> list[str]:
    found = waits(of, LABELS, machines, jobs, at or catalog(), NOW, paused=paused)
    return [one.reason for one in found]


def test_a_job_whose_label_no_pool_has_says_so() -> None:
    (found,) = waits(inventory(), LABELS, [], [waiting(label="gpu")], catalog(), NOW, paused=False)
    assert found.reason == "no pool has all of: gpu"
    assert found.hint == "pools.NAME.labels, or runs-on in acme/app"


def test_free_slots_are_given_to_the_oldest_then_those_on_their_way() -> None:
    of = inventory(pool(max=2))
    machines = [machine(of), machine(of, Phase.BOOTING, 2)]
    jobs = [waiting(3, minutes=1), waiting(1, minutes=9), waiting(2, minutes=5)]
    assert reasons(of, machines, jobs) == [
        "pool build has a free slot: its runner asks in a moment",
        "a machine of pool build is on its way",
        "all slots are taken, and the pool is at its max: build (2)",
    ]


def test_a_job_that_has_just_come_says_so() -> None:
    assert reasons(inventory(), [], [waiting(minutes=0.2)]) == ["it has just come"]


@pytest.mark.parametrize(
    ("of", "paused", "stock", "reason"),
    [
        (inventory(), True, None, "all slots are taken, and passes are paused"),
        (inventory(), False, None, "the next pass makes a machine in pool build"),
        (inventory(max=0), False, None, "the fleet has 0 machines, and max is 0"),
        (inventory(max_eur_per_hour=Decimal("0.01")), False, None, "is over max_eur_per_hour"),
        (inventory(), False, catalog(server_type(available=frozenset())), "all types of pool build are sold out now"),
    ],
)
def test_why_no_machine_is_made_for_it(of: Inventory, paused: bool, stock: Catalog | None, reason: str) -> None:
    (found,) = reasons(of, [], [waiting()], at=stock, paused=paused)
    assert reason in found


@pytest.mark.parametrize(
    ("count", "minutes", "reason"),
    [
        (1, 5, "the last create has failed in pool build: the next pass tries again"),
        (2, 5, "the last 2 creates have failed in pool build: the next pass tries again"),
        (4, 5, f"the last 4 creates have failed in pool build: passes try again after {NOW + 25 * MINUTE:%H:%M} UTC"),
        (4, 31, "the last 4 creates have failed in pool build: the next pass tries again"),
        (4, 361, "the next pass makes a machine in pool build"),
    ],
)
def test_creates_that_fail_are_told_and_when_they_are_tried_again(count: int, minutes: int, reason: str) -> None:
    record = Record(failed={"build": FailedCreates(count, int((NOW - minutes * MINUTE).timestamp()))})
    failing = {"build": record.failing("build", NOW)}
    (found,) = waits(inventory(), LABELS, [], [waiting()], catalog(), NOW, paused=False, failing=failing)
    assert found.reason == reason
    assert found.hint.startswith("fleet up build --add 1" if "failed" in reason else "fleet scale")


def test_a_busy_machine_of_the_pools_max_is_named_as_the_limit() -> None:
    of = inventory(pool(max=1))
    assert reasons(of, [machine(of, Phase.BUSY, jobs=1)], [waiting()]) == [
        "all slots are taken, and the pool is at its max: build (1)"
    ]


def test_machines_that_leave_give_no_slot() -> None:
    of = inventory(pool(max=2))
    assert reasons(of, [machine(of, Phase.DRAINING)], [waiting()]) == ["the next pass makes a machine in pool build"]
