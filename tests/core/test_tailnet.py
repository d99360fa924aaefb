"""How a host stands to its tailnet, what is read of it, and what set-up puts on its machines."""

import base64
import json
from dataclasses import replace

import pytest

from fleet.core.inventory import GiteaSettings, Inventory, TailnetSettings
from fleet.core.lifecycle import OF_TAILNET
from fleet.core.plan import plan_down, plan_up
from fleet.core.probe_answer import read_facts
from fleet.core.setup import HostWanted, drift, first_changes, host_wanted
from fleet.core.setup.tailnet import TAILSCALE_KEY
from fleet.core.tailnet import OFFICIAL, Standing, TailnetFacts, names, overlaps, standing
from tests.core.builders import STACK, catalog, facts, fresh, inventory, pool, runner, seen, server

SETTINGS = TailnetSettings(url="https://headscale.example", tags=("tag:ci",))
POOL = replace(pool(), tailnet=True)
INSIDE = TailnetFacts(
    state="Running",
    ours=True,
    tags=frozenset({"tag:ci"}),
    login_server="https://headscale.example",
    accept_dns=True,
)


def in_tailnet(settings: TailnetSettings = SETTINGS) -> Inventory:
    return inventory(POOL, tailnet=settings)


def wanted(settings: TailnetSettings = SETTINGS) -> HostWanted:
    return host_wanted(in_tailnet(settings), POOL, STACK)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (None, Standing.ABSENT),
        (replace(INSIDE, state=""), Standing.OUT),
        (replace(INSIDE, state="NeedsLogin"), Standing.OUT),
        (replace(INSIDE, state="Stopped"), Standing.OUT),
        (replace(INSIDE, ours=False, tags=frozenset()), Standing.FOREIGN),
        (replace(INSIDE, login_server=OFFICIAL), Standing.ELSEWHERE),
        (replace(INSIDE, tags=frozenset({"tag:other"})), Standing.ELSEWHERE),
        (replace(INSIDE, accept_dns=False), Standing.DIFFERS),
        (replace(INSIDE, accept_routes=True), Standing.DIFFERS),
        (replace(INSIDE, ssh=True), Standing.DIFFERS),
        (INSIDE, Standing.AS_WANTED),
        (replace(INSIDE, tags=frozenset({"tag:ci", "tag:more"})), Standing.AS_WANTED),
        (replace(INSIDE, login_server="https://headscale.example/"), Standing.AS_WANTED),
    ],
)
def test_a_host_has_one_standing(found: TailnetFacts | None, verdict: Standing) -> None:
    assert standing(found, SETTINGS) is verdict


def test_without_a_url_machines_log_in_at_tailscale_and_a_login_server_of_its_own_comes_first() -> None:
    official = TailnetSettings()
    assert standing(replace(INSIDE, login_server=OFFICIAL), official) is Standing.AS_WANTED
    other = replace(SETTINGS, login_server="https://other.example")
    assert standing(replace(INSIDE, login_server="https://other.example"), other) is Standing.AS_WANTED


STATUS = {
    "BackendState": "Running",
    "Version": "1.96.0",
    "TailscaleIPs": ["100.64.0.3", "fd7a:115c:a1e0::3"],
    "Self": {"ID": "3", "DNSName": "ci-build-1.tail.example.", "Tags": ["tag:ci"]},
    "Health": ["no relay"],
}
PROBED = f"""\
tailnet\t{base64.b64encode(json.dumps(STATUS).encode()).decode()}
tailnet_ours\tyes
tailnet_setting\tControlURL https://headscale.example
tailnet_setting\tCorpDNS true
tailnet_setting\tRouteAll false
tailnet_setting\tRunSSH true
tailnet_route\t100.64.0.1
tailnet_route\t100.100.100.100
tailnet_route\tthrow
tailnet_route\t10.20.0.0/16
tailnet_route\tfd7a:115c:a1e0::/48
"""


def test_what_the_probe_says_of_the_tailnet_is_read() -> None:
    assert read_facts(PROBED).tailnet == TailnetFacts(
        state="Running",
        ours=True,
        id="3",
        name="ci-build-1.tail.example",
        addresses=("100.64.0.3", "fd7a:115c:a1e0::3"),
        tags=frozenset({"tag:ci"}),
        version="1.96.0",
        health=("no relay",),
        routes=("10.20.0.0/16",),
        login_server="https://headscale.example",
        accept_dns=True,
        accept_routes=False,
        ssh=True,
    )


@pytest.mark.parametrize("answer", ["", "!", base64.b64encode(b"[1]").decode(), base64.b64encode(b"{").decode()])
def test_a_tailscaled_that_does_not_answer_is_there_and_not_in(answer: str) -> None:
    found = read_facts(f"tailnet\t{answer}\n").tailnet
    assert found == TailnetFacts()
    assert standing(found, SETTINGS) is Standing.OUT


def test_a_host_without_tailscale_says_nothing_of_it() -> None:
    assert read_facts("boot\t0\n").tailnet is None


