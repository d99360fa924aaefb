"""Into the tailnet and out of it, in a simulated world: no key and no device is ever left behind."""

from dataclasses import replace

import pytest

from fleet.cli import exits
from fleet.core.errors import CommandFailed, CredentialsError, TailnetError
from fleet.core.inventory import Inventory, SshRoute, SshSettings, TailnetSettings
from fleet.core.names import Tag
from fleet.core.report import Report
from fleet.core.scaling import GHOST_GRACE
from tests.engine.checks import assert_gone, assert_in_service, assert_nothing_lost, call_numbers, dies, only
from tests.fakes.hosts import Computers
from tests.fakes.world import FakeWorld, build_inventory, build_pool

TAILNET = TailnetSettings(url="https://headscale.example")


def with_tailnet(settings: TailnetSettings = TAILNET, *, least: int = 1) -> Inventory:
    return replace(build_inventory(replace(build_pool(least=least), tailnet=True)), tailnet=settings)


def text(report: Report) -> str:
    outcome = only(report)
    return f"{outcome.verdict}: {outcome.text}"


def up(settings: TailnetSettings = TAILNET) -> FakeWorld:
    """One machine, up and in the tailnet."""
    world = FakeWorld()
    world.process(with_tailnet(settings)).up()
    world.clock.sleep(60)
    return world


def devices(world: FakeWorld) -> list[str]:
    return sorted(one.name for one in world.network.members.values())


def test_a_machine_comes_into_the_tailnet_with_a_key_that_is_used_up(world: FakeWorld) -> None:
    report = world.process(with_tailnet(least=2)).up()
    assert exits.code_of(report) == exits.OK
    assert devices(world) == ["ci-build-1", "ci-build-2"]
    assert world.network.open_keys == []
    assert_in_service(world, "ci-build-1", "ci-build-2")


def test_up_typed_again_changes_nothing() -> None:
    world = up()
    again = world.process(with_tailnet())
    assert text(again.up()) == "kept: online, idle, as wanted"
    assert again.calls.changes == []


def test_a_pool_without_a_tailnet_passes_its_steps_by(world: FakeWorld) -> None:
    process = world.process(replace(build_inventory(), tailnet=TAILNET))
    process.up()
    process.down()
    assert world.network.minted == 0
    assert not any("tailnet" in event.step for event in process.events)
    assert_gone(world)


@pytest.mark.parametrize("when", ["before", "after"])
def test_up_killed_at_any_call_leaves_no_key_once_it_was_typed_again(when: str) -> None:
    for number in call_numbers():
        world = FakeWorld()
        first = world.process(with_tailnet(), die_at=(number, when))  # type: ignore[arg-type]
        if not dies(first.up):
            assert number > 35
            break
        report = world.process(with_tailnet()).up()
        assert exits.code_of(report) == exits.OK, f"killed {when} {first.calls.log[-1]}: {text(report)}"
        assert world.network.open_keys == [], f"killed {when} {first.calls.log[-1]}"
        assert devices(world) == ["ci-build-1"], f"killed {when} {first.calls.log[-1]}"
        assert_in_service(world, "ci-build-1")


@pytest.mark.parametrize("when", ["before", "after"])
def test_up_killed_at_any_call_and_then_down_leaves_no_key_and_no_device(when: str) -> None:
    for number in call_numbers():
        world = FakeWorld()
        first = world.process(with_tailnet(), die_at=(number, when))  # type: ignore[arg-type]
        if not dies(first.up):
            break
        world.process(with_tailnet()).down()
        assert world.network.open_keys == [], f"killed {when} {first.calls.log[-1]}"
        assert devices(world) == [], f"killed {when} {first.calls.log[-1]}"
        assert world.server_names == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_down_killed_at_any_call_is_finished_by_the_next_down(when: str) -> None:
    for number in call_numbers():
        world = up()
        first = world.process(with_tailnet(), die_at=(number, when))  # type: ignore[arg-type]
        if not dies(first.down):
            break
        world.process(with_tailnet()).down()
        assert devices(world) == [], f"killed {when} {first.calls.log[-1]}"
        assert_gone(world)


def test_a_key_that_brought_nobody_in_is_made_worthless_and_never_told(world: FakeWorld) -> None:
    process = world.process(with_tailnet())
    world.computers.refused_by_tailnet = "backend error: invalid key: tskey-1 is not known"
    said = text(process.up())
    assert "could not join the tailnet on ci-build-1" in said
    assert "invalid key: *** is not known" in said
    assert world.network.minted == 1
    assert world.network.open_keys == []


def test_a_host_that_cannot_install_says_so_before_a_key_is_minted(world: FakeWorld) -> None:
    process = world.process(with_tailnet())
    process.calls.fail_next("host.install tailscale", CommandFailed("could not install tailscale: no such host"))
    assert "could not install tailscale" in text(process.up())
    assert world.network.minted == 0


