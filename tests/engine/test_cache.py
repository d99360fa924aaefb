"""A machine that serves the fleet's cache, from the first `up` to the last `down`."""

import json
from dataclasses import replace

import pytest
import yaml

from fleet.core.errors import Refused
from fleet.core.inventory import CacheSettings, Inventory
from fleet.core.report import Report, Verdict
from fleet.core.secret import Secret
from tests.engine.checks import assert_gone, assert_in_service, assert_nothing_lost
from tests.fakes import world as fake
from tests.fakes.world import FakeWorld, build_inventory, build_pool

SERVED = replace(
    build_inventory(build_pool(least=2, most=4)),
    cache=CacheSettings(machine="ci-build-1", network="inside"),
)
APART = replace(SERVED, cache=CacheSettings())


def world() -> FakeWorld:
    made = FakeWorld()
    made.project.networks["inside"] = 7
    return made


def up(outside: FakeWorld, inventory: Inventory = SERVED) -> Report:
    report = outside.process(inventory).up()
    outside.clock.sleep(60)
    return report


def address(outside: FakeWorld) -> str:
    return outside.server("ci-build-1").networks[7]


def external(outside: FakeWorld, name: str) -> str | None:
    """The cache this machine's runner was told of, when it is not its own."""
    config = yaml.safe_load(outside.host(name).disk.files["/opt/fleet/config.yaml"])
    found: str | None = config["cache"].get("external_server")
    return found


def compose(outside: FakeWorld, name: str) -> str | None:
    return outside.host(name).disk.files.get("/opt/fleet/cache/compose.yaml")


def test_the_first_up_is_all_it_takes() -> None:
    outside = world()
    up(outside)
    url = f"http://{address(outside)}:8088/"
    assert [external(outside, name) for name in ("ci-build-1", "ci-build-2")] == [url, url]
    assert f'"{address(outside)}:8088:8088"' in (compose(outside, "ci-build-1") or "")
    assert compose(outside, "ci-build-2") is None
    again = outside.process(SERVED)
    assert {one.text for one in again.up().outcomes} == {"online, idle, as wanted"}
    assert again.calls.changes == []


def test_who_was_there_before_goes_on_with_a_cache_of_its_own_and_a_person_is_told() -> None:
    outside = world()
    up(outside, APART)
    plan, _ = outside.process(SERVED).plan_up()
    assert plan.todo == ()
    assert "is not in the network inside" in plan.notes[0]
    outside.process(APART).down("ci-build-1")
    up(outside)
    outside.process(SERVED).up(add=1)
    found = [external(outside, f"ci-build-{number}") for number in (1, 2, 3)]
    assert found == [f"http://{address(outside)}:8088/", None, f"http://{address(outside)}:8088/"]
    outside.clock.sleep(60)
    assert_in_service(outside, "ci-build-1", "ci-build-2", "ci-build-3")


def test_a_machine_that_is_gone_leaves_each_with_its_own_until_it_is_back() -> None:
    outside = world()
    up(outside)
    outside.process(SERVED).down("ci-build-1")
    up(outside, replace(SERVED, pools=(build_pool(least=0, most=4),)))
    assert external(outside, "ci-build-2") is None
    up(outside)
    up(outside)
    assert external(outside, "ci-build-2") == f"http://{address(outside)}:8088/"
    assert_in_service(outside, "ci-build-1", "ci-build-2")


def test_no_job_is_disturbed_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = world()
    up(outside)
    jobs = [outside.gitea.queue(seconds=600) for _ in range(2)]
    outside.clock.sleep(20)
    monkeypatch.setattr(fake, "SHARED", Secret("another secret of all machines"))
    assert {one.verdict for one in up(outside).outcomes} == {Verdict.KEPT}
    outside.clock.sleep(900)
    assert [job.end for job in jobs] == ["success", "success"]
    assert {one.text for one in up(outside).outcomes} == {"repaired"}
    for name in ("ci-build-1", "ci-build-2"):
        assert outside.host(name).disk.files["/opt/fleet/cache.secret"] == "another secret of all machines"
        assert outside.host(name).disk.modes["/opt/fleet/cache.secret"] == 0o600
    assert_nothing_lost(outside)


def test_a_cache_that_somebody_stopped_is_started_again() -> None:
    outside = world()
    up(outside)
    outside.host("ci-build-1").disk.serves_cache = False
    plan, _ = outside.process(SERVED).plan_up()
    assert [one.reason for one in plan.todo] == ["differs from the inventory: start the fleet's cache"]
    up(outside)
    assert outside.host("ci-build-1").disk.serves_cache


def test_the_secret_is_in_no_tag_and_in_no_file_that_others_may_read() -> None:
    outside = world()
    up(outside)
    for server in outside.project.servers.values():
        disk = outside.host(server.name).disk
        open_to_all = {path for path, mode in disk.modes.items() if mode & 0o077}
        assert not [path for path in open_to_all if fake.SHARED.reveal() in disk.files.get(path, "")]
        assert fake.SHARED.reveal() not in json.dumps(dict(server.tags))


def test_it_leaves_last() -> None:
    outside = world()
    up(outside)
    short, job = outside.gitea.queue(seconds=5), outside.gitea.queue(seconds=300)
    outside.clock.sleep(30)
    assert (short.end, outside.gitea.records[job.runner_id or 0].name) == ("success", "ci-build-2")
    process = outside.process(SERVED)
    process.down()
    assert job.end == "success"
    assert_gone(outside)
    deleted = [event.machine for event in process.events if event.step == "delete server"]
    assert deleted == ["ci-build-2", "ci-build-1"]
    # It waits for the other's job without a look at all machines every few seconds.
    assert sum(event.step == "let the others leave first" for event in process.events) == 2


def test_without_waiting_it_stays_and_says_why() -> None:
    outside = world()
    up(outside)
    report = outside.process(SERVED).down(wait=False)
    rows = {one.machine: (one.verdict, one.text) for one in report.outcomes}
    assert rows["ci-build-1"] == (Verdict.DEFERRED, "ci-build-1 keeps the fleet's cache: it leaves last")
    assert outside.server_names == ["ci-build-1"]


def test_a_network_that_is_not_there_is_said_before_anything_is_touched() -> None:
    with pytest.raises(Refused, match="no private network inside"):
        FakeWorld().process(SERVED)
