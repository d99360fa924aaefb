"""The Docker edge: the real library over a real SSH connection to a server on the loopback."""

import io
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from fleet.core.docker_seen import Container, DockerSeen, Made, Published, RunnerContainer
from fleet.core.errors import HostSilent
from fleet.core.inventory import SshSettings
from fleet.edges import docker_api
from fleet.edges.ssh import SshHosts
from fleet.edges.ssh_host import SshHost
from fleet.edges.ssh_keys import OperatorKey, new_host_key
from tests.edges.docker_daemon import NAME, RUNNER, Daemon, docker_daemon, write
from tests.edges.ssh_server import SshServer, ssh_server


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The host's ``docker``, first on its path."""
    return tmp_path / "docker"


@pytest.fixture
def server(tmp_path: Path, operator: OperatorKey) -> Iterator[SshServer]:
    key = paramiko.Ed25519Key.from_private_key(io.StringIO(new_host_key()[0].reveal()))
    write(tmp_path / "sudo", '#!/bin/sh\n[ "$1" = -n ] && shift && : >"$(dirname "$0")/asked" && exec "$@"\n')
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with ssh_server(key, allowed=operator.public_line(), environment=environment) as server:
        yield server


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> OperatorKey:
    return OperatorKey.from_settings(SshSettings(), "ci", tmp_path_factory.mktemp("config"))


@pytest.fixture
def host(server: SshServer, operator: OperatorKey) -> Iterator[SshHost]:
    with SshHosts(operator, connect_timeout=5, docker=docker_api.look).connect(server.target()) as host:
        yield host


@pytest.fixture
def daemon(program: Path) -> Iterator[Daemon]:
    with docker_daemon(program) as daemon:
        yield daemon


def test_all_that_is_told_comes_as_values(host: SshHost, daemon: Daemon) -> None:
    assert host.docker() == DockerSeen(
        version="29.10.0",
        images=frozenset({"node:22", "node@sha256:11"}),
        containers=(
            Container(
                "fleet-runner", "gitea/runner:4.1.0", "running", 1772400000, "fleet", "abcd",
                ("/opt/fleet/data",), (Published("172.17.0.1", 8088),),
            ),
            Container(NAME, "node:22", "running", 1772450000),
        ),
        runner=RunnerContainer(True, 0, 2, "abcd", "gitea/runner:4.1.0", started=1772449200),
        volumes=(Made(f"{NAME}-env", 1772449200),),
        networks=(Made(f"{NAME}-test-network", 1772449200),),
    )  # fmt: skip


def test_one_channel_serves_all_questions_in_the_daemons_own_version_of_the_api(
    host: SshHost, server: SshServer, daemon: Daemon
) -> None:
    host.docker()
    mine = '{"name": ["GITEA-ACTIONS-TASK-"]}'
    assert daemon.asked == [
        "/_ping",
        "/v1.52/images/json",
        "/v1.52/containers/json all",
        "/v1.52/containers/fleet-runner/json",
        f"/v1.52/volumes {mine}",
        f"/v1.52/networks {mine}",
    ]
    assert len(server.processes) == 1
    server.processes[0].wait(5)  # it does not outlive the look
    assert host.run("echo still there").out == "still there\n"


def test_sshd_itself_joins_a_channel_to_the_daemons_socket_where_it_may(
    host: SshHost, server: SshServer, daemon: Daemon
) -> None:
    server.unix = ("127.0.0.1", daemon.port)
    assert host.docker().version == "29.10.0"
    assert server.sockets == [("/var/run/docker.sock", "", 0)]
    assert server.processes == [], "no program has run for it"
    assert host.run("echo still there").out == "still there\n"


def test_who_is_not_root_does_not_ask_for_the_socket(server: SshServer, operator: OperatorKey, daemon: Daemon) -> None:
    server.unix = ("127.0.0.1", daemon.port)
    hosts = SshHosts(operator, connect_timeout=5, docker=docker_api.look)
    with hosts.connect(server.target(user="ann")) as host:
        assert host.docker().version == "29.10.0"
    assert server.sockets == []


def test_without_a_runner_and_anything_of_jobs_there_is_nothing(host: SshHost, daemon: Daemon) -> None:
    del daemon.answers["/containers/fleet-runner/json"]
    daemon.answers |= {"/containers/json": [], "/images/json": [], "/volumes": {"Volumes": None}, "/networks": []}
    assert host.docker() == DockerSeen(version="29.10.0")


@pytest.mark.parametrize(
    ("names", "name"), [(["/web/db", "/db"], "db"), (["/db", "/web/db"], "db"), ([], ""), (None, "")]
)
def test_a_container_has_its_own_name_or_none(host: SshHost, daemon: Daemon, names: object, name: str) -> None:
    daemon.answers["/containers/json"] = [{"Names": names, "Image": "x", "State": "removing", "Created": 1}]
    assert host.docker().containers == (Container(name, "x", "removing", 1),)


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({"Status": "exited", "ExitCode": 137, "OOMKilled": True}, (False, False, 137, True)),
        ({"Status": "paused", "ExitCode": 0, "Paused": True}, (True, False, 0, False)),
        ({"Status": "restarting", "ExitCode": 1, "Restarting": True}, (False, True, 1, False)),
    ],
)
def test_how_the_runner_ended_is_told(
    host: SshHost, daemon: Daemon, state: dict[str, object], expected: tuple[object, ...]
) -> None:
    daemon.answers["/containers/fleet-runner/json"] = {**RUNNER, "State": state}
    runner = host.docker().runner
    assert runner is not None
    assert (runner.running, runner.restarting, runner.exit_code, runner.killed) == expected


