# ruff: noqa: E501  a row of the tables below is one mistake and the whole sentence about it
"""The inventory file: what it becomes, every mistake in it at once, and where it is looked for."""

import base64
import re
import tomllib
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fleet.core.errors import InventoryError, Refused
from fleet.core.inventory import (
    CronSettings,
    DockerSettings,
    DockerSource,
    GiteaSettings,
    HetznerSettings,
    Inventory,
    NotifySettings,
    Pool,
    Registry,
    RunnerSettings,
    Schedule,
    Scope,
    ScopeKind,
    SshSettings,
    StaticHost,
    TailnetSettings,
)
from fleet.core.labels import DEFAULT_LABELS
from fleet.core.names import MachineName, read_machine_name
from fleet.core.runner_version import ENGINE, ENGINE_OF_OLD_RUNNERS
from fleet.core.secret import FromCommand, FromEnv, FromFile
from fleet.edges.inventory import find, known_keys, load, parse

EXAMPLE = Path(__file__).parents[2] / "inventory.example.toml"

SMALLEST = """\
name = "ci"
gitea.url = "https://gitea.internal.example"
[pools.build]
capacity = 3
max = 2
"""

TOP = 'name = "ci"\ngitea.url = "https://gitea.example"\n'
ED25519 = (
    "ssh-ed25519 "
    + base64.b64encode(b"\x00\x00\x00\x0bssh-ed25519\x00\x00\x00\x20" + bytes(32)).decode()
    + " ann@laptop"
)
HOST_KEY = ED25519.removesuffix(" ann@laptop")
SECRET = "s3cret-that-nobody-may-see"
FORMS = 'write { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", "ARGUMENT"] }'


def pool(lines: str, top: str = "") -> Pool:
    return parse(f"{TOP}{top}\n[pools.build]\n{lines}", "i.toml").pools[0]


def problems(text: str) -> list[str]:
    with pytest.raises(InventoryError) as error:
        parse(text, "i.toml")
    assert SECRET not in f"{error.value}{error.value.__cause__}"
    return [str(problem) for problem in error.value.problems]


# --- what it becomes -----------------------------------------------------------------------------


def test_the_smallest_inventory_gets_the_defaults() -> None:
    assert parse(SMALLEST, "i.toml") == Inventory(
        name="ci",
        gitea=GiteaSettings(
            url="https://gitea.internal.example",
            runner_url="https://gitea.internal.example",
            scope=Scope(ScopeKind.INSTANCE),
            token=FromEnv("FLEET_GITEA_TOKEN"),
        ),
        pools=(
            Pool(
                name="build",
                runner=RunnerSettings(
                    image="gitea/runner:4.1.0",
                    labels=DEFAULT_LABELS,
                    capacity=3,
                    log_level="info",
                    cache_port=8088,
                    job_timeout=10800,
                ),
                docker=DockerSettings(),
                min=1,
                max=2,
                types=("cx33", "cpx32", "cx43", "cpx42"),
                locations=("hel1", "nbg1", "fsn1"),
                image="debian-13",
            ),
        ),
        hetzner=HetznerSettings("https://api.hetzner.cloud/v1", FromEnv("HCLOUD_TOKEN")),
        ssh=SshSettings(),
    )


@pytest.mark.parametrize(("lines", "low", "high"), [("", 1, 1), ("min = 3", 3, 3), ("min = 0", 0, 0)])
def test_max_is_min_when_it_is_not_given(lines: str, low: int, high: int) -> None:
    assert (pool(lines).min, pool(lines).max) == (low, high)


@pytest.mark.parametrize(
    ("text", "scope"),
    [
        ("instance", Scope(ScopeKind.INSTANCE)),
        ("user", Scope(ScopeKind.USER)),
        ("org:some.org", Scope(ScopeKind.ORG, "some.org")),
        ("repo:ann/app", Scope(ScopeKind.REPO, "ann/app")),
    ],
)
def test_a_scope_is_read(text: str, scope: Scope) -> None:
    inventory = parse(f'{TOP}gitea.scope = "{text}"\n[pools.a]\n', "i.toml")
    assert inventory.gitea.scope == scope
    assert str(inventory.gitea.scope) == text


def test_an_address_loses_its_last_slash() -> None:
    text = 'name = "ci"\ngitea.url = "https://x/git/"\ngitea.runner_url = "http://y:3000/"\n[pools.a]'
    gitea = parse(text, "i.toml").gitea
    assert (gitea.url, gitea.runner_url) == ("https://x/git", "http://y:3000")


def test_secrets_are_read_as_where_they_are() -> None:
    text = (
        TOP + 'gitea.token = { command = ["pass", "show", "x"] }\nhetzner.token = { file = "~/token" }\n'
        'ssh.passphrase = { env = "P" }\n[pools.a]'
    )
    inventory = parse(text, "i.toml")
    assert inventory.gitea.token == FromCommand(("pass", "show", "x"))
    assert inventory.hetzner.token == FromFile("~/token")
    assert inventory.ssh.passphrase == FromEnv("P")


