"""A Gitea that is in a tailnet and nowhere else: a real Headscale, real tailscaled on every machine.

Gitea listens on the loopback of the machine below the lab, so that there is no way to it but through the tailnet.
"""

import json
import urllib.request
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from fleet.lab import docker_cli, jobs
from fleet.lab.jobs import GiteaClient
from fleet.lab.place import Lab
from tests.e2e.keyboard import Fleet, Job, Person, lab_up, new_fleet, soon, step_of

pytestmark = pytest.mark.e2e

MINTED = "join the tailnet: with a key of its own"
STARTED = "docker inspect --format '{{.Id}} {{.State.StartedAt}}' fleet-runner"
MTU = "cat /sys/class/net/eth0/mtu"

BUILD = """
on: push
jobs:
  build:
    runs-on: @LABEL@
    steps:
      - uses: actions/checkout@v5
      - name: a job reaches Gitea, and its packets fit through the tailnet
        run: |
          grep -q on:.push .gitea/workflows/ci.yaml
          curl -sSf "$GITHUB_SERVER_URL/api/v1/version"
          test "$(cat /sys/class/net/eth0/mtu)" = 1280
      - name: a RUN step does, and what it made is pushed and pulled by Gitea's name
        run: |
          host=${GITHUB_SERVER_URL#http://}
          echo "${{ secrets.PACKAGES }}" | docker login -u lab --password-stdin "$host"
          image=$host/lab/job:v1
          echo FROM fleet-lab/job:latest >/tmp/Dockerfile
          echo "RUN curl -sSf $GITHUB_SERVER_URL/api/v1/version >/version" >>/tmp/Dockerfile
          DOCKER_BUILDKIT=0 docker build --no-cache -q -t "$image" - </tmp/Dockerfile
          docker push -q "$image"
          docker image rm "$image"
          docker pull -q "$image"
          docker run --rm "$image" cat /version
"""


class Headscale:
    """The tailnet's own records, asked without fleet."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    def devices(self, fleet: Fleet) -> list[str]:
        """What it has of this fleet."""
        nodes = self._get("/node")["nodes"] or []
        return sorted(one["name"] for one in nodes if one["name"].startswith(f"{fleet.name}-"))

    def made_keys(self) -> list[dict[str, Any]]:
        keys = self._get("/preauthkey?user=1")["preAuthKeys"] or []
        return [one for one in keys if "tag:ci" in one["aclTags"]]

    def unused_keys(self) -> list[str]:
        """Keys somebody could still come in with."""
        at = docker_cli.run(("info", "--format", "{{.SystemTime}}"))[:19]
        return [one["id"] for one in self.made_keys() if not one.get("used") and one["expiration"][:19] > at]

    def _get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self._lab.tailnet_key}"}
        request = urllib.request.Request(f"{self._lab.tailnet}/api/v1{path}", headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())


@pytest.fixture(scope="module")
def inside(somebody: Person, tailnet_programs: str) -> Iterator[Lab]:
    """A lab whose Gitea is in a tailnet."""
    with lab_up(somebody, "--stand-ins", "--tailnet", tailnet_programs) as lab:
        yield lab


@pytest.fixture(scope="module")
def fleet(somebody: Person, inside: Lab) -> Fleet:
    """One machine; its first ``up`` was killed between the minting of a key and its use."""
    fleet = new_fleet(somebody, inside)
    kill_when_minted(fleet)
    fleet.must("up", "--yes")
    return fleet


def kill_when_minted(fleet: Fleet) -> None:
    with fleet.start("up", "--yes") as process:
        assert process.stderr is not None
        assert any(step_of(line) == MINTED for line in process.stderr)
        process.kill()
        process.communicate()


def run(fleet: Fleet, workflow: str) -> str:
    """The log of a job that ended well."""
    client = GiteaClient.of(fleet.lab)
    pushed = jobs.push(client, workflow.replace("@LABEL@", fleet.name), {"PACKAGES": fleet.lab.gitea_package_token})
    word = Job(client, pushed).ends(seconds=120)
    log = "\n".join(text for _, text in jobs.logs(client, pushed))
    assert word == "success", log
    return log


def asks_gitea(fleet: Fleet, url: str, within: str = "") -> str:
    """What Gitea answers there, or nothing."""
    return fleet.inside(f"{within} curl --silent --max-time 5 {url}/api/v1/version || true")


def test_a_machine_is_in_the_tailnet_by_its_name_and_no_key_is_left(fleet: Fleet, inside: Lab) -> None:
    headscale = Headscale(inside)
    assert headscale.devices(fleet) == [f"{fleet.name}-build-1"]
    assert headscale.unused_keys() == []
    assert fleet.must("status", "--check").code == 0
    for key in headscale.made_keys():
        secret = key["key"].removesuffix("-***")
        places = "/opt /etc /root /run /tmp /var/lib/cloud /var/lib/tailscale /var/log"
        assert fleet.inside(f"grep -rlF -D skip -f - {places} 2>/dev/null || true", stdin=f"{secret}\n") == ""


def test_gitea_is_reached_through_the_tailnet_alone(fleet: Fleet, inside: Lab) -> None:
    port = urlsplit(inside.gitea).port
    gateway = urlsplit(inside.tailnet).hostname
    assert asks_gitea(fleet, f"http://{gateway}:{port}") == ""
    assert "version" in asks_gitea(fleet, inside.gitea_inside)
    assert "version" in asks_gitea(fleet, inside.gitea_inside, "docker exec fleet-runner")
    # A builder of buildx is such a container, and its RUN steps have its resolver.
    assert "version" in asks_gitea(fleet, inside.gitea_inside, "docker run --rm fleet-lab/job:latest")
    assert fleet.inside(f"docker exec fleet-runner {MTU}; docker run --rm fleet-lab/job:latest {MTU}") == "1280\n1280"
    assert '"version"' in run(fleet, BUILD)


def test_names_are_found_again_after_a_restart_of_the_machine(fleet: Fleet, inside: Lab) -> None:
    docker_cli.run(("restart", "-t", "0", fleet.container()))
    soon(lambda: "version" in asks_gitea(fleet, inside.gitea_inside, "docker exec fleet-runner"), seconds=60)
    soon(lambda: "gitea.lab.internal" in fleet.inside("cat /etc/hosts"), seconds=60)  # containers ask elsewhere
    assert fleet.push(f"curl -sSf {inside.gitea_inside}/api/v1/version").ends(seconds=90) == "success"


def test_other_settings_restart_nothing_and_names_stay_without_the_tailnets_dns(fleet: Fleet, inside: Lab) -> None:
    before = fleet.inside(STARTED)
    fleet.wish(top="tailnet.accept_dns = false")
    fleet.must("up", "--yes")
    assert "100.100.100.100" not in fleet.inside("cat /etc/resolv.conf")
    assert fleet.inside(STARTED) == before
    assert '"version"' in run(fleet, BUILD)
    assert fleet.must("status", "--check").code == 0


def test_down_leaves_the_tailnet(fleet: Fleet, inside: Lab) -> None:
    fleet.must("down", "--yes")
    assert Headscale(inside).devices(fleet) == []
    assert Headscale(inside).unused_keys() == []
    assert fleet.left() == []


def test_killed_between_minting_and_joining_and_taken_down_leaves_no_key_and_no_device(
    person: Person, inside: Lab
) -> None:
    fleet = new_fleet(person, inside)
    kill_when_minted(fleet)
    fleet.must("down", "--yes")
    assert Headscale(inside).devices(fleet) == []
    assert Headscale(inside).unused_keys() == []
    assert fleet.left() == []
