"""Set-up as values: what a host should have, and that its changes lead there."""

import hashlib
import json
import shlex
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core.errors import StepFailed
from fleet.core.facts import HostFacts, Registration
from fleet.core.inventory import DockerSettings, DockerSource, Pool, RunnerSettings, SshSettings, StaticHost
from fleet.core.setup import (
    COMPOSE,
    DAEMON_JSON,
    Drift,
    HostWanted,
    PutFile,
    Run,
    WantedFile,
    changes,
    config_hash,
    daemon_file,
    docker_packages,
    drift,
    host_wanted,
    probe_arguments,
)
from tests.core.builders import GITEA, STACK, facts, fresh, inventory, pool, wanted


def file_of(want: HostWanted, path: str) -> WantedFile:
    (found,) = [file for file in want.files if file.path == path]
    return found


def running(of: HostFacts, config: str) -> HostFacts:
    assert of.container is not None
    return replace(of, container=replace(of.container, config=config))


def with_runner(**more: Any) -> Pool:
    return pool(runner=replace(pool().runner, **more))


# --- what is wanted ---------------------------------------------------------------------------------------


def test_a_host_that_is_as_wanted_gets_no_command() -> None:
    assert changes(facts(), wanted()) == ()
    assert drift(facts(), wanted()) == ()


def test_the_label_of_the_fleet_runs_what_the_first_label_runs() -> None:
    want = wanted(with_runner(labels=("a:docker://x", "b:host")))
    assert want.labels == ("a:docker://x", "b:host", "fleet-ci:docker://x")
    assert want.label_names == ("a", "b", "fleet-ci")


def test_the_runner_and_each_image_of_jobs_is_pulled_once() -> None:
    labels = ("a:docker://x", "b:docker://y", "c:docker://x", "d:host")
    assert wanted(with_runner(labels=labels)).images == ("gitea/runner:4.1.0", "x", "y")


def test_files_are_written_before_what_reads_them() -> None:
    paths = [change.file.path for change in changes(fresh(), wanted()) if isinstance(change, PutFile)]
    whats = [change.what for change in changes(fresh(), wanted())]
    assert paths[-1] == COMPOSE
    install = whats.index("install docker.io docker-cli docker-compose nftables unattended-upgrades")
    assert whats.index(f"write {DAEMON_JSON}") < install
    assert whats.index("write /opt/fleet/bin/apt-install") < install


def test_the_guard_is_there_before_docker_and_before_the_runner_has_its_configuration() -> None:
    whats = [change.what for change in changes(fresh(), wanted())]
    load = whats.index("load the metadata guard")
    unit = whats.index("write /etc/systemd/system/fleet-guard.service")
    assert unit < whats.index("install docker.io docker-cli docker-compose nftables unattended-upgrades") < load
    assert load < whats.index("start Docker") < whats.index(f"write {COMPOSE}")


def test_rules_that_were_flushed_are_loaded_again_without_a_restart_of_anything() -> None:
    assert drift(facts(guarded=False), wanted()) == (Drift("load the metadata guard", False),)


DIFFERENT = [
    pool(docker=DockerSettings(bip="172.20.0.1/16")),
    pool(docker=DockerSettings(registry_mirror="https://mirror.example")),
    pool(packages=("git",)),
    pool(commands=("true",)),
    with_runner(capacity=2),
    with_runner(image="gitea/runner:4.0.0"),
    with_runner(labels=("ubuntu-latest:docker://node:24",)),
    with_runner(log_level="debug"),
    with_runner(cache_port=9000),
    with_runner(job_timeout=60),
    with_runner(extra=(("container", {"force_pull": True}),)),
]


@pytest.mark.parametrize("other", DIFFERENT)
def test_each_setting_changes_the_fingerprint_and_back(other: Pool) -> None:
    assert wanted(other).fingerprint != wanted().fingerprint
    assert wanted(pool()).fingerprint == wanted().fingerprint


def test_a_fingerprint_says_which_form_it_has() -> None:
    version, digest = wanted().fingerprint.split(".")
    assert (version, len(digest)) == ("1", 16)


@pytest.mark.parametrize("other", DIFFERENT)
def test_each_setting_is_drift_on_a_host_that_has_the_other(other: Pool) -> None:
    assert drift(facts(wanted()), wanted(other))
    # Packages and what commands did stay on a host: nothing says how to undo them.
    assert bool(drift(facts(wanted(other)), wanted())) == (not other.packages and not other.commands)