def test_a_bare_address_becomes_a_network() -> None:
    text = f'{TOP}ssh.allow_from = ["203.0.113.7", "2001:db8::/32"]\nssh.authorized_keys = ["{ED25519}"]\n[pools.a]'
    ssh = parse(text, "i.toml").ssh
    assert ssh.allow_from == ("203.0.113.7/32", "2001:db8::/32")
    assert ssh.authorized_keys == (ED25519,)


def test_me_stands_beside_networks_and_its_service_may_be_another() -> None:
    text = f'{TOP}ssh.allow_from = ["me", "203.0.113.7"]\nssh.address_from = "http://10.0.0.1:8000/ip"\n[pools.a]'
    ssh = parse(text, "i.toml").ssh
    assert ssh.allow_from == ("me", "203.0.113.7/32")
    assert ssh.address_from == "http://10.0.0.1:8000/ip"


@pytest.mark.parametrize(
    ("value", "seconds"), [('"3h"', 10800), ('"90m"', 5400), ('"1h30m15s"', 5415), ("600", 600), ('"600s"', 600)]
)
def test_a_job_timeout_is_text_or_seconds(value: str, seconds: int) -> None:
    assert pool(f"job_timeout = {value}").runner.job_timeout == seconds


def test_limits_and_passes_are_read() -> None:
    lines = """
max = 3
max_eur_per_hour = 0.1
[cron]
minutes = 10
ping_url = "https://hc.example/ping?x=1"
alert = ["mail", "ann"]
prometheus = "/var/lib/m/ci.prom"
"""
    inventory = parse(f"{TOP}{lines}[pools.a]\n", "i.toml")
    assert (inventory.max, inventory.max_eur_per_hour) == (3, Decimal("0.1"))
    assert inventory.cron == CronSettings(10, "https://hc.example/ping?x=1", ("mail", "ann"), "/var/lib/m/ci.prom")
    assert parse(f"{TOP}max_eur_per_hour = 2\n[pools.a]", "i.toml").max_eur_per_hour == Decimal(2)


def test_the_file_for_metrics_is_beside_the_inventory_where_it_is_not_absolute() -> None:
    text = f'{TOP}cron.prometheus = "ci.prom"\n[pools.a]\n'
    assert parse(text, "/home/ann/ci/inventory.toml").cron.prometheus == "/home/ann/ci/ci.prom"
    assert parse(f"{TOP}[pools.a]\n", "/home/ann/ci/inventory.toml").cron.prometheus == ""


def test_a_pools_schedules_keep_their_order() -> None:
    read = pool(
        "max = 4\nidle = 1\npriority = -2\n"
        '[[pools.build.schedule]]\nstart = "0 8 * * MON-FRI"\nzone = "Europe/Berlin"\nfor = "10h"\nmin = 2\nidle = 2\n'
        '[[pools.build.schedule]]\nstart = "30 3 1 * *"\nfor = 600\nidle = 0\n'
    )
    assert (read.idle, read.priority) == (1, -2)
    assert read.schedule == (
        Schedule("0 8 * * MON-FRI", "Europe/Berlin", 36000, 2, 2),
        Schedule("30 3 1 * *", "UTC", 600, None, 0),
    )


def test_extra_config_is_kept_as_it_is() -> None:
    read = pool('config.container.options = "--x"\nconfig.runner.envs = { A = "${B}" }')
    assert dict(read.runner.extra) == {
        "container": {"options": "--x"},
        "runner": {"envs": {"A": "${B}"}},
    }


def test_the_keys_of_a_pools_docker_go_before_those_of_the_fleet() -> None:
    text = (
        TOP + '[docker]\nsource = "docker"\nversion = "29.7.1"\nbip = "172.30.0.1/16"\n'
        '[pools.a]\n[pools.b]\ndocker = { source = "present" }\n[pools.c.docker]\nversion = "28.5.2"\n'
    )
    first, second, third = (one.docker for one in parse(text, "i.toml").pools)
    assert first == DockerSettings(DockerSource.DOCKER, "29.7.1", "172.30.0.1/16")
    assert second == replace(first, source=DockerSource.PRESENT, version="")
    assert third == replace(first, version="28.5.2")


def test_an_empty_text_in_a_pool_takes_back_what_the_fleet_says() -> None:
    mirror = 'docker.registry_mirror = "http://10.0.0.5:5000"'
    assert pool('docker.registry_mirror = ""', mirror).docker.registry_mirror == ""
    assert pool("", mirror).docker.registry_mirror == "http://10.0.0.5:5000"


@pytest.mark.parametrize(
    ("runner", "engine"),
    [("4.1.0", ENGINE), ("1.0.4", ENGINE), ("1.0.3", ENGINE_OF_OLD_RUNNERS), ("0.2.13", ENGINE_OF_OLD_RUNNERS)],
)
def test_dockers_archive_gets_a_pinned_engine_that_fits_the_runner(runner: str, engine: str) -> None:
    assert pool(f'runner = "{runner}"\ndocker.source = "docker"').docker.version == engine