@pytest.mark.parametrize(
    "changed", [replace(TAILNET, accept_dns=False), replace(TAILNET, accept_routes=True), replace(TAILNET, ssh=True)]
)
def test_other_settings_are_set_without_a_restart_of_anything(changed: TailnetSettings) -> None:
    world = up()
    process = world.process(with_tailnet(changed))
    report = process.up()
    assert text(report) == "done: repaired"
    assert "host.set tailnet" in process.calls.log
    assert not {"host.stop runner", "host.restart docker", "host.join tailnet"} & set(process.calls.log)
    assert text(world.process(with_tailnet(changed)).up()) == "kept: online, idle, as wanted"


def test_another_login_server_waits_until_the_machine_is_empty() -> None:
    world = up()
    moved = with_tailnet(replace(TAILNET, url="https://other.example"))
    job = world.gitea.queue(seconds=600)
    world.clock.sleep(10)
    assert "later: it is in the tailnet by another login server" in text(world.process(moved).up())
    world.clock.sleep(700)
    process = world.process(moved)
    assert text(process.up()) == "done: repaired"
    assert process.calls.log.index("host.stop runner") < process.calls.log.index("host.join tailnet")
    assert (job.end, devices(world)) == ("success", ["ci-build-1"])
    assert_nothing_lost(world)


def test_a_machine_that_was_thrown_out_comes_in_again_without_a_restart_of_its_runner() -> None:
    world = up()
    world.network.leave(world.host("ci-build-1").tailscale.device)
    process = world.process(with_tailnet())
    assert text(process.up()) == "done: repaired"
    assert "host.stop runner" not in process.calls.log
    assert devices(world) == ["ci-build-1"]


def test_a_host_that_somebody_else_took_in_stays_as_it_is(world: FakeWorld) -> None:
    world.process().up()
    tailscale = world.host("ci-build-1").tailscale
    key = world.process(with_tailnet()).world.tailnet.mint_key("mine", seconds=60)  # type: ignore[union-attr]
    tailscale.installed = True
    tailscale.up({"hostname": "build-box", "login-server": "https://elsewhere.example"}, key.key.reveal())
    world.clock.sleep(60)
    world.process(with_tailnet()).up()
    assert devices(world) == ["build-box"]
    world.process(with_tailnet()).down()
    assert tailscale.device, "it was not logged out"


def test_a_device_that_does_not_go_with_its_machine_is_taken_off_the_list() -> None:
    world = up()
    host = world.host("ci-build-1")
    host.mute = "always"
    host.reaches_gitea = False
    world.clock.sleep(120)
    world.process(with_tailnet()).down()
    assert devices(world) == []
    assert_gone(world)


def test_a_device_that_stays_on_the_list_keeps_its_server_and_is_told() -> None:
    world = up()
    world.network.lingering.add(world.host("ci-build-1").tailscale.device)
    assert "is still a device of the tailnet" in text(world.process(with_tailnet()).down())
    assert world.server_names == ["ci-build-1"]


def test_a_machine_takes_the_name_of_a_dead_device() -> None:
    world = up()
    device = world.host("ci-build-1").tailscale.device
    world.project.servers.clear()
    world.network.went_offline(device)
    world.gitea.records.clear()
    world.process(with_tailnet()).up()
    assert devices(world) == ["ci-build-1"]
    assert device not in world.network.members


def test_an_online_namesake_is_somebodys_and_stays(world: FakeWorld) -> None:
    key = world.process(with_tailnet()).world.tailnet.mint_key("ci-build-1", seconds=60)  # type: ignore[union-attr]
    world.network.join(key.key.reveal(), "ci-build-1")
    world.process(with_tailnet()).up()
    assert devices(world) == ["ci-build-1", "ci-build-1-1"]


def dead_device() -> FakeWorld:
    """A device without a server that an earlier pass has noted, long enough ago."""
    world = up()
    device = world.host("ci-build-1").tailscale.device
    world.project.servers.clear()
    world.gitea.records.clear()
    world.network.went_offline(device)
    world.process(with_tailnet(least=0)).scale()
    world.clock.sleep(GHOST_GRACE + 60)
    return world


def test_a_device_that_comes_back_while_a_pass_decides_stays() -> None:
    model = dead_device().process(with_tailnet(least=0))
    model.scale()
    last_look = len(model.calls.log) - 1 - model.calls.log[::-1].index("tailnet.devices")
    world = dead_device()
    process = world.process(with_tailnet(least=0))
    process.calls.before(last_look, lambda: world.network.came_back("1"))
    process.scale()
    assert devices(world) == ["ci-build-1"]


