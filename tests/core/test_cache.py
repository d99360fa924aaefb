"""The cache as a part of set-up: whose it is, what runners are told of it, and the machine that serves it."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from fleet.core.facts import HostFacts
from fleet.core.inventory import BucketSettings, CacheLimits, CacheSettings, Inventory, Pool, RunnerSettings
from fleet.core.secret import Secret
from fleet.core.setup import (
    HostWanted,
    PutFile,
    Run,
    changes,
    daemon_file,
    drift,
    fleet_wanted,
    probe_arguments,
    wanted_of,
)
from fleet.core.setup.cache import COMPOSE_FILE, MIRROR_FILE, MIRROR_UNIT, SECRET_FILE, cache_secrets
from tests.core.builders import STACK, facts, inventory, pool

HUSH = "a secret of runners and cache"
SECRETS = {
    "cache.secret": Secret(HUSH),
    "cache.s3.access_key": Secret("who we are"),
    "cache.s3.secret_key": Secret("and that it is us"),
}
SERVED = CacheSettings(machine="ci-build-1", network="inside")
AT = "10.0.0.2"
BIN = "/opt/fleet/cache"


def runs(version: str) -> Pool:
    return pool(runner=RunnerSettings(f"gitea/runner:{version}", ("ubuntu-latest:docker://node:22",)), max=2)


def fleet(cache: CacheSettings, version: str = "4.1.0") -> Inventory:
    return inventory(runs(version), cache=cache)


def machine(cache: CacheSettings, name: str = "ci-build-2", at: str = AT, version: str = "4.1.0") -> HostWanted:
    return wanted_of(fleet_wanted(fleet(cache, version), STACK, SECRETS, at), name, "build")


def file(wanted: HostWanted, path: str) -> str:
    return next(one.text for one in wanted.files if one.path == path)


def told(wanted: HostWanted) -> dict[str, object]:
    """What the runner is told of the cache."""
    config: dict[str, dict[str, object]] = yaml.safe_load(file(wanted, "/opt/fleet/config.yaml"))
    return config["cache"]


OWN = {"enabled": True, "dir": "/cache", "host": "172.17.0.1", "port": 8088}


def has(wanted: HostWanted) -> set[str]:
    return {one.path for one in wanted.files}


def test_each_machine_has_its_own_cache_by_default() -> None:
    assert told(machine(CacheSettings(), at="")) == OWN
    assert cache_secrets(CacheSettings()) == {}


def test_a_server_that_is_there_already_is_told_to_runners_with_its_secret_in_a_file() -> None:
    wanted = machine(CacheSettings(url="http://10.0.0.5:8088"), at="")
    assert told(wanted) == {
        **OWN,
        "external_server": "http://10.0.0.5:8088/",
        "external_secret_file": "/cache.secret",
    }
    assert file(wanted, SECRET_FILE) == HUSH
    assert "- ./cache.secret:/cache.secret:ro" in file(wanted, "/opt/fleet/compose.yaml")


def test_a_runner_that_reads_no_secret_file_has_it_in_its_configuration() -> None:
    secrets = {**SECRETS, "cache.secret": Secret('with "quotes" and ${braces}')}
    cache = CacheSettings(url="http://10.0.0.5:8088/")
    wanted = fleet_wanted(fleet(cache, "2.2.0"), STACK, secrets)["build"]
    assert told(wanted)["external_secret"] == 'with "quotes" and ${braces}'
    assert SECRET_FILE not in has(wanted)
    assert next(one for one in wanted.files if one.path == "/opt/fleet/config.yaml").is_secret


@pytest.mark.parametrize("version", ["2.2.0", "4.1.0"])
@pytest.mark.parametrize("name", ["ci-build-1", "ci-build-2"])
def test_a_new_secret_is_drift_that_restarts_and_changes_no_fingerprint(version: str, name: str) -> None:
    old = machine(SERVED, name, version=version)
    secrets = {**SECRETS, "cache.secret": Secret("another one")}
    new = wanted_of(fleet_wanted(fleet(SERVED, version), STACK, secrets, AT), name, "build")
    assert old.fingerprint == new.fingerprint
    assert HUSH not in repr(old)
    assert any(one.restarts for one in drift(as_is(old), new))
    assert drift(as_is(new), new) == ()


def as_is(wanted: HostWanted) -> HostFacts:
    """A host that has all of it."""
    plain = replace(facts(), images=frozenset(wanted.images), container=None, serves_cache=True)
    files = {one.path: one.digest for one in (*wanted.files, daemon_file(plain, wanted))}
    return replace(plain, files=files, packages=plain.packages | set(wanted.packages))


def test_until_the_machine_that_serves_has_an_address_all_have_their_own() -> None:
    made = fleet_wanted(fleet(SERVED), STACK, SECRETS)
    assert made.keys() == {"build"}
    assert told(made["build"]) == OWN


def test_all_machines_use_the_one_that_serves_and_it_does_too() -> None:
    for name in ("ci-build-1", "ci-build-2"):
        assert told(machine(SERVED, name))["external_server"] == "http://10.0.0.2:8088/"
    assert COMPOSE_FILE not in has(machine(SERVED))


def test_the_server_listens_on_the_address_the_others_know_and_on_no_other() -> None:
    compose = yaml.safe_load(file(machine(SERVED, "ci-build-1"), COMPOSE_FILE))["services"]["cache"]
    assert compose["ports"] == ["10.0.0.2:8088:8088"]
    assert compose["stop_signal"] == "SIGINT"
    assert compose["entrypoint"] == ["gitea-runner", "cache-server", "--config", "/config.yaml"]
    assert compose["image"] == "gitea/runner:4.1.0"
    assert "network_mode" not in compose


@pytest.mark.parametrize(
    ("version", "secret"),
    [("4.1.0", {"external_secret_file": "/cache.secret"}), ("1.0.8", {"external_secret": HUSH})],
)
def test_the_server_says_the_address_it_is_reached_at(version: str, secret: dict[str, str]) -> None:
    wanted = machine(SERVED, "ci-build-1", version=version)
    config = yaml.safe_load(file(wanted, f"{BIN}/config.yaml"))
    assert config["cache"] == {"dir": "/cache", "host": AT, "port": 8088, **secret}


def test_an_older_program_serves_by_its_older_name() -> None:
    old = inventory(
        pool(runner=RunnerSettings("gitea/act_runner:0.6.1", ("ubuntu-latest:docker://node:22",))), cache=SERVED
    )
    wanted = fleet_wanted(old, STACK, SECRETS, AT)["ci-build-1"]
    assert yaml.safe_load(file(wanted, COMPOSE_FILE))["services"]["cache"]["entrypoint"][0] == "act_runner"


LIMITS = CacheLimits(retention=72 * 3600, repo_size="5GB", size="0")
IN_WORDS = {"retention": "259200s", "repo_size_limit": "5GB", "size_limit": "0"}


def test_limits_are_told_to_whom_keeps_the_entries() -> None:
    assert told(machine(CacheSettings(limits=LIMITS), at="")) == {**OWN, **IN_WORDS}
    served = replace(SERVED, limits=LIMITS)
    config = yaml.safe_load(file(machine(served, "ci-build-1"), f"{BIN}/config.yaml"))["cache"]
    assert IN_WORDS.items() <= config.items()
    assert not IN_WORDS.keys() & told(machine(served)).keys()
    assert told(machine(served, at="")) == {**OWN, **IN_WORDS}


def test_a_runner_that_knows_no_limits_is_told_none() -> None:
    assert told(machine(replace(SERVED, limits=LIMITS), at="", version="3.1.0")) == OWN


def test_a_bucket_is_told_with_its_keys_in_files() -> None:
    bucket = BucketSettings("https://s3.example", "ci", prefix="fleet")
    wanted = machine(CacheSettings(bucket=bucket), at="")
    assert told(wanted)["s3"] == {
        "endpoint": "https://s3.example",
        "bucket": "ci",
        "prefix": "fleet",
        "access_key_file": "/cache.access_key",
        "secret_key_file": "/cache.secret_key",
    }
    assert file(wanted, "/opt/fleet/cache.access_key") == "who we are"
    assert "- ./cache.secret_key:/cache.secret_key:ro" in file(wanted, "/opt/fleet/compose.yaml")
    assert cache_secrets(CacheSettings(bucket=bucket)).keys() == {"cache.s3.access_key", "cache.s3.secret_key"}


MIRRORED = replace(SERVED, mirror=True)


def daemon(wanted: HostWanted) -> dict[str, object]:
    settings: dict[str, object] = yaml.safe_load(daemon_file(HostFacts(), wanted).text)
    return settings


def test_docker_asks_the_mirror_by_plain_http_and_goes_on_trusting_its_own_loopback() -> None:
    settings = daemon(machine(MIRRORED))
    assert settings["registry-mirrors"] == ["http://10.0.0.2:5000"]
    assert settings["insecure-registries"] == ["10.0.0.2:5000", "127.0.0.0/8", "::1/128"]
    assert "registry-mirrors" not in daemon(machine(SERVED))
    assert "registry-mirrors" not in daemon(machine(MIRRORED, at=""))


def test_a_mirror_of_the_pool_comes_after_the_fleets_and_gives_it_its_copies() -> None:
    one = runs("4.1.0")
    own = replace(one, docker=replace(one.docker, registry_mirror="http://192.0.2.5:5000"))
    made = fleet_wanted(inventory(own, cache=MIRRORED), STACK, SECRETS, AT)
    assert daemon(made["build"])["registry-mirrors"] == ["http://10.0.0.2:5000", "http://192.0.2.5:5000"]
    config = yaml.safe_load(file(made["ci-build-1"], MIRROR_FILE))
    assert config["proxy"]["remoteurl"] == "http://192.0.2.5:5000"


def test_the_mirror_listens_on_that_address_alone_from_its_first_start() -> None:
    wanted = machine(MIRRORED, "ci-build-1")
    assert yaml.safe_load(file(wanted, MIRROR_FILE))["http"] == {"addr": "10.0.0.2:5000"}
    bare = HostFacts(os_id="debian", codename="trixie")
    order = [one.file.path if isinstance(one, PutFile) else one.command for one in changes(bare, wanted)]
    install = next(n for n, one in enumerate(order) if "docker-registry" in one and "apt-install" in one)
    assert order.index(MIRROR_FILE) < order.index(MIRROR_UNIT) < install
    assert MIRROR_FILE in file(wanted, MIRROR_UNIT)


def test_a_server_that_somebody_stopped_is_started_again_without_a_word_to_the_runner() -> None:
    wanted = machine(SERVED, "ci-build-1")
    (change,) = changes(replace(as_is(wanted), serves_cache=False), wanted)
    assert isinstance(change, Run)
    assert (change.what, change.restarts) == ("start the fleet's cache", False)
    assert changes(as_is(machine(SERVED)), machine(SERVED)) == ()


def where_it_is(wanted: HostWanted) -> set[str]:
    """What asks whether the cache answers."""
    return {one for one in probe_arguments(wanted) if one.startswith("cache:")}


def test_what_no_longer_serves_is_taken_away_and_asked_for_either_way() -> None:
    once = machine(MIRRORED, "ci-build-1")
    now = machine(CacheSettings(), "ci-build-1", at="")
    gone = {one.path for one in now.gone}
    assert has(once) - has(now) <= gone | {MIRROR_UNIT}
    assert f"rm -f {MIRROR_UNIT} " in next(one.then for one in now.gone if one.path == MIRROR_FILE)
    apart = {"package:docker-registry", f"file:{MIRROR_UNIT}", *where_it_is(once)}
    assert set(probe_arguments(once)) - apart <= set(probe_arguments(now))
    told_too = [one.what for one in drift(as_is(once), now)]
    assert "stop serving the fleet's cache" in told_too
    assert "remove the mirror of Docker Hub" in told_too


def test_a_registry_that_somebody_else_has_on_a_host_is_left_alone() -> None:
    """It may have the very unit that the mirror has: only a file of ours says that it was ours."""
    wanted = machine(CacheSettings(), at="")
    there = as_is(wanted)
    theirs = replace(there, files={**there.files, MIRROR_UNIT: "theirs"}, packages=there.packages | {"docker-registry"})
    assert changes(theirs, wanted) == ()


def test_no_file_is_wanted_and_gone_at_once() -> None:
    bucket = CacheSettings(bucket=BucketSettings("https://s3.example", "ci"))
    for cache in (CacheSettings(), SERVED, MIRRORED, bucket, CacheSettings(url="http://x:1")):
        for version in ("2.2.0", "4.1.0"):
            for name in ("ci-build-1", "ci-build-2"):
                wanted = machine(cache, name, version=version, at=AT if cache.machine else "")
                assert not has(wanted) & {one.path for one in wanted.gone}


def test_the_shipped_unit_runs_what_the_shipped_configuration_is_for() -> None:
    assert f"serve {MIRROR_FILE}" in STACK["mirror.service"]
    assert Path(MIRROR_UNIT).name == "docker-registry.service"


def test_while_nobody_knows_where_it_is_nothing_of_it_is_taken_away() -> None:
    serves = has(machine(MIRRORED, "ci-build-1")) - has(machine(MIRRORED))
    assert {COMPOSE_FILE, MIRROR_UNIT} <= serves
    assert not serves & {one.path for one in machine(MIRRORED, at="").gone}