def test_what_works_but_not_for_long_is_a_warning_told_once() -> None:
    runner = 'runner = "gitea/act_runner:nightly"\n'
    inventory = parse(f"{TOP}[pools.a]\n{runner}[pools.b]\n{runner}[pools.c]\n", "i.toml")
    assert inventory.warnings == (
        "gitea/act_runner:nightly gets no updates since runner 1.0.0: gitea/runner is its successor",
    )


def test_the_longest_names_make_a_machine_name_that_fits_a_host_name() -> None:
    fleet, build = "f" * 20, "p" * 30
    inventory = parse(f'name = "{fleet}"\ngitea.url = "http://x"\n[pools.{build}]\nmax = 9999', "i.toml")
    longest = MachineName(inventory.name, inventory.pools[0].name, inventory.pools[0].max)
    assert len(str(longest)) <= 63
    assert read_machine_name(str(longest)) == longest


# --- every mistake -------------------------------------------------------------------------------

URL_LIKE = "like https://gitea.example or http://10.0.0.5:3000"
LABEL_FORMS = "NAME:docker://IMAGE or NAME:host"
TIMES = 'like "3h", "90m" or "1h30m", or a number of seconds'
FLEET_FORM = "a small letter, then small letters and digits, at most 20"
POOL_FORM = "a small letter, then small letters, digits and inner -, at most 30"
PERIODS = "one of 1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30, 60"
CRON_LIKE = 'minute, hour, day of month, month, day of week, like "0 8 * * MON-FRI"'
RUNNERS = 'a version like "4.1.0", or an image like "gitea/runner:4.1.0"'
KEY_LIKE = 'one line of a .pub file, like "ssh-ed25519 AAAA... ann@laptop"'
NETWORK_LIKE = "like 203.0.113.7/32, 10.0.0.0/8 or 2001:db8::/32"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('gitea.url="http://x"\n[pools.a]', 'name: is missing (like name = "ci")'),
        ('name="ci"\n[pools.a]', 'gitea.url: is missing (like gitea.url = "https://gitea.example")'),
        (TOP, "pools: is missing (a table like [pools.build], which may be empty)"),
        (f"{TOP}[pools]", "pools: is empty (a table like [pools.build], which may be empty)"),
        (f"{TOP}[[pools]]", "pools: must be a table, not a list"),
        (f"{TOP}pools.a = 3", "pools.a: must be a table, not a number"),
        ('name="a-b"\ngitea.url="http://x"\n[pools.a]', f'name: "a-b" is no fleet name ({FLEET_FORM})'),
        ('name=3\ngitea.url="http://x"\n[pools.a]', "name: must be text in quotes, not a number"),
        (f"{TOP}[pools.A]", f'pools.A: "A" is no pool name ({POOL_FORM})'),
        (f'{TOP}[pools."b c"]', f'pools."b c": "b c" is no pool name ({POOL_FORM})'),
        ('name = ci', "line 1, column 8: Invalid value (text stands in quotes)"),
        ('name = "a"\nname = "b"\n', "line 2, column 11: Cannot overwrite a value (each key once)"),
        ('name = "a', "end of document: Unterminated string"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_frame_is_told(text: str, problem: str) -> None:
    assert problems(text) == [problem]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("colour = 1", "colour: is an unknown key (known: name, gitea, hetzner, ssh, tailnet, docker, proxy, registries, pools, cache, max, max_eur_per_hour, cron, notify, upkeep)"),
        ("dokcer.bip = 1", 'dokcer: is an unknown key (did you mean "docker"?)'),
        ("hetzner.tokn = 1", 'hetzner.tokn: is an unknown key (did you mean "token"?)'),
        ('gitea.scope = "organisation:x"', 'gitea.scope: "organisation" is unknown (did you mean "org"? known: instance, org, user, repo)'),
        ('gitea.scope = "org:"', 'gitea.scope: "org:" is no scope (instance, org:NAME, user or repo:OWNER/NAME)'),
        ('gitea.scope = "user:ann"', 'gitea.scope: "user:ann" is no scope (instance, org:NAME, user or repo:OWNER/NAME)'),
        ('gitea.scope = "repo:app"', 'gitea.scope: "repo:app" is no scope (instance, org:NAME, user or repo:OWNER/NAME)'),
        (f'gitea.token = "{SECRET}"', f"gitea.token: holds the secret itself, and this file is copied and committed ({FORMS})"),
        (f'gitea.token = {{ evn = "{SECRET}" }}', f"gitea.token: does not say where the secret is ({FORMS})"),
        (f'gitea.token = {{ env = "{SECRET}" }}', f"gitea.token: does not say where the secret is ({FORMS})"),
        ('gitea.token = { env = "A", file = "b" }', f"gitea.token: does not say where the secret is ({FORMS})"),
        ("gitea.token = { command = [] }", f"gitea.token: does not say where the secret is ({FORMS})"),
        ('gitea.token = { command = "pass x" }', f"gitea.token: does not say where the secret is ({FORMS})"),
        ('gitea.runner_url = "gitea:3000"', f"gitea.runner_url: is no http or https URL ({URL_LIKE})"),
        ('gitea.runner_url = "https://"', f"gitea.runner_url: is no http or https URL ({URL_LIKE})"),
        ('gitea.runner_url = "https://x:99999"', f"gitea.runner_url: is no URL ({URL_LIKE})"),
        (f'gitea.runner_url = "https://u:{SECRET}@x"', "gitea.runner_url: has a user or password in it (tokens have their own key)"),
        (f'gitea.runner_url = "https://x/?token={SECRET}"', "gitea.runner_url: has a query or a fragment (leave out ? and # and what follows)"),
        ('gitea.runner_url = "https://x/api/v1/"', "gitea.runner_url: is the address of the API (leave out /api/v1)"),
        ('hetzner.endpoint = "api"', f"hetzner.endpoint: is no http or https URL ({URL_LIKE})"),
        ('ssh.agent = "yes"', "ssh.agent: must be true or false, not text"),
        ('ssh.key = "~/.ssh/id.pub"', 'ssh.key: "~/.ssh/id.pub" is the public half (the private one: "~/.ssh/id")'),
        (f'ssh.key = "-----BEGIN OPENSSH PRIVATE KEY----- {SECRET}"', "ssh.key: holds the key itself, and this file is copied and committed (the path of the key)"),
        (f'ssh.authorized_keys = ["{ED25519}", "ssh-ed25519 AAAA"]', f"ssh.authorized_keys[1]: is no OpenSSH public key ({KEY_LIKE})"),
        (f'ssh.authorized_keys = ["{ED25519}\\nssh-rsa x"]', "ssh.authorized_keys[0]: is more than one line (one key in each text)"),
        ('ssh.authorized_keys = ["ssh-rsa"]', f"ssh.authorized_keys[0]: is no OpenSSH public key ({KEY_LIKE})"),
        ('ssh.authorized_keys = "x"', "ssh.authorized_keys: must be a list in [ ], not text"),
        ('ssh.allow_from = ["10.0.0.1/8"]', 'ssh.allow_from[0]: "10.0.0.1/8" has bits set after its prefix (did you mean "10.0.0.0/8"?)'),
        ('ssh.allow_from = ["home"]', f'ssh.allow_from[0]: "home" is no network ({NETWORK_LIKE})'),
        ('ssh.allow_from = ["1.2.3.4", "1.2.3.4/32"]', 'ssh.allow_from: "1.2.3.4/32" is there twice'),
        ("ssh.allow_from = []", 'ssh.allow_from: is empty: nobody could log in (networks, like "203.0.113.7/32", or "me")'),
        ('ssh.allow_from = ["me", "me"]', 'ssh.allow_from: "me" is there twice'),
        ('ssh.address_from = "http://ip.example"', "ssh.address_from: is plain http: whoever is on the way could answer with an address of theirs (https)"),
        ('ssh.address_from = "ip.example"', f"ssh.address_from: is no http or https URL ({URL_LIKE})"),
        ("ssh.allow_from = [" + '"1.2.3.4",' * 101 + "]", "ssh.allow_from: has 101 networks (at most 100: Hetzner's limit for one rule)"),
        ("max_eur_per_hour = 0", "max_eur_per_hour: 0 is out of range (more than 0)"),
        ("max_eur_per_hour = -0.5", "max_eur_per_hour: -0.5 is out of range (more than 0)"),
        ("max_eur_per_hour = inf", "max_eur_per_hour: inf is out of range (more than 0)"),
        ("max_eur_per_hour = nan", "max_eur_per_hour: nan is out of range (more than 0)"),
        ("max_eur_per_hour = true", "max_eur_per_hour: must be a number, not true or false"),
        ('max_eur_per_hour = "1"', "max_eur_per_hour: must be a number (euros, like 0.25)"),
        ("max = 0", "max: 0 is less than the min of all pools together (that is 1)"),
        ("max = 99999", "max: 99999 is out of range (0 to 9999)"),
        ("cron.minutes = 0", f"cron.minutes: 0 does not divide an hour ({PERIODS})"),
        ("cron.minutes = 7", f"cron.minutes: 7 does not divide an hour ({PERIODS})"),
        ("cron.minutes = 120", f"cron.minutes: 120 does not divide an hour ({PERIODS})"),
        ('cron.prometheus = "/x/ci.txt"', "cron.prometheus: /x/ci.txt does not end in .prom (node_exporter reads no others)"),
        ("cron.minute = 5", 'cron.minute: is an unknown key (did you mean "minutes"?)'),
        (f'cron.ping_url = "hc/{SECRET}"', f"cron.ping_url: is no http or https URL ({URL_LIKE})"),
        (f'cron.ping_url = "https://x/{SECRET} y"', f"cron.ping_url: is no http or https URL ({URL_LIKE})"),
        (f'cron.ping_url = "https://x/?a={SECRET}#b"', "cron.ping_url: has a space or a fragment (leave out # and what follows)"),
        ('cron.alert = "mail ann"', "cron.alert: must be a list in [ ], not text"),
        ('cron.alert = ["mail", ""]', 'cron.alert[1]: "" is no word (a command, word by word)'),
        ('docker.source = "distro"', 'docker.source: "distro" is unknown (did you mean "distribution"? known: distribution, docker, present)'),
        ('docker.version = "29.10.0"', 'docker.version: has no effect with source = "distribution" (source = "docker" installs this version)'),
        ('docker = { source = "docker", version = "29" }', 'docker.version: "29" is no engine version (all three numbers, like "29.10.0")'),
        ('docker = { source = "docker", version = "29.5.0" }', "docker.version: Docker 29.5.0 fails every job with `path escapes from parent` (29.5.2 or newer, like 29.10.0)"),
        ('docker = { source = "docker", version = "29.5.1" }', "docker.version: Docker 29.5.1 fails every job with `path escapes from parent` (29.5.2 or newer, like 29.10.0)"),
        ('docker = { source = "docker", version = "29.7.0" }', "docker.version: Docker 29.7.0 cannot copy files into the containers of jobs (29.7.1 or newer, like 29.10.0)"),
        ('docker.bip = "172.17.0.0/16"', 'docker.bip: "172.17.0.0/16" is no IPv4 address with its network (like "172.17.0.1/16")'),
        ('docker.bip = "172.17.0.1"', 'docker.bip: "172.17.0.1" is no IPv4 address with its network (like "172.17.0.1/16")'),
        ('docker.bip = "fd00::1/64"', 'docker.bip: "fd00::1/64" is no IPv4 address with its network (like "172.17.0.1/16")'),
        ('docker.bip = "100.100.0.1/16"', 'docker.bip: "100.100.0.1/16" overlaps 100.64.0.0/10 (tailnets have that one)'),
        ('docker.bip = "10.201.0.1/24"', 'docker.address_pool: "10.201.0.0/16" overlaps bip "10.201.0.1/24" (two networks that share no address)'),
        ('docker.address_pool = "172.17.8.0/24"', 'docker.address_pool: "172.17.8.0/24" overlaps bip "172.17.0.1/16" (two networks that share no address)'),
        ('docker.address_pool = "100.64.0.0/16"', 'docker.address_pool: "100.64.0.0/16" overlaps 100.64.0.0/10 (tailnets have that one)'),
        ('docker.address_pool = "172.31.0.0/16"', "docker.address_pool: \"172.31.0.0/16\" holds 172.31.1.1 (that is the gateway of Hetzner's servers)"),
        ('docker.address_pool = "10.201.0.1/16"', 'docker.address_pool: "10.201.0.1/16" is no IPv4 network (like "10.201.0.0/16")'),
        ('docker.address_pool = "10.201.0.0/25"', 'docker.address_pool: "10.201.0.0/25" is too small (each job network takes a /24 of it)'),
        ('docker.registry_mirror = "http://10.0.0.5:5000/v2"', "docker.registry_mirror: has a path (scheme and host alone: Docker takes no mirror below a path)"),
    ],
)  # fmt: skip
def test_a_mistake_above_the_pools_is_told(line: str, problem: str) -> None:
    assert problems(f"{TOP}{line}\n[pools.build]\n") == [problem]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("capacty = 1", 'capacty: is an unknown key (did you mean "capacity"?)'),
        ("min = 3\nmax = 2", "max: 2 is less than min (min is 3)"),
        ("max = 0", "max: 0 is less than min (min is 1)"),
        ("min = -1", "min: -1 is out of range (0 to 9999)"),
        ("min = 1.0", "min: must be a whole number, not a number"),
        ("min = true", "min: must be a whole number, not true or false"),
        ("max = 1979-05-27", "max: must be a whole number, not a date or a time"),
        ("max = 10000", "max: 10000 is out of range (0 to 9999)"),
        ("idle = 2", "idle: 2 is more than max (max is 1)"),
        ("max = 3\nidle = 4", "idle: 4 is more than max (max is 3)"),
        ('priority = "high"', "priority: must be a whole number, not text"),
        ("schedule = {}", "schedule: must be a list in [ ], not a table"),
        ("schedule = [3]", "schedule[0]: must be a table, not a number"),
        ('schedule = [{ for = "1h", min = 1 }]', 'schedule[0].start: is missing (like start = "0 8 * * MON-FRI")'),
        ('schedule = [{ start = "0 8 * * *", min = 1 }]', 'schedule[0].for: is missing (like for = "10h")'),
        ('schedule = [{ start = "0 8 * * *", for = "1h" }]', "schedule[0]: has no effect (min, idle or both)"),
        ('schedule = [{ start = "0 8 * * *", fro = "1h", for = "1h", min = 1 }]', 'schedule[0].fro: is an unknown key (did you mean "for"?)'),
        ('schedule = [{ start = "0 8 * * *", for = "1 h", min = 1 }]', f'schedule[0].for: "1 h" is no time ({TIMES})'),
        ('schedule = [{ start = "0 8 * *", for = "1h", min = 1 }]', f'schedule[0].start: "0 8 * *" has not five fields ({CRON_LIKE})'),
        ('schedule = [{ start = "0 0 8 * * *", for = "1h", min = 1 }]', f'schedule[0].start: "0 0 8 * * *" has not five fields ({CRON_LIKE})'),
        ('schedule = [{ start = "@daily", for = "1h", min = 1 }]', f'schedule[0].start: "@daily" has not five fields ({CRON_LIKE})'),
        ('schedule = [{ start = "0 25 * * *", for = "1h", min = 1 }]', f'schedule[0].start: "0 25 * * *" is no cron expression: bad hour ({CRON_LIKE})'),
        ('schedule = [{ start = "0 8 30 2 *", for = "1h", min = 1 }]', f'schedule[0].start: "0 8 30 2 *" is no cron expression: bad day-of-month ({CRON_LIKE})'),
        ('schedule = [{ start = "0 8 * * *", zone = "Berlin", for = "1h", min = 1 }]', 'schedule[0].zone: "Berlin" is no time zone (did you mean "Europe/Berlin"?)'),
        ('schedule = [{ start = "0 8 * * *", zone = "Europe/Belin", for = "1h", min = 1 }]', 'schedule[0].zone: "Europe/Belin" is no time zone (did you mean "Europe/Berlin"?)'),
        ('schedule = [{ start = "0 8 * * *", zone = "", for = "1h", min = 1 }]', 'schedule[0].zone: "" is no time zone (like "Europe/Berlin")'),
        ('schedule = [{ start = "0 8 * * *", zone = "/etc/passwd", for = "1h", min = 1 }]', 'schedule[0].zone: "/etc/passwd" is no time zone (like "Europe/Berlin")'),
        ('max = 2\nschedule = [{ start = "0 8 * * *", for = "1h", min = 3 }]', "schedule[0].min: 3 is more than max (max is 2)"),
        ('schedule = [{ start = "0 8 * * *", for = "1h", idle = 2 }]', "schedule[0].idle: 2 is more than max (max is 1)"),
        ("capacity = 0", "capacity: 0 is out of range (1 to 64)"),
        ("capacity = 65", "capacity: 65 is out of range (1 to 64)"),
        ("types = []", "types: is empty (at least one, or leave the key out)"),
        ('types = "cx33"', "types: must be a list in [ ], not text"),
        ('types = ["cx33", 5]', "types[1]: must be text in quotes, not a number"),
        ('types = ["cx33", "cx33"]', 'types: "cx33" is there twice'),
        ('locations = ["hel 1"]', 'locations[0]: "hel 1" is no name (letters, digits, . _ and -)'),
        ("image = 12345", "image: must be text in quotes, not a number"),
        ('labels = ["a:docker://x", "a:host"]', 'labels: "a" is there twice'),
        ('labels = ["a:docker://x", "b"]', f'labels[1]: "b" does not say where its jobs run ({LABEL_FORMS})'),
        ('labels = ["fleet-ci:host"]', 'labels[0]: "fleet-ci" is taken (fleet knows its own runners by a label that begins with fleet-)'),
        ('log_level = "dbug"', 'log_level: "dbug" is unknown (did you mean "debug"? known: trace, debug, info, warn, error, fatal)'),
        ('log_level = "x"', 'log_level: "x" is unknown (known: trace, debug, info, warn, error, fatal)'),
        ("cache_port = 65536", "cache_port: 65536 is out of range (1024 to 65535)"),
        ("cache_port = 22", "cache_port: 22 is out of range (1024 to 65535)"),
        ('job_timeout = "3 hours"', f'job_timeout: "3 hours" is no time ({TIMES})'),
        ('job_timeout = ""', f'job_timeout: "" is no time ({TIMES})'),
        ("job_timeout = true", f"job_timeout: is no time ({TIMES})"),
        ("job_timeout = 30", "job_timeout: 30 is out of range (one minute to 7 days)"),
        ('job_timeout = "200h"', 'job_timeout: "200h" is out of range (one minute to 7 days)'),
        ('runner = "newest"', f'runner: "newest" is neither a version nor an image ({RUNNERS})'),
        ("runner = 4.1", "runner: must be text in quotes, not a number"),
        ('runner = "4.1.0-dind"', f"runner: \"4.1.0-dind\" brings its own Docker (dind); a fleet's runner uses the machine's ({RUNNERS})"),
        ("config.runner.capacity = 5", "config: runner.capacity is set by fleet (write capacity of the pool instead)"),
        ('config.runner.file = "x"', "config: runner.file is set by fleet (leave it out)"),
        ("config.a.b = 1979-05-27", "config: a.b is a date or a time (text, numbers, true, false, lists and tables)"),
        ('packages = ["git lfs"]', 'packages[0]: "git lfs" is no package (like "git-lfs" or "git-lfs=3.6.1-1")'),
        ('commands = [" "]', 'commands[0]: " " is no command (a line of shell)'),
        ('docker.version = "28.5.2"', 'docker.version: has no effect with source = "distribution" (source = "docker" installs this version)'),
        ('docker.bip = "10.201.0.1/16"', 'docker.address_pool: "10.201.0.0/16" overlaps bip "10.201.0.1/16" (two networks that share no address)'),
        ('runner = "1.0.3"\ndocker = { source = "docker", version = "29.10.0" }', "docker: Docker 29.10.0 breaks jobs of gitea/runner:1.0.3 (runner 1.0.4 or newer, or an engine of version 28 or older)"),
        ('capacity = 3\ndocker.address_pool = "10.9.0.0/23"', 'docker: address_pool "10.9.0.0/23" has 2 networks for 3 jobs at a time (a /24 for each job: a wider address_pool, or less capacity)'),
    ],
)  # fmt: skip
def test_a_mistake_in_a_pool_is_told(line: str, problem: str) -> None:
    assert problems(f"{TOP}[pools.build]\n{line}\n") == [f"pools.build.{problem}"]


