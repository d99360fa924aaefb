"""What the probe says of a static host: hand-made runners without their tokens, and who has the cache's port."""

import base64
import json
import os
import subprocess
from pathlib import Path

import pytest

from fleet.core.facts import HandMade, HostFacts, Registration, read_facts
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


def probed(host: Path) -> HostFacts:
    environment = {**os.environ, "PATH": f"{host}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "-s", "--", "static:8088"], input=STACK["probe.sh"], capture_output=True, text=True, env=environment,
        check=True,
    )  # fmt: skip
    assert "s3cret" not in done.stdout
    assert base64.b64encode(b"s3cret").decode().rstrip("=") not in done.stdout
    return read_facts(done.stdout)


def containers(host: Path, *inspected: str, publishing: str = "") -> None:
    lines = "\n".join(inspected)
    program(
        host,
        "docker",
        f'case "$*" in\n"ps --quiet") echo one ;;\ninspect*) cat <<"END"\n{lines}\nEND\n;;\n'
        f'*publish=8088*) printf "%b" "{publishing}" ;;\nversion*) exit 1 ;;\nesac',
    )


def test_a_host_where_nothing_runs_says_nothing(host: Path) -> None:
    facts = probed(host)
    assert (facts.hand_made, facts.processes, facts.port_users) == ((), (), ())


def test_a_runner_is_known_by_the_record_in_one_of_its_mounts_and_its_token_stays_there(host: Path) -> None:
    data = host / "data"
    data.mkdir()
    (data / ".runner").write_text(json.dumps(RECORD, indent=2))
    containers(host, f"/desk_1|registry.example/ours:1|ci|/var/run/docker.sock,{data},")
    record = Registration(5, "u-5", "desk", "https://gitea.example")
    assert probed(host).hand_made == (HandMade("desk_1", "registry.example/ours:1", "ci", f"{data}/.runner", record),)


def test_the_record_may_be_mounted_alone(host: Path) -> None:
    (host / ".runner").write_text(json.dumps(RECORD))
    containers(host, f"/desk_1|gitea/act_runner:0.2.11||{host}/.runner,")
    (found,) = probed(host).hand_made
    assert (found.file, found.project) == (f"{host}/.runner", "")


@pytest.mark.parametrize("image", ["gitea/act_runner:0.2.11", "docker.io/gitea/runner:4.1.0", "x/forgejo/runner:3"])
def test_a_runner_is_known_by_its_image_too(host: Path, image: str) -> None:
    containers(host, f"/desk_1|{image}|ci|/nowhere,")
    (found,) = probed(host).hand_made
    assert (found.image, found.registration) == (image, None)


def test_ours_its_tasks_and_all_else_are_none(host: Path) -> None:
    containers(
        host,
        "/fleet-runner|gitea/runner:4.1.0|fleet|/opt/fleet/data,",
        "/GITEA-ACTIONS-TASK-1|gitea/runner:4.1.0||",
        "/web|nginx:1|web|/srv/web,",
    )
    assert probed(host).hand_made == ()


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
    ("publishing", "user"),
    [
        ("web 0.0.0.0:8088->80/tcp\\n", ("container web",)),
        ("web 127.0.0.1:8088->80/tcp\\n", ()),
        ("fleet-runner 172.17.0.1:8088->8088/tcp\\n", ()),
    ],
)
def test_a_container_that_publishes_the_port_is_told(host: Path, publishing: str, user: tuple[str, ...]) -> None:
    containers(host, publishing=publishing)
    assert probed(host).port_users == user
