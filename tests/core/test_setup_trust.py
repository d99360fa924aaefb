"""What set-up does for a private CA, plain http, a proxy, and registries that want to know who pulls."""

import base64
import json
import shlex
import subprocess
import tomllib
from dataclasses import replace
from typing import Any

import pytest
import yaml

from fleet.core.inventory import (
    DockerSettings,
    GiteaSettings,
    Inventory,
    Pool,
    ProxySettings,
    Registry,
    TailnetSettings,
)
from fleet.core.secret import FromEnv, Secret
from fleet.core.setup import (
    COMPOSE,
    HostWanted,
    PutFile,
    Run,
    WantedFile,
    changes,
    daemon_file,
    drift,
    first_changes,
    host_wanted,
)
from fleet.core.setup.builders import builders
from tests.core.builders import GITEA, STACK, facts, fresh, inventory, pool

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
PRIVATE = replace(GITEA, ca=PEM)
PLAIN = GiteaSettings("http://10.0.0.7:3000", "http://10.0.0.7:3000")
PROXY = ProxySettings("http://10.0.0.5:3128", "http://10.0.0.5:3129", (".corp.example",))
PASSWORD = Secret("s3cret")
REGISTRY = Registry("registry.example:5000", "ci", FromEnv("P"))
HUB = Registry("docker.io", "ann", FromEnv("Q"))
SECRETS = {'registries."registry.example:5000".password': PASSWORD, 'registries."docker.io".password': Secret("hub")}


def wanted(of: Pool | None = None, **more: Any) -> HostWanted:
    one = of or pool()
    return host_wanted(inventory(one, **more), one, STACK, SECRETS)


def file_of(want: HostWanted, path: str) -> WantedFile:
    (found,) = [file for file in want.files if file.path == path]
    return found


def config(want: HostWanted) -> Any:
    return yaml.safe_load(file_of(want, "/opt/fleet/config.yaml").text)


def runner(want: HostWanted) -> Any:
    return yaml.safe_load(file_of(want, COMPOSE).text)["services"]["runner"]


def gone(want: HostWanted) -> set[str]:
    return {file.path for file in want.gone}


def moved(before: HostWanted, now: HostWanted) -> list[str]:
    """What happens on a host that has the one, when the other is wanted."""
    there = facts(before)
    kept = {file.path: file.digest for file in before.files}
    return [change.what for change in changes(replace(there, files={**there.files, **kept}), now)]


CA = "/opt/fleet/trust/gitea-ca.crt"
IN_STORE = "/usr/local/share/ca-certificates/fleet-gitea.crt"
FOR_DOCKER = "/etc/docker/certs.d/gitea.example/fleet.crt"
BUILDKIT = "/opt/fleet/buildkitd.toml"


# --- a private CA -----------------------------------------------------------------------------------------


def test_without_a_ca_over_https_nothing_is_added() -> None:
    want = wanted()
    assert want.daemon == "{}"
    assert {CA, IN_STORE, FOR_DOCKER, BUILDKIT} <= gone(want)
    assert "options" not in config(want)["container"]


def test_the_ca_reaches_the_store_docker_the_runner_and_jobs() -> None:
    want = wanted(gitea=PRIVATE)
    assert [file_of(want, path).text for path in (CA, IN_STORE, FOR_DOCKER)] == [PEM] * 3
    assert "update-ca-certificates" in file_of(want, IN_STORE).then
    assert "ca-certificates" in want.packages
    bundle = "/opt/fleet/certs/ca-certificates.crt"
    told = {"NODE_EXTRA_CA_CERTS": CA} | dict.fromkeys(
        ("SSL_CERT_FILE", "GIT_SSL_CAINFO", "REQUESTS_CA_BUNDLE"), bundle
    )
    assert config(want)["runner"]["envs"].items() >= told.items()
    assert runner(want)["environment"].items() >= told.items()
    assert {"/opt/fleet/trust:/opt/fleet/trust:ro", "/etc/ssl/certs:/opt/fleet/certs:ro"} <= set(
        runner(want)["volumes"]
    )
    options = shlex.split(config(want)["container"]["options"])
    assert options[:2] == [
        "--volume=/opt/fleet/trust:/opt/fleet/trust:ro",
        "--volume=/etc/ssl/certs:/opt/fleet/certs:ro",
    ]
    assert config(want)["container"]["valid_volumes"][:2] == ["/opt/fleet/trust", "/etc/ssl/certs"]


