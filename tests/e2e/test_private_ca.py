"""A Gitea behind https with a private CA, hosts with a proxy that answers nobody, and a job image that is private."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet.lab import docker_cli, jobs
from fleet.lab.jobs import GiteaClient
from fleet.lab.place import Lab
from fleet.lab.tls import Authority
from tests.e2e.keyboard import Fleet, Job, Person, lab_up, new_fleet

pytestmark = pytest.mark.e2e

DEAD_PROXY = "http://198.51.100.1:3128"
"""An address for documentation: whatever is asked of it gets no answer, so nothing of the lab may be."""

BUILD = """
on: push
jobs:
  build:
    runs-on: @LABEL@
    steps:
      - uses: actions/checkout@v5
      - name: checked out over https, and the token opens it again
        run: |
          grep -q on:.push .gitea/workflows/ci.yaml
          url=$GITHUB_SERVER_URL/$GITHUB_REPOSITORY
          git -c http.extraHeader="Authorization: token ${{ gitea.token }}" ls-remote "$url" | grep -q "$GITHUB_SHA"
      - name: curl and Python trust it too
        run: |
          version=$GITHUB_SERVER_URL/api/v1/version
          curl -sSf "$version"
          python3 -c 'import sys, urllib.request as web; web.urlopen(sys.argv[1])' "$version"
          test -s "$NODE_EXTRA_CA_CERTS"
          grep -q "ca = " ~/.docker/buildx/buildkitd.default.toml
          test "$https_proxy" = @PROXY@
      - name: an image is built, pushed, and for others not there
        run: |
          host=${GITHUB_SERVER_URL#https://}
          echo "${{ secrets.PACKAGES }}" | docker login -u lab --password-stdin "$host"
          image=$host/lab/job:v1
          printf 'FROM fleet-lab/job:latest\\nRUN echo made by a job >/made\\n' >/tmp/Dockerfile
          DOCKER_BUILDKIT=0 docker build -q -t "$image" - </tmp/Dockerfile
          docker push -q "$image"
          docker logout "$host"
          docker image rm "$image"
          ! docker pull -q "$image"
"""

IN_IT = """
on: push
jobs:
  private:
    runs-on: @LABEL@
    container: @IMAGE@
    steps: [{run: cat /made}]
"""


@pytest.fixture(scope="module")
def behind_tls(somebody: Person) -> Iterator[Lab]:
    """A lab whose Gitea has a certificate of a CA that nobody knows."""
    with lab_up(somebody, "--tls", "--stand-ins") as lab:
        yield lab


def top(lab: Lab) -> str:
    return f"""
proxy.http = "{DEAD_PROXY}"
[registries."{lab.registry}"]
user = "lab"
password = {{ env = "PACKAGES" }}
"""


def up(fleet: Fleet) -> None:
    typed = fleet.type("up", "--yes", PACKAGES=fleet.lab.gitea_package_token)
    assert typed.code == 0, typed.said


def run(fleet: Fleet, workflow: str) -> str:
    """The log of a job that ended well."""
    text = workflow.replace("@LABEL@", fleet.name).replace("@PROXY@", DEAD_PROXY)
    client = GiteaClient.of(fleet.lab)
    pushed = jobs.push(client, text, {"PACKAGES": fleet.lab.gitea_package_token})
    word = Job(client, pushed).ends(seconds=120)
    log = "\n".join(text for _, text in jobs.logs(client, pushed))
    assert word == "success", log
    return log


def test_a_certificate_that_is_not_trusted_ends_in_a_sentence(person: Person, behind_tls: Lab) -> None:
    fleet = new_fleet(person, behind_tls)
    fleet.write(fleet.inventory.read_text().replace("gitea.ca", "#gitea.ca"))
    typed = fleet.type("plan")
    assert typed.code == 2
    assert "signed by a CA that is not trusted here" in typed.said
    assert 'gitea.ca = "PATH"' in typed.said
    assert "Traceback" not in typed.said


def test_jobs_clone_build_push_and_run_in_what_they_pushed(person: Person, behind_tls: Lab) -> None:
    fleet = new_fleet(person, behind_tls)
    fleet.wish(top=top(behind_tls))
    up(fleet)
    run(fleet, BUILD)
    image = f"{behind_tls.registry}/lab/job:v1"
    # The runner pulls it, by the credentials that the host has; then set-up does, for a label.
    assert "made by a job" in run(fleet, IN_IT.replace("@IMAGE@", image))
    docker_cli.run(("exec", fleet.container(), "docker", "image", "rm", "--force", image))
    fleet.write(fleet.inventory.read_text().replace('job:latest"]', f'job:latest", "private:docker://{image}"]'))
    up(fleet)
    assert image in fleet.inside("docker image ls --format '{{.Repository}}:{{.Tag}}'")
    assert fleet.inside("stat -c %a:%U /opt/fleet/docker/config.json") == "600:root"


def test_a_ca_that_leaves_the_inventory_leaves_the_hosts(
    fleet_of: Callable[..., Fleet], lab: Lab, tmp_path: Path
) -> None:
    """On a Gitea without https: one that needs the CA would not be reached any more."""
    (tmp_path / "ca.pem").write_text(Authority.new("of nobody").pem)
    line = (tmp_path / "ca.pem").read_text().splitlines()[1]
    fleet = fleet_of()
    fleet.wish(top=f'gitea.ca = "{tmp_path}/ca.pem"')
    fleet.must("up", "--yes")
    look = f"grep -rlF '{line}' /etc/ssl/certs/ca-certificates.crt /usr/local/share /opt/fleet /etc/docker || true"
    assert len(fleet.inside(look).split()) >= 3
    fleet.wish()
    fleet.must("up", "--yes")
    assert fleet.inside(look) == ""
