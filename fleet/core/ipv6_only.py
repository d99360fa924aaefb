"""Servers without a public IPv4 address: what they must reach, and whether anything gives them a way there."""

from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from fleet.core.belongings import Belongings
from fleet.core.errors import Problem
from fleet.core.inventory import DockerSource, Inventory, Pool, SshRoute
from fleet.core.labels import images

HUB = "registry-1.docker.io"
"""Where images without a registry in their name come from."""

DOCKERS_ARCHIVE = "download.docker.com"

AnswersIpv6 = Callable[[str], bool | None]
"""Whether a host can be reached by IPv6; None when its name is not known to who asks."""

WAYS = "ipv4 = true; a [proxy]; one of its networks with a route out; or nat64 = true, if its name servers do that"


def problems(inventory: Inventory, pool: Pool, there: Belongings, answers: AnswersIpv6) -> Iterator[Problem]:
    """What machines of this pool need and could not reach. A name that is not known here is let pass: it may be known
    there."""
    if pool.ipv4 or not pool.max or has_way_out(inventory, pool, there):
        return
    for host, why in dict(needed(inventory, pool)).items():
        if answers(host) is False:
            wrong = f"{host} ({why}) has no IPv6 address, and nothing gives a way to IPv4"
            yield Problem(f"pools.{pool.name}.ipv4", wrong, WAYS)


def blind(inventory: Inventory, pool: Pool) -> Problem | None:
    """What to say where this computer has no IPv6 itself: it could never log in."""
    if pool.ipv4 or not pool.max:
        return None
    wrong = "this computer has no IPv6, and could not log in to such servers"
    joined = "; they join the tailnet only after that" if inventory.ssh.route is SshRoute.TAILNET else ""
    return Problem(f"pools.{pool.name}.ipv4", wrong + joined, "ipv4 = true, or a computer with IPv6")


def has_way_out(inventory: Inventory, pool: Pool, there: Belongings) -> bool:
    """Whether something carries IPv4 for it: a proxy, name servers with NAT64, a network with a route for all."""
    networks = (there.networks.get(name) for name in pool.networks)
    return pool.nat64 or inventory.proxy is not None or any(one is not None and one.leads_out for one in networks)


def needed(inventory: Inventory, pool: Pool) -> Iterator[tuple[str, str]]:
    """The hosts that a machine must reach to be of use, and what for. In a tailnet, Gitea is reached through it."""
    if not pool.tailnet:
        yield _host(inventory.gitea.runner_url), "Gitea"
    for image in dict.fromkeys((pool.runner.image, *images(pool.runner.labels))):
        registry = _registry(image)
        if registry == HUB and pool.docker.registry_mirror:
            yield _host(pool.docker.registry_mirror), "the mirror of Docker Hub"
        else:
            yield registry, f"image {image}"
    if pool.docker.source is DockerSource.DOCKER:
        yield DOCKERS_ARCHIVE, "Docker's archive"


def _registry(image: str) -> str:
    """The host in an image's name, as Docker tells it from the first part of a path: by a dot or a port."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return HUB if first in {"docker.io", "index.docker.io"} else _host(f"//{first}")
    return HUB


def _host(url: str) -> str:
    return urlsplit(url).hostname or url
