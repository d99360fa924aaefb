"""Each fault is made for real on one machine, one after another: found, explained, repaired. While a job runs it is
told, and nothing is touched. ``make faults`` writes the seconds of each into ``docs/faults.md``.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from fleet.core.health import Severity, Trouble
from fleet.lab.place import Lab
from tests.e2e.faults import BOUND, BUSY, CUT_OFF, DROP_SSH, FILL_DISK, IDLE, LET_SSH_IN, Fault, inside, second_address
from tests.e2e.keyboard import OFFLINE_AFTER, Fleet, Json, Long, Person, age, new_fleet, running, soon
from tests.faults import PROPERTY

pytestmark = pytest.mark.e2e

Note = Callable[[str, object], None]

REPAIR = ("repair", "--yes")
GRACE = 16 * 60
"""Seconds of Hetzner's time after which a machine that is silent is reset, and some more."""

STATE = """
docker ps --all --quiet --no-trunc | sort | xargs docker inspect --format '{{.Id}} {{.State.Status}} {{.State.StartedAt}}'
systemctl show docker ssh --property ActiveEnterTimestamp
stat --format '%n %Y' /opt/fleet/* /etc/docker/daemon.json
"""  # noqa: E501 - one command
"""All that a repair could have touched."""


@dataclass
class Watch:
    """Takes the time of a fault from when it was made."""

    fleet: Fleet
    note: Note

    def finds(self, fault: Fault) -> Json:
        """The finding, and after how many seconds ``status`` told it."""
        began = time.monotonic()
        finding = soon(lambda: told(self.fleet, fault.told), seconds=90)
        self.found = time.monotonic() - began
        assert finding["sentence"]
        assert finding["hint"]
        return finding

    def sees_repaired(self, fault: Fault, *, busy: bool = False, how: str = "") -> None:
        """Repair until nothing is wrong any more; the row of the table."""
        began = time.monotonic()
        if fault.person is not None:
            fault.person(self.fleet)
        soon(lambda: _well(self.fleet), seconds=120)
        took = time.monotonic() - began
        how = ", by a person" if fault.person is not None else how
        row = {"what": fault.what, "told": str(fault.told), "found": self.found, "busy": busy, "repaired": took}
        self.note(PROPERTY, {**row, "how": how})


@pytest.fixture(scope="module")
def fleet(somebody: Person, lab: Lab) -> Iterator[Fleet]:
    """One machine; each test leaves it well."""
    fleet = new_fleet(somebody, lab, pool="capacity = 2")
    fleet.must("up", "--yes")
    yield fleet
    fleet.must("down", "--force", "--yes")  # a job that a failed test has left must not be waited for
    assert [*fleet.servers(), *fleet.runners()] == []


@pytest.fixture
def watch(fleet: Fleet, record_property: Note) -> Watch:
    return Watch(fleet, record_property)


@pytest.fixture
def job(fleet: Fleet) -> Iterator[Long]:
    """One that runs in its container, and has an end whatever the test comes to."""
    job = running(fleet)
    soon(lambda: "TASK" in fleet.inside("docker ps --format '{{.Names}}'"))
    yield job
    if job.runs():
        job.ends()


@pytest.mark.parametrize("fault", IDLE, ids=lambda fault: fault.what)
def test_a_fault_of_an_idle_machine_is_found_explained_and_repaired(watch: Watch, fleet: Fleet, fault: Fault) -> None:
    fault.make(fleet)
    watch.finds(fault)
    watch.sees_repaired(fault)
    assert fleet.push("echo works").ends() == "success"


@pytest.mark.parametrize("fault", BUSY, ids=lambda fault: fault.what)
def test_a_fault_of_a_busy_machine_is_told_and_repaired_after_its_job(
    watch: Watch, fleet: Fleet, job: Long, fault: Fault
) -> None:
    fault.make(fleet)
    before = fleet.inside(STATE)
    watch.finds(fault)
    _nothing_is_touched(fleet, job, before)
    watch.sees_repaired(fault, busy=True)


def test_another_address_of_gitea_waits_for_the_job_and_is_taken(watch: Watch, fleet: Fleet, job: Long) -> None:
    fault = Fault("Gitea has another address", Trouble.OTHER_GITEA, lambda _: None)
    before = fleet.inside(STATE)
    with second_address(fleet) as address:
        fleet.wish("capacity = 2", f'gitea.runner_url = "{address}"')
        watch.finds(fault)
        _nothing_is_touched(fleet, job, before)
        watch.sees_repaired(fault, busy=True)
        assert address in fleet.inside("cat /opt/fleet/data/.runner")
        assert fleet.push("echo works").ends() == "success"
        fleet.wish("capacity = 2")
        fleet.must("up", "--yes")


def test_a_host_without_ssh_is_told_and_its_job_goes_on(watch: Watch, fleet: Fleet, job: Long) -> None:
    fault = Fault("SSH is dropped", Trouble.SILENT, inside(DROP_SSH), inside(LET_SSH_IN))
    before = fleet.inside(STATE)
    fault.make(fleet)
    watch.finds(fault)
    _nothing_is_touched(fleet, job, before)
    watch.sees_repaired(fault, busy=True)


def test_a_full_disk_is_told_and_cleaned_after_the_job(
    watch: Watch, fleet: Fleet, request: pytest.FixtureRequest
) -> None:
    fault = Fault("the disk is full", Trouble.DISK, inside(FILL_DISK))
    fleet.inside(BOUND)
    soon(lambda: _well(fleet))
    job: Long = request.getfixturevalue("job")
    fault.make(fleet)
    before = fleet.inside(STATE)
    watch.finds(fault)
    _nothing_is_touched(fleet, job, before)
    watch.sees_repaired(fault, busy=True)


def test_a_machine_that_is_cut_off_is_reset_after_its_grace(watch: Watch, fleet: Fleet) -> None:
    """Both clocks of the lab are moved: Gitea's until it calls the runner offline, Hetzner's past the grace."""
    fault = Fault("cut off: SSH is dropped, and the runner", Trouble.LOST, inside(CUT_OFF))
    fault.make(fleet)
    age(fleet.lab, gitea=OFFLINE_AFTER, hetzner=GRACE)
    try:
        watch.finds(fault)
        soon(lambda: "hard reset" in fleet.type(*REPAIR).said, seconds=90)
    finally:
        age(fleet.lab, gitea=-OFFLINE_AFTER, hetzner=-GRACE)
    watch.sees_repaired(fault, how=", by a hard reset")


def told(fleet: Fleet, trouble: Trouble) -> Json | None:
    """The finding of this name, once ``status`` has it."""
    findings: list[Json] = fleet.must("status", "--json").json["findings"]
    return next((one for one in findings if one["trouble"] == trouble), None)


def _nothing_is_touched(fleet: Fleet, job: Long, before: str) -> None:
    """Neither by a repair nor by a pass, until the job has ended; and it ends well."""
    for words in (REPAIR, ("scale",)):
        fleet.type(*words)
        assert job.runs()
        assert fleet.inside(STATE) == before, words
    assert job.ends() == "success"


def _well(fleet: Fleet) -> bool:
    """Whether one more repair leaves nothing that is wrong with the machine. A note is passed over: its load is that of
    the whole lab."""
    fleet.type(*REPAIR)
    findings: list[Json] = fleet.must("status", "--json").json["findings"]
    return all(one["severity"] == Severity.NOTE or not one["machine"] for one in findings)
