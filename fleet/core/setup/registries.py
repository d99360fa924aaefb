"""Who we are at registries that want to know: Docker's own store of credentials, in a folder of ours on the host.

Set-up pulls with it, and so does the runner for jobs. Jobs do not get it; but they are root on their machine.
"""

import base64
import json
from collections.abc import Mapping

from fleet.core.inventory import Inventory, Pool, Registry
from fleet.core.secret import Secret
from fleet.core.setup.part import Given, Part
from fleet.core.setup.values import CREDENTIALS, CREDENTIALS_FOLDER, GoneFile, WantedFile

HUB = "https://index.docker.io/v1/"
"""What Docker's store calls Docker Hub."""


def registries(inventory: Inventory, _pool: Pool, given: Given) -> Part:
    """The folder, not the file, is mounted: a new password reaches a runner that goes on."""
    if not inventory.registries:
        return Part(gone=(GoneFile(CREDENTIALS),))
    return Part(
        after_docker=(WantedFile(CREDENTIALS, _store(inventory.registries, given.secrets), 0o600),),
        environment={"DOCKER_CONFIG": CREDENTIALS_FOLDER},
        mounts=(f"{CREDENTIALS_FOLDER}:{CREDENTIALS_FOLDER}:ro",),
    )


def password_key(registry: Registry) -> str:
    """The path of the key in the inventory."""
    return f"registries.{json.dumps(registry.host)}.password"


def _store(registries: tuple[Registry, ...], secrets: Mapping[str, Secret]) -> Secret:
    """As ``docker login`` writes it (cli/config/configfile)."""
    auths = {}
    for one in registries:
        pair = f"{one.user}:{secrets[password_key(one)].reveal()}"
        host = HUB if one.host in {"docker.io", "index.docker.io"} else one.host
        auths[host] = {"auth": base64.b64encode(pair.encode()).decode()}
    return Secret(json.dumps({"auths": auths}, indent=2) + "\n")
