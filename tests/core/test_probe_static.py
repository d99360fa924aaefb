"""What the probe says of a static host: hand-made runners without their tokens, and who has the cache's port."""

import base64
import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleet.core.docker_seen import Container, DockerSeen, Published
from fleet.core.facts import HandMade, HostFacts, Registration
from fleet.core.probe_answer import read_facts
from tests.core.builders import STACK

RECORD = {"id": 5, "uuid": "u-5", "name": "desk", "token": "s3cret", "address": "https://gitea.example"}


def program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A folder of programs that stand for those of a host, on which nothing of interest runs."""
    for name in ("docker", "ss", "pgrep", "ps", "systemctl", "nft", "dpkg-query"):
        program(tmp_path, name, "exit 0")
    return tmp_path


def probed(host: Path, *containers: Container) -> HostFacts:
    environment = {**os.environ, "PATH": f"{host}:{os.environ['PATH']}"}
    sources = [f"source:{path}" for one in containers for path in one.mounts]
    done = subprocess.run(
        ["sh", "-s", "--", "static:8088", *sources], input=STACK["probe.sh"], capture_output=True, text=True,
        env=environment, check=True,
    )  # fmt: skip
    assert "s3cret" not in done.stdout
    assert base64.b64encode(b"s3cret").decode().rstrip("=") not in done.stdout
    return read_facts(done.stdout, DockerSeen("26.1.5", containers=containers))


def container(name: str, image: str, *mounts: str, **more: Any) -> Container:
    return replace(Container(name, image, "running", 0, mounts=mounts), **more)


def test_a_host_where_nothing_runs_says_nothing(host: Path) -> None:
    facts = probed(host)
    assert (facts.hand_made, facts.processes, facts.port_users) == ((), (), ())


def test_a_runner_is_known_by_the_record_in_one_of_its_mounts_and_its_token_stays_there(host: Path) -> None:
    data = host / "data of ci"
    data.mkdir()
    (data / ".runner").write_text(json.dumps(RECORD, indent=2))
    desk = container("desk_1", "registry.example/ours:1", "/var/run/docker.sock", str(data), project="ci")
    record = Registration(5, "u-5", "desk", "https://gitea.example")
    expected = HandMade("desk_1", "registry.example/ours:1", "ci", f"{data}/.runner", record)
    assert probed(host, desk).hand_made == (expected,)


def test_the_record_may_be_mounted_alone(host: Path) -> None:
    (host / ".runner").write_text(json.dumps(RECORD))
    (found,) = probed(host, container("desk_1", "gitea/act_runner:0.2.11", f"{host}/.runner")).hand_made
    assert (found.file, found.project) == (f"{host}/.runner", "")


@pytest.mark.parametrize("image", ["gitea/act_runner:0.2.11", "docker.io/gitea/runner:4.1.0", "x/forgejo/runner:3"])
def test_a_runner_is_known_by_its_image_too(host: Path, image: str) -> None:
    (found,) = probed(host, container("desk_1", image, "/nowhere")).hand_made
    assert (found.image, found.registration) == (image, None)


def test_ours_its_tasks_what_is_stopped_and_all_else_are_none(host: Path) -> None:
    others = (
        container("fleet-runner", "gitea/runner:4.1.0", "/opt/fleet/data"),
        container("fleet-cache", "gitea/runner:4.1.0"),
        container("GITEA-ACTIONS-TASK-1", "gitea/runner:4.1.0"),
        container("old", "gitea/runner:4.1.0", state="exited"),
        container("web", "nginx:1", "/srv/web"),
    )
    assert probed(host, *others).hand_made == ()


def test_of_a_host_that_is_ours_nobody_asks_for_runners_made_by_hand() -> None:
    seen = DockerSeen("26.1.5", containers=(container("desk_1", "gitea/act_runner:0.2.11"),))
    assert read_facts("boot\t0\n", seen).hand_made == ()


@pytest.mark.parametrize(
    ("line", "user"),
    [
        ('LISTEN 0 128 0.0.0.0:8088 0.0.0.0:* users:(("nginx",pid=7,fd=6))', ("process nginx",)),
        ('LISTEN 0 128 [::]:8088 [::]:* users:(("nginx",pid=7,fd=6))', ("process nginx",)),
        ('LISTEN 0 128 127.0.0.1:8088 0.0.0.0:* users:(("nginx",pid=7,fd=6))', ()),
        ('LISTEN 0 128 172.17.0.1:8088 0.0.0.0:* users:(("docker-proxy",pid=7,fd=6))', ()),
    ],
)
def test_who_listens_where_the_cache_will_is_told(host: Path, line: str, user: tuple[str, ...]) -> None:
    program(host, "ss", f"echo '{line}'")
    assert probed(host).port_users == user


@pytest.mark.parametrize(
    ("one", "user"),
    [
        (container("web", "nginx:1", ports=(Published("192.0.2.1", 8088),)), ("container web",)),
        (container("web", "nginx:1", ports=(Published("192.0.2.1", 80),)), ()),
        (container("web", "nginx:1", ports=(Published("127.0.0.1", 8088),)), ()),
        (container("web", "nginx:1", state="exited", ports=(Published("192.0.2.1", 8088),)), ()),
        (container("fleet-runner", "gitea/runner:4.1.0", ports=(Published("172.17.0.1", 8088),)), ()),
    ],
)
def test_a_container_that_publishes_the_port_is_told(host: Path, one: Container, user: tuple[str, ...]) -> None:
    assert probed(host, one).port_users == user
