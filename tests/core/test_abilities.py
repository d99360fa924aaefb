"""What jobs can do on a machine: the probe's answer, key by key, as checks with what to type."""

import shlex
from dataclasses import replace

import pytest

from fleet.core.abilities import arguments, read_abilities
from fleet.core.doctor import Check, Grade
from fleet.core.setup import HostWanted, JobContainers
from tests.core.builders import pool, wanted
from tests.core.test_setup import with_runner

GOOD = {
    "image": "node:22",
    "disk": "41943040 83886080",
    "registry": "Error response from daemon: unauthorized: authentication required",
    "registry_there": "401|",
    "build": "0 sha256:1234",
    "job": "yes",
    "socket": "yes",
    "docker_command": "26.1.5",
    "gitea": "200|",
    "cache": "404|",
    "port_bound": "172.17.0.1:32768",
    "port": "200|",
    "metadata_host": "200|",
    "metadata_job": "000|Failed to connect to 169.254.169.254 port 80",
    "end": "yes",
}
EVERY = ["container", "socket", "build", "registry", "gitea", "cache", "port", "metadata", "disk"]


def read(want: HostWanted | None = None, /, **changes: str | None) -> tuple[Check, ...]:
    """The checks of a good answer with these values; None: the key is not there."""
    lines = {**GOOD, **changes}
    text = "".join(f"{key}\t{value}\n" for key, value in lines.items() if value is not None)
    return read_abilities("ci-build-1", want or wanted(), text)


def wrong(checks: tuple[Check, ...]) -> list[str]:
    return [check.area for check in checks if check.grade is not Grade.OK]


def test_a_good_machine_can_do_all_of_it() -> None:
    checks = read()
    assert [check.area for check in checks] == EVERY
    assert wrong(checks) == []


@pytest.mark.parametrize(
    ("changes", "area", "said", "fix"),
    [
        ({"socket": None}, "socket", "not in a job's container", "fleet logs ci-build-1 --docker"),
        ({"build": "1 no space left on device"}, "build", "no space left", "fleet logs ci-build-1 --docker"),
        ({"build": None}, "build", "no answer", "fleet logs ci-build-1 --docker"),
        ({"registry": "tls: failed to verify certificate: x509: unknown authority"}, "registry", "x509", "gitea.ca"),
        ({"registry": "http: server gave HTTP response to HTTPS client"}, "registry", "HTTP", "gitea.runner_url"),
        ({"registry": "dial tcp: connect: connection refused"}, "registry", "refused", "[packages]"),
        ({"registry": "unknown: Not found.", "registry_there": "404|"}, "registry", "no registry", "[packages]"),
        ({"registry": None}, "registry", "no answer", "[packages]"),
        ({"gitea": "000|Could not resolve host: gitea.example"}, "gitea", "Could not resolve", "gitea.runner_url"),
        ({"gitea": "502|"}, "gitea", "it answers 502", "gitea.runner_url"),
        ({"gitea": None}, "gitea", "does not reach", "gitea.runner_url"),
        ({"cache": "000|Connection refused"}, "cache", "Connection refused", "fleet up"),
        ({"cache_open": "192.0.2.7:8088"}, "cache", "192.0.2.7:8088", "fleet up"),
        ({"port_bound": "0.0.0.0:32768"}, "port", "0.0.0.0:32768", "daemon.json"),
        ({"port_bound": "[::]:32768"}, "port", "[::]:32768", "daemon.json"),
        ({"port": "000|timed out"}, "port", "timed out", "fleet logs ci-build-1 --docker"),
        ({"metadata_job": "200|"}, "metadata", "containers reach", "fleet up"),
        ({"metadata_job": "404|"}, "metadata", "containers reach", "fleet up"),
        ({"metadata_job": ""}, "metadata", "nobody knows", "again"),
        ({"metadata_job": None}, "metadata", "nobody knows", "again"),
        ({"disk": "4194304 83886080"}, "disk", "4 of 80 GB", "docker system df"),
        ({"disk": "6291456 83886080"}, "disk", "6 of 80 GB", "docker system df"),
        ({"disk": None}, "disk", "does not say", "again"),
    ],
)
def test_what_a_machine_cannot_do_is_said_with_what_to_type(
    changes: dict[str, str | None], area: str, said: str, fix: str
) -> None:
    checks = read(**changes)
    assert wrong(checks) == [area]
    (check,) = [one for one in checks if one.area == area]
    assert said in check.text
    assert fix in check.fix


