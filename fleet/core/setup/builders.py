"""What builders that buildx makes in jobs must know: they are containers of their own, and ask Docker's daemon nothing.

buildx (0.9 or newer) gives each new builder the default configuration of its client, unless a workflow names one, and
copies certificates into it. So the daemon's mirrors, and how Gitea's registry is reached, are told again here.
"""

import json
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from fleet.core.inventory import Inventory, Pool
from fleet.core.setup.part import Part
from fleet.core.setup.trust import CA, addresses
from fleet.core.setup.values import HOME, GoneFile, WantedFile
from fleet.core.yaml_text import Plain

FILE = f"{HOME}/buildkitd.toml"
DEFAULT_OF_BUILDX = "/root/.docker/buildx/buildkitd.default.toml"
HUB = "docker.io"


def builders(inventory: Inventory, pool: Pool, daemon: Mapping[str, Plain]) -> Part:
    """One file, mounted into jobs; none where a builder works without. ``daemon``: what parts say to the daemon."""
    registries = {**_mirrors(pool, daemon), **_gitea(inventory)}
    if not registries:
        return Part(gone=(GoneFile(FILE),))
    tables = "".join(f"\n[registry.{json.dumps(host)}]\n{line}\n" for host, line in registries.items())
    content = f"# Written by fleet, for builders that buildx makes.\n{tables}"
    return Part(after_docker=(WantedFile(FILE, content),), job_mounts=(f"{FILE}:{DEFAULT_OF_BUILDX}",))


def _mirrors(pool: Pool, daemon: Mapping[str, Plain]) -> dict[str, str]:
    told = daemon.get("registry-mirrors")
    nearer = [str(url) for url in told] if isinstance(told, Sequence) else []
    own = [pool.docker.registry_mirror] if pool.docker.registry_mirror else []
    parts = [urlsplit(url) for url in dict.fromkeys((*nearer, *own))]
    if not parts:
        return {}
    plain = {part.netloc: "http = true" for part in parts if part.scheme == "http"}
    return {HUB: f"mirrors = {json.dumps([part.netloc for part in parts])}", **plain}


def _gitea(inventory: Inventory) -> dict[str, str]:
    """Nothing where its certificate is one that everybody trusts."""
    gitea = inventory.gitea
    return {
        host: "http = true" if scheme == "http" else f"ca = [{json.dumps(CA)}]"
        for scheme, host in addresses(gitea)
        if scheme == "http" or gitea.ca
    }
