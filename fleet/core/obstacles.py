"""What is on a static host that our runner cannot stand beside: it is refused with a sentence, or taken over."""

from collections.abc import Iterator
from dataclasses import dataclass

from fleet.core.facts import HandMade, HostFacts
from fleet.core.setup import DAEMON_JSON, HostWanted, same_url
from fleet.core.setup.docker import is_json


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What is in the way, and what to type. ``adoptable``: ``adopt = true`` is an answer to it."""

    what: str
    hint: str
    adoptable: bool = False


def obstacles(facts: HostFacts, wanted: HostWanted) -> tuple[Obstacle, ...]:
    """All of them."""
    return tuple(_all(facts, wanted))


def _all(facts: HostFacts, wanted: HostWanted) -> Iterator[Obstacle]:
    if facts.docker and not facts.docker_active:
        yield Obstacle(
            "its Docker is not run by docker.service (rootless, snap, or podman?)",
            "install Docker from the distribution or from Docker's archive",
        )
    if not is_json(facts.daemon):
        yield Obstacle(f"{DAEMON_JSON} is not JSON, so that nothing can be added to it", f"mend {DAEMON_JSON}")
    for process in facts.processes:
        yield _process(*process.split("|", 1))
    for one in facts.hand_made:
        yield _hand_made(one, wanted)
    names = {one.container for one in facts.hand_made}
    for user in facts.port_users:
        if user.removeprefix("container ") not in names:
            hint = "stop it, or give the pool another cache_port"
            yield Obstacle(f"port {wanted.cache_port}, which is for the cache of jobs, is taken by {user}", hint)


def _process(name: str, unit: str) -> Obstacle:
    stop = f"systemctl disable --now {unit}" if unit.endswith(".service") else f"stop {name}"
    return Obstacle(f"a runner that fleet did not make runs there: process {name}", f"when it is idle: {stop}")


def _hand_made(one: HandMade, wanted: HostWanted) -> Obstacle:
    stop = f"docker update --restart=no {one.container} && docker stop {one.container}"
    what = f"a runner that fleet did not make runs there: container {one.container} ({one.image})"
    by_hand = f"when it is idle, stop it yourself: {stop}"
    if one.registration is None:
        return Obstacle(f"{what}; its .runner was not found, so nobody knows whether it has a job", by_hand)
    record = one.registration
    what = f"{what}, runner {record.id} ({record.name}) at {record.address}"
    if not any(same_url(record.address, url) for url in (wanted.gitea_url, wanted.runner_url)):
        return Obstacle(f"{what}, which is not this Gitea", by_hand)
    return Obstacle(what, f"adopt = true in its entry: fleet stops it once it is idle; or {by_hand}", adoptable=True)
