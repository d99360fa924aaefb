"""Hosts that somebody else has made: taken into service, adopted from a hand-made runner, and left as they were."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from fleet.lab.jobs import GiteaClient
from fleet.lab.place import Lab
from tests.e2e.keyboard import Fleet, Json, Person, Typed, new_fleet, soon
from tests.e2e.static_host import PROJECT, StaticMachine, make_runner_by_hand, new_key, new_machine

pytestmark = pytest.mark.e2e

FILES = (
    "find /root /home /opt /srv /usr/local /etc/ssh /etc/sysctl.d /etc/systemd/system /var/lib/fleet"
    " ! -path '*/data/*' ! -path '*/.cache/*' -type f 2>/dev/null | sort | xargs sha256sum"
)
STARTED = "docker inspect --format '{{.Id}} {{.State.StartedAt}}' fleet-runner"
STATE = f"{STARTED}; sha256sum /etc/docker/daemon.json; cat /var/lib/fleet/memory; stat -c '%n %Y' /opt/fleet/*"


@dataclass(frozen=True)
class Office:
    """A plain Debian, and one with a runner made by hand; and a fleet that has no account at Hetzner."""

    fleet: Fleet
    desk: StaticMachine
    old: StaticMachine
    hand_made: int
    before: str

    def wish(self, *, desk: str = "", old: str = "") -> None:
        top = f'ssh.key = "{self.desk.key}"'
        self.fleet.wish(pool=self.desk.entry(desk) + self.old.entry(old), top=top)

    def type(self, *words: str) -> Typed:
        return self.fleet.type(*words, HCLOUD_TOKEN="")

    def rows(self, *words: str) -> dict[str, Json]:
        """The rows of a report by the host's name."""
        typed = self.type(*words, "--json")
        assert typed.out.startswith("{"), typed.said
        return {one["machine"].partition(".")[2]: one for one in typed.json["machines"]}

    def online(self) -> list[str]:
        return sorted(one["name"] for one in self.fleet.runners() if one["status"] != "offline")