def test_the_pools_own_options_and_volumes_are_kept_beside_ours() -> None:
    own: dict[str, object] = {"container": {"options": "--cpus=2 --volume=/srv:/srv", "valid_volumes": ["/srv"]}}
    one = pool(runner=replace(pool().runner, extra=tuple(own.items())))
    container = config(wanted(one, gitea=PRIVATE))["container"]
    assert container["options"].endswith(" --cpus=2 --volume=/srv:/srv")
    assert "--volume=/opt/fleet/trust" in container["options"]
    assert container["valid_volumes"][-1] == "/srv"


def test_a_variable_of_the_pool_goes_before_ours() -> None:
    own: dict[str, object] = {"runner": {"envs": {"SSL_CERT_FILE": "/own"}}}
    one = pool(runner=replace(pool().runner, extra=tuple(own.items())))
    assert config(wanted(one, gitea=PRIVATE))["runner"]["envs"]["SSL_CERT_FILE"] == "/own"


def test_buildx_gets_the_ca_for_each_address_of_gitea_where_it_looks() -> None:
    gitea = replace(PRIVATE, runner_url="https://gitea.internal:3000")
    want = wanted(gitea=gitea)
    assert tomllib.loads(file_of(want, BUILDKIT).text) == {
        "registry": {"gitea.example": {"ca": [CA]}, "gitea.internal:3000": {"ca": [CA]}}
    }
    assert file_of(want, "/etc/docker/certs.d/gitea.internal:3000/fleet.crt").text == PEM
    mount = f"--volume={BUILDKIT}:/root/.docker/buildx/buildkitd.default.toml:ro"
    assert mount in shlex.split(config(want)["container"]["options"])


def test_a_new_ca_is_another_runner_since_it_reads_certificates_when_it_starts() -> None:
    other = wanted(gitea=replace(GITEA, ca=PEM.replace("AAAA", "BBBB")))
    assert other.config_hash != wanted(gitea=PRIVATE).config_hash
    assert other.fingerprint != wanted(gitea=PRIVATE).fingerprint
    assert "the runner has an older configuration" in {one.what for one in drift(facts(wanted(gitea=PRIVATE)), other)}


def test_a_ca_that_was_taken_out_of_the_inventory_goes_from_the_host() -> None:
    done = moved(wanted(gitea=PRIVATE), wanted())
    assert {"no longer trust Gitea's CA", f"remove {CA}", f"remove {FOR_DOCKER}", f"remove {BUILDKIT}"} <= set(done)
    assert moved(wanted(), wanted()) == []


def test_the_ca_is_there_before_the_pools_own_commands_run_and_before_a_tailnet_is_joined() -> None:
    want = wanted(pool(commands=("true",)), gitea=PRIVATE)
    paths = [file.path for file in want.files]
    assert paths.index(IN_STORE) < paths.index("/opt/fleet/bin/commands")
    assert IN_STORE in {change.file.path for change in first_changes(fresh(), want) if isinstance(change, PutFile)}


# --- plain http -------------------------------------------------------------------------------------------


def test_a_registry_without_https_is_named_to_docker_with_the_loopback_beside_it() -> None:
    """From 29.10 on, a list of one's own no longer implies the loopback, where jobs run registries."""
    want = wanted(gitea=PLAIN)
    daemon = json.loads(daemon_file(fresh(), want).text)
    assert daemon["insecure-registries"] == ["10.0.0.7:3000", "127.0.0.0/8", "::1/128"]
    assert tomllib.loads(file_of(want, BUILDKIT).text) == {"registry": {"10.0.0.7:3000": {"http": True}}}
    assert "SSL_CERT_FILE" not in config(want)["runner"]["envs"]


def test_docker_is_restarted_for_it_and_so_not_while_jobs_run() -> None:
    there = facts(wanted())
    assert any(one.restarts for one in drift(there, wanted(gitea=replace(PLAIN, runner_url=GITEA.runner_url))))


