"""What a real host says of itself, and what is found there: Docker asked through its API, over our own SSH."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from fleet.cli.wiring import open_world
from fleet.core.facts import HostFacts
from fleet.edges import docker_api
from fleet.edges.ssh_host import SshHost
from fleet.engine.probe import probe
from fleet.engine.world import World
from fleet.lab.place import Lab
from tests.contracts import host_facts
from tests.e2e.keyboard import Fleet, Person, new_fleet, soon

pytestmark = pytest.mark.e2e

TASK = "GITEA-ACTIONS-TASK-9{}-WORKFLOW-ci"
LEAVE = "for n in $(seq {}); do docker volume create GITEA-ACTIONS-TASK-$n-WORKFLOW-ci; done >/dev/null"
TAKE_AWAY = "docker volume ls --quiet --filter name=GITEA-ACTIONS-TASK- | xargs -r docker volume rm >/dev/null"
START = "systemctl start docker.socket docker"


@pytest.fixture(scope="module")
def fleet(somebody: Person, lab: Lab) -> Iterator[Fleet]:
    """One machine, up; each test leaves it as it was."""
    fleet = new_fleet(somebody, lab)
    fleet.must("up", "--yes")
    yield fleet
    fleet.must("down", "--yes")
    assert fleet.left() == []


@pytest.fixture
def world(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The fleet, as a command would have it."""
    for name, value in {**fleet.person.environment(), **fleet.env()}.items():
        monkeypatch.setenv(name, value)
    with open_world(str(fleet.inventory)) as world:
        yield world


@pytest.fixture
def look(fleet: Fleet, world: World) -> Callable[[], HostFacts]:
    """One look at its host."""
    return lambda: probe(session(fleet, world), world.stack, world.wanted["build"], world.clock)


def session(fleet: Fleet, world: World) -> SshHost:
    server = world.cloud.server_named(f"{fleet.name}-build-1")
    assert server is not None
    host = world.sessions.get(world.target(server))
    assert isinstance(host, SshHost)
    return host


@contextmanager
def docker_does(fleet: Fleet, what: str, back: str) -> Iterator[None]:
    fleet.inside(what)
    try:
        yield
    finally:
        fleet.inside(back)


def troubles(fleet: Fleet) -> dict[str, str]:
    """What status finds, with its severity, in one look."""
    found = fleet.must("status", "--json").json["findings"]
    return {one["trouble"]: one["severity"] for one in found if one["machine"]}


def test_after_up_a_real_host_says_what_is_wanted_and_nothing_is_found(
    fleet: Fleet, world: World, look: Callable[[], HostFacts]
) -> None:
    soon(lambda: look().cache_answers)
    host_facts.as_after_up(look(), world.wanted["build"])
    assert session(fleet, world).docker().volumes == ()
    soon(lambda: fleet.inside("pgrep -x docker || echo none") == "none")  # a look leaves nothing behind
    assert set(troubles(fleet)) <= {"disk", "inodes", "out-of-memory", "load"}  # of the computer that the lab is on


def test_what_jobs_make_is_told_apart_from_what_they_left(fleet: Fleet, look: Callable[[], HostFacts]) -> None:
    running = TASK.format(1)
    image = fleet.inside("docker inspect --format '{{.Config.Image}}' fleet-runner").strip()
    make = f"docker run --detach --name {running} --entrypoint sleep {image} 60 >/dev/null"
    fleet.inside(f"{make}; docker volume create {running}-env; docker volume create {TASK.format(2)}")
    fleet.inside(f"docker network create {TASK.format(3)}-test-network; docker create --name {TASK.format(4)} {image}")
    try:
        facts = look()
    finally:
        names = " ".join(TASK.format(n) for n in (1, 4))
        fleet.inside(f"docker rm --force {names}; docker network rm {TASK.format(3)}-test-network; {TAKE_AWAY}")
    assert facts.tasks == (running,)
    assert 0 <= facts.clock - facts.task_containers[0].created < 30
    assert [one.name for one in facts.leftovers.volumes] == [TASK.format(2)]
    assert [one.name for one in facts.leftovers.networks] == [f"{TASK.format(3)}-test-network"]
    assert [one.name for one in facts.leftovers.containers] == [TASK.format(4)]
    assert 0 <= facts.clock - facts.leftovers.oldest < 30
    assert len(look().leftovers) == 0


def test_what_jobs_have_left_is_found_once_it_is_much(fleet: Fleet) -> None:
    with docker_does(fleet, LEAVE.format(50), TAKE_AWAY):
        assert troubles(fleet)["leftovers"] == "warning"
    assert "leftovers" not in troubles(fleet)


def test_a_docker_that_is_stopped_is_found_and_the_rest_is_still_seen(
    fleet: Fleet, look: Callable[[], HostFacts]
) -> None:
    with docker_does(fleet, "systemctl stop docker.socket docker", START):
        host_facts.while_docker_is_down(look())
        assert troubles(fleet)["docker-down"] == "error"
    assert "docker-down" not in troubles(fleet)


def test_a_docker_that_hangs_ends_no_look(fleet: Fleet, world: World) -> None:
    host = session(fleet, world)
    with docker_does(fleet, "pkill -STOP -x dockerd", "pkill -CONT -x dockerd"):
        assert docker_api.look(host, 1).trouble == "Docker gave no answer in 1 s"
        assert host.run("echo still there").out == "still there\n"
    assert docker_api.look(host, 10).version
