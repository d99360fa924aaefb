"""What a static host should have: a Docker that was there keeps its own settings, and ours are put beside them."""

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from fleet.core.facts import HandMade, HostFacts, Registration
from fleet.core.inventory import DockerSource, Pool
from fleet.core.names import Tag
from fleet.core.obstacles import obstacles
from fleet.core.setup import (
    DAEMON_JSON,
    HostWanted,
    PutFile,
    Run,
    changes,
    daemon_file,
    drift,
    host_wanted,
    in_place,
    kept_settings,
    left_settings,
    on_host,
    probe_arguments,
    whose_docker,
)
from tests.core.builders import GITEA, STACK, facts, fresh, inventory, pool

POOL = pool(runner=replace(pool().runner, labels=("x:docker://node:22",)))


def want(of: Pool) -> HostWanted:
    return host_wanted(inventory(of), of, STACK, static=True)


def there(**more: Any) -> HostFacts:
    """A host whose Docker was there before us, on a bridge of its own."""
    plain = fresh(
        docker="28.1", compose="2.30", docker_active=True, bridge="172.18.0.1", packages=frozenset({"docker-ce"})
    )
    return replace(plain, **more)


def settings(of: HostFacts) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(daemon_file(of, on_host(want, POOL, of)).text)
    return found


def test_who_may_log_in_is_not_ours_to_say() -> None:
    assert not [file.path for file in want(POOL).files if "authorized_keys" in file.path]
    assert [file.path for file in host_wanted(inventory(POOL), POOL, STACK).files if "authorized_keys" in file.path]


def test_a_bare_host_gets_docker_as_a_server_does() -> None:
    wanted = on_host(want, POOL, fresh())
    assert (wanted.docker.source, wanted.merged, wanted.bridge) == (DockerSource.DISTRIBUTION, False, "172.17.0.1")
    assert "bip" in json.loads(daemon_file(fresh(), wanted).text)


@pytest.mark.parametrize(
    ("os_id", "codename", "source"),
    [
        ("debian", "trixie", DockerSource.DISTRIBUTION),
        ("debian", "bookworm", DockerSource.DOCKER),
        ("ubuntu", "jammy", DockerSource.DISTRIBUTION),
        ("ubuntu", "noble", DockerSource.DISTRIBUTION),
    ],
)
@pytest.mark.parametrize("arch", ["amd64", "arm64"])
def test_every_system_gets_a_docker_with_compose(os_id: str, codename: str, source: DockerSource, arch: str) -> None:
    bare = fresh(os_id=os_id, codename=codename, os_version="12", arch=arch)
    wanted = on_host(want, POOL, bare)
    assert wanted.docker.source is source
    assert bool(wanted.docker.version) == (source is DockerSource.DOCKER)
    installs = [one.command for one in changes(bare, wanted) if isinstance(one, Run) and "apt-install" in one.command]
    assert len(installs) == 1
    assert "compose" in installs[0]


def test_a_docker_that_is_there_is_neither_installed_nor_held_nor_moved() -> None:
    wanted = on_host(want, POOL, there())
    assert wanted.bridge == "172.18.0.1"
    assert "172.18.0.1:8088:8088" in next(file.text for file in wanted.files if file.path.endswith("compose.yaml"))
    commands = [one.command for one in changes(there(), wanted) if isinstance(one, Run)]
    assert not [one for one in commands if "hold" in one or "docker-ce" in one or "docker.io" in one]


def test_whose_docker_it_is_is_remembered() -> None:
    assert whose_docker(fresh()) == "ours"
    assert whose_docker(there()) == "theirs"
    assert whose_docker(there(memory={Tag.DOCKER: "ours"})) == "ours"
    assert on_host(want, POOL, facts(memory={Tag.DOCKER: "ours"})).merged is False


