"""The real Gitea as a container of the lab, where its image can be had."""

import time
import urllib.request

from fleet.core.errors import FleetError
from fleet.lab import docker_cli, network
from fleet.lab.docker_cli import DockerError

IMAGE = "gitea/gitea:1.26.4"
PORT = 3000
START_SECONDS = 60
USER = "lab"


def start(net: network.Network, image: str) -> tuple[str, str]:
    """URL and token of a new Gitea in this network, with one admin. Raises DockerError, FleetError."""
    url = f"http://{net.gitea}:{PORT}"
    name = f"{net.name}-gitea"
    settings = {
        "GITEA__database__DB_TYPE": "sqlite3",
        "GITEA__security__INSTALL_LOCK": "true",
        "GITEA__server__ROOT_URL": f"{url}/",
        "GITEA__server__HTTP_PORT": str(PORT),
        "GITEA__service__DISABLE_REGISTRATION": "true",
        "GITEA__actions__ENABLED": "true",
    }
    env = [part for key, value in settings.items() for part in ("--env", f"{key}={value}")]
    place = ("--network", net.name, "--ip", net.gitea, "--label", f"{network.LABEL}={net.lab}")
    docker_cli.run(("run", "--detach", "--name", name, "--hostname", "gitea", *place, *env, image))
    _await(url, name)
    return url, _admin_token(name)


def _await(url: str, name: str) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(f"{url}/api/v1/version", timeout=5):
                return
        except OSError:
            time.sleep(0.3)
    raise FleetError(f"Gitea at {url} did not answer within {START_SECONDS} seconds", hint=f"docker logs {name}")


def _admin_token(name: str) -> str:
    """The token is in what the command prints, as its last word."""
    command = (
        *("gitea", "admin", "user", "create", "--admin", "--username", USER, "--email", f"{USER}@example.invalid"),
        *("--random-password", "--must-change-password=false", "--access-token"),
        *("--access-token-name", "lab", "--access-token-scopes", "all"),
    )
    said = docker_cli.run(("exec", "--user", "git", name, *command))
    created = [line for line in said.splitlines() if "Access token was successfully created" in line]
    if not created:
        raise DockerError(command, said)
    return created[0].split()[-1]
