"""``fleet up`` in a simulated world: creating, finishing, repairing."""

import pytest

from fleet.cli import exits
from fleet.core.report import Report, Verdict
from tests.engine.checks import assert_in_service, assert_nothing_lost, call_numbers, dies, in_service, only
from tests.fakes.calls import LATENCY
from tests.fakes.world import FakeWorld, build_inventory, build_pool

TWO = build_inventory(build_pool(least=2))
MINUTE = 60


def texts(report: Report) -> list[str]:
    return [f"{one.machine}: {one.verdict}: {one.text}" for one in report.outcomes]


def test_up_from_nothing_gives_the_machines_of_the_inventory_online(any_world: FakeWorld) -> None:
    report = any_world.process(TWO).up()
    assert texts(report) == ["ci-build-1: done: created and online", "ci-build-2: done: created and online"]
    assert exits.code_of(report) == exits.OK
    assert_in_service(any_world, "ci-build-1", "ci-build-2")


def test_up_typed_again_changes_nothing(any_world: FakeWorld) -> None:
    any_world.process(TWO).up()
    again = any_world.process(TWO)
    report = again.up()
    assert texts(report) == [f"ci-build-{n}: kept: online, idle, as wanted" for n in (1, 2)]
    assert again.calls.changes == []


def test_a_pass_with_nothing_to_do_opens_one_session_and_makes_four_calls_to_the_apis() -> None:
    world = in_service()
    again = world.process()
    again.up()
    assert again.calls.log == [
        "cloud.servers",
        "gitea.runners",
        "gitea.jobs",
        "hosts.connect",
        "host.docker",
        "host.probe",
        "cloud.now",
    ]


def test_up_add_makes_more_machines_up_to_the_pools_max(world: FakeWorld) -> None:
    world.process().up()
    world.process().up(add=5)
    assert_in_service(world, "ci-build-1", "ci-build-2", "ci-build-3")


def test_up_fills_the_lowest_free_number(world: FakeWorld) -> None:
    world.process(build_inventory(build_pool(least=3))).up()
    world.process(build_inventory(build_pool(least=3))).down("ci-build-2")
    world.process(TWO).up()
    assert world.server_names == ["ci-build-1", "ci-build-3"]
    world.process(build_inventory(build_pool(least=3))).up()
    assert_in_service(world, "ci-build-1", "ci-build-2", "ci-build-3")


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("machines", [1, 2])
def test_up_killed_at_any_call_is_finished_by_the_next_up(machines: int, when: str) -> None:
    inventory = build_inventory(build_pool(least=machines))
    for number in call_numbers():
        world = FakeWorld()
        first = world.process(inventory, die_at=(number, when))  # type: ignore[arg-type]
        if not dies(first.up):
            assert number > 35
            break
        report = world.process(inventory).up()
        assert exits.code_of(report) == exits.OK, f"killed {when} {first.calls.log[-1]}: {texts(report)}"
        assert_in_service(world, *(f"ci-build-{n + 1}" for n in range(machines)))


def test_up_killed_twice_in_a_row_is_finished_by_the_third() -> None:
    for number in call_numbers():
        world = FakeWorld()
        if not dies(world.process(die_at=(number, "after")).up):
            break
        for second in range(6, 60, 7):
            dies(world.process(die_at=(second, "after")).up)
        assert exits.code_of(world.process().up()) == exits.OK
        assert_in_service(world, "ci-build-1")


def test_the_first_type_and_place_that_is_to_be_had_is_taken(world: FakeWorld) -> None:
    world.project.room = {("cx33", "fsn1"): 0, ("cx33", "nbg1"): 0}
    world.process().up()
    server = world.server("ci-build-1")
    assert (server.type, server.location) == ("cx43", "fsn1")
    assert server.tags["eur-h"] == "0.0164"


def test_one_type_in_all_places_is_tried_before_the_next_type(world: FakeWorld) -> None:
    process = world.process()
    world.project.room = {("cx33", "fsn1"): 0}
    process.up()
    assert (world.server("ci-build-1").type, world.server("ci-build-1").location) == ("cx33", "nbg1")
    assert process.calls.log.count("cloud.create_server") == 2


