"""The probe's answer, read into values; and the probe itself, run here, gives what can be read."""

import base64
import hashlib
import json
import os
import shutil
import socketserver
import subprocess
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.core.docker_seen import Container, DockerSeen, Leftovers, Made, RunnerContainer
from fleet.core.facts import Disk, HostFacts, Memory, Registration
from fleet.core.probe_answer import read_facts
from fleet.core.setup import probe_arguments
from fleet.core.setup.values import JobContainers
from tests.core.builders import STACK, wanted


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


RUNNER_FILE = {"id": 7, "uuid": "u-7", "name": "ci-build-1", "address": "https://gitea.example", "token": ""}

WHOLE = f"""\
boot\t0
os\tdebian
os_version\t13
codename\ttrixie
arch\tamd64
clock\t1772452800
open_files\t524288
setup_running\tinactive
docker_active\tactive
reboot_needed\tyes
guarded\tyes
cache_answers\tno
setup_began\tyes
socket_lost\tyes
memory_size\t8000
memory_free\t6000
oom_kills\t3
load\t0.25
cores\t4
uptime\t3600
file\taaaa  /opt/fleet/compose.yaml
file\tbbbb  /opt/fleet/with space
package\tdocker.io
package\tdocker-compose
held\tdocker.io
registration\t{encoded(RUNNER_FILE)}
disk\t4000 3000 1000 400 /var/lib/docker
disk\t9000 8000 - - /a folder
compose\t2.26.1
bridge\t172.17.0.1
"""

TASK = Container("GITEA-ACTIONS-TASK-41-WORKFLOW-ci", "node:22", "running", 1772452700)
RUNNER = RunnerContainer(True, 0, 2, "abcd", "gitea/runner:4.1.0")
DOCKER = DockerSeen(
    version="26.1.5",
    images=frozenset({"gitea/runner:4.1.0", "node:22"}),
    containers=(TASK, Container("fleet-cache", "gitea/runner:4.1.0", "running", 0)),
    runner=RUNNER,
    volumes=(Made("GITEA-ACTIONS-TASK-7-WORKFLOW-ci", 1772400000),),
)


def test_a_job_whose_runner_was_killed_is_no_task_but_on_a_static_host_it_may_be_another_runners() -> None:
    killed = replace(DOCKER, runner=replace(RUNNER, running=False))
    read = read_facts(WHOLE, killed)
    assert (read.tasks, read.abandoned, read.task_containers) == ((), (TASK.name,), (TASK,))
    static = read_facts(f"{WHOLE}static_port\t8088\n", killed)
    assert (static.tasks, static.abandoned) == ((TASK.name,), ())


def test_a_job_whose_runner_has_lost_docker_is_no_task_but_on_a_static_host_it_may_be_another_runners() -> None:
    cut_off = f"{WHOLE}socket_lost\tyes\n"
    assert read_facts(WHOLE.replace("socket_lost\tyes\n", ""), DOCKER).tasks == (TASK.name,)
    read = read_facts(cut_off, DOCKER)
    assert (read.tasks, read.abandoned, read.task_containers) == ((), (TASK.name,), (TASK,))
    assert read_facts(f"{cut_off}static_port\t8088\n", DOCKER).tasks == (TASK.name,)
    assert read_facts(cut_off, replace(DOCKER, runner=None)).tasks == (TASK.name,), "nothing is known of a runner"


def test_the_whole_answer_is_read() -> None:
    assert read_facts(WHOLE, DOCKER) == HostFacts(
        boot="0",
        os_id="debian",
        os_version="13",
        codename="trixie",
        arch="amd64",
        docker="26.1.5",
        compose="2.26.1",
        docker_active=True,
        bridge="172.17.0.1",
        setup_running=False,
        packages=frozenset({"docker.io", "docker-compose"}),
        held=frozenset({"docker.io"}),
        images=frozenset({"gitea/runner:4.1.0", "node:22"}),
        files={"/opt/fleet/compose.yaml": "aaaa", "/opt/fleet/with space": "bbbb"},
        registration=Registration(7, "u-7", "ci-build-1", "https://gitea.example"),
        container=RUNNER,
        tasks=(),
        abandoned=(TASK.name,),
        task_containers=(TASK,),
        leftovers=Leftovers(volumes=DOCKER.volumes),
        disks=(
            Disk("/var/lib/docker", 4000 * 1024, 3000 * 1024, 1000, 400),
            Disk("/a folder", 9000 * 1024, 8000 * 1024),
        ),
        ram=Memory(8000 * 1024, 6000 * 1024, 3),
        load=0.25,
        cores=4,
        uptime=3600,
        setup_began=True,
        socket_lost=True,
        cache_answers=False,
        disk_free=3000 * 1024,
        disk_size=4000 * 1024,
        clock=1772452800,
        open_files=524288,
        reboot_needed=True,
        guarded=True,
        serves_cache=True,
    )


@pytest.mark.parametrize(
    "answer", ["", "no tab in it", "tomorrow\tsomething new\n", "clock\t\nopen_files\t\nmemory_free\t\nload\t\n"]
)
def test_what_is_missing_empty_or_unknown_leaves_a_fact_unknown(answer: str) -> None:
    assert read_facts(answer, DockerSeen()) == HostFacts()


@pytest.mark.parametrize(("boot", "booted"), [("0", True), ("2", True), ("-", True), ("1", False), ("", False)])
def test_a_host_has_booted_when_cloud_init_is_done_or_not_there(boot: str, booted: bool) -> None:
    assert read_facts(f"boot\t{boot}\n").booted is booted


