"""A host cleans up what jobs have left, by age, and never under a running job."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.e2e.keyboard import Fleet, soon

pytestmark = pytest.mark.e2e

TASK = "GITEA-ACTIONS-TASK-7-WORKFLOW-ci-JOB-build"
BUILDER = "buildx_buildkit_builder-01234567-89ab-cdef-0123-456789abcdef0"
IMAGE = "fleet-lab/job:latest"
CLEAN = "/opt/fleet/bin/clean"
ALL = """
docker ps --all --format 'container {{.Names}}'
docker volume ls --format 'volume {{.Name}}'
docker network ls --format 'network {{.Name}}'
docker image ls --format 'image {{.Repository}}:{{.Tag}} {{.ID}}'
"""
WITH_500 = f"""
for n in $(seq 250); do for end in '' -env; do
    echo 'next'; echo 'url = "http://docker/volumes/create"'; echo 'output = /dev/null'
    echo "data = \\"{{\\\\\\"Name\\\\\\": \\\\\\"{TASK}-$n$end\\\\\\"}}\\""
    echo 'header = "Content-Type: application/json"'; echo 'unix-socket = /var/run/docker.sock'
done; done | tail -n +2 | curl --silent --fail --config -
"""


@dataclass(frozen=True)
class Host:
    """The machine, and how its clean-up is called: with ages of seconds, which nobody else would want."""

    fleet: Fleet

    def has(self) -> set[str]:
        return set(self.fleet.inside(ALL).splitlines())

    def clean(self, words: str = "", *, moment: int = 0, **ages: int) -> str:
        """By these ages; all others are endless, and with ``moment`` begin there."""
        age = f"$(($(date +%s) - {moment}))" if moment else str(10**9)
        names = ("JOB_LIMIT", "CLEAN_AFTER", "IMAGES_AFTER", "BUILD_CACHE_AFTER", "RECENT")
        said = " ".join(f"{name}={ages.get(name, age)}" for name in names)
        return self.fleet.inside(f"{said} DISK_FULL=101 {CLEAN} {words}")

    def moment(self) -> int:
        """Where old and young part."""
        return int(self.fleet.inside("sleep 1.1; date +%s; sleep 3"))

    def import_image(self, *names: str) -> None:
        self.fleet.inside(f"echo {names[0]} >/tmp/x && tar -c -C /tmp x | docker import - {names[0]} >/dev/null")
        for name in names[1:]:
            self.fleet.inside(f"docker tag {names[0]} {name}")


@pytest.fixture(scope="module")
def host(machine: Fleet) -> Iterator[Host]:
    """As it was, with a memory of its images, and without those that jobs of other files have built."""
    host = Host(machine)
    host.clean()
    machine.inside("sleep 2")
    soon(lambda: "images stay" not in host.clean("--now", RECENT=0))  # the last job may just be going
    before = host.has()
    yield host
    assert host.has() == before


def leave(host: Host, end: str) -> None:
    """What jobs leave: all of it ends in ``end``."""
    host.fleet.inside(
        f"docker create --name {TASK}-{end} --entrypoint true {IMAGE}"
        f" && docker run --name {TASK}-ran-{end} --volume {TASK}-used-{end}:/x --entrypoint true {IMAGE}"
        f" && docker run --name by-a-job-{end} --volume /data --entrypoint true {IMAGE}"
        f" && docker volume create {TASK}-{end} && docker network create {TASK}-{end}-network"
        f" && docker network create --label org.testcontainers=true tc-{end}"
    )


def test_what_jobs_have_left_goes_by_age_and_all_else_stays(host: Host) -> None:
    fleet = host.fleet
    before = host.has()
    fleet.inside(WITH_500)
    leave(host, "old")
    fleet.inside(f"docker run --detach --name {BUILDER} --volume {BUILDER}_state:/x --entrypoint sleep {IMAGE} 999")
    fleet.inside("docker volume create $(cat /proc/sys/kernel/random/uuid /proc/sys/kernel/random/uuid | tr -d '\\n-')")
    fleet.inside(
        "docker volume create somebodys && docker network create somebodys"
        f" && docker run --name kept --restart unless-stopped --entrypoint true {IMAGE}; docker stop kept"
        f" && docker run --detach --name serves --network somebodys --volume /x --entrypoint sleep {IMAGE} 999"
    )
    kept = {one for one in host.has() - before if one.split()[1] in {"somebodys", "kept", "serves"}}
    served = fleet.inside("docker inspect --format '{{(index .Mounts 0).Name}}' serves")
    moment = host.moment()
    old = host.has()
    leave(host, "young")
    young = host.has() - old
    assert (len(old - before), len(kept), len(young)) == (516, 4, 8)
    said = host.clean(moment=moment)
    assert "4 containers, 504 volumes, 2 networks, 0 images" in said
    assert host.has() == before | kept | {f"volume {served}"} | young
    assert fleet.inside("cut -d ' ' -f 2 /var/lib/fleet/cleaned").isdigit()
    fleet.inside("docker rm --force --volumes serves kept && docker volume rm somebodys; docker network rm somebodys")
    assert "3 containers, 2 volumes, 2 networks" in host.clean("--now", JOB_LIMIT=0)


def test_what_is_younger_than_a_job_may_become_stays_however_short_the_ages_and_full_the_disk(host: Host) -> None:
    leave(host, "young")
    there = host.has()
    assert "removed 0 containers, 0 volumes, 0 networks" in host.clean("--now", CLEAN_AFTER=0)
    assert host.has() == there
    assert "removed 3 containers, 2 volumes, 2 networks" in host.clean("--now", JOB_LIMIT=0)


def test_images_go_once_no_container_has_had_them_for_so_long(host: Host) -> None:
    host.import_image("left:old", "also:old")
    host.import_image("used:old")
    moment = host.moment()
    host.import_image("left:young")
    host.fleet.inside("docker create --name uses --restart always used:old true")
    there = host.has()
    assert "1 images" in host.clean(moment=moment)
    assert {one.split()[1] for one in there - host.has()} == {"left:old", "also:old"}
    host.fleet.inside("docker rm uses")
    assert "0 images" in host.clean(moment=moment)
    assert "0 images" in host.clean("--now", RECENT=60)
    assert "2 images" in host.clean("--now", RECENT=0)


def test_under_a_running_job_nothing_of_it_goes_nor_any_image(host: Host) -> None:
    job = host.fleet.push("docker volume ls --quiet >/dev/null && sleep 12")
    soon(lambda: job.word() == "in_progress" and "container GITEA-ACTIONS-TASK-" in str(host.has()))
    host.import_image("left:old")
    there = host.has()
    assert "images stay: a job may be running" in host.clean("--now", RECENT=0)
    assert host.has() == there
    # Even if all of it were old enough: Docker knows what is in use.
    host.clean(JOB_LIMIT=0, CLEAN_AFTER=0)
    assert host.has() == there
    assert job.word() == "in_progress"
    assert job.ends() == "success"
    soon(lambda: "1 images" in host.clean("--now", RECENT=0))


def test_an_image_stays_while_a_job_is_only_about_to_begin_or_runs_beside_the_runner(host: Host) -> None:
    fleet = host.fleet
    host.import_image("left:old")
    fleet.inside(f"docker network create {TASK}-network")
    assert "0 images" in host.clean("--now", RECENT=0)
    fleet.inside(f"docker network rm {TASK}-network && docker exec --detach fleet-runner sleep 999")
    assert "0 images" in host.clean("--now", RECENT=0)
    fleet.inside("pkill -x sleep")
    soon(lambda: "1 images" in host.clean("--now", RECENT=0))


def test_with_its_runner_stopped_an_empty_host_is_cleaned_of_all_that_is_unused_when_asked(host: Host) -> None:
    fleet = host.fleet
    leave(host, "young")
    host.import_image("left:young")
    assert "1 volumes of tasks are too young, and stay" in host.clean("--now")
    fleet.inside("docker stop fleet-runner")
    try:
        there = host.has()
        host.clean()
        assert host.has() == there
        assert "removed 3 containers, 2 volumes, 2 networks, 1 images" in host.clean("--now")
        assert {one.split()[0] for one in host.has() if "fleet" in one} >= {"container", "network", "volume", "image"}
    finally:
        fleet.inside("docker start fleet-runner")
    soon(lambda: fleet.runners()[0]["status"] != "offline")


def test_the_timer_waits_while_fleet_works_on_the_host_and_fleet_itself_does_not(host: Host) -> None:
    held = "flock /run/lock/fleet.lock"
    assert host.fleet.inside(f"{held} {CLEAN}") == "fleet works on this host: in an hour again"
    assert "removed 0 containers" in host.fleet.inside(f"{held} {CLEAN} --now")


def test_the_timer_is_on_and_its_unit_does_the_same(host: Host) -> None:
    assert host.fleet.inside("systemctl is-active fleet-clean.timer") == "active"
    host.fleet.inside("systemctl start fleet-clean")
    assert "bytes freed" in host.fleet.inside("journalctl --unit fleet-clean --output cat --lines 3")


def test_security_updates_are_on_and_docker_is_not_among_them(host: Host) -> None:
    dump = host.fleet.inside("apt-config dump")
    assert 'APT::Periodic::Unattended-Upgrade "1";' in dump
    assert 'Unattended-Upgrade::Automatic-Reboot "false";' in dump
    origins = [line for line in dump.splitlines() if "Unattended-Upgrade::Origins-Pattern::" in line]
    assert len(origins) == 2
    assert all("-security" in line for line in origins)
    assert host.fleet.inside("systemctl is-active apt-daily.timer apt-daily-upgrade.timer") == "active\nactive"
    said = host.fleet.inside("apt-get -q update >/dev/null; unattended-upgrade --dry-run --verbose 2>&1")
    assert "Initial blacklist: docker containerd runc" in said
    assert "Traceback" not in said


def test_without_updates_the_host_is_as_its_image_has_it(host: Host) -> None:
    fleet = host.fleet
    text = fleet.inventory.read_text("utf-8")
    fleet.write(f"upkeep.updates = false\n{text}")
    fleet.must("up", "--yes")
    assert fleet.inside("apt-config dump | grep -c fleet || true; ls /etc/apt/apt.conf.d | grep fleet || true") == "0"
    assert "${distro_codename}-security" in fleet.inside("apt-config dump Unattended-Upgrade::Origins-Pattern")
    fleet.write(text)
    fleet.must("up", "--yes")
    assert fleet.inside("ls /etc/apt/apt.conf.d | grep fleet") == "60fleet-updates"