@pytest.mark.parametrize(
    "other",
    [
        with_runner(capacity=2),
        with_runner(image="gitea/runner:4.0.0"),
        with_runner(cache_port=9000),
        with_runner(job_timeout=60),
        pool(docker=DockerSettings(bip="172.20.0.1/16")),
    ],
)
def test_what_the_runner_is_started_with_changes_its_hash(other: Pool) -> None:
    assert wanted(other).config_hash != wanted().config_hash


@pytest.mark.parametrize("other", [pool(min=0), pool(max=9), pool(packages=("git",)), pool(types=("cx43",))])
def test_what_the_runner_does_not_see_leaves_it_running(other: Pool) -> None:
    assert wanted(other).config_hash == wanted().config_hash


# --- drift ------------------------------------------------------------------------------------------------


def test_a_runner_that_runs_with_older_settings_is_drift_that_restarts() -> None:
    (found,) = drift(running(facts(), "older"), wanted())
    assert (found.what, found.restarts) == ("the runner has an older configuration", True)


def test_a_runner_whose_docker_socket_was_made_anew_is_drift_until_it_is_stopped() -> None:
    host = running(facts(), wanted().config_hash)
    assert drift(host, wanted()) == ()
    lost = replace(host, socket_lost=True)
    (found,) = drift(lost, wanted())
    assert (found.restarts, "has lost Docker" in found.what) == (True, True)
    assert lost.container is not None
    assert drift(replace(lost, container=replace(lost.container, running=False)), wanted()) == ()


def test_what_a_killed_runner_has_left_running_is_removed_without_a_restart() -> None:
    host = running(facts(abandoned=("GITEA-ACTIONS-TASK-1-x", "GITEA-ACTIONS-TASK-2-y")), wanted().config_hash)
    (found,) = drift(host, wanted())
    assert (found.what, found.restarts) == ("remove 2 containers of jobs that no runner has any more", False)
    (change,) = changes(host, wanted())
    assert isinstance(change, Run)
    assert change.command == "docker rm --force --volumes GITEA-ACTIONS-TASK-1-x GITEA-ACTIONS-TASK-2-y >/dev/null"


def test_a_runner_of_another_gitea_is_drift_that_restarts() -> None:
    elsewhere = facts(registration=Registration(7, "u", "ci-build-1", "https://other.example"))
    (found,) = drift(elsewhere, wanted())
    assert (found.what, found.restarts) == ("its runner is registered at https://other.example", True)


def test_a_slash_at_the_end_of_the_address_is_no_drift() -> None:
    assert drift(facts(registration=Registration(7, "u", "n", f"{GITEA.runner_url}/")), wanted()) == ()


@pytest.mark.parametrize(("active", "restarts"), [(True, True), (False, False)])
def test_new_settings_of_docker_restart_it_only_where_it_runs(active: bool, restarts: bool) -> None:
    older = facts(docker_active=active)
    older = replace(older, files={**older.files, DAEMON_JSON: "older"})
    assert any(one.restarts for one in drift(older, wanted())) is restarts


@pytest.mark.parametrize(
    "path", ["/opt/fleet/config.yaml", "/etc/sysctl.d/60-fleet.conf", "/root/.ssh/authorized_keys2"]
)
def test_a_file_that_is_only_read_restarts_nothing(path: str) -> None:
    older = replace(facts(), files={**facts().files, path: "older"})
    assert [one.restarts for one in drift(older, wanted()) if one.restarts] == []
    assert drift(older, wanted())


IMAGE_NAMES = [
    ("node:22", "node:22"),
    ("node", "node:latest"),
    ("docker.io/library/node:22", "node:22"),
    ("docker.io/gitea/runner:4", "gitea/runner:4"),
    ("registry.example:5000/ci/job", "registry.example:5000/ci/job:latest"),
    ("registry.example:5000/ci/job:1", "registry.example:5000/ci/job:1"),
]


@pytest.mark.parametrize(("image", "listed"), IMAGE_NAMES)
def test_an_image_is_known_by_the_name_docker_lists_it_under(image: str, listed: str) -> None:
    want = wanted(with_runner(labels=(f"a:docker://{image}",)))
    assert changes(facts(want, images=frozenset({"gitea/runner:4.1.0", listed})), want) == ()
    missing = changes(facts(want, images=frozenset({"gitea/runner:4.1.0"})), want)
    assert [change.what for change in missing] == [f"pull {image}"]


def test_an_image_by_digest_is_known_once_it_is_there() -> None:
    """Docker lists it without a tag: asked for by tag it would be pulled again in every pass."""
    image = f"gitea/runner:4.1.0@sha256:{'a' * 64}"
    want = wanted(with_runner(image=image))
    there = facts(want, images=frozenset({"node:22", f"gitea/runner@sha256:{'a' * 64}"}))
    assert changes(there, want) == ()
    assert changes(replace(there, images=frozenset({"node:22"})), want) != ()


