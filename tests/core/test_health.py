"""Each thing that can be wrong is found, in a sentence with its figures; and on a good machine nothing is."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given

from fleet.core.change import Change, Plan, Verb
from fleet.core.docker_seen import Container, Leftovers, Made, RunnerContainer
from fleet.core.errors import CommandFailed, HostSilent, LoginRefused, WrongHostKey
from fleet.core.facts import Disk, Memory, Registration
from fleet.core.health import Finding, Severity, Trouble, View, findings
from fleet.core.inventory import Inventory, TailnetSettings, Upkeep
from fleet.core.lifecycle import Step
from fleet.core.machine import join
from fleet.core.money import FREE
from fleet.core.observation import HostSeen, Job, JobState, Observation, Runner, Server
from fleet.core.plan import plan_up
from fleet.core.setup import HostWanted, host_wanted
from fleet.core.setup.guard import UNIT
from fleet.core.tailnet import TailnetFacts
from fleet.core.waiting import waits
from tests.core import worlds
from tests.core.builders import (
    NOW,
    STACK,
    catalog,
    facts,
    fresh,
    inventory,
    job,
    pool,
    runner,
    seen,
    server,
    wanted,
)

GB = 10**9
CLOCK = NOW.timestamp()
IN_TAILNET = TailnetFacts(
    "Running", ours=True, tags=frozenset({"tag:ci"}), login_server="https://hs.example", accept_dns=True
)


def look(*parts: Server | Runner | Job, host: HostSeen | None = None) -> Observation:
    return seen(*parts, hosts={"ci-build-1": host} if host is not None else {})


def found(
    host: HostSeen | None,
    *parts: Runner | Job,
    of: Inventory | None = None,
    want: HostWanted | None = None,
    **record: Any,
) -> tuple[Finding, ...]:
    """What is found on a fleet of one machine; its runner (id 7) is there and online, if nothing is said of one."""
    fleet = of or inventory()
    records = parts if any(isinstance(one, Runner) for one in parts) else (runner(), *parts)
    return findings_of(fleet, look(server(), *records, host=host), want or wanted(), **record)


def findings_of(fleet: Inventory, observation: Observation, want: HostWanted, **record: Any) -> tuple[Finding, ...]:
    machines = join(fleet, observation)
    wants = {one.name: want for one in fleet.pools}
    plan = plan_up(fleet, observation, catalog(), wants)
    labels = {name: frozenset(one.label_names) for name, one in wants.items()}
    waiting = [one for one in observation.jobs or () if one.state is JobState.WAITING]
    reasons = waits(fleet, labels, machines, waiting, catalog(), observation.at, paused=False)
    return findings(machines, plan, View(fleet, observation, wants, reasons, **record))


def told(all_of_them: tuple[Finding, ...]) -> dict[Trouble, str]:
    return {one.trouble: f"{one.severity}: {one.sentence}" for one in all_of_them}


def no_runner() -> Runner:
    """Gitea has only somebody else's."""
    return runner("other", id=99)


def container(**more: Any) -> RunnerContainer:
    plain = facts().container
    assert plain is not None
    return replace(plain, **more)


def disk(percent: int, inodes: int = 10) -> tuple[Disk, ...]:
    return (
        Disk("/", 40 * GB, 30 * GB, 1000, 900),
        Disk("/var/lib/docker", 100 * GB, (100 - percent) * GB, 1000, 1000 - 10 * inodes),
    )


def volumes(count: int, *, networks: int = 0) -> Leftovers:
    name = "GITEA-ACTIONS-TASK-{}"
    made = tuple(Made(name.format(n), int(CLOCK) - 3 * 86400) for n in range(count))
    return Leftovers(volumes=made, networks=tuple(Made(name.format(n)) for n in range(networks)))


def task(hours: float) -> tuple[Container, ...]:
    return (Container("GITEA-ACTIONS-TASK-9", "node:22", "running", int(CLOCK - hours * 3600)),)


def test_on_a_good_machine_nothing_is_found() -> None:
    assert found(facts()) == ()
    assert found(facts(), job()) == ()


