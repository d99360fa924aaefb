"""Server, host and runner joined to one row, in one phase."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleet.core.errors import CommandFailed, HostSilent, LoginRefused, WrongHostKey
from fleet.core.facts import HostFacts, Registration, RunnerContainer
from fleet.core.inventory import Inventory
from fleet.core.machine import BOOT_GRACE, Asker, Machine, Phase, asker_of, draining_label, join
from fleet.core.names import Tag
from fleet.core.observation import HostSeen, Job, JobState, Observation, Runner, Server
from tests.core.builders import NOW, facts, foreign, fresh, inventory, job, pool, runner, seen, server

NAME = "ci-build-1"
SILENT = HostSilent("no answer")
EPOCH = int((NOW - timedelta(minutes=5)).timestamp())


def only(observation: Observation, wanted: Inventory | None = None) -> Machine:
    (machine,) = join(wanted or inventory(), observation)
    return machine


def phase(*parts: Server | Runner | Job, host: HostSeen | None = None) -> Phase:
    return only(seen(*parts, hosts={NAME: host} if host else {})).phase


def stopped(of: HostFacts) -> HostFacts:
    assert of.container is not None
    return replace(of, container=replace(of.container, running=False))


@pytest.mark.parametrize(
    ("host", "said", "expected"),
    [
        # The life, step by step.
        (fresh(boot=""), None, Phase.BOOTING),
        (fresh(), None, Phase.BARE),
        (fresh(docker_active=True), None, Phase.UNREGISTERED),
        (facts(), None, Phase.UNREGISTERED),
        (facts(), runner(online=False), Phase.OFFLINE),
        (facts(container=None), runner(), Phase.OFFLINE),
        (stopped(facts()), runner(), Phase.OFFLINE),
        (facts(), runner(), Phase.IDLE),
        # The host's own word on its runner is the join, not the name.
        (facts(registration=None), runner(), Phase.UNREGISTERED),
        (facts(registration=Registration(8, "u-8", NAME, "")), runner(), Phase.UNREGISTERED),
        # Work counts before what else is said.
        (facts(tasks=("GITEA-ACTIONS-TASK-1",)), runner(), Phase.BUSY),
        (facts(tasks=("GITEA-ACTIONS-TASK-1",)), runner(online=False), Phase.BUSY),
        (facts(tasks=("GITEA-ACTIONS-TASK-1",)), runner(disabled=True), Phase.BUSY),
        (facts(), runner(disabled=True), Phase.PAUSED),
        (facts(), runner(disabled=None), Phase.IDLE),
        # A host that did not speak: Gitea's word counts while the runner is online.
        (SILENT, runner(), Phase.IDLE),
        (SILENT, runner(disabled=True), Phase.PAUSED),
        (SILENT, runner(online=False), Phase.LOST),
        (SILENT, None, Phase.LOST),
        (LoginRefused("no"), None, Phase.LOST),
        (WrongHostKey("no"), runner(), Phase.IDLE),
    ],
)
def test_the_phase_of_a_server_of_ours(host: HostSeen, said: Runner | None, expected: Phase) -> None:
    assert phase(server(), *([said] if said else []), host=host) is expected


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (job(), Phase.BUSY),
        (job(runner_id=8), Phase.IDLE),
        (job(runner_id=None), Phase.IDLE),
        (job(state=JobState.WAITING, runner_id=None), Phase.IDLE),
    ],
)
def test_a_machine_is_busy_with_a_job_of_its_own_runner_only(said: Job, expected: Phase) -> None:
    assert phase(server(), runner(), said, host=facts()) is expected


def test_a_silent_host_whose_runner_has_a_job_is_busy_not_lost() -> None:
    assert phase(server(), runner(online=False), job(), host=SILENT) is Phase.BUSY


@pytest.mark.parametrize(
    ("minutes", "tags", "expected"),
    [
        (0, {}, Phase.BOOTING),
        (14, {}, Phase.BOOTING),
        (15, {}, Phase.LOST),
        (90, {Tag.REPAIR: f"reset.{EPOCH}"}, Phase.BOOTING),
        (90, {Tag.REPAIR: f"rebuild.{EPOCH}"}, Phase.BOOTING),
        (90, {Tag.REPAIR: f"reboot.{EPOCH}"}, Phase.BOOTING),
        (90, {Tag.REPAIR: f"rebuild.{EPOCH - 3600}"}, Phase.LOST),
        (90, {Tag.REPAIR: f"restart.{EPOCH}"}, Phase.LOST),
        (90, {Tag.REPAIR: "reset"}, Phase.LOST),
        (90, {Tag.REPAIR: "reset.soon"}, Phase.LOST),
        (90, {Tag.REPAIR: "reset.999999999999"}, Phase.LOST),
    ],
)
def test_a_silent_server_is_booting_for_its_grace(minutes: int, tags: dict[str, str], expected: Phase) -> None:
    assert timedelta(minutes=15) == BOOT_GRACE
    assert phase(server(minutes=minutes, tags=tags), host=SILENT) is expected


CORDONED = replace(runner(), labels=frozenset({"fleet-draining-ci"}))


@pytest.mark.parametrize("asker", ["person", "scale", "somebody-new"])
@pytest.mark.parametrize(
    ("host", "said", "expected"),
    [
        (facts(), runner(), Phase.DRAINING),
        (facts(), None, Phase.DRAINING),
        (facts(), runner(disabled=True), Phase.DRAINED),
        (facts(), CORDONED, Phase.DRAINED),
        (facts(tasks=("GITEA-ACTIONS-TASK-1",)), runner(disabled=True), Phase.DRAINING),
        (SILENT, runner(disabled=True), Phase.DRAINED),
        (stopped(facts()), runner(online=False), Phase.DRAINED),
        (facts(container=None), runner(online=False), Phase.DRAINED),
        (replace(stopped(facts()), tasks=("GITEA-ACTIONS-TASK-1",)), runner(), Phase.DRAINING),
        (SILENT, runner(), Phase.DRAINING),
        (SILENT, runner(online=False), Phase.DRAINED),
        (SILENT, None, Phase.DRAINED),
    ],
)
def test_a_machine_asked_to_leave_is_draining_until_no_job_is_there_or_can_come(
    asker: str, host: HostSeen, said: Runner | None, expected: Phase
) -> None:
    parts = [said] if said else []
    assert phase(server(tags={Tag.DRAINING: f"{asker}.1"}), *parts, host=host) is expected


def test_a_machine_asked_to_leave_is_draining_while_it_has_a_job() -> None:
    assert phase(server(tags={Tag.DRAINING: "scale.1"}), runner(), job(), host=stopped(facts())) is Phase.DRAINING


@pytest.mark.parametrize("host", [facts(), stopped(facts()), facts(container=None)])
@pytest.mark.parametrize("cordoned", [runner(disabled=True), CORDONED])
def test_a_machine_in_repair_is_offline_until_it_is_back(host: HostFacts, cordoned: Runner) -> None:
    assert phase(server(tags={Tag.DRAINING: "repair.1"}), cordoned, host=host) is Phase.OFFLINE


def test_a_machine_that_was_taken_back_with_jobs_is_idle_after_them_though_its_runner_is_to_start_anew() -> None:
    tags = {Tag.DRAINING: "repair.1"}
    assert phase(server(tags=tags), runner(), host=facts()) is Phase.IDLE
    assert phase(server(tags=tags), runner(), host=stopped(facts())) is Phase.OFFLINE
    assert phase(server(tags=tags), runner(online=False), host=facts()) is Phase.OFFLINE


@pytest.mark.parametrize(
    "tags",
    [{}, {Tag.DRAINING: "person.1"}, {Tag.DRAINING: "repair.1"}, {Tag.SUSPECT: "silent.1", Tag.REPAIR: "reset.1"}],
)
@pytest.mark.parametrize("host", [facts(), fresh(), SILENT, WrongHostKey("no")])
def test_a_held_machine_is_held_whatever_else_is_said(tags: dict[str, str], host: HostSeen) -> None:
    assert phase(server(tags={Tag.HELD: "1", **tags}), runner(), job(), host=host) is Phase.HELD


@pytest.mark.parametrize("name", ["ci-build-4", "ci-old-1"])
def test_a_server_beyond_max_or_of_no_pool_is_an_orphan(name: str) -> None:
    assert only(seen(server(name)), inventory(pool(max=3))).phase is Phase.ORPHAN


def test_a_server_at_max_is_no_orphan() -> None:
    assert only(seen(server("ci-build-3")), inventory(pool(max=3))).phase is not Phase.ORPHAN


def test_a_runner_of_ours_without_a_server_is_a_ghost() -> None:
    assert only(seen(runner(online=False))).phase is Phase.GHOST


@pytest.mark.parametrize(
    "stranger",
    [
        runner("ci-build-1", labels=frozenset({"ubuntu-latest"})),
        runner("ci-build-1", labels=frozenset({"fleet-cd"})),
        runner("cd-build-1"),
        runner("my-runner"),
        foreign(),
        server("ci-build-01"),
        server(tags={Tag.FLEET: "cd"}),
    ],
)
def test_what_is_not_ours_has_no_row(stranger: Server | Runner) -> None:
    assert join(inventory(), seen(stranger)) == ()


def test_a_runner_that_was_cordoned_by_its_label_is_still_ours() -> None:
    cordoned = runner(labels=frozenset({draining_label("ci")}))
    assert only(seen(server(), cordoned, hosts={NAME: facts()})).runner == cordoned


def test_a_host_that_did_not_speak_is_joined_with_the_runner_that_is_online() -> None:
    machine = only(seen(server(), runner(id=9, online=False), runner(id=7), runner(id=8, online=False)))
    assert machine.runner == runner(id=7)
    assert [one.id for one in machine.runners] == [7, 8, 9]


def test_of_runners_that_are_all_offline_the_newest_is_joined() -> None:
    machine = only(seen(server(), runner(id=9, online=False), runner(id=7, online=False)))
    assert machine.runner == runner(id=9, online=False)


def test_jobs_of_every_record_of_a_name_count() -> None:
    machine = only(seen(server(), runner(id=7), runner(id=8, online=False), job(runner_id=8), hosts={NAME: facts()}))
    assert (machine.jobs, machine.phase) == ((job(runner_id=8),), Phase.BUSY)


def test_machines_come_by_pool_and_number() -> None:
    names = ["ci-build-10", "ci-test-1", "ci-build-2", "ci-arm-3"]
    rows = join(inventory(), seen(*map(server, names), runner("ci-build-1")))
    assert [row.name for row in rows] == ["ci-arm-3", "ci-build-1", "ci-build-2", "ci-build-10", "ci-test-1"]


def test_a_machine_knows_its_facts_only_when_the_host_spoke() -> None:
    assert only(seen(server(), hosts={NAME: facts()})).facts == facts()
    assert only(seen(server(), hosts={NAME: SILENT})).facts is None
    assert only(seen(server())).facts is None


@pytest.mark.parametrize(
    ("tags", "asker"),
    [
        ({}, None),
        ({Tag.DRAINING: ""}, None),
        ({Tag.DRAINING: "scale.1772452800"}, Asker.SCALE),
        ({Tag.DRAINING: "person.1772452800"}, Asker.PERSON),
        ({Tag.DRAINING: "repair.1772452800"}, Asker.REPAIR),
        ({Tag.DRAINING: "robot.1772452800"}, Asker.PERSON),
        ({Tag.DRAINING: "yes"}, Asker.PERSON),
    ],
)
def test_who_asked_a_machine_to_leave(tags: dict[str, str], asker: Asker | None) -> None:
    assert asker_of(tags) is asker


def test_the_machine_says_who_asked() -> None:
    assert only(seen(server(tags={Tag.DRAINING: "scale.1"}))).asker is Asker.SCALE
    assert only(seen(runner())).asker is None


def test_a_command_that_failed_is_not_silence() -> None:
    machine = only(seen(server(), hosts={NAME: CommandFailed("the probe ended with 1")}))
    assert isinstance(machine.host, CommandFailed)
    assert machine.facts is None


def test_a_container_that_is_restarting_is_not_running() -> None:
    container = RunnerContainer(False, 1, 9, "", "")
    assert phase(server(), runner(), host=facts(container=container)) is Phase.OFFLINE