def test_an_engine_for_all_pools_must_fit_the_runner_of_each() -> None:
    docker = '[docker]\nsource = "docker"\nversion = "29.10.0"\n'
    assert problems(f'{TOP}{docker}[pools.a]\n[pools.b]\nrunner = "0.2.13"') == [
        "pools.b.docker: Docker 29.10.0 breaks jobs of gitea/act_runner:0.2.13 "
        "(runner 1.0.4 or newer, or an engine of version 28 or older)"
    ]


def test_a_pools_bridge_must_not_overlap_the_address_pool_of_all() -> None:
    assert problems(f'{TOP}docker.address_pool = "10.9.0.0/16"\n[pools.a]\ndocker.bip = "10.9.1.1/24"') == [
        'pools.a.docker.address_pool: "10.9.0.0/16" overlaps bip "10.9.1.1/24" (two networks that share no address)'
    ]


def test_a_mistake_made_once_is_told_once_however_many_pools_inherit_it() -> None:
    assert len(problems(f'{TOP}docker.source = "x"\n[pools.a]\n[pools.b]\ndocker.version = "28.5.2"')) == 1
    assert len(problems(f'{TOP}docker.bip = "10.201.0.1/16"\n[pools.a]\n[pools.b]\n')) == 1


def test_the_limit_of_all_pools_leaves_room_for_the_min_of_each() -> None:
    assert problems(f"{TOP}max = 4\n[pools.a]\nmin = 2\n[pools.b]\nmin = 3\n") == [
        "max: 4 is less than the min of all pools together (that is 5)"
    ]


