"""A machine that is not (any more) what it should be: mended when idle, kept when busy, refused when untrusted."""

from collections.abc import Iterator

import pytest

from fleet.lab import docker_cli
from fleet.lab.place import Lab
from tests.e2e.keyboard import Fleet, Person, new_fleet, soon

pytestmark = pytest.mark.e2e

NEW_HOST_KEY = (
    "rm /etc/ssh/ssh_host_ed25519_key* && ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key"
    " && systemctl restart ssh"
)
STARTED = "docker inspect --format '{{.Id}} {{.State.StartedAt}}' fleet-runner"


@pytest.fixture(scope="module")
def fleet(somebody: Person, lab: Lab) -> Iterator[Fleet]:
    """One machine, up; the tests of this file go on from what the one before has left."""
    fleet = new_fleet(somebody, lab, pool="capacity = 1")
    fleet.must("up", "--yes")
    yield fleet
    fleet.must("down", "--yes")
    assert fleet.left() == []


def _capacity(fleet: Fleet) -> str:
    return fleet.inside("grep capacity: /opt/fleet/config.yaml").split()[-1]


def test_drift_of_an_idle_machine_is_mended(fleet: Fleet) -> None:
    runner, before = fleet.runners()[0], fleet.inside(STARTED)
    fleet.wish("capacity = 2")
    plan = fleet.type("plan", "--check", "--json")
    assert plan.code == 3
    assert "differs from the inventory" in plan.json["changes"][0]["reason"]

    assert fleet.must("up", "--yes", "--json").json["machines"][0]["text"] == "repaired"
    assert _capacity(fleet) == "2"
    assert fleet.inside(STARTED) != before
    after = fleet.runners()
    assert [(one["id"], one["name"]) for one in after] == [(runner["id"], runner["name"])]
    assert after[0]["status"] != "offline"
    assert not after[0].get("disabled")
    assert fleet.push("echo works").ends() == "success"


def test_drift_of_a_busy_machine_waits_for_its_job(fleet: Fleet) -> None:
    before = fleet.inside(STARTED)
    job = fleet.push("sleep 12")
    soon(lambda: job.word() == "in_progress")
    fleet.wish("capacity = 3")
    row = fleet.must("up", "--yes", "--json").json["machines"][0]
    assert row["verdict"] == "kept"
    assert "later" in row["text"]
    assert _capacity(fleet) == "2"
    assert job.ends() == "success"
    assert fleet.inside(STARTED) == before

    soon(lambda: fleet.type("status", "--json").json["machines"][0]["phase"] == "idle")
    fleet.must("up", "--yes")
    assert _capacity(fleet) == "3"


def test_a_stopped_runner_is_started_again(fleet: Fleet) -> None:
    # The moment it starts: a first process that does not listen yet would never end.
    fleet.inside("docker restart fleet-runner && docker kill --signal TERM fleet-runner")
    soon(lambda: fleet.inside("docker inspect --format '{{.State.Running}}' fleet-runner") == "false")
    fleet.must("up", "--yes")
    assert fleet.inside("docker inspect --format '{{.State.Running}}' fleet-runner") == "true"
    assert len(fleet.runners()) == 1


def test_a_host_with_another_key_is_told_refused_and_not_touched(fleet: Fleet) -> None:
    kept = fleet.inside("cat /etc/ssh/ssh_host_ed25519_key")
    fleet.inside(NEW_HOST_KEY)
    try:
        status = fleet.type("status", "--json")
        assert "answers with the host key" in _first_finding(status.json), status.said
        server, log = fleet.servers(), fleet.inside("journalctl -u ssh --no-pager | grep -c 'Accepted' || true")
        up = fleet.type("up", "--yes")
        assert up.code == 1, up.said
        assert "host key" in up.said
        assert fleet.servers() == server
        assert fleet.inside("journalctl -u ssh --no-pager | grep -c 'Accepted' || true") == log
    finally:
        write = "cat >/etc/ssh/ssh_host_ed25519_key && systemctl restart ssh"
        docker_cli.run(("exec", "-i", fleet.container(), "sh", "-c", write), stdin=f"{kept}\n")
    assert fleet.must("status", "--check").code == 0


def _first_finding(status: dict[str, list[dict[str, str]]]) -> str:
    return " ".join(one["sentence"] for one in status["findings"])
