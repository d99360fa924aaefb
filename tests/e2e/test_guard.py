"""Containers do not reach the cloud's metadata, whatever is restarted; their host does."""

from collections.abc import Iterator

import pytest

from fleet.lab import metadata
from fleet.lab.docker_cli import DockerError
from tests.e2e.keyboard import Fleet, hetzner_post, soon

pytestmark = pytest.mark.e2e

ASK = f"curl --silent --show-error --max-time 5 http://{metadata.ADDRESS}/hetzner/v1/metadata"
ASK6 = f"curl --silent --show-error --max-time 5 http://[{metadata.ADDRESS6}%eth0]/hetzner/v1/metadata"
RUN = "docker run --rm --entrypoint sh"
IMAGE = "fleet-lab/job:latest"
FLUSH = "nft delete table inet fleet_guard"
STARTED = "docker inspect --format '{{.Id}} {{.State.StartedAt}}' fleet-runner"


@pytest.fixture(scope="module")
def fleet(machine: Fleet) -> Iterator[Fleet]:
    """The machine, with a network as a job has one."""
    machine.inside("docker network create jobs-own")
    yield machine
    machine.inside("docker network rm jobs-own")


def reached(fleet: Fleet, command: str) -> bool:
    """Whether what this prints is the metadata; an error is no."""
    return metadata.ANSWER in fleet.inside(f"{command} 2>&1 || true")


def assert_guarded(fleet: Fleet) -> None:
    assert reached(fleet, ASK)
    assert not reached(fleet, f"{RUN} {IMAGE} -c '{ASK}'")
    assert not reached(fleet, f"{RUN} --network jobs-own {IMAGE} -c '{ASK}'")
    assert not reached(fleet, build(f"RUN {ASK} # $(date +%N)"))


def build(line: str) -> str:
    """A build of the kind every Docker has, with this line and its output."""
    return f'printf "FROM {IMAGE}\\n{line}\\n" | DOCKER_BUILDKIT=0 docker build --no-cache --force-rm - 2>&1'


def test_a_job_reaches_the_metadata_only_while_there_is_no_guard(fleet: Fleet) -> None:
    assert fleet.push(f"'! {ASK}'").ends() == "success"
    assert_guarded(fleet)
    fleet.inside(FLUSH)
    try:
        assert fleet.push(f"'{ASK} | grep metadata'").ends() == "success"
        assert reached(fleet, f"{RUN} {IMAGE} -c '{ASK}'")
    finally:
        fleet.must("up", "--yes")
    assert_guarded(fleet)


def test_a_flushed_guard_is_loaded_while_a_job_runs_and_nothing_is_restarted(fleet: Fleet) -> None:
    before = fleet.inside(STARTED)
    job = fleet.push("sleep 8")
    soon(lambda: job.word() == "in_progress")
    fleet.inside(FLUSH)
    assert "metadata" in fleet.type("plan", "--check", "--json").json["changes"][0]["reason"]
    assert fleet.must("up", "--yes", "--json").json["machines"][0]["text"] == "repaired"
    assert job.word() == "in_progress"
    assert_guarded(fleet)
    assert job.ends() == "success"
    assert fleet.inside(STARTED) == before


def test_docker_fetches_no_metadata_for_a_dockerfile(fleet: Fleet) -> None:
    add = f"ADD http://{metadata.ADDRESS}/hetzner/v1/metadata /m\\nRUN cat /m"
    assert not reached(fleet, f"timeout 5 sh -c '{build(add)}'")


def test_a_restart_of_docker_and_a_flush_by_another_service_leave_the_guard(fleet: Fleet) -> None:
    fleet.inside("systemctl restart docker")
    assert_guarded(fleet)
    fleet.inside("systemctl start nftables && systemctl restart fleet-guard && systemctl restart nftables")
    soon(lambda: "reject" in fleet.inside("nft list table inet fleet_guard 2>&1 || true"))
    fleet.inside("systemctl stop nftables && systemctl reset-failed docker && systemctl restart docker")
    assert_guarded(fleet)


def test_after_a_reboot_the_guard_was_there_before_docker(fleet: Fleet) -> None:
    fleet.inside(FLUSH)
    hetzner_post(fleet.lab, f"/servers/{fleet.servers()[0]['id']}/actions/reset", {})
    soon(lambda: _says(fleet, "systemctl is-active docker || true") == "active", seconds=60)
    assert_guarded(fleet)
    assert _since_boot(fleet, "fleet-guard") < _since_boot(fleet, "docker")
    assert _says(fleet, "journalctl --boot --no-pager | grep 'ordering cycle' || true") == ""


def _says(fleet: Fleet, command: str) -> str:
    """As inside; nothing while the server is not there."""
    try:
        return fleet.inside(command)
    except DockerError:
        return ""


def _since_boot(fleet: Fleet, unit: str) -> int:
    return int(fleet.inside(f"systemctl show --value --property ActiveEnterTimestampMonotonic {unit}"))


def test_no_container_reaches_the_metadata_by_ipv6(fleet: Fleet) -> None:
    """A container with IPv6, and all that a host could be told to lead its packets there: the guard ends them."""
    assert metadata.HAS_IPV6.exists(), "this machine has no IPv6: half of the guard cannot be tried on it"
    fleet.inside("sysctl -q net.ipv6.conf.eth0.disable_ipv6=0 net.ipv6.conf.all.forwarding=1")
    soon(lambda: reached(fleet, ASK6))
    fleet.inside(f"ip -6 route replace {metadata.ADDRESS6} dev eth0")
    fleet.inside("docker network create --ipv6 --subnet fd00:213::/64 jobs-v6")
    fleet.inside(f"docker run --detach --rm --name v6 --network jobs-v6 --entrypoint sleep {IMAGE} 60")
    within = f"nsenter --net --target {fleet.inside('docker inspect --format {{.State.Pid}} v6')}"
    fleet.inside(f"{within} ip -6 route add {metadata.ADDRESS6} via fd00:213::1")
    assert not reached(fleet, f"{within} {ASK6}")
    fleet.inside(f"nft list table inet fleet_guard | grep '{metadata.ADDRESS6} counter packets [1-9].*reject'")
    fleet.inside(f"docker rm --force v6 && docker network rm jobs-v6 && ip -6 route del {metadata.ADDRESS6}")
