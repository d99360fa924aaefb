# ruff: noqa: E501  a row of the tables below is one mistake and the whole sentence about it
"""``[cache]`` of the inventory: what it becomes, and what its runners cannot do."""

import pytest

from fleet.core.errors import InventoryError
from fleet.core.inventory import BucketSettings, CacheLimits, CacheSettings
from fleet.core.secret import FromEnv, FromFile
from fleet.edges.inventory import parse

TOP = 'name = "ci"\ngitea.url = "https://gitea.example"\n'
MACHINE = 'cache.machine = "ci-build-1"\ncache.network = "inside"\n'


def text(lines: str, pool: str = "max = 2", more: str = "") -> str:
    return f"{TOP}{lines}\n[pools.build]\n{pool}\n{more}"


def cache(lines: str) -> CacheSettings:
    return parse(text(lines), "i.toml").cache


def problems(lines: str, pool: str = "max = 2", more: str = "") -> list[str]:
    with pytest.raises(InventoryError) as error:
        parse(text(lines, pool, more), "i.toml")
    return [str(problem) for problem in error.value.problems]


def test_without_the_table_each_machine_has_its_own() -> None:
    assert cache("") == CacheSettings()
    assert not cache("").served


def test_a_machine_of_the_fleet_serves() -> None:
    lines = 'cache.port = 9000\ncache.mirror = true\ncache.secret = { file = "s" }\ncache.size_limit = "20GB"'
    assert cache(f"{MACHINE}{lines}") == CacheSettings(
        machine="ci-build-1",
        network="inside",
        port=9000,
        mirror=True,
        secret=FromFile("s"),
        limits=CacheLimits(size="20GB"),
    )


def test_a_tailnet_that_all_pools_are_in_is_a_way_too() -> None:
    lines = 'cache.machine = "ci-build-1"\ntailnet.url = "https://headscale.example"'
    assert cache(lines).network == ""
    (problem,) = problems(lines, more="[pools.apart]\ntailnet = false")
    assert problem.startswith("cache.network: is missing")


def test_a_server_that_is_there_already_is_named_by_its_url() -> None:
    made = cache('cache.url = "http://10.0.0.5:8088/"')
    assert (made.url, made.secret, made.served) == ("http://10.0.0.5:8088", FromEnv("FLEET_CACHE_SECRET"), True)


def test_a_bucket() -> None:
    lines = 'cache.s3 = { endpoint = "https://s3.example", bucket = "ci", region = "eu", prefix = "a/b" }'
    assert cache(lines).bucket == BucketSettings("https://s3.example", "ci", "eu", "a/b")
    assert not cache(lines).served


def test_limits_of_each_machines_own_cache() -> None:
    made = cache('cache.retention = "720h"\ncache.repo_size_limit = "500MB"\ncache.size_limit = "0"')
    assert made.limits == CacheLimits(720 * 3600, "500MB", "0")


