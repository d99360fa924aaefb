"""The probe's answer, read into values; and the probe itself, run here, gives what can be read."""

import base64
import hashlib
import json
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from fleet.core.facts import HostFacts, Registration, RunnerContainer, read_facts
from fleet.core.setup import probe_arguments
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
serves_cache\tyes
file\taaaa  /opt/fleet/compose.yaml
file\tbbbb  /opt/fleet/with space
package\tdocker.io
package\tdocker-compose
held\tdocker.io
registration\t{encoded(RUNNER_FILE)}
disk_size\t4000
disk_free\t3000
docker\t26.1.5
compose\t2.26.1
bridge\t172.17.0.1
image\tgitea/runner:4.1.0
image\tnode:22
task\tGITEA-ACTIONS-TASK-41
container\trunning|0|2|abcd|gitea/runner:4.1.0
"""


def test_the_whole_answer_is_read() -> None:
    assert read_facts(WHOLE) == HostFacts(
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
        container=RunnerContainer(True, 0, 2, "abcd", "gitea/runner:4.1.0"),
        tasks=("GITEA-ACTIONS-TASK-41",),
        disk_free=3000 * 1024,
        disk_size=4000 * 1024,
        clock=1772452800,
        open_files=524288,
        reboot_needed=True,
        guarded=True,
        serves_cache=True,
    )


@pytest.mark.parametrize(
    "answer", ["", "no tab in it", "tomorrow\tsomething new\n", "clock\t\nopen_files\t\ndisk_free\t\n"]
)
def test_what_is_missing_empty_or_unknown_leaves_a_fact_unknown(answer: str) -> None:
    assert read_facts(answer) == HostFacts()


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


@pytest.mark.parametrize(
    ("text", "container"),
    [
        ("", None),
        (
            "exited|137|0|abcd|gitea/runner:4.1.0",
            RunnerContainer(False, 137, 0, "abcd", "gitea/runner:4.1.0"),
        ),
        ("restarting|1|9||x", RunnerContainer(False, 1, 9, "", "x")),
        ("running|0|0|abcd|a|b", RunnerContainer(True, 0, 0, "abcd", "a|b")),
    ],
)
def test_the_state_of_the_container_is_read(text: str, container: RunnerContainer | None) -> None:
    assert read_facts(f"container\t{text}\n").container == container


def run_probe(shell: str, *arguments: str) -> str:
    command = [shell, "-s", "--", *arguments]
    return subprocess.run(command, input=STACK["probe.sh"], capture_output=True, text=True, check=True).stdout


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
    assert 0 < read.disk_free <= read.disk_size
    assert read.files == {str(file): hashlib.sha256(b"x").hexdigest()}
    assert read.packages == read.held == frozenset()


def test_the_probe_is_asked_about_every_file_and_package() -> None:
    asked = set(probe_arguments(wanted()))
    assert {"file:/opt/fleet/compose.yaml", "file:/etc/docker/daemon.json", "package:docker.io"} <= asked
    assert {f"file:{file.path}" for file in wanted().files} <= asked