def test_of_two_addresses_each_is_reached_its_own_way() -> None:
    want = wanted(gitea=GiteaSettings("https://gitea.example", "http://10.0.0.7:3000", ca=PEM))
    registry = tomllib.loads(file_of(want, BUILDKIT).text)["registry"]
    assert registry == {"gitea.example": {"ca": [CA]}, "10.0.0.7:3000": {"http": True}}


# --- builders of buildx -----------------------------------------------------------------------------------


def test_builders_use_the_mirrors_that_docker_uses() -> None:
    docker = DockerSettings(registry_mirror="https://mirror.example")
    assert tomllib.loads(file_of(wanted(pool(docker=docker)), BUILDKIT).text) == {
        "registry": {"docker.io": {"mirrors": ["mirror.example"]}}
    }
    plain = DockerSettings(registry_mirror="http://10.0.0.9:5000")
    assert tomllib.loads(file_of(wanted(pool(docker=plain), gitea=PLAIN), BUILDKIT).text) == {
        "registry": {
            "docker.io": {"mirrors": ["10.0.0.9:5000"]},
            "10.0.0.9:5000": {"http": True},
            "10.0.0.7:3000": {"http": True},
        }
    }


def test_the_mirror_of_the_fleets_own_cache_is_asked_before_the_other() -> None:
    docker = DockerSettings(registry_mirror="https://mirror.example")
    part = builders(inventory(), pool(docker=docker), {"registry-mirrors": ["http://10.0.0.2:5000"]})
    assert tomllib.loads(part.after_docker[0].text)["registry"] == {
        "docker.io": {"mirrors": ["10.0.0.2:5000", "mirror.example"]},
        "10.0.0.2:5000": {"http": True},
    }


# --- a proxy ----------------------------------------------------------------------------------------------

APT = "/etc/apt/apt.conf.d/60fleet-proxy"
DAEMON = "/etc/systemd/system/docker.service.d/60-fleet-proxy.conf"
SCRIPTS = "/opt/fleet/bin/proxy.sh"


def direct(of: Inventory) -> list[str]:
    want = host_wanted(of, of.pools[0], STACK)
    names: str = config(want)["runner"]["envs"]["no_proxy"]
    return names.split(",")


def test_apt_docker_scripts_the_runner_and_jobs_are_told_of_the_proxy() -> None:
    want = wanted(proxy=PROXY)
    assert file_of(want, APT).text.splitlines()[1:] == [
        'Acquire::http::Proxy "http://10.0.0.5:3128";',
        'Acquire::https::Proxy "http://10.0.0.5:3129";',
    ]
    assert 'Environment="HTTPS_PROXY=http://10.0.0.5:3129"' in file_of(want, DAEMON).text.splitlines()
    assert file_of(want, DAEMON).restarts
    for told in (config(want)["runner"]["envs"], runner(want)["environment"]):
        assert (told["HTTP_PROXY"], told["https_proxy"]) == ("http://10.0.0.5:3128", "http://10.0.0.5:3129")
        assert told["NO_PROXY"] == told["no_proxy"]


def test_the_proxy_is_known_before_anything_is_fetched() -> None:
    whats = [change.what for change in changes(fresh(), wanted(proxy=PROXY))]
    install = "install docker.io docker-cli docker-compose nftables unattended-upgrades"
    assert whats.index(f"write {APT}") < whats.index(install)


def test_our_scripts_and_the_pools_commands_use_the_proxy() -> None:
    want = wanted(pool(commands=("curl x",)), proxy=PROXY)
    assert file_of(want, "/opt/fleet/bin/commands").text.splitlines()[2] == f". {SCRIPTS}"
    shell = f"{file_of(want, SCRIPTS).text}\necho $https_proxy"
    assert subprocess.run(["sh", "-c", shell], capture_output=True, text=True).stdout == "http://10.0.0.5:3129\n"
    assert SCRIPTS in STACK["apt-archive.sh"]


def test_gitea_the_cache_the_bridge_jobs_networks_the_mirror_and_the_tailnet_are_reached_directly() -> None:
    one = pool(docker=DockerSettings(bip="172.20.0.1/16", registry_mirror="http://10.0.0.9:5000"))
    gitea = replace(GITEA, runner_url="http://10.0.0.7:3000")
    found = direct(inventory(one, gitea=gitea, proxy=PROXY, tailnet=TailnetSettings(hosts=("sonar",))))
    wanted_names = {"localhost", "127.0.0.1", "172.20.0.1", "172.20.0.0/16", "10.201.0.0/16"}
    assert wanted_names | {"gitea.example", "10.0.0.7", "10.0.0.9", "sonar", ".corp.example"} <= set(found)