def test_a_dead_device_without_a_server_is_removed_by_a_later_pass() -> None:
    world = up()
    none = with_tailnet(least=0)
    device = world.host("ci-build-1").tailscale.device
    world.project.servers.clear()
    world.gitea.records.clear()
    world.network.went_offline(device)
    world.process(none).scale()
    assert devices(world) == ["ci-build-1"]
    world.clock.sleep(GHOST_GRACE + 60)
    world.process(none).scale()
    assert devices(world) == []
    assert not any(tag.startswith("device-") for tags in world.project.firewalls.values() for tag in tags)


@pytest.mark.parametrize("case", ["online", "other tags", "another name"])
def test_a_device_that_is_not_surely_dead_and_ours_is_never_removed(case: str, world: FakeWorld) -> None:
    process = world.process(with_tailnet(least=0))
    tailnet = process.world.tailnet
    assert tailnet is not None
    if case == "other tags":
        world.network.tags = frozenset({"tag:other"})
    name = "ci-build-x" if case == "another name" else "ci-build-3"
    device = world.network.join(tailnet.mint_key(name, seconds=60).key.reveal(), name)
    if case != "online":
        world.network.went_offline(device.id)
    for _ in range(3):
        world.process(with_tailnet(least=0)).scale()
        world.clock.sleep(GHOST_GRACE + 60)
    assert devices(world) == [name]


def test_a_route_into_dockers_own_networks_is_refused_with_what_to_change() -> None:
    world = up()
    world.host("ci-build-1").tailscale.routes = ("10.201.7.0/24",)
    world.network.leave(world.host("ci-build-1").tailscale.device)
    report = world.process(with_tailnet()).up()
    assert "routes 10.201.7.0/24 to ci-build-1, and docker.address_pool = '10.201.0.0/16'" in text(report)
    assert "set docker.address_pool of pool build" in only(report).hint


def test_a_tailnet_that_does_not_answer_ends_no_pass() -> None:
    world = up()
    process = world.process(with_tailnet())
    process.calls.fail_next("tailnet.devices", TailnetError("https://headscale.example does not answer"))
    assert text(process.up()) == "kept: online, idle, as wanted"


def test_a_tailnet_that_cannot_be_asked_keeps_no_server_and_its_device_goes_later() -> None:
    world = up()
    host = world.host("ci-build-1")
    host.mute = "always"
    host.reaches_gitea = False
    world.clock.sleep(120)
    process = world.process(with_tailnet())
    process.calls.fail_next("tailnet.revoke_keys", CredentialsError("the secret of FLEET_TAILNET_KEY has expired"))
    process.down()
    assert_gone(world)
    assert any("left to a later pass: the secret" in event.text for event in process.events)
    assert devices(world) == ["ci-build-1"]
    for _ in range(2):
        world.process(with_tailnet(least=0)).scale()
        world.clock.sleep(GHOST_GRACE + 60)
    assert devices(world) == []


INSIDE = replace(with_tailnet(), ssh=SshSettings(route=SshRoute.TAILNET))


def closed(world: FakeWorld, name: str = "ci-build-1") -> None:
    """Its public address answers nobody any more."""
    world.computers.addresses.pop(world.server(name).ipv4 or "")


def test_ssh_goes_through_the_tailnet_once_a_machine_has_joined(world: FakeWorld) -> None:
    world.process(INSIDE).up()
    world.clock.sleep(60)
    closed(world)
    assert text(world.process(INSIDE).up()) == "kept: online, idle, as wanted"
    assert "does not answer on SSH" in text(world.process(with_tailnet()).up())
    world.process(INSIDE).down()
    assert devices(world) == []
    assert_gone(world)


def test_a_machine_that_is_not_in_or_a_tailnet_that_does_not_answer_leaves_the_public_address(world: FakeWorld) -> None:
    world.process(INSIDE).up()
    process = world.process(INSIDE)
    server = world.server("ci-build-1")
    assert process.world.target(server).address == "100.64.0.1"
    joining = replace(server, tags={**server.tags, Tag.JOINING: "yes"})
    assert process.world.target(joining).address == server.ipv4
    process.calls.fail_next("tailnet.devices", TailnetError("https://headscale.example does not answer"))
    assert process.world.target(server).address == server.ipv4
    world.network.went_offline(world.host("ci-build-1").tailscale.device)
    world.clock.sleep(60)
    assert process.world.target(server).address == server.ipv4


