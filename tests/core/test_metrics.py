"""What is measured: names are stable, labels are few, and what is not known has no number."""

import re
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from fleet.core.errors import HostSilent
from fleet.core.facts import Disk, Memory
from fleet.core.health import Finding, Severity, Trouble
from fleet.core.inventory import CronSettings
from fleet.core.machine import Phase, join
from fleet.core.metrics import NAMES, Sample, Seen, metrics, no_metrics
from fleet.core.names import Tag
from fleet.core.observation import EndedJobs, JobState, Observation
from fleet.core.record import Record
from fleet.core.stages import Stage
from tests.core.builders import NOW, catalog, facts, inventory, job, pool, runner, seen, server

NOTHING = Record()
BUILD = {"pool": "build"}
FIRST = {"pool": "build", "machine": "ci-build-1"}


def look(observation: Observation | None = None, **more: Any) -> Seen:
    """A look at a fleet with a pool ``build`` of two slots a machine, and an ``arm`` one."""
    wanted = inventory(pool(runner=replace(pool().runner, capacity=2), max=3), pool("arm", min=0, priority=9))
    wanted = more.pop("inventory", wanted)
    observation = observation or seen()
    labels = {"build": frozenset({"ubuntu-latest", "linux"}), "arm": frozenset({"arm", "linux"})}
    plain = Seen(wanted, observation, join(wanted, observation), (), NOTHING, catalog(), labels)
    return replace(plain, **more)


def of(name: str, given: Seen) -> list[Sample]:
    """The samples of one name; none where the family is left out."""
    return [sample for family in metrics(given) if family.name == name for sample in family.samples]


def value(name: str, given: Seen, **labels: str) -> float | None:
    """The one number with these labels."""
    found = [sample.value for sample in of(name, given) if labels.items() <= sample.labels.items()]
    assert len(found) <= 1, found
    return found[0] if found else None


def waiting(**more: Any) -> Any:
    return job(**{"state": JobState.WAITING, "runner_id": None, "started": None, **more})


HOST = facts(
    disks=(Disk("/var/lib/docker", 100, 75, 1000, 400), Disk("/", 100, 20), Disk("/none", 0, 0)),
    ram=Memory(size=1000, free=250),
    load=3.0,
    cores=4,
)
DAY = seen(
    server(tags={Tag.STAGES: f"c14.s41.e{int(NOW.timestamp())}"}),
    server("ci-build-2"),
    server("ci-gone-1"),
    runner(id=7),
    runner("ci-build-2", id=2, online=False),
    job(id=1),
    job(id=2),
    waiting(id=3, created=NOW - timedelta(minutes=7)),
    waiting(id=4, labels=frozenset({"linux"}), created=NOW - timedelta(minutes=9)),
    waiting(id=5, labels=frozenset({"windows"}), created=NOW - timedelta(hours=9)),
    hosts={"ci-build-1": HOST, "ci-build-2": HostSilent("silent")},
)


# --- names and labels -------------------------------------------------------------------------------------


def everything() -> Seen:
    """A look in which every family has a number."""
    return look(
        DAY,
        findings=(Finding(Trouble.LOST, Severity.ERROR, "ci-build-2", "a sentence", "a hint"),),
        record=Record(last_pass=1),
        ended=EndedJobs((job(state=JobState.ENDED, ended=NOW),)),
        calls_left=3000,
        inventory=inventory(max=3, max_eur_per_hour=Decimal("0.5")),
        labels={"build": frozenset({"ubuntu-latest"})},
    )


def test_every_name_is_there_once_and_says_what_it_is() -> None:
    families = metrics(everything())
    assert sorted(family.name for family in families) == sorted(NAMES)
    assert all(family.help.endswith(".") and "\n" not in family.help for family in families)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_a_name_is_one_that_prometheus_takes_for_a_gauge(name: str) -> None:
    assert re.fullmatch(r"fleet_[a-z_]+[a-z]", name)
    assert not re.search(r"_(total|sum|count|bucket)$", name)