# --- Docker's packages ------------------------------------------------------------------------------------

DISTRIBUTION = DockerSettings()
ARCHIVE = DockerSettings(source=DockerSource.DOCKER, version="29.10.0")
PRESENT = DockerSettings(source=DockerSource.PRESENT)
CE = ("docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin", "docker-compose-plugin")


@pytest.mark.parametrize(
    ("host", "docker", "packages"),
    [
        (fresh(), DISTRIBUTION, ("docker.io", "docker-cli", "docker-compose")),
        (fresh(os_id="ubuntu", codename="noble"), DISTRIBUTION, ("docker.io", "docker-compose-v2")),
        (fresh(packages=frozenset({"docker-ce"})), DISTRIBUTION, ()),
        (fresh(codename="bookworm"), ARCHIVE, CE),
        (fresh(codename="bookworm"), PRESENT, ()),
        (fresh(packages=frozenset({"docker-ce"})), ARCHIVE, CE),
    ],
)
def test_the_packages_that_are_docker_here(host: HostFacts, docker: DockerSettings, packages: tuple[str, ...]) -> None:
    assert docker_packages(host, docker) == packages


@pytest.mark.parametrize(("os_id", "codename"), [("debian", "bookworm"), ("fedora", ""), ("", "")])
def test_a_system_without_compose_is_refused_with_what_to_write(os_id: str, codename: str) -> None:
    with pytest.raises(StepFailed) as refused:
        docker_packages(fresh(os_id=os_id, codename=codename), DISTRIBUTION)
    assert 'docker.source = "docker"' in refused.value.hint


def test_a_package_name_is_quoted() -> None:
    (install,) = [c for c in changes(fresh(), wanted(pool(packages=("a b",)))) if c.what.startswith("install")]
    assert isinstance(install, Run)
    assert "a b" in shlex.split(install.command)
    assert install.as_unit


def test_a_package_in_one_version_is_asked_for_by_its_name_and_found_by_it() -> None:
    want = wanted(pool(packages=("git-lfs=3.6.1-1",)))
    (install,) = [c for c in changes(facts(want, packages=facts().packages), want) if c.what.startswith("install")]
    assert isinstance(install, Run)
    assert install.command.endswith("git-lfs=3.6.1-1")
    assert "package:git-lfs" in probe_arguments(want)
    assert changes(facts(want, packages=facts().packages | {"git-lfs"}), want) == ()


# --- the files, read by those who read them ---------------------------------------------------------------


def test_the_compose_file_is_what_a_person_would_have_written() -> None:
    want = wanted()
    assert yaml.safe_load(file_of(want, COMPOSE).text) == {
        "name": "fleet",
        "services": {
            "runner": {
                "image": "gitea/runner:4.1.0",
                "container_name": "fleet-runner",
                "restart": "unless-stopped",
                "stop_grace_period": "11460s",
                "environment": {"CONFIG_FILE": "/config.yaml"},
                "labels": {"fleet.config": want.config_hash},
                "volumes": [
                    "./config.yaml:/config.yaml:ro",
                    "./data:/data",
                    "cache:/cache",
                    "/var/run/docker.sock:/var/run/docker.sock",
                ],
                "ports": ["172.17.0.1:8088:8088"],
            }
        },
        "volumes": {"cache": None},
    }


def test_the_hash_of_the_compose_file_is_read_back_out_of_it() -> None:
    assert config_hash(file_of(wanted(), COMPOSE).text) == wanted().config_hash


def test_the_runners_config_has_what_the_inventory_says() -> None:
    want = wanted(with_runner(capacity=3, cache_port=9000, job_timeout=60, log_level="debug"))
    assert yaml.safe_load(file_of(want, "/opt/fleet/config.yaml").text) == {
        "log": {"level": "debug"},
        "runner": {
            "file": ".runner",
            "capacity": 3,
            "timeout": "60s",
            "shutdown_timeout": "660s",
            "fetch_timeout": "5s",
            "labels": ["ubuntu-latest:docker://node:22", "fleet-ci:docker://node:22"],
            "envs": {"TESTCONTAINERS_HOST_OVERRIDE": "172.17.0.1"},
        },
        "cache": {"enabled": True, "dir": "/cache", "host": "172.17.0.1", "port": 9000},
        "container": {"force_pull": False},
    }