@pytest.mark.parametrize(
    ("packages", "os", "missing"),
    [
        ({"docker-ce"}, ("debian", "bookworm"), ("docker-compose-plugin",)),
        ({"docker.io"}, ("debian", "trixie"), ("docker-compose",)),
        ({"docker.io"}, ("ubuntu", "noble"), ("docker-compose-v2",)),
        ({"docker.io"}, ("debian", "bookworm"), ()),
        (set(), ("debian", "trixie"), ()),
    ],
)
def test_a_docker_without_compose_gets_the_package_for_it(
    packages: set[str], os: tuple[str, str], missing: tuple[str, ...]
) -> None:
    host = there(compose="", packages=frozenset(packages), os_id=os[0], codename=os[1])
    assert [name for name in on_host(want, POOL, host).packages if "compose" in name] == list(missing)
    assert not [name for name in on_host(want, POOL, there()).packages if "compose" in name]


def test_ours_comes_beside_theirs_and_nothing_that_changes_other_containers() -> None:
    theirs = {"data-root": "/big", "registry-mirrors": ["http://m:1"], "features": {"x": True}}
    found = settings(there(daemon=json.dumps(theirs)))
    assert {key: found[key] for key in theirs} == theirs
    assert found["live-restore"] is True
    assert not {"bip", "ip", "default-network-opts", "log-driver", "log-opts"} & found.keys()


def test_what_they_say_stays_and_is_told() -> None:
    theirs = {"live-restore": False, "default-address-pools": [{"base": "10.9.0.0/16", "size": 24}]}
    host = there(daemon=json.dumps(theirs))
    found = settings(host)
    assert {key: found[key] for key in theirs} == theirs
    assert set(kept_settings(host, on_host(want, POOL, host))) == set(theirs)
    assert kept_settings(there(), on_host(want, POOL, there())) == ()


def test_lists_of_names_are_joined() -> None:
    of = replace(POOL, docker=replace(POOL.docker, registry_mirror="http://ours:5000"))
    host = there(daemon='{"registry-mirrors": ["http://theirs:5000"]}')
    found = json.loads(daemon_file(host, on_host(want, of, host)).text)
    assert found["registry-mirrors"] == ["http://theirs:5000", "http://ours:5000"]


def test_the_second_time_nothing_is_written_and_a_file_keeps_its_form() -> None:
    merged = daemon_file(there(), on_host(want, POOL, there())).text
    odd = merged.replace("\n", "\n\n")
    wanted = on_host(want, POOL, there(daemon=odd))
    file = daemon_file(there(daemon=odd), wanted)
    assert file.text == odd
    host = there(daemon=odd, files={**{one.path: one.digest for one in wanted.files}, DAEMON_JSON: file.digest})
    assert not [one for one in drift(host, wanted) if "Docker" in one.what]


def test_docker_is_restarted_by_the_script_that_can_go_back_and_only_when_idle() -> None:
    wanted = on_host(want, POOL, there())
    put, run = [one for one in changes(there(), wanted) if DAEMON_JSON in getattr(one, "command", "") + one.what or
                (isinstance(one, Run) and one.restarts)][:2]  # fmt: skip
    assert isinstance(put, PutFile)
    assert isinstance(run, Run)
    assert run.restarts
    assert run.command == in_place(put.file)
    assert "docker-restart || { mv /etc/docker/daemon.json.before-fleet" in run.command
    assert run.command.endswith("rm -f /etc/docker/daemon.json.before-fleet")
    assert any(file.path == "/opt/fleet/bin/docker-restart" for file in wanted.files)


def test_the_probe_is_asked_for_what_was_there_of_static_hosts_alone() -> None:
    assert "static:8088" in probe_arguments(want(POOL))
    assert not [one for one in probe_arguments(host_wanted(inventory(POOL), POOL, STACK)) if "static" in one]


def remembered(of: HostFacts, wanted: HostWanted) -> HostFacts:
    """The host after Docker was restarted with our settings."""
    file = daemon_file(of, wanted)
    added = shlex.split(file.then)[shlex.split(file.then).index(">/var/lib/fleet/daemon.json") - 1]
    return replace(of, daemon=file.text, daemon_added=added)


THEIRS = {
    "registry-mirrors": ["http://theirs:5000"],
    "default-ulimits": {"core": {"Name": "core", "Soft": 0, "Hard": 0}},
    "live-restore": True,
}


