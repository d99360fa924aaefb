"""Hosts that do not answer, or answer wrongly."""

from collections.abc import Callable
from dataclasses import replace

from fleet.cli import exits
from fleet.core.errors import Unreachable
from fleet.core.inventory import Inventory, SshSettings
from fleet.core.names import Tag
from fleet.core.observation import Server
from fleet.core.report import Report, Verdict
from fleet.core.ssh_key import fingerprint, sshkey_tag
from fleet.engine.logins import explaining
from fleet.engine.world import Sessions
from tests.engine.checks import assert_in_service, in_service, only
from tests.fakes.host import FakeHost
from tests.fakes.hosts import OPERATOR, FakeHosts
from tests.fakes.world import LIMITS, STACK, FakeWorld, Process, build_inventory, build_pool

GRACE = 16 * 60


def from_birth(world: FakeWorld, fault: Callable[[FakeHost], None]) -> Process:
    """A process whose new host has this fault from its first moment on."""
    process = world.process()
    power_on = world.computers.power_on

    def faulty(server: Server, user_data: str) -> None:
        power_on(server, user_data)
        fault(world.computers.hosts[server.id])

    world.project.machinery = _Machinery(world, faulty)
    return process


class _Machinery:
    def __init__(self, world: FakeWorld, power_on: Callable[[Server, str], None]) -> None:
        self.power_on = power_on
        self.reset = world.computers.reset
        self.rebuild = world.computers.rebuild
        self.destroy = world.computers.destroy


def logins(process: Process) -> int:
    return process.calls.log.count("hosts.connect")


def test_another_host_key_is_never_accepted_and_asked_again_only_for_a_short_time(world: FakeWorld) -> None:
    process = from_birth(world, lambda host: setattr(host, "other_key_until", float("inf")))
    start = world.clock.now()
    outcome = only(process.up())
    assert (outcome.verdict, outcome.text) == (Verdict.FAILED, "ci-build-1 has another host key")
    assert world.clock.now() - start < LIMITS.foreign_key + 20
    assert not [name for name in process.calls.log if name.startswith("host.")]


def test_another_host_key_on_a_machine_in_service_is_refused_after_one_login(world: FakeWorld) -> None:
    world = in_service()
    world.host("ci-build-1").other_key_until = float("inf")
    world.clock.sleep(GRACE)
    process = world.process()
    report = process.up()
    assert only(report).verdict is Verdict.REFUSED
    assert exits.code_of(report) == exits.FAILED
    assert logins(process) == 1
    assert process.calls.changes == []


def test_a_key_that_comes_late_in_the_boot_is_waited_for(world: FakeWorld) -> None:
    process = from_birth(world, lambda host: setattr(host, "other_key_until", world.clock.now() + 15))
    assert only(process.up()).verdict is Verdict.DONE
    assert_in_service(world, "ci-build-1")


def test_a_refused_login_is_tried_three_times_and_no_more(world: FakeWorld) -> None:
    process = from_birth(world, lambda host: setattr(host, "refuses_login_until", float("inf")))
    outcome = only(process.up())
    said = f"ci-build-1 does not take our key; known to open it: {fingerprint(OPERATOR)} (fleet-ci in Hetzner)"
    assert (outcome.verdict, outcome.text) == (Verdict.FAILED, said)
    silent = 1  # before the host was up
    assert logins(process) == silent + 3


def test_a_machine_that_refuses_our_login_is_told_and_never_reset(world: FakeWorld) -> None:
    world = in_service()
    world.host("ci-build-1").refuses_login_until = float("inf")
    world.host("ci-build-1").reaches_gitea = False
    world.clock.sleep(GRACE)
    for _ in range(3):
        process = world.process()
        assert only(process.up()).verdict is Verdict.REFUSED
        assert process.calls.changes == []
        world.clock.sleep(GRACE)


def test_silence_is_noted_then_reset_then_rebuilt_then_told_to_a_person(world: FakeWorld) -> None:
    process = from_birth(world, lambda host: setattr(host, "mute", "always"))
    assert only(process.up()).verdict is Verdict.FAILED
    seen = [next_pass(world) for _ in range(5)]
    assert [calls for calls, _ in seen] == [[], ["cloud.reset_server"], ["cloud.rebuild_server"], [], []]
    for _, report in seen[3:]:
        assert only(report).verdict is Verdict.REFUSED
        told = "SSH is silent and Gitea says offline, also after a hard reset and a rebuild; the last was at "
        assert only(report).text.startswith(told)
        assert only(report).hint.endswith("fleet down ci-build-1, then fleet up")
    assert world.project.created == ["ci-build-1"]