def test_extra_settings_are_laid_on_the_runners_config() -> None:
    extra: dict[str, object] = {
        "runner": {"envs": {"A": "b"}},
        "container": {"force_pull": True, "options": "--cpus 2"},
    }
    want = wanted(with_runner(extra=tuple(extra.items())))
    config = yaml.safe_load(file_of(want, "/opt/fleet/config.yaml").text)
    assert config["runner"]["envs"] == {"TESTCONTAINERS_HOST_OVERRIDE": "172.17.0.1", "A": "b"}
    assert config["container"] == {"force_pull": True, "options": "--cpus 2"}
    assert config["runner"]["capacity"] == 1


@pytest.mark.parametrize(("image", "text"), [("gitea/runner:4.1.0", "${A}"), ("gitea/runner:5.0.0", "$${A}")])
def test_a_variable_in_the_config_is_kept_from_runners_that_would_expand_it(image: str, text: str) -> None:
    want = wanted(with_runner(image=image, extra=(("runner", {"envs": {"X": "${A}"}}),)))
    config = yaml.safe_load(file_of(want, "/opt/fleet/config.yaml").text)
    assert config["runner"]["envs"]["X"] == text


def test_jobs_end_before_the_runner_does_and_the_runner_before_docker_kills_it() -> None:
    want = wanted(with_runner(job_timeout=100))
    runner = yaml.safe_load(file_of(want, "/opt/fleet/config.yaml").text)["runner"]
    grace = yaml.safe_load(file_of(want, COMPOSE).text)["services"]["runner"]["stop_grace_period"]
    limits = [int(text.rstrip("s")) for text in (runner["timeout"], runner["shutdown_timeout"], grace)]
    assert limits == sorted(set(limits))


def test_the_daemons_settings_are_json_and_bind_to_the_bridge() -> None:
    docker = DockerSettings(bip="172.20.0.1/16", registry_mirror="https://mirror.example")
    settings = json.loads(daemon_file(fresh(), wanted(pool(docker=docker))).text)
    assert settings == {
        "bip": "172.20.0.1/16",
        "ip": "172.20.0.1",
        "default-network-opts": {"bridge": {"com.docker.network.bridge.host_binding_ipv4": "172.20.0.1"}},
        "default-address-pools": [{"base": "10.201.0.0/16", "size": 24}],
        "live-restore": True,
        "log-driver": "json-file",
        "log-opts": {"max-size": "10m", "max-file": "3"},
        "default-ulimits": {"nofile": {"Name": "nofile", "Soft": 65536, "Hard": 524288}},
        "registry-mirrors": ["https://mirror.example"],
    }


@pytest.mark.parametrize(
    ("host", "soft", "hard"),
    [(0, 65536, 524288), (1048576, 65536, 524288), (100000, 65536, 100000), (1024, 1024, 1024)],
)
def test_open_files_are_never_more_than_the_host_itself_may(host: int, soft: int, hard: int) -> None:
    limits = json.loads(daemon_file(fresh(open_files=host), wanted()).text)["default-ulimits"]["nofile"]
    assert (limits["Soft"], limits["Hard"]) == (soft, hard)


def test_the_keys_of_colleagues_are_lines_of_their_own() -> None:
    of = inventory(ssh=SshSettings(authorized_keys=("ssh-ed25519 AAAA a", "ssh-ed25519 BBBB b")))
    keys = file_of(host_wanted(of, of.pools[0], STACK), "/root/.ssh/authorized_keys2")
    assert keys.text.splitlines()[1:] == ["ssh-ed25519 AAAA a", "ssh-ed25519 BBBB b"]
    assert keys.mode == 0o600


def test_only_the_person_reads_what_may_hold_a_secret() -> None:
    assert file_of(wanted(), "/opt/fleet/config.yaml").mode == 0o600
    assert file_of(wanted(pool(commands=("true",))), "/opt/fleet/bin/commands").mode == 0o700


def test_the_pools_own_commands_are_one_script() -> None:
    script = file_of(wanted(pool(commands=("a=1", 'echo "$a"'))), "/opt/fleet/bin/commands")
    assert script.text == '#!/bin/sh\nset -eu\na=1\necho "$a"\n'


def test_a_digest_is_the_one_the_probe_tells() -> None:
    assert WantedFile("/x", "é\n").digest == hashlib.sha256("é\n".encode()).hexdigest()


# --- a simulated host -------------------------------------------------------------------------------------

POOLS = [
    pool(),
    pool(packages=("git", "jq"), commands=("true",)),
    pool(docker=ARCHIVE),
    pool(docker=PRESENT),
    pool(docker=DockerSettings(bip="172.20.0.1/16")),
    pool(runner=RunnerSettings("gitea/runner:4.1.0", ("a:docker://node", "b:docker://docker.io/library/node:22"))),
]