FACTS: list[tuple[Mapping[str, Any], Trouble, str]] = [
    ({"disks": disk(80)}, Trouble.DISK, "warning: its disk is 80% full, 20.0 GB of 100.0 GB are left in "),
    (
        {"disks": disk(92)},
        Trouble.DISK,
        "error: its disk is 92% full, 8.0 GB of 100.0 GB are left in /var/lib/docker: ",
    ),
    ({"disks": disk(10, 80)}, Trouble.INODES, "warning: its disk is full of small files: 200 of 1000 files can still"),
    ({"disks": disk(10, 99)}, Trouble.INODES, "error: its disk is full of small files: 10 of 1000 files can still "),
    ({"ram": Memory(8 * GB, GB // 10)}, Trouble.MEMORY, "warning: 0.1 GB of 8.0 GB memory are left"),
    (
        {"ram": Memory(8 * GB, 7 * GB, 1), "uptime": 86400 * 3},
        Trouble.KILLS,
        "note: the kernel has ended 1 program for ",
    ),
    ({"load": 16.0, "cores": 4}, Trouble.LOAD, "note: 16 programs want its 4 cores"),
    (
        {"leftovers": volumes(500)},
        Trouble.LEFTOVERS,
        "warning: jobs have left 500 volumes behind; the oldest was made 3 ",
    ),
    ({"leftovers": volumes(0, networks=25)}, Trouble.LEFTOVERS, "warning: jobs have left 25 networks behind"),
    ({"clock_off": 30.4}, Trouble.CLOCK, "warning: its clock is 30 s fast beside ours"),
    ({"clock_off": -301.0}, Trouble.CLOCK, "error: its clock is 301 s slow beside ours"),
    ({"reboot_needed": True}, Trouble.REBOOT, "note: its updates ask for a reboot"),
    ({"guarded": False}, Trouble.GUARD, "error: jobs reach the cloud's metadata: the rules of its guard are gone"),
    ({"cache_answers": False}, Trouble.CACHE, "warning: the cache of jobs does not answer at http://172.17.0.1:8088/"),
    ({"docker": "29.5.0"}, Trouble.DOCKER_BAD, "error: Docker 29.5.0 fails every job with `path escapes from parent`"),
    ({"docker": "29.2.0"}, Trouble.DOCKER_BAD, "note: Docker 29.2.0 refuses clients of an API below 1.44"),
    (
        {"images": frozenset()},
        Trouble.DRIFT,
        "warning: differs from the inventory: pull gitea/runner:4.1.0, pull node:22",
    ),
    ({"socket_lost": True}, Trouble.DRIFT, "error: differs from the inventory: the runner has lost Docker"),
    (
        {"docker": "", "docker_active": False},
        Trouble.DOCKER_DOWN,
        "error: Docker is not running",
    ),
    (
        {"docker": "", "docker_trouble": "Docker gave no answer in 15 s"},
        Trouble.DOCKER_DOWN,
        "error: Docker gives no answer: Docker gave no answer in 15 s",
    ),
    ({"container": None}, Trouble.STOPPED, "error: its runner has no container"),
    ({"container": container(running=False)}, Trouble.STOPPED, "error: its runner is stopped"),
    (
        {"container": container(running=False, exit_code=137, killed=True)},
        Trouble.STOPPED,
        "error: its runner is stopped, it ended with 137 for want of memory",
    ),
    (
        {"container": container(running=False, restarting=True, restarts=9, exit_code=1)},
        Trouble.RESTARTING,
        "error: its runner starts again and again: 9 restarts, it ended with 1",
    ),
    (
        {"container": container(restarts=3, started=int(CLOCK) - 60)},
        Trouble.RESTARTING,
        "error: its runner starts again and again: 3 restarts",
    ),
    (
        {"registration": Registration(7, "u", "ci-build-1", "https://old.example")},
        Trouble.OTHER_GITEA,
        "warning: its runner is registered at https://old.example, and the inventory says https://gitea.example",
    ),
    (
        {"registration": None},
        Trouble.NO_REGISTRATION,
        "error: its .runner is missing, so that its runner does not know",
    ),
]


@pytest.mark.parametrize(("what", "trouble", "sentence"), FACTS)
def test_what_is_wrong_on_a_host_is_found_once_and_told_with_its_figures(
    what: Mapping[str, Any], trouble: Trouble, sentence: str
) -> None:
    (one,) = found(facts(**what))
    assert f"{one.severity}: {one.sentence}".startswith(sentence)
    assert (one.trouble, one.machine) == (trouble, "ci-build-1")
    assert one.hint


NOT_YET: list[Mapping[str, Any]] = [
    {"disks": disk(79, 79)},
    {"disks": ()},
    {"ram": Memory(8 * GB, GB)},
    {"ram": Memory()},
    {"load": 15.9, "cores": 4},
    {"load": 100.0, "cores": 0},
    {"leftovers": volumes(25, networks=24)},
    {"clock_off": 29.9},
    {"clock_off": -29.9},
    {"cache_answers": None},
    {"cache_answers": False, "container": container(started=int(CLOCK) - 10)},
    {"docker": "29.10.0"},
    {"container": container(restarts=3, started=int(CLOCK) - 3600)},
    {"container": container(restarts=2, started=int(CLOCK) - 10)},
    {"registration": Registration(7, "u", "ci-build-1", "https://gitea.example/")},
]


@pytest.mark.parametrize("what", NOT_YET)
def test_what_is_not_wrong_yet_or_not_known_is_no_finding(what: Mapping[str, Any]) -> None:
    assert found(facts(**what)) == ()


def test_the_limits_of_the_disk_are_the_inventorys() -> None:
    strict = inventory(upkeep=Upkeep(disk_warning=50, disk_full=60))
    assert told(found(facts(disks=disk(55)), of=strict)).keys() == {Trouble.DISK}
    assert found(facts(disks=disk(61)), of=strict)[0].severity is Severity.ERROR


def test_rules_that_were_never_there_are_no_missing_guard() -> None:
    host = facts()
    host = replace(host, guarded=False, files={path: sha for path, sha in host.files.items() if path != UNIT})
    assert Trouble.GUARD not in told(found(host))


# Between Docker and Gitea.


def in_repair(tag: str, host: HostSeen) -> Finding:
    """The one finding of a machine on which something was tried."""
    observation = look(server(tags={"repair": tag, "setup": wanted().fingerprint}), runner(online=False), host=host)
    (one,) = findings_of(inventory(), observation, wanted())
    return one


def test_a_runner_that_runs_and_that_gitea_does_not_hear_is_told_once_with_what_comes_next() -> None:
    (one,) = found(facts(), runner(online=False))
    assert (one.trouble, one.severity) == (Trouble.OFFLINE, Severity.ERROR)
    assert one.sentence == "its runner runs, and Gitea does not hear from it: next is a restart of its runner"
    assert one.hint == "fleet up"


def test_what_was_tried_and_what_is_waited_for_is_told_with_the_cause() -> None:
    stopped = facts(container=container(running=False, exit_code=1))
    one = in_repair(f"restart.{int(CLOCK) - 60}", stopped)
    assert (one.trouble, one.severity) == (Trouble.STOPPED, Severity.ERROR)
    expected = "its runner is stopped, it ended with 1, also after a restart of its runner at 11:59: next is "
    assert one.sentence.startswith(expected)
    assert one.hint == "not to wait: fleet repair ci-build-1"


def test_a_runner_that_was_killed_with_a_job_says_why_nothing_is_done_yet() -> None:
    stopped = facts(container=container(running=False, exit_code=137))
    (one,) = found(stopped, runner(), job())
    assert one.trouble is Trouble.STOPPED
    assert one.sentence.endswith("; Gitea gives its jobs up within 15 min, and nothing is touched before")


def test_a_reboot_that_did_not_help_is_told_once() -> None:
    tags = {"repair": f"reboot.{int(CLOCK) - 600}"}
    observation = look(server(tags=tags), runner(), host=facts(reboot_needed=True))
    (one,) = findings_of(inventory(), observation, wanted())
    assert (one.trouble, one.hint) == (Trouble.REBOOT, "fleet ssh ci-build-1")
    assert one.sentence == "its updates ask for a reboot, also after one at 11:50 UTC"


def test_what_the_plan_does_with_a_full_disk_and_a_silent_cache_is_told_with_them() -> None:
    for what, trouble in (({"disks": disk(95)}, Trouble.DISK), ({"cache_answers": False}, Trouble.CACHE)):
        (one,) = found(facts(**what))
        assert one.trouble is trouble
        assert ": next is " in one.sentence


def test_at_the_end_of_the_ladder_a_person_is_told_the_cause_and_what_was_tried() -> None:
    one = in_repair(f"rebuild.{int(CLOCK) - 7200}", facts(docker="", docker_active=False, container=None))
    assert (one.trouble, one.severity) == (Trouble.DOCKER_DOWN, Severity.ERROR)
    assert one.sentence.startswith("Docker is not running, also after ")
    assert "a rebuild" in one.sentence
    assert "fleet down ci-build-1, then fleet up" in one.hint


def test_a_record_that_somebody_deleted_is_told() -> None:
    said = told(found(facts(), no_runner()))
    assert said[Trouble.DELETED].startswith("error: Gitea has no runner 7 (ci-build-1) any more")
    assert said.keys() == {Trouble.DELETED}


def test_another_address_is_an_error_once_the_runner_is_offline() -> None:
    elsewhere = facts(registration=Registration(7, "u", "ci-build-1", "https://old.example"))
    said = told(found(elsewhere, no_runner()))
    assert said.keys() == {Trouble.OTHER_GITEA}
    assert said[Trouble.OTHER_GITEA].startswith("error")


def test_of_a_docker_that_is_down_nothing_else_is_said() -> None:
    host = facts(docker="", docker_active=False, container=None, images=frozenset(), cache_answers=False)
    assert told(found(host, runner(online=False))).keys() == {Trouble.DOCKER_DOWN}


def test_a_new_server_without_docker_has_none_that_is_down() -> None:
    assert told(found(fresh(docker_trouble="docker: not found"), no_runner())).keys() == {Trouble.UNFINISHED}


def test_a_set_up_that_was_cut_is_told_as_that() -> None:
    host = fresh(setup_began=True)
    said = told(found(host, no_runner()))
    assert said.keys() == {Trouble.SETUP}
    assert told(found(replace(host, setup_running=True), no_runner())).keys() == {Trouble.UNFINISHED}


def test_a_host_that_had_a_runner_is_not_one_whose_set_up_was_cut() -> None:
    host = fresh(setup_began=True, docker="26.1.5", docker_active=True)
    assert told(found(host, runner(online=False))).keys() == {Trouble.NO_REGISTRATION}


def test_what_differs_is_told_of_machines_that_serve() -> None:
    assert told(found(facts(images=frozenset()), runner(online=False))).keys() == {Trouble.OFFLINE}


def test_a_host_that_boots_is_not_looked_into_yet() -> None:
    assert told(found(fresh(boot="", disks=disk(99)), no_runner())).keys() == {Trouble.UNFINISHED}


@pytest.mark.parametrize(
    ("what", "trouble", "begins", "told_as"),
    [
        ({"cache_answers": False}, Trouble.CACHE, "the cache of jobs does not answer", "http://172.17.0.1:8088/: next"),
        ({"disks": disk(95)}, Trouble.DISK, "its disk is full", "jobs are about to fail: next"),
        ({"disks": disk(5, 95)}, Trouble.INODES, "its disk is full", "jobs are about to fail: next"),
        ({"reboot_needed": True}, Trouble.REBOOT, "its updates ask for a reboot", "ask for a reboot: next"),
    ],
)
def test_what_is_planned_for_a_trouble_is_told_with_it(
    what: Mapping[str, Any], trouble: Trouble, begins: str, told_as: str
) -> None:
    observation = look(server(), runner(), host=facts(**what))
    change = Change(Verb.REPAIR, "ci-build-1", "build", f"{begins}: next is this", (Step.START,), hint="not to wait")
    view = View(inventory(), observation, {"build": wanted()})
    (one,) = findings(join(inventory(), observation), Plan((change,), FREE, FREE), view)
    assert (one.trouble, one.hint) == (trouble, "not to wait")
    assert one.sentence.endswith(f"{told_as} is this")


# While a job runs.


@pytest.mark.parametrize(
    "what",
    [
        {"images": frozenset()},
        {"cache_answers": False},
        {"reboot_needed": True},
        {"docker": "", "docker_active": False},
        {"registration": Registration(7, "u", "ci-build-1", "https://old.example")},
    ],
)
def test_while_a_job_runs_it_is_said_that_nothing_is_touched(what: Mapping[str, Any]) -> None:
    (one,) = found(facts(**what), job())
    assert one.sentence.endswith("; nothing is touched while a job runs there")
    (idle,) = found(facts(**what))
    assert "while a job runs" not in idle.sentence


def test_what_waits_for_a_job_to_end_is_as_wanted() -> None:
    (one,) = found(facts(images=frozenset()), job())
    assert (one.trouble, one.severity) == (Trouble.DRIFT, Severity.NOTE)


# Containers of jobs.


@pytest.mark.parametrize(("hours", "is_found"), [(3.0, False), (3.1, False), (3.3, True), (400, True)])
def test_a_container_that_outlives_its_jobs_limit_is_told(hours: float, is_found: bool) -> None:
    host = facts(tasks=("GITEA-ACTIONS-TASK-9",), task_containers=task(hours))
    said = told(found(host))
    assert (Trouble.OLD_TASK in said) is is_found
    if is_found:
        assert "GITEA-ACTIONS-TASK-9 was started" in said[Trouble.OLD_TASK]


def test_while_gitea_knows_of_a_job_there_no_container_is_too_old() -> None:
    assert found(facts(tasks=("GITEA-ACTIONS-TASK-9",), task_containers=task(99)), job()) == ()


# The tailnet.

OURS = TailnetSettings(url="https://hs.example", tags=("tag:ci",))
WITH_TAILNET = pool(tailnet=True)
JOINED = inventory(WITH_TAILNET, tailnet=OURS)


def test_a_machine_that_is_out_of_its_tailnet_is_told_once() -> None:
    want = host_wanted(JOINED, WITH_TAILNET, STACK)
    good = facts(want, tailnet=IN_TAILNET)
    assert found(good, of=JOINED, want=want) == ()
    out = replace(good, tailnet=replace(IN_TAILNET, state="NeedsLogin"))
    said = told(found(out, of=JOINED, want=want))
    assert said == {Trouble.TAILNET: "error: it is not in the tailnet"}


# Hosts that cannot be looked at.


@pytest.mark.parametrize(
    ("error", "trouble", "severity"),
    [
        (HostSilent("no answer"), Trouble.SILENT, Severity.WARNING),
        (LoginRefused("refused", hint="add the key"), Trouble.LOGIN, Severity.ERROR),
        (WrongHostKey("another key", hint="not connected"), Trouble.HOST_KEY, Severity.ERROR),
        (CommandFailed("not looked at to the end"), Trouble.SILENT, Severity.WARNING),
    ],
)
def test_why_a_host_was_not_looked_at_is_told_once(error: HostSilent, trouble: Trouble, severity: Severity) -> None:
    (one,) = found(error)
    assert (one.trouble, one.severity) == (trouble, severity)
    assert error.message in one.sentence
    assert one.hint


def test_a_server_that_boots_may_be_silent() -> None:
    young = look(server(minutes=2), host=HostSilent("no answer"))
    assert told(findings_of(inventory(), young, wanted())).keys() == {Trouble.UNFINISHED}


def test_a_host_that_is_lost_is_told_by_the_plan_alone() -> None:
    gone = look(server(), runner(online=False), host=HostSilent("no answer"))
    assert told(findings_of(inventory(), gone, wanted())).keys() == {Trouble.LOST}


# The fleet as a whole.


def waiting(labels: str, minutes: int = 9, **more: Any) -> Job:
    since = NOW - timedelta(minutes=minutes)
    plain = job(id=60, state=JobState.WAITING, runner_id=None, labels=frozenset({labels}), created=since)
    return replace(plain, **more)


def test_jobs_that_no_pool_serves_are_told_together() -> None:
    (one,) = found(facts(), waiting("gpu"), waiting("arm", 4, id=61), waiting("ubuntu-latest", id=62))
    assert (one.trouble, one.severity, one.machine) == (Trouble.NO_POOL, Severity.WARNING, "")
    assert one.sentence == "2 jobs wait for labels that no pool has: arm; gpu, the longest for 9 min"


def test_a_job_for_somebody_elses_runner_is_not_ours_to_tell() -> None:
    theirs = runner("desk", id=90, labels=frozenset({"gpu"}))
    assert found(facts(), runner(), theirs, waiting("gpu")) == ()
    away = replace(theirs, online=False)
    assert told(found(facts(), runner(), away, waiting("gpu"))).keys() == {Trouble.NO_POOL}


def test_a_job_that_a_pool_may_take_is_not_lost_while_its_runners_are_away() -> None:
    assert told(found(facts(), runner(online=False), waiting("ubuntu-latest"))).keys() == {Trouble.OFFLINE}


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({"last_pass": -16}, "warning: the last good pass was 16 min ago, and one is due every 5"),
        ({"last_pass": -15}, ""),
        ({"paused_until": 0}, "warning: passes are paused until somebody resumes them: nothing is scaled or repaired"),
        ({"paused_until": 120, "last_pass": -99}, "note: passes are paused for 120 min more"),
        ({"paused_until": -1, "last_pass": -5}, ""),
        ({}, ""),
    ],
)
def test_what_is_to_be_said_of_passes(record: Mapping[str, int], sentence: str) -> None:
    at: dict[str, Any] = {key: int(CLOCK) + 60 * minutes if minutes else 0 for key, minutes in record.items()}
    assert list(told(found(facts(), **at)).values()) == ([sentence] if sentence else [])


@pytest.mark.parametrize(
    ("offs", "of_whom"),
    [
        ((0, 60), {"ci-build-2"}),
        ((60, 75), {""}),
        ((-300, -301), {""}),
        ((60, 100), {"ci-build-1", "ci-build-2"}),
        ((60, -60), {"ci-build-1", "ci-build-2"}),
        ((10, 20), set()),
    ],
)
def test_a_clock_that_all_hosts_find_wrong_is_ours(offs: tuple[float, float], of_whom: set[str]) -> None:
    names = ("ci-build-1", "ci-build-2")
    hosts = {
        name: facts(clock_off=off, registration=Registration(n, "u", name, "https://gitea.example"))
        for n, (name, off) in enumerate(zip(names, offs, strict=True), 7)
    }
    servers = [server(name) for name in names]
    runners = [runner(name, id=n) for n, name in enumerate(names, 7)]
    observation = seen(*servers, *runners, hosts=hosts)
    all_of_them = findings_of(inventory(pool(min=2, max=2)), observation, wanted())
    assert {one.machine for one in all_of_them if one.trouble is Trouble.CLOCK} == of_whom
    assert len(all_of_them) == len(of_whom)


# What the plan says.


@pytest.mark.parametrize("tags", [{"repair": f"restart.{int(CLOCK) - 7200}"}, {"suspect": f"silent.{int(CLOCK) - 60}"}])
@pytest.mark.parametrize("jobs", [(), (job(),)])
def test_a_machine_that_is_well_again_has_no_finding(tags: dict[str, str], jobs: tuple[Job, ...]) -> None:
    well = look(server(tags=tags), runner(), *jobs, host=facts())
    assert findings_of(inventory(), well, wanted()) == ()


def test_what_is_missing_and_what_is_leaving_come_from_the_plan() -> None:
    nothing = findings_of(inventory(), seen(), wanted())
    assert [(one.trouble, one.machine) for one in nothing] == [(Trouble.MISSING, "ci-build-1")]
    leaving = look(server(tags={"draining": "person.1"}), runner(), host=facts())
    assert told(findings_of(inventory(), leaving, wanted())).keys() == {Trouble.LEAVING}


def test_a_runner_that_was_asked_to_stop_is_not_told_as_stopped() -> None:
    asked = look(server(tags={"draining": "person.1"}), runner(online=False), host=facts(container=None))
    assert told(findings_of(inventory(), asked, wanted())).keys() == {Trouble.LEAVING}


@given(worlds.inventories(), worlds.observations())
def test_in_any_fleet_each_trouble_of_a_machine_is_told_once_with_what_to_type(
    fleet: Inventory, observation: Observation
) -> None:
    machines = join(fleet, observation)
    plan = plan_up(fleet, observation, catalog(), worlds.WANTED)
    all_of_them = findings(machines, plan, View(fleet, observation, worlds.WANTED))
    told_of = [(one.trouble, one.machine) for one in all_of_them]
    assert len(set(told_of)) == len(told_of)
    assert all(one.sentence and one.hint for one in all_of_them)


def test_all_names_are_of_one_form_and_none_is_used_twice() -> None:
    names = [one.value for one in Trouble]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() and " " not in name for name in names)