OLD = 'runner = "0.5.0"'
SHARE = 'pool build has gitea/act_runner:0.5.0, and runners share a cache from 0.6.0 on (an older one lets everybody read and write it) (runner = "0.6.0" or newer)'


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ('cache.machine = "ci-build-3"\ncache.network = "n"', "cache.machine: pool build has no machine 3 (1 to 2)"),
        ('cache.machine = "ci-deploy-1"\ncache.network = "n"', 'cache.machine: "ci-deploy-1" is no machine of this fleet\'s pools (like "ci-build-1")'),
        ('cache.machine = "cd-build-1"\ncache.network = "n"', 'cache.machine: "cd-build-1" is no machine of this fleet\'s pools (like "ci-build-1")'),
        ('cache.machine = "ci-build.tower"\ncache.network = "n"', 'cache.machine: "ci-build.tower" is no machine of this fleet\'s pools (like "ci-build-1")'),
        ('cache.machine = "ci-build-1"', "cache.network: is missing (the name of a private network that all pools are in)"),
        ('cache.machine = "ci-build-1"\ncache.network = "a network"', 'cache.network: "a network" is no name (letters, digits, . _ and -)'),
        (f'{MACHINE}cache.url = "http://x:1"', "cache.machine: has no effect beside cache.url (one of the two)"),
        ('cache.network = "n"', 'cache.network: has no effect without cache.machine (like machine = "ci-build-1")'),
        ("cache.mirror = true", 'cache.mirror: has no effect without cache.machine (like machine = "ci-build-1")'),
        (f"{MACHINE}cache.port = 5000\ncache.mirror = true", "cache.mirror: is at port 5000, which cache.port has (another cache.port)"),
        (f'{MACHINE}cache.s3 = {{ endpoint = "http://x", bucket = "b" }}', "cache.s3: has no effect beside cache.url or cache.machine (one of them)"),
        ('cache.s3 = { endpoint = "http://x" }', "cache.s3.bucket: goes with cache.s3.endpoint (both, or none)"),
        ('cache.url = "http://x:1"\ncache.retention = "1h"', "cache.retention: has no effect with a cache elsewhere (that cache has limits of its own)"),
        ('cache.s3 = { endpoint = "http://x", bucket = "b" }\ncache.size_limit = "1GB"', "cache.size_limit: has no effect with a cache elsewhere (that cache has limits of its own)"),
        ('cache.size_limit = "1 GB"', 'cache.size_limit: "1 GB" is no size (like "500MB", "10GB" or "1TB"; "0" is no limit)'),
        ('cache.retention = "9000h"', 'cache.retention: "9000h" is out of range (one minute to 8760h, a year)'),
        ('cache.url = "http://user:pw@x:1"', "cache.url: has a user or password in it (tokens have their own key)"),
        ('cache.secret = "hush"', 'cache.secret: holds the secret itself, and this file is copied and committed (write { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", "ARGUMENT"] })'),
    ],
)  # fmt: skip
def test_a_mistake_is_told(lines: str, problem: str) -> None:
    assert problems(lines) == [problem]


@pytest.mark.parametrize(
    ("lines", "pool", "problem"),
    [
        (MACHINE, OLD, f"cache.machine: {SHARE}"),
        ('cache.url = "http://x:1"', OLD, f"cache.url: {SHARE}"),
        ('cache.retention = "1h"', 'runner = "3.1.0"', 'cache.retention: pool build has gitea/runner:3.1.0, and runners limit a cache from 3.2.0 on (runner = "3.2.0" or newer)'),
        (f'{MACHINE}cache.size_limit = "1GB"', 'runner = "3.1.0"', 'cache.size_limit: pool build has gitea/runner:3.1.0, and runners limit a cache from 3.2.0 on (runner = "3.2.0" or newer)'),
        ('cache.s3 = { endpoint = "http://x", bucket = "b" }', 'runner = "3.5.0"', 'cache.s3: pool build has gitea/runner:3.5.0, and runners keep caches in a bucket from 4.0.0 on (runner = "4.0.0" or newer)'),
    ],
)  # fmt: skip
def test_a_runner_that_cannot_is_refused(lines: str, pool: str, problem: str) -> None:
    assert problems(lines, pool) == [problem]


def test_only_the_runner_that_keeps_the_entries_must_know_limits() -> None:
    lines = f'{MACHINE}cache.size_limit = "1GB"'
    made = parse(text(lines, more='[pools.old]\nrunner = "2.0.0"'), "i.toml")
    assert made.cache.limits.size == "1GB"


def test_the_newest_runner_serves() -> None:
    (problem,) = problems(MACHINE, 'runner = "2.0.0"', '[pools.new]\nrunner = "4.1.0"')
    assert problem.startswith(
        "cache.machine: it runs gitea/runner:2.0.0, and pool new a newer runner: gitea/runner:4.1.0"
    )
    parse(text(MACHINE, 'runner = "4.1.0"', '[pools.old]\nrunner = "2.0.0"'), "i.toml")


def test_a_pool_named_like_the_machine_is_refused() -> None:
    (problem,) = problems(MACHINE, more="[pools.ci-build-1]")
    assert problem == 'cache.machine: "ci-build-1" is also the name of a pool (another name for the pool)'


def test_a_mistake_in_a_pool_is_not_told_again_here() -> None:
    assert problems(MACHINE, "max = 0\nmin = 1") == ["pools.build.max: 0 is less than min (min is 1)"]