def test_labels_are_few_and_hold_no_free_text() -> None:
    allowed = {"pool", "machine", "phase", "trouble", "severity", "stage", "type", "location", "percentile", "bound"}
    labels = [sample.labels for family in metrics(everything()) for sample in family.samples]
    assert set().union(*labels) == allowed
    assert all(re.fullmatch(r"[a-z0-9.-]*", word) for each in labels for word in each.values())


def test_no_two_numbers_of_a_name_have_the_same_labels() -> None:
    for family in metrics(everything()):
        labels = [tuple(sorted(sample.labels.items())) for sample in family.samples]
        assert len(labels) == len(set(labels)), family.name


def test_a_look_that_failed_says_so_and_nothing_else() -> None:
    found = {family.name: family.samples[0].value for family in no_metrics(inventory(), 1000.0, 12.5)}
    assert found == {
        "fleet_look_success": 0,
        "fleet_look_timestamp_seconds": 1000,
        "fleet_look_duration_seconds": 12.5,
        "fleet_pass_period_seconds": 300,
    }


def test_a_look_that_succeeded_says_when_and_how_long_it_took() -> None:
    given = look(seconds=2.5)
    assert value("fleet_look_success", given) == 1
    assert value("fleet_look_timestamp_seconds", given) == NOW.timestamp()
    assert value("fleet_look_duration_seconds", given) == 2.5


# --- the whole fleet --------------------------------------------------------------------------------------


def test_machines_are_counted_by_pool_and_phase_and_a_phase_without_one_is_nothing() -> None:
    given = look(DAY)
    assert value("fleet_machines", given, pool="build", phase=Phase.BUSY) == 1
    assert value("fleet_machines", given, pool="build", phase=Phase.LOST) == 1
    assert value("fleet_machines", given, pool="build", phase=Phase.IDLE) == 0
    assert value("fleet_machines", given, pool="arm", phase=Phase.IDLE) == 0
    assert value("fleet_machines", given, pool="gone", phase=Phase.ORPHAN) == 1
    assert sum(sample.value for sample in of("fleet_machines", given)) == 3


def test_a_pool_has_its_sizes_and_slots_of_machines_that_take_jobs() -> None:
    given = look(DAY)
    assert value("fleet_pool_min_machines", given, pool="build") == 1
    assert value("fleet_pool_max_machines", given, pool="build") == 3
    assert value("fleet_slots", given, pool="build") == 2
    assert value("fleet_slots", given, pool="arm") == 0


def test_a_waiting_job_counts_for_the_first_pool_by_priority_that_may_run_it() -> None:
    given = look(DAY)
    assert value("fleet_jobs_running", given, pool="build") == 2
    assert value("fleet_jobs_waiting", given, pool="build") == 1
    assert value("fleet_jobs_waiting", given, pool="arm") == 1
    assert value("fleet_jobs_without_pool", given) == 1


def test_the_oldest_wait_is_of_a_job_that_a_pool_may_run() -> None:
    assert value("fleet_jobs_oldest_wait_seconds", look(DAY)) == 9 * 60
    assert value("fleet_jobs_oldest_wait_seconds", look()) == 0


def test_waits_have_bounds_by_percentile_and_are_unknown_when_gitea_was_not_asked() -> None:
    ended = job(state=JobState.ENDED, created=NOW - timedelta(seconds=70), started=NOW - timedelta(seconds=58))
    given = look(ended=EndedJobs((ended,)))
    assert value("fleet_job_wait_seconds", given, percentile="50", bound="least") == 12
    assert value("fleet_job_wait_seconds", given, percentile="95", bound="most") == 12
    assert value("fleet_job_wait_jobs", given) == 1
    assert of("fleet_job_wait_seconds", look(ended=None)) == of("fleet_job_wait_jobs", look(ended=None)) == []
    assert of("fleet_job_wait_seconds", look(ended=EndedJobs())) == []
    assert value("fleet_job_wait_jobs", look(ended=EndedJobs())) == 0


def test_what_it_costs_and_what_it_may_cost() -> None:
    assert value("fleet_cost_euros_per_hour", look(DAY)) == pytest.approx(3 * 0.0136)
    assert value("fleet_cost_limit_euros_per_hour", look(DAY)) is None
    capped = inventory(max_eur_per_hour=Decimal("0.05"), max=4)
    given = look(DAY, inventory=capped)
    assert value("fleet_cost_limit_euros_per_hour", given) == 0.05
    assert value("fleet_machines_limit", given) == 4