@pytest.mark.parametrize(
    ("lines", "area", "said"),
    [
        ("missing\tcurl\n", "host", "no curl"),
        ("no_docker\tCannot connect to the Docker daemon\n", "docker", "Cannot connect"),
        ("no_image\tnode:22\n", "image", "node:22"),
        ("", "probe", "did not come to its end"),
        ("image\tnode:22\njob\tyes\n", "probe", "did not come to its end"),
    ],
)
def test_a_probe_that_tried_nothing_says_why_and_nothing_else(lines: str, area: str, said: str) -> None:
    (check,) = read_abilities("ci-build-1", wanted(), lines)
    assert (check.area, check.grade) == (area, Grade.ERROR)
    assert said in check.text
    assert check.fix


def test_without_a_container_only_what_needs_none_is_told() -> None:
    checks = read(no_container="no more addresses", job=None, socket=None, gitea=None)
    assert [check.area for check in checks] == ["container", "build", "registry", "disk"]
    assert wrong(checks) == ["container"]


@pytest.mark.parametrize("said", ["manifest unknown: not found", "pull access denied", "no basic auth credentials"])
def test_a_registry_that_has_no_such_image_works(said: str) -> None:
    assert wrong(read(registry=said)) == []


def test_a_socket_that_the_runner_keeps_from_jobs_is_an_error_though_the_host_has_one() -> None:
    want = wanted(with_runner(extra=(("container", {"docker_host": "-"}),)))
    assert wrong(read(want)) == ["socket"]


def test_an_image_without_a_docker_command_is_told_and_fine() -> None:
    checks = read(docker_command="")
    assert wrong(checks) == []
    assert "no docker command" in checks[1].text


def test_a_cache_that_is_switched_off_is_not_missed() -> None:
    assert wrong(read(wanted(with_runner(extra=(("cache", {"enabled": False}),))), cache=None)) == []


def test_jobs_on_the_hosts_network_reach_the_metadata_and_it_says_by_which_key() -> None:
    want = wanted(with_runner(extra=(("container", {"network": "host"}),)))
    (check,) = [one for one in read(want, metadata_job="200|") if one.grade is Grade.ERROR]
    assert "container.network" in check.fix


def test_the_script_is_given_what_the_runner_gives_its_jobs() -> None:
    extra = {"container": {"network": "ci", "options": "--memory 2g --add-host 'a b:1'"}}
    want = wanted(with_runner(extra=tuple(extra.items())))
    assert shlex.split(arguments(want)) == [
        "http://172.17.0.1:8088/",
        "https://gitea.example",
        "gitea.example",
        "ci",
        "node:22 gitea/runner:4.1.0",
        *("--memory", "2g", "--add-host", "a b:1"),
    ]


def test_a_job_without_an_image_of_its_own_is_tried_in_the_runners() -> None:
    want = replace(wanted(), images=("gitea/runner:4.1.0",))
    assert shlex.split(arguments(want))[4] == "gitea/runner:4.1.0"


def test_a_shared_cache_is_the_one_that_is_tried() -> None:
    want = wanted(with_runner(extra=(("cache", {"external_server": "http://10.0.0.9:8088/"}),)))
    assert want.jobs == JobContainers("http://10.0.0.9:8088/")
    assert wanted(pool()).jobs == JobContainers("http://172.17.0.1:8088/")
    for one, closed in ((want, False), (wanted(), True)):
        assert ("no other address" in read(one)[5].text) is closed