@pytest.fixture(scope="module")
def office(somebody: Person, lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    key, public = new_key(tmp_path_factory.mktemp("key"))
    fleet = new_fleet(somebody, lab)
    desk = new_machine(lab, "desk", key, public, image="debian-13")
    old = new_machine(lab, "old", key, public, image="docker-ce")
    try:
        hand_made = make_runner_by_hand(old, fleet.name)
        yield Office(fleet, desk, old, hand_made, old.inside(FILES))
    finally:
        desk.remove()
        old.remove()


def test_a_plain_host_comes_into_service_and_a_hand_made_runner_is_refused(office: Office) -> None:
    office.wish()
    rows = office.rows("up")
    assert rows["desk"]["verdict"] == "done", rows
    assert rows["old"]["verdict"] == "refused"
    assert f"container hand-made ({office.fleet.lab.runner}), runner {office.hand_made}" in rows["old"]["text"]
    assert "adopt = true" in rows["old"]["hint"]
    assert office.old.inside(FILES) == office.before
    assert office.online() == [f"{office.fleet.name}-build.desk"]


def test_doctor_looks_at_each_host_and_asks_for_no_token(office: Office) -> None:
    checks = office.type("doctor", "--json").json["checks"]
    found = {one["area"]: one["grade"] for one in checks}
    assert [one["text"].split(":")[0] for one in checks if one["area"] == "hosts" and one["grade"] == "ok"] == [
        f"{office.fleet.name}-build.{name}" for name in ("desk", "old")
    ]
    assert found["hetzner"] == "ok"


def test_the_hand_made_runner_is_taken_over_once_it_is_idle(office: Office) -> None:
    office.desk.inside("docker pause fleet-runner")
    try:
        job = office.fleet.push("sleep 20")
        soon(lambda: job.word() == "in_progress")
    finally:
        office.desk.inside("docker unpause fleet-runner")
    office.wish(old="adopt = true")
    rows = office.rows("up")
    assert rows["old"]["verdict"] == "deferred", rows
    assert "hand-made runner" in rows["old"]["text"]
    assert job.ends() == "success"
    rows = office.rows("up")
    assert rows["old"]["verdict"] == "done", rows
    client = GiteaClient(office.fleet.lab.gitea, office.fleet.lab.gitea_token)
    ids = [one["id"] for one in client.get("/admin/actions/runners?limit=50")["runners"]]
    assert office.hand_made not in ids
    form = "'{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}'"
    assert office.old.inside(f"docker inspect --format {form} hand-made") == "false no"
    daemon = json.loads(office.old.inside("cat /etc/docker/daemon.json"))
    assert daemon["labels"] == ["somebody=ann"]
    assert daemon["live-restore"] is True
    assert "bip" not in daemon
    assert office.online() == [f"{office.fleet.name}-build.{name}" for name in ("desk", "old")]


def test_the_second_time_nothing_changes(office: Office) -> None:
    before = office.desk.inside(STATE), office.old.inside(STATE)
    assert {one["verdict"] for one in office.rows("up").values()} == {"kept"}
    assert office.type("plan", "--check").code == 0
    assert office.type("status", "--check").code == 0
    assert (office.desk.inside(STATE), office.old.inside(STATE)) == before


def test_jobs_run_on_both_and_no_pass_takes_them_away(office: Office) -> None:
    jobs = [office.fleet.push("sleep 3; docker version >/dev/null") for _ in range(2)]
    assert [job.ends() for job in jobs] == ["success", "success"]
    soon(lambda: all(one["verdict"] == "kept" for one in office.rows("scale").values()))


def test_a_person_s_word_is_remembered_without_an_account(office: Office) -> None:
    name = f"{office.fleet.name}-build.desk"
    assert office.type("pause").code == 0
    assert "is paused" in office.type("scale").said
    assert office.type("resume").code == 0
    assert office.type("hold", name).code == 0
    phases = {one["machine"]: one["phase"] for one in office.type("status", "--json").json["machines"]}
    assert phases[name] == "held"
    assert office.type("release", name).code == 0
    assert office.type("status", "--check").code == 0


def test_what_is_taken_down_by_hand_no_pass_brings_back(office: Office) -> None:
    name = f"{office.fleet.name}-build.desk"
    typed = office.type("down", name, "--yes")
    assert typed.code == 0, typed.said
    assert office.rows("scale")["desk"]["verdict"] == "kept"
    assert office.online() == [f"{office.fleet.name}-build.old"]
    assert office.rows("up")["desk"]["verdict"] == "done"


def test_absent_hosts_are_drained_and_deregistered_and_otherwise_as_before(office: Office) -> None:
    jobs = [office.fleet.push("sleep 15") for _ in range(2)]
    soon(lambda: all(job.word() == "in_progress" for job in jobs))
    office.wish(desk='state = "absent"', old='state = "absent"\nadopt = true')
    assert {one["verdict"] for one in office.rows("up").values()} == {"deferred"}
    assert [job.ends() for job in jobs] == ["success", "success"]
    soon(lambda: {one["verdict"] for one in office.rows("up").values()} == {"done"})
    assert office.fleet.runners() == []
    assert office.old.inside(FILES) == office.before
    for machine in (office.desk, office.old):
        assert machine.inside("systemctl is-active docker") == "active"
        assert machine.inside("docker ps --quiet; ls -d /opt/fleet /var/lib/fleet 2>/dev/null || true") == ""
    daemon = json.loads(office.old.inside("cat /etc/docker/daemon.json"))
    assert daemon == {"registry-mirrors": [office.fleet.lab.mirror], "labels": ["somebody=ann"], "live-restore": True}
    assert office.old.inside("docker info --format '{{.Labels}}'") == "[somebody=ann]"
    assert office.old.inside(f"ls {PROJECT}/data/.runner") != ""
    assert {one["verdict"] for one in office.rows("up").values()} == {"kept"}
    assert office.type("plan", "--check").code == 0