def test_a_time_that_cannot_be_read_is_unknown(host: SshHost, daemon: Daemon) -> None:
    daemon.answers["/volumes"] = {"Volumes": [
        {"Name": NAME, "CreatedAt": "yesterday"}, {"Name": NAME}, {"Name": NAME, "CreatedAt": "0001-01-01T00:00:00Z"}
    ]}  # fmt: skip
    assert host.docker().volumes == (Made(NAME), Made(NAME), Made(NAME))


@pytest.mark.parametrize(
    ("script", "trouble"),
    [
        ("echo 'Cannot connect to the Docker daemon at unix:///x' >&2; exit 1", "Cannot connect to the Docker daemon"),
        ("echo 'sh: 1: exec: docker: not found' >&2; exit 127", "docker: not found"),
        ("exit 0", "Connection aborted"),
        ("echo no HTTP; exit 0", "Connection aborted"),
    ],
)
def test_a_docker_that_is_down_or_not_there_is_a_fact(host: SshHost, program: Path, script: str, trouble: str) -> None:
    write(program, f"#!/bin/sh\n{script}\n")
    seen = host.docker()
    assert trouble in seen.trouble
    assert seen == DockerSeen(trouble=seen.trouble)
    assert host.run("echo still there").out == "still there\n"


def test_a_docker_that_hangs_is_a_fact_after_its_time(host: SshHost, program: Path) -> None:
    write(program, "#!/bin/sh\nexec sleep 60\n")
    began = time.monotonic()
    assert docker_api.look(host, 0.5) == DockerSeen(trouble="Docker gave no answer in 0.5 s")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "headers", [{}, {"Server": "Docker/28.0.0"}, {"Server": "Other/1 (linux)", "Api-Version": "1"}]
)
def test_one_whose_answers_do_not_name_its_versions_is_asked_for_them(
    host: SshHost, daemon: Daemon, headers: dict[str, str]
) -> None:
    daemon.headers = headers
    assert host.docker().version == "29.10.0"
    assert daemon.asked[1] == "/version"


def test_what_jobs_have_made_a_docker_say_cannot_command_a_terminal(host: SshHost, daemon: Daemon) -> None:
    daemon.headers = {}
    daemon.answers["/version"] = {"Version": "29\x1b[2J", "ApiVersion": "1.52"}
    runner = {**RUNNER, "Config": {"Image": "gitea/runner:4\x1b[2J", "Labels": {}}}
    daemon.answers["/containers/fleet-runner/json"] = runner
    seen = host.docker()
    assert seen.runner is not None
    assert (seen.version, seen.runner.image) == ("29?[2J", "gitea/runner:4?[2J")


def test_one_that_is_not_well_is_a_fact(host: SshHost, daemon: Daemon) -> None:
    del daemon.answers["/_ping"]
    assert "404" in host.docker().trouble


@pytest.mark.parametrize("nonsense", [[], {"ApiVersion": "1.52"}, {"ApiVersion": "new", "Version": "x"}, 7])
def test_an_answer_without_sense_is_a_fact(host: SshHost, daemon: Daemon, nonsense: object) -> None:
    daemon.headers = {}
    daemon.answers["/version"] = nonsense
    seen = host.docker()
    assert seen.trouble
    assert seen == DockerSeen(trouble=seen.trouble)


def test_neither_a_proxy_nor_a_password_of_ours_is_for_a_host(
    host: SshHost, daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine localhost login ann password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("http_proxy", "http://192.0.2.1:3128")
    assert host.docker().version == "29.10.0"
    assert daemon.passwords == []


def test_a_daemon_that_hangs_up_after_each_answer_is_asked_again(
    host: SshHost, server: SshServer, daemon: Daemon
) -> None:
    usual = host.docker()
    daemon.hangs_up = True
    again = docker_api.look(host, 60)  # a new channel for each question
    assert (again.trouble, again) == ("", usual)
    assert len(server.processes) > 2
    for process in server.processes:
        process.wait(5)


def test_who_is_not_root_asks_by_sudo(server: SshServer, operator: OperatorKey, daemon: Daemon, tmp_path: Path) -> None:
    hosts = SshHosts(operator, connect_timeout=5, docker=docker_api.look)
    with hosts.connect(server.target(user="ann")) as host:
        assert host.docker().version == "29.10.0"
    assert (tmp_path / "asked").exists()


def test_a_connection_that_is_lost_is_no_fact_about_docker(host: SshHost, server: SshServer, program: Path) -> None:
    write(program, "#!/bin/sh\nread -r line\nexec sleep 60\n")
    with pytest.raises(HostSilent, match="connection was lost"):
        _look_while_it_breaks(host, server)


def test_a_connection_that_was_lost_before_is_silence_too(host: SshHost, server: SshServer, daemon: Daemon) -> None:
    server.drop_connections()
    with pytest.raises(HostSilent):
        host.docker()


def _look_while_it_breaks(host: SshHost, server: SshServer) -> None:
    def break_it() -> None:
        while not server.processes:
            time.sleep(0.01)
        server.drop_connections()

    thread = threading.Thread(target=break_it)
    thread.start()
    try:
        docker_api.look(host, 20)
    finally:
        thread.join()
