"""One cache for two machines: what a job on one saves, a job on the other finds, and nobody outside reaches it."""

import secrets
from collections.abc import Iterator
from textwrap import indent

import pytest

from fleet.lab import docker_cli, jobs
from fleet.lab.jobs import GiteaClient
from fleet.lab.place import Lab
from tests.e2e.keyboard import Fleet, Job, Json, Person, hetzner_delete, hetzner_post, new_fleet

pytestmark = pytest.mark.e2e

SAVE = """\
cache() { curl --fail --silent --show-error --max-time 20 -H "Authorization: Bearer $ACTIONS_RUNTIME_TOKEN" "$@"; }
api="${ACTIONS_CACHE_URL}_apis/artifactcache"
echo "made in $GITHUB_JOB" > made.txt
size=$(wc -c < made.txt)
id=$(cache -H "Content-Type: application/json" -d '{"key":"shared","version":"1"}' "$api/caches" | tr -dc 0-9)
cache -X PATCH -H "Content-Range: bytes 0-$((size - 1))/*" --data-binary @made.txt "$api/caches/$id"
cache -X POST "$api/caches/$id"
"""
FIND = """\
api="${ACTIONS_CACHE_URL}_apis/artifactcache"
found=$(curl --fail --silent --show-error --max-time 20 -H "Authorization: Bearer $ACTIONS_RUNTIME_TOKEN" \\
  "$api/cache?keys=shared&version=1")
place=$(echo "$found" | sed 's/.*"archiveLocation":[ ]*"\\([^"]*\\)".*/\\1/; s/\\\\u0026/\\&/g')
echo "found in $GITHUB_JOB: $(curl --fail --silent --show-error --max-time 20 "$place")"
"""


@pytest.fixture(scope="module")
def fleet(somebody: Person, lab: Lab) -> Iterator[Fleet]:
    """Two pools of one machine each, in a private network; the first one's machine serves cache and mirror."""
    fleet = new_fleet(somebody, lab)
    network = _network(lab, fleet.name)
    secret = somebody.folder / f"{fleet.name}.secret"
    secret.write_text(secrets.token_hex(32))
    secret.chmod(0o600)
    top = f"""\
cache.machine = "{fleet.name}-build-1"
cache.network = "{fleet.name}"
cache.mirror = true
cache.secret = {{ file = "{secret}" }}"""
    other = f"""\
[pools.other]
image = "docker-ce"
runner = "{lab.runner}"
labels = ["{fleet.name}-other:docker://fleet-lab/job:latest"]"""
    fleet.wish(pool=other, top=top)
    fleet.must("up", "--yes")
    yield fleet
    fleet.must("down", "--yes")
    assert fleet.left() == []
    hetzner_delete(lab, f"/networks/{network['id']}")


def _network(lab: Lab, name: str) -> Json:
    """A private network with a range that no other lab on this machine is likely to have."""
    ip_range = f"10.212.{secrets.randbelow(256)}.0/24"
    subnet = {"type": "cloud", "ip_range": ip_range, "network_zone": "eu-central"}
    made: Json = hetzner_post(lab, "/networks", {"name": name, "ip_range": ip_range, "subnets": [subnet]})["network"]
    return made


def test_what_a_job_on_one_machine_saves_a_job_on_the_other_finds(fleet: Fleet) -> None:
    text = f"""\
on: push
jobs:
  save:
    runs-on: {fleet.name}
    steps:
      - run: |
{indent(SAVE, " " * 10)}
  find:
    needs: save
    runs-on: {fleet.name}-other
    steps:
      - run: |
{indent(FIND, " " * 10)}
"""
    client = GiteaClient(fleet.lab.gitea, fleet.lab.gitea_token)
    job = Job(client, jobs.push(client, text))
    said: list[str] = []
    good = jobs.watch(client, job.pushed, said.append, seconds=90)
    logs = dict(jobs.logs(client, job.pushed))
    assert good, logs
    assert "found in find: made in save" in logs["find"]
    ran = {one["name"]: one["runner_name"] for one in jobs.jobs_of(client, job.pushed)}
    assert ran == {"save": f"{fleet.name}-build-1", "find": f"{fleet.name}-other-1"}


def test_images_come_by_the_mirror_of_the_machine_that_serves(fleet: Fleet) -> None:
    at = _address(fleet)
    listed = fleet.inside(f"curl --silent --max-time 10 http://{at}:5000/v2/_catalog", pool="other")
    assert "fleet-lab/job" in listed


def test_from_outside_the_ports_are_closed(fleet: Fleet) -> None:
    private = _address(fleet)
    public = next(one for one in fleet.servers() if one["name"] == f"{fleet.name}-build-1")["public_net"]["ipv4"]["ip"]
    look = "curl --silent --output /dev/null --max-time 3 --write-out '%{http_code} '"
    doors = [f"http://{host}:{port}/" for host in (public, private) for port in (8088, 5000)]
    script = "; ".join(f"{look} {door} || true" for door in doors)
    inside = fleet.inside("; ".join(f"{look} {door} || true" for door in doors[2:]), pool="other")
    assert "000" not in inside.split()
    image = docker_cli.run(("inspect", "--format", "{{.Image}}", fleet.container()))
    network = f"fleet-lab-{fleet.lab.name}"
    outside = docker_cli.run(("run", "--rm", "--network", network, "--entrypoint=sh", image, "-c", script))
    assert outside.split() == ["000"] * 4


def test_a_second_up_finds_all_as_wanted(fleet: Fleet) -> None:
    again = fleet.must("up", "--json").json
    assert [one["verdict"] for one in again["machines"]] == ["kept", "kept"]


def _address(fleet: Fleet) -> str:
    server = next(one for one in fleet.servers() if one["name"] == f"{fleet.name}-build-1")
    return str(server["private_net"][0]["ip"])
