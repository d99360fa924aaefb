"""The fakes' hosts say what real ones do; ``tests/e2e/test_health.py`` asks the same of a lab's."""

from fleet.core.facts import HostFacts
from fleet.engine.probe import probe
from tests.contracts import host_facts
from tests.fakes.world import FakeWorld

NAME = "ci-build-1"


def look(world: FakeWorld) -> HostFacts:
    process = world.process().world
    host = process.hosts.connect(process.target(world.server(NAME)))
    return probe(host, process.stack, process.wanted["build"], process.clock)


def test_after_up_a_host_says_what_is_wanted() -> None:
    world = FakeWorld()
    world.process().up()
    host_facts.as_after_up(look(world), world.process().world.wanted["build"])


def test_while_docker_is_down_a_host_says_the_rest() -> None:
    world = FakeWorld()
    world.process().up()
    world.host(NAME).docker_trouble = "Cannot connect to the Docker daemon"
    host_facts.while_docker_is_down(look(world))