def test_no_capacity_anywhere_is_told_with_all_that_was_tried(world: FakeWorld) -> None:
    world.project.room = {(kind, place): 0 for kind in ("cx33", "cx43") for place in ("fsn1", "nbg1")}
    outcome = only(world.process().up())
    assert outcome.verdict is Verdict.FAILED
    tried = "no cx33 in fsn1, no cx33 in nbg1, no cx43 in fsn1, no cx43 in nbg1"
    assert outcome.text == f"could not create ci-build-1: Hetzner has {tried} now"
    assert outcome.hint.startswith("add to pools.build.types or .locations")


def test_the_accounts_limit_stops_at_once_with_its_message(world: FakeWorld) -> None:
    world.project.quota = 1
    process = world.process(TWO)
    report = process.up()
    assert [one.verdict for one in report.outcomes] == [Verdict.DONE, Verdict.FAILED]
    assert report.outcomes[1].text == "could not create server: server limit reached"
    assert process.calls.log.count("cloud.create_server") == 2
    assert_in_service(world, "ci-build-1")


def test_a_server_of_our_name_that_is_not_ours_is_refused_and_not_touched(world: FakeWorld) -> None:
    stranger = world.project.add("ci-build-1", {"team": "web"})
    process = world.process()
    refused, other = process.up().outcomes
    assert refused.verdict is Verdict.REFUSED
    assert refused.text == f"server {stranger.id} has this name and is not of this fleet"
    assert (other.machine, other.verdict) == ("ci-build-2", Verdict.DONE)
    assert world.server("ci-build-1") == stranger
    world.process().down()
    assert world.project.servers == {stranger.id: stranger}


def test_a_namesake_that_comes_between_the_look_and_the_order_is_refused_too(world: FakeWorld) -> None:
    process = world.process()
    plan, machines = process.plan_up()
    stranger = world.project.add("ci-build-1", {"team": "web"})
    outcome = only(process.apply(plan, machines))
    assert outcome.verdict is Verdict.FAILED
    assert "is not of this fleet" in outcome.text
    assert world.project.servers == {stranger.id: stranger}


def test_a_set_up_that_fails_is_that_machines_row_with_the_end_of_its_output(world: FakeWorld) -> None:
    process = world.process(TWO)
    process.calls.before(12, lambda: setattr(world.host("ci-build-1"), "breaks_apt", True))
    report = process.up()
    assert [one.verdict for one in report.outcomes] == [Verdict.FAILED, Verdict.DONE]
    assert "Unable to locate package docker.io" in report.outcomes[0].text
    assert "setup" not in world.server("ci-build-1").tags
    world.host("ci-build-1").breaks_apt = False
    world.process(TWO).up()
    assert_in_service(world, "ci-build-1", "ci-build-2")


def test_cloud_init_that_fails_is_a_finding_and_nothing_is_done_on_the_host(world: FakeWorld) -> None:
    process = world.process()
    process.calls.before(11, lambda: setattr(world.host("ci-build-1"), "cloud_init_exit", 1))
    outcome = only(process.up())
    assert outcome.verdict is Verdict.FAILED
    assert outcome.text.startswith("cloud-init failed on ci-build-1 (exit 1):\nstatus: error")
    assert outcome.hint == "fleet down ci-build-1, then fleet up"
    assert "host.put" not in process.calls.log


def test_cloud_init_that_ends_with_warnings_is_good_enough(world: FakeWorld) -> None:
    process = world.process()
    process.calls.before(11, lambda: setattr(world.host("ci-build-1"), "cloud_init_exit", 2))
    assert only(process.up()).verdict is Verdict.DONE


def test_a_runner_that_never_gets_online_is_a_row_with_the_runners_last_words(world: FakeWorld) -> None:
    process = world.process()
    process.calls.before(20, lambda: setattr(world.host("ci-build-1"), "reaches_gitea", False))
    outcome = only(process.up())
    assert outcome.verdict is Verdict.FAILED
    assert outcome.text.startswith("Gitea did not see runner ci-build-1 online within 30 seconds; its log ends:")
    assert outcome.text.endswith("cannot ping the Gitea instance server")
    assert outcome.hint == "can ci-build-1 reach https://git.example?"