def test_what_was_added_is_remembered_and_exactly_that_is_taken_back() -> None:
    of = replace(POOL, docker=replace(POOL.docker, registry_mirror="http://ours:5000"))
    before = there(daemon=json.dumps(THEIRS))
    after = remembered(before, on_host(want, of, before))
    assert json.loads(after.daemon) != THEIRS
    left = left_settings(after, on_host(want, of, after))
    assert left is not None
    assert json.loads(left.text) == THEIRS


def test_what_we_no_longer_want_goes_from_their_settings_while_we_stay() -> None:
    of = replace(POOL, docker=replace(POOL.docker, registry_mirror="http://ours:5000"))
    before = there(daemon=json.dumps(THEIRS))
    after = remembered(before, on_host(want, of, before))
    again = json.loads(daemon_file(after, on_host(want, POOL, after)).text)
    assert again["registry-mirrors"] == ["http://theirs:5000"]
    assert again["default-address-pools"]


def test_what_a_person_has_changed_of_ours_since_is_theirs() -> None:
    after = remembered(there(), on_host(want, POOL, there()))
    mine = {**json.loads(after.daemon), "default-address-pools": [{"base": "10.9.0.0/16", "size": 24}], "debug": True}
    changed = replace(after, daemon=json.dumps(mine))
    left = left_settings(changed, on_host(want, POOL, changed))
    assert left is not None
    kept = {key: mine[key] for key in ("default-address-pools", "debug", "live-restore")}
    assert json.loads(left.text) == kept


def test_a_docker_of_ours_keeps_its_settings_but_not_what_goes_with_us() -> None:
    host = facts(memory={Tag.DOCKER: "ours"}, daemon="{}")
    wanted = replace(on_host(want, POOL, host), daemon='{"dns": ["172.17.0.1"]}')
    host = replace(host, daemon=daemon_file(host, wanted).text)
    left = left_settings(host, wanted)
    assert left is not None
    found = json.loads(left.text)
    assert "dns" not in found
    assert found["bip"] == "172.17.0.1/16"
    assert left_settings(replace(host, daemon=left.text), wanted) is None


# --- what is in the way

RECORD = Registration(5, "u", "hand-made", GITEA.url)
HAND_MADE = HandMade("runner_1", "gitea/act_runner:0.2.11", "ci", "/srv/ci/data/.runner", RECORD)


@pytest.mark.parametrize(
    ("more", "what", "hint", "adoptable"),
    [
        ({"hand_made": (HAND_MADE,)}, "container runner_1", "adopt = true", True),
        ({"hand_made": (HAND_MADE,), "port_users": ("container runner_1",)}, "container runner_1", "adopt", True),
        ({"hand_made": (replace(HAND_MADE, registration=None, file=""),)}, "was not found", "docker stop run", False),
        (
            {"hand_made": (replace(HAND_MADE, registration=replace(RECORD, address="https://o")),)},
            "not this Gitea", "docker stop runner_1", False,
        ),
        ({"hand_made": (replace(HAND_MADE, project="", registration=None),)}, "runner_1", "docker stop run", False),
        ({"processes": ("act_runner|act_runner.service",)}, "process act_runner", "disable --now act_runner.s", False),
        ({"port_users": ("container web",)}, "port 8088", "cache_port", False),
        ({"port_users": ("process nginx",)}, "taken by process nginx", "cache_port", False),
        ({"daemon": "{nonsense"}, "is not JSON", "mend /etc/docker/daemon.json", False),
        ({"docker_active": False}, "not run by docker.service", "install Docker", False),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_named_with_what_to_type(
    more: dict[str, Any], what: str, hint: str, adoptable: bool
) -> None:
    (one,) = obstacles(there(**more), want(POOL))
    assert what in one.what
    assert hint in one.hint
    assert one.adoptable is adoptable


def test_a_plain_host_has_nothing_in_the_way() -> None:
    assert obstacles(there(), want(POOL)) == obstacles(fresh(), want(POOL)) == obstacles(facts(), want(POOL)) == ()