@pytest.mark.parametrize("reached", [True, False])
def test_the_port_closes_only_after_a_login_through_the_tailnet(
    reached: bool, world: FakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.process(INSIDE).up()
    (server,) = world.project.servers.values()
    world.project.servers[server.id] = replace(server, tags={**server.tags, Tag.JOINING: "yes"})
    world.network.leave(world.host("ci-build-1").tailscale.device)
    world.clock.sleep(60)
    if not reached:
        monkeypatch.setattr(Computers, "at", lambda computers, address: computers.addresses.get(address))
    said = text(world.process(INSIDE).up())
    assert ("SSH does not reach it there" in said) is not reached
    assert (Tag.JOINING in world.server("ci-build-1").tags) is not reached


def test_a_port_that_was_open_for_joining_closes_when_the_inventory_wants_no_tailnet_any_more(world: FakeWorld) -> None:
    first = world.process(INSIDE)
    first.calls.fail_next("host.install tailscale", CommandFailed("could not install tailscale: no such host"))
    first.up()
    (server,) = world.project.servers.values()
    world.project.servers[server.id] = replace(server, tags={**server.tags, Tag.JOINING: "yes"})
    world.process(build_inventory()).up()
    assert_in_service(world, "ci-build-1")


CLOSED = replace(with_tailnet(), ssh=SshSettings(route=SshRoute.TAILNET, allow_from=()))
"""Port 22 is open to nobody: machines are logged in to through the tailnet."""


def shut(world: FakeWorld) -> None:
    """What no firewall of ours lets in does not arrive any more."""
    joining = [one for one in world.project.servers.values() if Tag.JOINING in one.tags]
    open_to = {one.ipv4 for one in joining}
    world.computers.addresses = {a: host for a, host in world.computers.addresses.items() if a in open_to}


def test_a_machine_is_open_until_it_has_joined_and_then_logged_in_to_through_the_tailnet(world: FakeWorld) -> None:
    first = world.process(CLOSED)
    assert text(first.up()) == "done: created and online"
    assert Tag.JOINING not in world.server("ci-build-1").tags
    assert sorted(name for name, _ in world.project.firewalls) == ["fleet-ci", "fleet-ci-join"]
    shut(world)
    world.clock.sleep(60)
    assert text(world.process(CLOSED).up()) == "kept: online, idle, as wanted"
    world.process(CLOSED).down()
    assert devices(world) == []
    assert_gone(world)


def test_a_machine_that_is_made_anew_is_opened_again_also_where_none_was_made_closed(world: FakeWorld) -> None:
    """It was made while port 22 was open; rebuilt, it is outside of the tailnet once more."""
    world.process(INSIDE).up()
    host = world.host("ci-build-1")
    host.mute, host.reaches_gitea = "rebuild", False
    for _ in range(6):
        world.process(CLOSED).up()
        world.clock.sleep(16 * 60)
    assert host.mute == "", "it was rebuilt"
    assert sorted(name for name, _ in world.project.firewalls) == ["fleet-ci", "fleet-ci-join"]


def test_killed_before_it_has_joined_the_machine_is_still_open(world: FakeWorld) -> None:
    model = FakeWorld().process(CLOSED)
    model.up()
    minted = model.calls.log.index("tailnet.mint_key")
    assert dies(world.process(CLOSED, die_at=(minted, "after")).up)
    assert world.server("ci-build-1").tags[Tag.JOINING] == "yes"
    shut(world)
    assert text(world.process(CLOSED).up()) == "done: online"
    assert Tag.JOINING not in world.server("ci-build-1").tags


def test_a_machine_that_has_gone_from_the_tailnet_is_tried_at_its_public_address(world: FakeWorld) -> None:
    world.process(CLOSED).up()
    world.clock.sleep(60)
    world.network.went_offline(world.host("ci-build-1").tailscale.device)
    assert text(world.process(CLOSED).up()) == "kept: online, idle, as wanted"


def test_a_new_machine_is_not_looked_for_where_one_of_its_name_was(world: FakeWorld) -> None:
    world.process(CLOSED).up()
    world.network.deaf = True
    world.project.servers.clear()
    world.computers.hosts.clear()
    world.gitea.records.clear()
    assert text(world.process(CLOSED).up()) == "done: created and online"


def test_while_somebody_is_let_in_from_outside_there_is_no_second_firewall(world: FakeWorld) -> None:
    by_tailnet = replace(with_tailnet(), ssh=SshSettings(route=SshRoute.TAILNET))
    world.process(by_tailnet).up()
    assert [name for name, _ in world.project.firewalls] == ["fleet-ci"]
    assert_in_service(world, "ci-build-1")


def test_a_machine_made_anew_is_open_again_until_it_has_joined_again(world: FakeWorld) -> None:
    world.process(CLOSED).up()
    world.clock.sleep(60)
    host = world.host("ci-build-1")
    host.mute, host.reaches_gitea = "rebuild", False
    world.network.deaf = True
    for _ in range(6):
        world.clock.sleep(16 * 60)
        host.reaches_gitea = not host.mute
        world.process(CLOSED).up()
    assert text(world.process(CLOSED).up()) == "kept: online, idle, as wanted"
    assert not host.mute, "it was made anew"
    assert devices(world) == ["ci-build-1"]
    assert Tag.JOINING not in world.server("ci-build-1").tags