def test_a_pool_may_have_the_name_of_a_key() -> None:
    known = problems(f"{TOP}[pools.docker]\nbipp = 1\n")[0]
    assert "did you mean" not in known
    assert "capacity" in known


def test_all_mistakes_of_several_schedules_come_at_once() -> None:
    first, second = '{ start = "x", for = "1h", min = 9 }', '{ start = "0 8 * * *", for = 1, idle = 9 }'
    told = problems(f"{TOP}[pools.a]\nschedule = [{first}, {second}]\n")
    assert [one.partition(": ")[0].removeprefix("pools.a.schedule") for one in told] == [
        "[0].start", "[0].min", "[1].for", "[1].idle",
    ]  # fmt: skip


def test_ten_mistakes_are_ten_problems_at_once() -> None:
    text = f"""
name = "My-Fleet"
colour = "red"
[gitea]
url = "gitea.example"
token = "{SECRET}"
[ssh]
allow_from = ["10.0.0.1/8"]
[docker]
version = "29.7.0"
[pools.build]
min = 3
max = 2
capacity = 100
log_level = "dbug"
capacty = 1
"""
    with pytest.raises(InventoryError) as error:
        parse(text, "ten.toml")
    assert [problem.path for problem in error.value.problems] == [
        "name",
        "gitea.url",
        "gitea.token",
        "ssh.allow_from[0]",
        "docker.version",
        "pools.build.max",
        "pools.build.capacity",
        "pools.build.log_level",
        "pools.build.capacty",
        "colour",
    ]
    assert str(error.value).startswith("ten.toml has 10 problems:\n  name: ")
    assert SECRET not in str(error.value)