def test_a_proxy_for_https_alone_is_not_used_for_http() -> None:
    want = wanted(proxy=ProxySettings("", "http://10.0.0.5:3129"))
    assert "HTTP_PROXY" not in config(want)["runner"]["envs"]
    assert "http::" not in file_of(want, APT).text


def test_a_proxy_that_was_taken_out_of_the_inventory_goes_from_the_host() -> None:
    done = moved(wanted(proxy=PROXY), wanted())
    assert {f"remove {APT}", f"remove {SCRIPTS}", "restart Docker without a proxy"} <= set(done)


# --- registries -------------------------------------------------------------------------------------------

STORE = "/opt/fleet/docker/config.json"


def test_credentials_are_in_dockers_own_store_for_root_alone() -> None:
    store = file_of(wanted(registries=(REGISTRY, HUB)), STORE)
    assert store.mode == 0o600
    assert store.is_secret
    assert "***" in repr(store)
    auths = json.loads(store.text)["auths"]
    assert base64.b64decode(auths["registry.example:5000"]["auth"]) == b"ci:s3cret"
    assert base64.b64decode(auths["https://index.docker.io/v1/"]["auth"]) == b"ann:hub"


def test_set_up_and_the_runner_pull_with_them_and_jobs_do_not_get_them() -> None:
    want = wanted(registries=(REGISTRY,))
    pulls = [one for one in changes(fresh(), want) if isinstance(one, Run) and "pull" in one.command]
    assert all(one.command.startswith("docker --config /opt/fleet/docker pull ") for one in pulls)
    assert all('[registries."HOST"]' in one.hint for one in pulls)
    assert len(pulls) == 2
    assert runner(want)["environment"]["DOCKER_CONFIG"] == "/opt/fleet/docker"
    assert "/opt/fleet/docker:/opt/fleet/docker:ro" in runner(want)["volumes"]
    assert "/opt/fleet/docker" not in file_of(want, "/opt/fleet/config.yaml").text


def test_credentials_are_written_before_the_first_pull() -> None:
    whats = [change.what for change in changes(fresh(), wanted(registries=(REGISTRY,)))]
    assert whats.index(f"write {STORE}") < min(n for n, what in enumerate(whats) if what.startswith("pull"))


def test_a_password_is_in_no_fingerprint_and_no_command() -> None:
    one = pool()
    of = inventory(one, registries=(REGISTRY,))
    others = host_wanted(of, one, STACK, {**SECRETS, 'registries."registry.example:5000".password': Secret("other")})
    want = wanted(registries=(REGISTRY,))
    assert (others.fingerprint, others.config_hash) == (want.fingerprint, want.config_hash)
    assert not any("s3cret" in one.command for one in changes(fresh(), want) if isinstance(one, Run))
    assert "s3cret" not in repr(want)


def test_a_new_password_is_drift_that_restarts_nothing() -> None:
    one = pool()
    of = inventory(one, registries=(REGISTRY,))
    others = host_wanted(of, one, STACK, {**SECRETS, 'registries."registry.example:5000".password': Secret("other")})
    assert [(one.what, one.restarts) for one in drift(facts(wanted(registries=(REGISTRY,))), others)] == [
        (f"write {STORE}", False)
    ]


def test_credentials_that_were_taken_out_of_the_inventory_go_from_the_host() -> None:
    assert f"remove {STORE}" in moved(wanted(registries=(REGISTRY,)), wanted())


@pytest.mark.parametrize("more", [{"gitea": PRIVATE}, {"gitea": PLAIN}, {"proxy": PROXY}, {"registries": (REGISTRY,)}])
def test_a_host_that_has_all_of_it_gets_no_command(more: Any) -> None:
    want = wanted(**more)
    registered = facts(want).registration
    assert registered is not None
    there = facts(want, registration=replace(registered, address=want.runner_url))
    assert drift(there, want) == ()