@pytest.mark.parametrize(
    ("found", "what", "restarts"),
    [
        (None, Standing.ABSENT, False),
        (replace(INSIDE, state="NeedsLogin"), Standing.OUT, False),
        (replace(INSIDE, ssh=True), Standing.DIFFERS, False),
        (replace(INSIDE, login_server=OFFICIAL), Standing.ELSEWHERE, True),
    ],
)
def test_drift_in_the_tailnet_restarts_something_only_where_it_logs_in_anew(
    found: TailnetFacts | None, what: Standing, restarts: bool
) -> None:
    (one,) = drift(facts(wanted(), tailnet=found), wanted())
    assert (one.what, one.restarts) == (what.value, restarts)


@pytest.mark.parametrize("found", [INSIDE, replace(INSIDE, ours=False, login_server=OFFICIAL)])
def test_a_host_in_its_tailnet_or_in_somebody_elses_is_no_drift(found: TailnetFacts) -> None:
    assert drift(facts(wanted(), tailnet=found), wanted()) == ()


def test_containers_ask_the_resolver_on_the_bridge_and_their_packets_fit() -> None:
    daemon = json.loads(wanted().daemon)
    assert daemon["dns"] == ["172.17.0.1"]
    assert daemon["mtu"] == 1280
    assert daemon["default-network-opts"]["bridge"]["com.docker.network.driver.mtu"] == "1280"
    unit = next(file.text for file in wanted().files if file.path.endswith("fleet-dns.service"))
    assert "--listen-address=172.17.0.1 " in unit
    assert "/bin/kill -HUP $MAINPID" in unit


def test_a_pool_without_a_tailnet_has_nothing_of_it() -> None:
    plain = host_wanted(inventory(pool(), tailnet=SETTINGS), pool(), STACK)
    assert plain.tailnet is None
    assert "dnsmasq-base" not in plain.packages
    assert not [file.path for file in plain.files if "tail" in file.path or "fleet-dns" in file.path]
    assert "mtu" not in json.loads(plain.daemon)


def test_the_names_are_those_of_gitea_as_runners_call_it_and_of_the_inventory_each_once() -> None:
    hosts = ("sonar.tail.example", "gitea.tail.example")
    gitea = GiteaSettings("http://10.0.0.1:3000", "https://gitea.tail.example:8443/git")
    of = replace(in_tailnet(replace(SETTINGS, hosts=hosts)), gitea=gitea)
    assert names(of) == ("gitea.tail.example", "sonar.tail.example")
    unit = next(f for f in host_wanted(of, POOL, STACK).files if f.path.endswith("fleet-names.service"))
    assert "ExecStart=/opt/fleet/bin/tailnet-names keep gitea.tail.example sonar.tail.example\n" in unit.text
    assert unit.then.endswith("tailnet-names check gitea.tail.example sonar.tail.example")


def test_an_address_is_no_name() -> None:
    assert names(replace(in_tailnet(), gitea=GiteaSettings("http://[fd7a::1]:3000", "http://100.64.0.9:3000"))) == ()


@pytest.mark.parametrize(
    ("route", "keys"),
    [
        ("10.201.7.0/24", ["docker.address_pool"]),
        ("10.0.0.0/8", ["docker.address_pool"]),
        ("172.16.0.0/12", ["docker.bip"]),
        ("192.168.0.0/16", []),
        ("0.0.0.0/0", ["docker.bip", "docker.address_pool"]),
    ],
)
def test_routes_into_dockers_networks_are_found(route: str, keys: list[str]) -> None:
    assert [key for _, key, _ in overlaps([route], POOL)] == keys


def test_before_it_joins_a_host_gets_what_joining_may_need_and_nothing_that_restarts() -> None:
    first = first_changes(fresh(), wanted())
    assert not any(change.restarts for change in first)
    assert {"write /opt/fleet/bin/apt-install", "write /opt/fleet/bin/tailscale-install"} <= {one.what for one in first}
    assert first_changes(facts(wanted()), wanted()) == ()


def test_only_machines_that_have_to_do_with_a_tailnet_have_its_steps() -> None:
    of, plain = in_tailnet(), inventory()
    host, record = server(), runner()
    with_steps = plan_up(of, seen(), catalog(), {"build": wanted()}).changes[0].steps
    without = plan_up(plain, seen(), catalog(), {"build": host_wanted(plain, pool(), STACK)}).changes[0].steps
    assert set(with_steps) & OF_TAILNET
    assert not set(without) & OF_TAILNET
    assert set(plan_down(of, seen(host, record), catalog()).changes[0].steps) & OF_TAILNET
    assert not set(plan_down(plain, seen(host, record), catalog()).changes[0].steps) & OF_TAILNET
    once_in = seen(host, record, hosts={"ci-build-1": facts(tailnet=INSIDE)})
    assert set(plan_down(plain, once_in, catalog()).changes[0].steps) & OF_TAILNET


def test_nothing_is_installed_from_an_archive_whose_key_is_wrong() -> None:
    """`set -e`: what checks the key ends with an error."""
    script = STACK["tailscale-install.sh"]
    assert len(TAILSCALE_KEY) == 40
    assert "set -eu\n" in script
    assert script.index("apt-archive tailscale.gpg") < script.index("apt-install tailscale\n")
