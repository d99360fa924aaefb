"""``fleet probe`` on a real machine: what works is told, what is broken too, and nothing stays behind."""

import subprocess
import sys

import pytest

from fleet.cli.wiring import shipped
from tests.e2e.keyboard import Fleet, soon

pytestmark = pytest.mark.e2e

SETTINGS = "/etc/docker/daemon.json"
RESTART = "systemctl reset-failed docker; systemctl restart docker"


@pytest.fixture(scope="module")
def fleet(machine: Fleet) -> Fleet:
    return machine


@pytest.fixture(scope="module")
def before(fleet: Fleet) -> list[str]:
    """What was in its Docker before the first probe."""
    return there(fleet)


def there(fleet: Fleet) -> list[str]:
    """What is in its Docker, by name."""
    containers = fleet.inside("docker ps --all --format '{{.Names}}'").split()
    networks = fleet.inside("docker network ls --filter type=custom --format '{{.Name}}'").split()
    images = fleet.inside("docker image ls --all --format '{{.Repository}}:{{.Tag}}'").split()
    return sorted((*containers, *networks, *images))


def probe(fleet: Fleet) -> dict[str, str]:
    """The grade of each ability."""
    typed = fleet.type("probe", f"{fleet.name}-build-1", "--json")
    sys.stdout.write(typed.said)  # shown when the test fails
    grades = {check["area"]: check["grade"] for check in typed.json["checks"]}
    assert typed.code == (1 if "error" in grades.values() else 0)
    return grades


def test_a_machine_that_is_up_can_do_all_of_it_with_a_job_on_it_that_goes_on(fleet: Fleet, before: list[str]) -> None:
    job = fleet.push("sleep 6")
    soon(lambda: job.word() == "in_progress")
    grades = probe(fleet)
    assert set(grades.values()) == {"ok"}
    assert len(grades) == 9
    assert job.ends() == "success"
    assert there(fleet) == before


def test_what_is_broken_is_told_each_by_its_name(fleet: Fleet, before: list[str]) -> None:
    fleet.inside("docker stop --time 1 fleet-runner")
    fleet.inside(f"cp {SETTINGS} /root/kept && sed -i '/\"ip\":/d' {SETTINGS} && {RESTART}")
    fleet.inside("nft delete table inet fleet_guard")
    try:
        grades = probe(fleet)
        broken = {area for area, grade in grades.items() if grade == "error"}
        assert broken == {"cache", "port", "metadata"}
    finally:
        fleet.inside(
            f"cp /root/kept {SETTINGS} && systemctl restart fleet-guard && {RESTART} && docker start fleet-runner"
        )
    assert there(fleet) == before


def test_what_a_killed_probe_has_left_is_removed_by_the_next(fleet: Fleet, before: list[str]) -> None:
    script = shipped("stack")["abilities.sh"]
    words = "http://172.17.0.1:8088/ http://gitea.invalid gitea.invalid '' fleet-lab/job:latest"
    command = ["docker", "exec", "-i", fleet.container(), "sh", "-c", f"echo $$ >/run/probe; exec sh -s -- {words}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr, stderr=sys.stderr, text=True) as killed:
        assert killed.stdin is not None
        killed.stdin.write(script)
        killed.stdin.close()
        soon(lambda: "fleet-probe-test" in there(fleet))  # its last: what is killed makes nothing more
        fleet.inside("kill -9 $(cat /run/probe)")
        killed.wait()
    assert {"fleet-probe-job", "fleet-probe-test"} <= set(there(fleet))
    assert set(probe(fleet).values()) == {"ok"}
    assert there(fleet) == before