def next_pass(world: FakeWorld) -> tuple[list[str], Report]:
    """An ``up`` when the grace is over, and what it did to the server."""
    world.clock.sleep(GRACE)
    process = world.process()
    report = process.up()
    return [one for one in process.calls.log if one in {"cloud.reset_server", "cloud.rebuild_server"}], report


def test_a_young_silent_server_is_left_in_peace(world: FakeWorld) -> None:
    process = from_birth(world, lambda host: setattr(host, "mute", "always"))
    process.up()
    again = world.process()
    assert only(again.up()).verdict is Verdict.FAILED
    assert again.calls.changes == []


def test_a_reset_that_helps_ends_in_service_and_is_forgotten(any_world: FakeWorld) -> None:
    any_world.process().up()
    any_world.host("ci-build-1").mute = "reset"
    any_world.host("ci-build-1").reaches_gitea = False
    next_pass(any_world)
    calls, report = next_pass(any_world)
    assert calls == ["cloud.reset_server"]
    assert only(report).verdict is Verdict.DONE
    assert_in_service(any_world, "ci-build-1")


def test_a_rebuild_that_helps_ends_in_service_with_a_new_host_key(any_world: FakeWorld) -> None:
    process = from_birth(any_world, lambda host: setattr(host, "mute", "rebuild"))
    process.up()
    old = any_world.server("ci-build-1").tags[Tag.HOSTKEY]
    next_pass(any_world)
    assert next_pass(any_world)[0] == ["cloud.reset_server"]
    calls, report = next_pass(any_world)
    assert calls == ["cloud.rebuild_server"]
    assert only(report).verdict is Verdict.DONE
    assert any_world.server("ci-build-1").tags[Tag.HOSTKEY] != old
    assert_in_service(any_world, "ci-build-1")


def test_a_silent_host_whose_runner_gitea_sees_online_is_kept(world: FakeWorld) -> None:
    world = in_service()
    world.host("ci-build-1").mute = "always"
    world.clock.sleep(GRACE)
    process = world.process()
    outcome = only(process.up())
    assert outcome.verdict is Verdict.KEPT
    assert "does not answer on SSH" in outcome.text
    assert process.calls.changes == []


ANN = "ssh-ed25519 BBBB ann@laptop"


def another_operator(world: FakeWorld, inventory: Inventory) -> Process:
    """Somebody whose key the machines do not know."""
    process = world.process(inventory)
    hosts = FakeHosts(world.computers, STACK, process.calls, "ssh-ed25519 CCCC bob@laptop")
    explain = explaining(inventory, process.world.cloud)
    process.world = replace(process.world, hosts=hosts, sessions=Sessions(hosts, explain))
    return process


def test_a_machine_that_refuses_our_key_says_whose_keys_it_accepts(world: FakeWorld) -> None:
    inventory = replace(build_inventory(), ssh=SshSettings(authorized_keys=(ANN,)))
    world = in_service(inventory=inventory)
    outcome = only(another_operator(world, inventory).up())
    assert outcome.verdict is Verdict.REFUSED
    mine, ann = fingerprint(OPERATOR), fingerprint(ANN)
    assert outcome.text.endswith(f"; known to open it: {mine} (fleet-ci in Hetzner) and {ann} (ann@laptop)")


def test_whose_keys_are_accepted_is_asked_once_and_told_without_names_when_the_cloud_is_silent(
    world: FakeWorld,
) -> None:
    two = build_inventory(build_pool(least=2))
    world = in_service(inventory=two)
    process = another_operator(world, two)
    process.calls.fail_next("cloud.ssh_key_names", Unreachable("no answer in time"))
    texts = [one.text for one in process.up().outcomes]
    assert [text.partition("; ")[2] for text in texts] == [f"known to open it: {fingerprint(OPERATOR)}"] * 2
    assert process.calls.log.count("cloud.ssh_key_names") == 1


def test_a_server_remembers_the_key_that_opens_it(world: FakeWorld) -> None:
    world = in_service()
    assert world.server("ci-build-1").tags[Tag.SSHKEY] == sshkey_tag(OPERATOR)


def test_a_rebuilt_server_lets_in_the_key_of_today_and_no_other(world: FakeWorld) -> None:
    from_birth(world, lambda host: setattr(host, "mute", "rebuild")).up()
    next_pass(world)
    next_pass(world)
    today = "ssh-ed25519 DDDD operator"
    world.clock.sleep(GRACE)
    process = world.process()
    hosts = FakeHosts(world.computers, STACK, process.calls, today)
    process.world = replace(process.world, hosts=hosts, sessions=Sessions(hosts, lambda _, error: error))
    assert only(process.up()).verdict is Verdict.DONE
    assert world.server("ci-build-1").tags[Tag.SSHKEY] == sshkey_tag(today)
    assert not world.host("ci-build-1").lets_in(OPERATOR)