def test_a_runner_that_does_not_trust_gitea_is_told_which_key_is_meant(world: FakeWorld) -> None:
    process = world.process()

    def strange() -> None:
        host = world.host("ci-build-1")
        host.reaches_gitea, host.last_words = False, "tls: x509: certificate signed by unknown authority"

    process.calls.before(20, strange)
    assert only(process.up()).hint.startswith("the runner does not trust Gitea's certificate: gitea.ca")


def test_a_runner_that_was_cut_off_from_gitea_is_repaired_when_it_is_not_any_more(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.host("ci-build-1").reaches_gitea = False
    any_world.clock.sleep(2 * MINUTE)
    assert only(any_world.process().up()).verdict is Verdict.FAILED
    any_world.host("ci-build-1").reaches_gitea = True
    any_world.process().up()
    assert_in_service(any_world, "ci-build-1")


def test_a_record_that_somebody_deleted_in_gitea_is_made_again(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.gitea.forget(1)
    any_world.clock.sleep(2 * MINUTE)
    outcome = only(any_world.process().up())
    assert outcome.verdict is Verdict.DONE
    assert list(any_world.gitea.records) == [2]
    assert_in_service(any_world, "ci-build-1")


def test_the_record_of_a_killed_registration_is_deleted_by_the_next_up(world: FakeWorld) -> None:
    number = world_calls().index("gitea.register")
    assert dies(world.process(die_at=(number, "after")).up)
    assert list(world.gitea.records) == [1]
    world.process().up()
    assert list(world.gitea.records) == [2]
    assert_in_service(world, "ci-build-1")


def world_calls() -> list[str]:
    """The calls of a run that makes one machine from nothing."""
    process = FakeWorld().process()
    process.up()
    return process.calls.log


def test_records_of_our_name_that_are_not_ours_are_left_alone(world: FakeWorld) -> None:
    world.process().world.gitea.register("ci-build-1", ["theirs"], world.process().world.gitea.registration_token())
    world.process().up()
    assert sorted(world.gitea.records) == [1, 2]
    world.process().down()
    assert sorted(world.gitea.records) == [1]


def test_a_stopped_runner_is_started_again(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.host("ci-build-1").terminate()
    any_world.clock.sleep(1)
    assert any_world.host("ci-build-1").process is None
    outcome = only(any_world.process().up())
    assert outcome.verdict is Verdict.DONE
    assert_in_service(any_world, "ci-build-1")


def test_a_server_that_somebody_deleted_is_made_again_under_its_name(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.process().world.cloud.delete_server(any_world.server("ci-build-1"))
    any_world.clock.sleep(2 * MINUTE)
    assert only(any_world.process().up()).verdict is Verdict.DONE
    assert_in_service(any_world, "ci-build-1")


def test_a_machine_disabled_by_a_person_in_gitea_is_kept_as_it_is(world: FakeWorld) -> None:
    world.process().up()
    world.gitea.records[1].disabled = True
    process = world.process()
    assert only(process.up()).text == "disabled in Gitea, not by fleet"
    assert process.calls.changes == []


def test_a_machine_that_a_person_sent_away_is_not_brought_back(any_world: FakeWorld) -> None:
    any_world.process().up()
    job = any_world.gitea.queue(seconds=200)
    any_world.clock.sleep(20)
    assert only(any_world.process().down(wait=False)).verdict is Verdict.DEFERRED
    assert any_world.process().up().outcomes[0].verdict is Verdict.KEPT
    any_world.clock.sleep(300)
    assert job.end == "success"
    assert any_world.process().up().outcomes[0].verdict is Verdict.KEPT
    assert_nothing_lost(any_world)


def test_a_call_takes_time() -> None:
    world = FakeWorld()
    process = world.process()
    start = world.clock.now()
    process.plan_up()
    assert world.clock.now() - start == pytest.approx(len(process.calls.log) * LATENCY)
    assert_nothing_lost(world)
