"""The inventory's ``[tailnet]`` and what other tables say of it: what they become, and every mistake."""

import pytest

from fleet.core.errors import InventoryError
from fleet.core.inventory import Inventory, SshRoute, TailnetSettings
from fleet.core.secret import FromFile
from fleet.edges.inventory import parse

TOP = 'name = "ci"\ngitea.url = "https://gitea.example"\n'


def read(lines: str, pool: str = "") -> Inventory:
    return parse(f"{TOP}{lines}\n[pools.a]\n{pool}\n", "inventory.toml")


def problem(lines: str, pool: str = "") -> str:
    with pytest.raises(InventoryError) as error:
        read(lines, pool)
    (one,) = error.value.problems
    return str(one)


def test_without_the_table_there_is_no_tailnet_and_no_pool_joins_one() -> None:
    inventory = read("")
    assert inventory.tailnet is None
    assert not inventory.pools[0].tailnet
    assert inventory.ssh.route is SshRoute.PUBLIC


def test_an_empty_table_is_tailscale_with_the_defaults_and_all_pools_join() -> None:
    inventory = read("[tailnet]")
    assert inventory.tailnet == TailnetSettings()
    assert inventory.pools[0].tailnet


@pytest.mark.parametrize("joins", [True, False])
def test_a_pool_may_say_it_itself(joins: bool) -> None:
    assert read("[tailnet]", f"tailnet = {str(joins).lower()}").pools[0].tailnet is joins


def test_a_pool_that_does_not_join_needs_no_tailnet_to_say_so() -> None:
    assert not read("", "tailnet = false").pools[0].tailnet


def test_a_headscale_is_read_whole() -> None:
    inventory = read("""
        [tailnet]
        url = "https://headscale.example/"
        login_server = "http://10.0.0.5:8080"
        token = { file = "key" }
        user = "ci"
        tags = ["tag:ci", "tag:runner-2"]
        accept_dns = false
        accept_routes = true
        ssh = true
        hosts = ["sonar.internal", "registry"]
    """)
    assert inventory.tailnet == TailnetSettings(
        url="https://headscale.example",
        login_server="http://10.0.0.5:8080",
        token=FromFile("key"),
        user="ci",
        tags=("tag:ci", "tag:runner-2"),
        accept_dns=False,
        accept_routes=True,
        ssh=True,
        hosts=("sonar.internal", "registry"),
    )


@pytest.mark.parametrize("name", ["-", "example.com", "ann@example.com", "T12345CNTRL"])
def test_a_tailnet_has_the_name_that_tailscale_gives_it(name: str) -> None:
    tailnet = read(f'tailnet.tailnet = "{name}"').tailnet
    assert tailnet is not None
    assert tailnet.tailnet == name


HEADSCALE = 'tailnet.url = "https://headscale.example"\n'
NEEDS = "needs a tailnet (a table [tailnet], which may be empty)"


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ('tailnet.url = "headscale.example"', "tailnet.url: is no http or https URL"),
        ('tailnet.url = "https://api.tailscale.com"', "tailnet.url: is Tailscale's own address"),
        ('tailnet.url = "https://login.tailscale.com/admin"', "tailnet.url: is Tailscale's own address"),
        (f'{HEADSCALE}tailnet.login_server = "headscale"', "tailnet.login_server: is no http or https URL"),
        ('tailnet.login_server = "https://headscale.example"', "tailnet.login_server: has no effect without a url"),
        ('tailnet.user = "ci"', "tailnet.user: has no effect without a url"),
        (f'{HEADSCALE}tailnet.tailnet = "example.com"', "tailnet.tailnet: has no effect with a url"),
        ('tailnet.tailnet = "a b"', 'tailnet.tailnet: "a b" is no tailnet'),
        (f'{HEADSCALE}tailnet.user = "a b"', 'tailnet.user: "a b" is no user'),
        ("tailnet.tags = []", "tailnet.tags: is empty"),
        ('tailnet.tags = ["ci"]', 'tailnet.tags[0]: "ci" is no tag (like "tag:ci"'),
        ('tailnet.tags = ["tag:CI"]', 'tailnet.tags[0]: "tag:CI" is no tag'),
        ('tailnet.tags = ["tag:ci", "tag:ci"]', 'tailnet.tags: "tag:ci" is there twice'),
        ('tailnet.hosts = ["https://sonar.example"]', 'tailnet.hosts[0]: "https://sonar.example" is no host name'),
        ('tailnet.hosts = ["sonar.example:443"]', 'tailnet.hosts[0]: "sonar.example:443" is no host name'),
        ('tailnet.hosts = ["100.64.0.7"]', 'tailnet.hosts[0]: "100.64.0.7" is no host name'),
        ("tailnet.accept_dns = 1", "tailnet.accept_dns: must be true or false, not a number"),
        ('tailnet.token = "tskey-api-hush"', "tailnet.token: "),
        ('tailnet.tag = "tag:ci"', 'tailnet.tag: is an unknown key (did you mean "tags"?)'),
        ('ssh.route = "private"', 'ssh.route: "private" is unknown'),
        ('ssh.route = "tailnet"', f"ssh.route: {NEEDS}"),
        ('ssh.route = "tailnet"\n[tailnet]\nssh = true', "tailnet.ssh: takes the port by which fleet logs in"),
        ("ssh.allow_from = []\n[tailnet]", "ssh.allow_from: is empty: nobody could log in"),
    ],
)
def test_a_mistake_is_told_with_its_path(lines: str, told: str) -> None:
    said = problem(lines)
    assert said.startswith(told)
    assert "hush" not in said


def test_a_pool_cannot_join_a_tailnet_that_is_not_there() -> None:
    assert problem("", "tailnet = true") == f"pools.a.tailnet: {NEEDS}"


def test_a_mistake_in_the_table_is_not_told_a_second_time_where_the_table_is_needed() -> None:
    assert problem('ssh.route = "tailnet"\n[tailnet]\ntags = []', "tailnet = true").startswith("tailnet.tags: ")


def test_nobody_need_be_let_in_where_machines_are_logged_in_to_through_the_tailnet() -> None:
    ssh = read('ssh = { route = "tailnet", allow_from = [] }\n[tailnet]').ssh
    assert (ssh.route, ssh.allow_from) == (SshRoute.TAILNET, ())


def test_then_each_pool_must_join() -> None:
    said = problem('ssh = { route = "tailnet", allow_from = [] }\n[tailnet]', "tailnet = false")
    assert said == "pools.a.tailnet: false, and ssh.allow_from is empty: nobody could log in"
