"""What jobs can do, each shown by a job, three at once on one machine; and what nobody outside the host can."""

import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from fleet.lab import jobs
from fleet.lab.jobs import GiteaClient
from tests.e2e.keyboard import Fleet, Json, soon

pytestmark = pytest.mark.e2e

WORKFLOW = Path(__file__).with_name("jobs_can.yaml")
JOB_IMAGE = "fleet-lab/job:latest"
ALL = ("build", "buildx", "ports", "private", "restore", "save")
NO_FIREWALL = "iptables -w -t mangle -{} PREROUTING -i eth0 -j FLEET-LAB-IN"


@pytest.fixture(scope="module")
def fleet(machine: Fleet) -> Fleet:
    return machine


@pytest.fixture(scope="module")
def ended(fleet: Fleet) -> dict[str, Json]:
    """The jobs of the workflow by their names, once all have ended."""
    client = GiteaClient(fleet.lab.gitea, fleet.lab.gitea_token)
    pushed = jobs.push(client, workflow(fleet), {"PACKAGES": fleet.lab.gitea_package_token})

    def done() -> bool:
        """Gitea makes the jobs of a commit a moment after it has taken it."""
        found = jobs.jobs_of(client, pushed)
        return len(found) == len(ALL) and all(job["status"] == "completed" for job in found)

    soon(done, seconds=150)
    found = {job["name"]: job for job in jobs.jobs_of(client, pushed)}
    for name, log in jobs.logs(client, pushed):
        found[name]["log"] = log
    return found


def workflow(fleet: Fleet) -> str:
    """The workflow for this fleet and its lab."""
    text = WORKFLOW.read_text("utf-8")
    filled = {"LABEL": fleet.name, "REGISTRY": fleet.lab.registry, "GITEA": fleet.lab.gitea, "JOB_IMAGE": JOB_IMAGE}
    for word, value in filled.items():
        text = text.replace(f"@{word}@", value)
    return text


@pytest.mark.parametrize("name", ALL)
def test_a_job_can(ended: dict[str, Json], name: str) -> None:
    assert ended[name]["conclusion"] == "success", ended[name].get("log")


def test_all_jobs_ran_on_one_machine_and_left_nothing_on_it(fleet: Fleet, ended: dict[str, Json]) -> None:
    assert {job["runner_name"] for job in ended.values()} == {f"{fleet.name}-build-1"}
    soon(lambda: fleet.inside("docker ps --all --format '{{.Names}}'") == "fleet-runner")
    assert fleet.inside("docker network ls --quiet --filter name=GITEA-ACTIONS").split() == []


def test_the_test_containers_port_was_on_the_bridge(ended: dict[str, Json]) -> None:
    bound = re.findall(r"bound to ([0-9.]+):", ended["ports"]["log"])  # a runner may show the command, too
    assert bound == ["172.17.0.1"] * 2


def test_nobody_outside_the_host_reaches_a_published_port_or_the_cache_even_without_a_firewall(fleet: Fleet) -> None:
    serve = f"--entrypoint python3 {JOB_IMAGE} -m http.server"
    fleet.inside(f"docker run --detach --rm --name here --publish 9001:8080 {serve} 8080")
    fleet.inside(f"docker run --detach --rm --name open --publish 0.0.0.0:9002:8080 {serve} 8080")
    fleet.inside(NO_FIREWALL.format("D"))
    try:
        soon(lambda: answers(fleet, 9002))
        assert "Directory" in fleet.inside("curl --silent http://172.17.0.1:9001/")
        assert not answers(fleet, 9001)
        assert not answers(fleet, 8088)
    finally:
        fleet.inside(NO_FIREWALL.format("I"))
        fleet.inside("docker rm --force here open")
    assert not answers(fleet, 9002)


def answers(fleet: Fleet, port: int) -> bool:
    """Whether a neighbour of the machine gets an answer there."""
    address = fleet.servers()[0]["public_net"]["ipv4"]["ip"]
    try:
        with urllib.request.urlopen(f"http://{address}:{port}/", timeout=2) as answer:
            return bool(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return True
    except OSError:
        return False