def test_findings_are_counted_by_trouble_and_severity() -> None:
    lost = Finding(Trouble.LOST, Severity.ERROR, "ci-build-1", "", "")
    given = look(findings=(lost, replace(lost, machine="ci-build-2"), replace(lost, severity=Severity.NOTE)))
    assert of("fleet_findings", given) == [
        Sample(2, {"trouble": "host-lost", "severity": "error"}),
        Sample(1, {"trouble": "host-lost", "severity": "note"}),
    ]
    assert of("fleet_findings", look()) == []


def test_the_last_pass_its_period_and_whether_passes_are_paused() -> None:
    given = look(record=Record(last_pass=77, paused_until=0), inventory=inventory(cron=CronSettings(minutes=10)))
    assert value("fleet_last_pass_timestamp_seconds", given) == 77
    assert value("fleet_pass_period_seconds", given) == 600
    assert value("fleet_paused", given) == 1
    assert value("fleet_last_pass_timestamp_seconds", look()) is None
    assert value("fleet_paused", look()) == 0


def test_calls_that_are_left_are_told_where_they_are_known() -> None:
    assert value("fleet_api_calls_left", look(calls_left=12)) == 12
    assert value("fleet_api_calls_left", look()) is None


# --- each machine -----------------------------------------------------------------------------------------


def test_a_machine_has_its_words_and_its_numbers() -> None:
    given = look(DAY)
    words = {"phase": "busy", "type": "cx33", "location": "nbg1"}
    assert Sample(1, {**FIRST, **words}) in of("fleet_machine_info", given)
    numbers = {
        "created_timestamp_seconds": (NOW - timedelta(minutes=90)).timestamp(),
        "paid_left_seconds": 30 * 60,
        "cost_euros_per_hour": 0.0136,
        "slots": 2,
        "jobs_running": 2,
        "host_answers": 1,
        "disk_used_ratio": 0.8,
        "inodes_used_ratio": 0.6,
        "memory_used_ratio": 0.75,
        "load_ratio": 0.75,
    }
    for name, number in numbers.items():
        assert value(f"fleet_machine_{name}", given, machine="ci-build-1") == pytest.approx(number), name


def test_what_a_host_did_not_say_has_no_number() -> None:
    given = look(seen(server(), runner(), hosts={"ci-build-1": facts(disks=(), ram=Memory(), cores=0)}))
    for what in ("disk_used", "inodes_used", "memory_used", "load"):
        assert value(f"fleet_machine_{what}_ratio", given) is None
    assert value("fleet_machine_host_answers", given) == 1


def test_a_host_that_is_silent_has_no_disk_and_one_that_was_not_asked_does_not_say_whether_it_answers() -> None:
    given = look(DAY)
    assert value("fleet_machine_host_answers", given, machine="ci-build-2") == 0
    assert value("fleet_machine_disk_used_ratio", given, machine="ci-build-2") is None
    assert value("fleet_machine_host_answers", given, machine="ci-gone-1") is None


def test_a_machine_of_a_pool_that_is_gone_has_no_slots_and_still_costs() -> None:
    given = look(DAY)
    assert value("fleet_machine_slots", given, machine="ci-gone-1") is None
    assert value("fleet_machine_cost_euros_per_hour", given, machine="ci-gone-1", pool="gone") is not None


def test_stages_that_are_known_have_a_number_and_the_first_job_comes_from_gitea() -> None:
    start = NOW + timedelta(seconds=20)
    given = look(DAY, ended=EndedJobs((job(state=JobState.ENDED, started=start, ended=start),)))
    samples = of("fleet_machine_stage_seconds", given)
    assert {sample.labels["stage"]: sample.value for sample in samples} == {
        Stage.CREATE: 14,
        Stage.SET_UP: 41,
        Stage.FIRST_JOB: 0,
    }


def test_a_machine_that_is_gone_has_no_numbers() -> None:
    labels = [sample.labels for family in metrics(look(seen(server()))) for sample in family.samples]
    assert {each["machine"] for each in labels if "machine" in each} == {"ci-build-1"}