def host_states() -> st.SearchStrategy[HostFacts]:
    """Hosts of all kinds that can be set up: with some of the files, packages, images and holds."""
    want = wanted(POOLS[1])
    every = [*CE, "docker.io", "docker-cli", "docker-compose", "git", "nftables", "unattended-upgrades"]
    paths = [*(file.path for file in want.files), DAEMON_JSON]
    return st.builds(
        fresh,
        docker_active=st.booleans(),
        guarded=st.booleans(),
        packages=st.frozensets(st.sampled_from(every)),
        held=st.frozensets(st.sampled_from(every)),
        images=st.frozensets(st.sampled_from(["gitea/runner:4.1.0", "node:22", "node:latest"])),
        files=st.dictionaries(st.sampled_from(paths), st.sampled_from(["older", file_of(want, COMPOSE).digest])),
        open_files=st.sampled_from([0, 1024, 524288]),
    )


def after(host: HostFacts, want: HostWanted) -> HostFacts:
    """The host once its changes were made, in order."""
    for change in changes(host, want):
        host = _put(host, change.file) if isinstance(change, PutFile) else _run(host, change.command)
    return host


def _put(host: HostFacts, file: WantedFile) -> HostFacts:
    return replace(host, files={**host.files, file.path: file.digest})


def _run(host: HostFacts, command: str) -> HostFacts:
    match shlex.split(command):
        case ["/opt/fleet/bin/apt-install", *names]:
            found = {name.split("=")[0] for name in names}
            active = host.docker_active or bool(found & {"docker.io", "docker-ce"})
            return replace(host, packages=host.packages | found, docker_active=active)
        case ["apt-mark", "hold", *names, ">/dev/null"]:
            return replace(host, held=host.held | set(names))
        case ["systemctl", "restart", "fleet-guard"]:
            return replace(host, guarded="nftables" in host.packages)
        case [*_, "enable", "--now", "--quiet", "docker"]:
            return replace(host, docker_active=True)
        case ["docker", "pull", "--quiet", image]:
            return replace(host, images=host.images | {_listed(image)})
        case _:
            return host


def _listed(image: str) -> str:
    return dict(IMAGE_NAMES).get(image, image)


@settings(max_examples=150)
@given(host_states(), st.sampled_from(POOLS))
def test_a_host_of_any_kind_is_as_wanted_after_one_round(host: HostFacts, of: Pool) -> None:
    want = wanted(of)
    done = after(host, want)
    assert changes(done, want) == ()
    assert drift(done, want) == ()


@settings(max_examples=150)
@given(host_states(), st.sampled_from(POOLS), st.integers(0, 30))
def test_a_set_up_that_was_killed_anywhere_is_finished_by_the_next(host: HostFacts, of: Pool, at: int) -> None:
    want = wanted(of)
    for change in changes(host, want)[:at]:
        host = _put(host, change.file) if isinstance(change, PutFile) else _run(host, change.command)
    assert changes(after(host, want), want) == ()


@settings(max_examples=50)
@given(host_states(), st.sampled_from(POOLS), st.sampled_from(POOLS))
def test_a_host_goes_from_one_pools_settings_to_anothers_and_back(host: HostFacts, one: Pool, other: Pool) -> None:
    for of in (one, other, one):
        host = after(host, wanted(of))
        assert changes(host, wanted(of)) == ()


def test_a_command_whose_file_was_written_and_that_was_cut_is_run_again_after_it_failed() -> None:
    """The script takes itself away when it fails, so that the next round writes and runs it again."""
    (run,) = [
        c
        for c in changes(fresh(), wanted(pool(commands=("false",))))
        if "bin/commands" in c.what and isinstance(c, Run)
    ]
    path = "/opt/fleet/bin/commands"
    assert run.command == f"mv {path}.new {path} && {{ {path} || {{ rm {path}; exit 1; }}; }}"


def test_two_fleets_want_different_labels() -> None:
    def want(name: str) -> HostWanted:
        of = replace(inventory(), name=name)
        return host_wanted(of, of.pools[0], STACK)

    assert want("ci").fingerprint != want("cd").fingerprint


def test_docker_itself_is_filtered_on_servers_and_not_on_hosts_of_any_cloud() -> None:
    path = "/etc/systemd/system/docker.service.d/60-fleet-guard.conf"
    of = pool(hosts=(StaticHost("big", "192.0.2.7"),))
    assert "IPAddressDeny=169.254.169.254 fe80::a9fe:a9fe\n" in file_of(wanted(), path).text
    assert path not in [file.path for file in wanted(of).files]