# --- the example ---------------------------------------------------------------------------------


def everything() -> str:
    """The example with every key taken out of its comment."""
    return re.sub(r"^#(?=\S)", "", EXAMPLE.read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_the_example_shows_the_defaults() -> None:
    as_it_is, full = load(EXAMPLE), parse(everything(), "full")
    # The keys without a default:
    assert full.ssh.passphrase == FromEnv("FLEET_SSH_PASSPHRASE")
    assert (full.max, full.max_eur_per_hour) == (4, Decimal("0.25"))
    assert full.pools[0].schedule == (Schedule("0 8 * * MON-FRI", "UTC", 36000, 2, 1),)
    assert full.registries == (Registry("registry.example", "ci", FromEnv("FLEET_REGISTRY_PASSWORD")),)
    # The table that has an effect by being there:
    assert (full.tailnet, full.pools[0].tailnet) == (TailnetSettings(), True)
    bare = replace(
        full,
        ssh=replace(full.ssh, passphrase=None),
        notify=NotifySettings(),
        max=None,
        max_eur_per_hour=None,
        registries=(),
    )
    bare = replace(bare, tailnet=None, pools=(replace(bare.pools[0], schedule=(), hosts=(), tailnet=False),))
    assert bare == as_it_is
    assert full.pools[0].hosts == (StaticHost("desk", "desk.example", "root", 22, HOST_KEY),)


def test_the_example_has_every_key_and_no_other() -> None:
    assert set(written(tomllib.loads(everything()))) == known_keys()


def written(table: dict[str, Any], above: str = "") -> list[str]:
    found = []
    for key, value in table.items():
        path = above + ("*" if above in {"pools.", "registries."} else key)
        tables = [value] if isinstance(value, dict) else value if path.endswith((".schedule", ".hosts")) else []
        deeper = path not in known_keys()
        found += [one for table in tables for one in written(table, f"{path}.")] if deeper else [path]
    return found


# --- where it is ---------------------------------------------------------------------------------


def inventory_at(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SMALLEST, encoding="utf-8")
    return path


def test_the_inventory_is_looked_for_in_order(tmp_path: Path) -> None:
    home, here = tmp_path / "home", tmp_path / "here"
    env = {"HOME": str(home)}
    in_home = inventory_at(home / ".config/fleet/inventory.toml")
    assert find(None, env, here) == in_home
    env["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    in_xdg = inventory_at(tmp_path / "xdg/fleet/inventory.toml")
    assert find(None, env, here) == in_xdg
    in_folder = inventory_at(here / "inventory.toml")
    assert find(None, env, here) == in_folder
    env["FLEET_INVENTORY"] = "named.toml"
    by_variable = inventory_at(here / "named.toml")
    assert find(None, env, here) == by_variable
    by_option = inventory_at(tmp_path / "option.toml")
    assert find(str(by_option), env, here) == by_option


def test_when_there_is_none_it_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        find(None, {"HOME": "/home/ann"}, tmp_path)
    assert refused.value.message == (
        f"no inventory found: looked for {tmp_path}/inventory.toml and /home/ann/.config/fleet/inventory.toml"
    )
    assert refused.value.hint.startswith("type `fleet init`")


@pytest.mark.parametrize(
    ("option", "env", "how"),
    [("no.toml", {}, "--inventory"), (None, {"FLEET_INVENTORY": "no.toml"}, "FLEET_INVENTORY")],
)
def test_one_that_was_named_must_be_there(tmp_path: Path, option: str | None, env: dict[str, str], how: str) -> None:
    inventory_at(tmp_path / "inventory.toml")
    with pytest.raises(Refused, match=f"^{how} names {tmp_path}/no.toml: no such file$"):
        find(option, env, tmp_path)


def test_a_file_is_loaded_whatever_editor_wrote_it(tmp_path: Path) -> None:
    path = tmp_path / "inventory.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode())
    assert load(path).name == "ci"
    assert load(path).source == str(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(InventoryError, match=r"byte 8: is not UTF-8"):
        load(tmp_path / "latin.toml")
    with pytest.raises(Refused, match="could not be read: No such file"):
        load(tmp_path / "gone.toml")


@pytest.mark.parametrize(
    ("url", "lines", "said"),
    [
        ("http://172.17.0.1:3000", "", 'bip "172.17.0.1/16" holds 172.17.0.1, where Gitea is'),
        ("http://10.201.3.4", "", 'address_pool "10.201.0.0/16" holds 10.201.3.4, where Gitea is'),
        ("http://172.17.0.1:3000", 'docker.bip = "172.20.0.1/16"', ""),
        ("http://172.17.0.1:3000", "min = 0\nmax = 0", ""),
        ("http://10.0.0.7:3000", "", ""),
        ("http://gitea.example", "", ""),
    ],
)
def test_a_gitea_where_servers_have_their_own_docker_is_refused(url: str, lines: str, said: str) -> None:
    text = f'name = "ci"\ngitea.url = "{url}"\n[pools.build]\n{lines}\n'
    if not said:
        parse(text, "i.toml")
        return
    with pytest.raises(InventoryError) as error:
        parse(text, "i.toml")
    assert [str(one) for one in error.value.problems] == [f"pools.build.docker: {said} (a network that is free)"]
