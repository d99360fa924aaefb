"""What a host says of itself, whether it is a fake or a real one: asked of both."""

from fleet.core.docker_seen import DockerSeen
from fleet.core.facts import HostFacts
from fleet.core.setup import HostWanted, drift
from fleet.engine.ports import Host


def as_after_up(facts: HostFacts, wanted: HostWanted) -> None:
    """A machine that ``up`` has just brought into service, on which no job has run."""
    assert drift(facts, wanted) == ()
    assert facts.booted
    assert facts.docker
    assert facts.docker_trouble == ""
    assert facts.docker_active
    assert facts.compose.startswith("2.")
    assert facts.registration is not None
    assert facts.container is not None
    assert facts.container.running
    assert not facts.container.restarting
    assert not facts.container.killed
    assert (facts.container.restarts, facts.container.config) == (0, wanted.config_hash)
    assert facts.cache_answers is True
    assert facts.guarded
    assert (facts.tasks, facts.task_containers, len(facts.leftovers)) == ((), (), 0)
    _has_resources(facts)


def _has_resources(facts: HostFacts) -> None:
    docker = facts.disks[0]
    assert docker.folder == "/var/lib/docker"
    assert (docker.size, docker.free) == (facts.disk_size, facts.disk_free)
    assert 0 < docker.free < docker.size
    assert 0 < docker.inodes_free < docker.inodes
    assert 0 < facts.ram.free < facts.ram.size
    assert min(facts.cores, facts.uptime) > 0
    assert abs(facts.clock_off) < 1


def while_docker_is_down(facts: HostFacts) -> None:
    """Its daemon was stopped: what only Docker knows is unknown, and the rest is there."""
    assert facts.docker == ""
    assert facts.docker_trouble
    assert not facts.docker_active
    assert (facts.container, facts.tasks, facts.images) == (None, (), frozenset())
    assert facts.registration is not None
    _has_resources(facts)


def says_nothing_of_docker(host: Host, trouble: str) -> DockerSeen:
    """A Docker that gives no answer is in the value, with the reason, and with nothing else."""
    seen = host.docker()
    assert trouble in seen.trouble
    assert seen == DockerSeen(trouble=seen.trouble)
    return seen