@pytest.mark.parametrize(
    ("word", "active"), [("active", True), ("inactive", False), ("activating", False), ("", False)]
)
def test_only_active_is_active(word: str, active: bool) -> None:
    read = read_facts(f"docker_active\t{word}\nsetup_running\t{word}\n")
    assert (read.docker_active, read.setup_running) == (active, active)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "!",
        "/w==",
        encoded({}),
        encoded([]),
        encoded("x"),
        encoded(None),
        encoded(RUNNER_FILE | {"id": "x"}),
        encoded(RUNNER_FILE | {"id": None}),
    ],
)
def test_a_runner_file_that_cannot_be_read_is_none(text: str) -> None:
    assert read_facts(f"registration\t{text}\n").registration is None


def test_a_docker_that_gave_no_answer_leaves_its_facts_unknown() -> None:
    read = read_facts(WHOLE, DockerSeen(trouble="Cannot connect to the Docker daemon"))
    assert (read.docker, read.docker_trouble) == ("", "Cannot connect to the Docker daemon")
    assert (read.container, read.tasks, read.images, len(read.leftovers)) == (None, (), frozenset(), 0)


def run_probe(shell: str, *arguments: str) -> str:
    command = [shell, "-s", "--", *arguments]
    return subprocess.run(command, input=STACK["probe.sh"], capture_output=True, text=True, check=True).stdout


def _percent_by_df(folder: str) -> int:
    """As a person sees it."""
    out = subprocess.run(["df", "--output=pcent", folder], capture_output=True, text=True, check=True).stdout
    return int(out.split()[-1].rstrip("%"))


SHELLS = [shell for shell in ("sh", "dash", "bash") if shutil.which(shell)]


@pytest.mark.parametrize("shell", SHELLS)
def test_the_probe_speaks_in_lines_that_are_read(shell: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    answer = run_probe(shell, f"file:{file}", f"file:{tmp_path}/none", "package:no-such-package")
    read = read_facts(answer)
    assert all("\t" in line for line in answer.splitlines())
    assert "" not in {read.os_id, read.arch}
    assert read.boot in {"-", "", "0", "1"}
    assert abs(read.clock - time.time()) < 60
    assert not read.socket_lost, "no runner of ours is here"
    assert 0 < read.disk_free <= read.disk_size
    assert {"/"} <= {disk.folder for disk in read.disks}
    root = next(disk for disk in read.disks if disk.folder == "/")
    assert abs(root.used - _percent_by_df("/")) <= 1
    assert 0 < read.ram.free <= read.ram.size
    assert min(read.cores, read.uptime) > 0
    assert read.files == {str(file): hashlib.sha256(b"x").hexdigest()}
    assert read.packages == read.held == frozenset()


class _Speaks(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        self.request.recv(100)
        self.request.sendall(b"HTTP/1.0 401 Unauthorized\r\n\r\n")


class _HangsUp(socketserver.BaseRequestHandler):
    """As docker-proxy does, when nothing listens in the container."""

    def handle(self) -> None:
        self.request.recv(100)


@pytest.mark.parametrize(("handler", "answers"), [(_Speaks, True), (_HangsUp, False)])
def test_a_cache_answers_when_it_says_anything_at_all(
    handler: type[socketserver.BaseRequestHandler], answers: bool
) -> None:
    with socketserver.TCPServer(("127.0.0.1", 0), handler) as server:
        port = server.server_address[1]
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        assert read_facts(run_probe("sh", f"cache:127.0.0.1:{port}")).cache_answers is answers
        thread.join()
    assert read_facts(run_probe("sh", f"cache:127.0.0.1:{port}")).cache_answers is False
    assert read_facts(run_probe("sh")).cache_answers is None


PACKAGES = """\
docker-cli ii  26.1.5+dfsg1-9+b13
docker.io hi  26.1.5+dfsg1-9+b13
docker-compose ii  {compose}
git-lfs rc  3.6.1-1
"""


@pytest.mark.parametrize(
    ("compose", "version"), [("2.26.1-4", "2.26.1"), ("5:2.40.0-1~debian.13~trixie", "2.40.0"), ("1.29.2-3", "2.99.0")]
)
def test_packages_are_asked_for_once_and_tell_compose_where_it_is_a_part_of_docker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compose: str, version: str
) -> None:
    for name, text in {
        "dpkg-query": f"cat <<'E'\n{PACKAGES.format(compose=compose)}E",
        "docker": "echo 2.99.0",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    read = read_facts(run_probe("sh", "package:docker.io", "package:git-lfs"))
    assert read.packages == {"docker-cli", "docker.io", "docker-compose"}
    assert read.held == {"docker.io"}
    assert read.compose == version


def test_the_probe_asks_where_jobs_find_the_cache() -> None:
    assert "cache:172.17.0.1:8088" in probe_arguments(wanted())
    elsewhere = replace(wanted(), jobs=JobContainers(cache="https://cache.example/"))
    assert not [one for one in probe_arguments(elsewhere) if one.startswith("cache:")]


def test_the_probe_is_asked_about_every_file_and_package() -> None:
    asked = set(probe_arguments(wanted()))
    assert {"file:/opt/fleet/compose.yaml", "file:/etc/docker/daemon.json", "package:docker.io"} <= asked
    assert {f"file:{file.path}" for file in wanted().files} <= asked


def test_what_jobs_have_made_a_host_say_cannot_command_a_terminal() -> None:
    assert read_facts("compose\t2.26\x1b[2J\nregistration\t" + encoded(RUNNER_FILE)).compose == "2.26?[2J"
    moved = read_facts("registration\t" + encoded({**RUNNER_FILE, "address": "https://x\x1b[2J"})).registration
    assert moved is not None
    assert moved.address == "https://x?[2J"
