"""A host that fleet has not made: a machine of the lab of which only its address is known, with a user of its own."""

import json
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fleet.core.inventory import GiteaSettings
from fleet.core.secret import Secret
from fleet.edges.gitea import GiteaHttp
from fleet.edges.ssh_keys import new_host_key
from fleet.lab import docker_cli
from fleet.lab.docker_cli import DockerError
from fleet.lab.place import Lab
from tests.e2e.keyboard import Json, hetzner_delete, hetzner_post, soon

USER = "ann"
PROJECT = "/srv/ci"

COMPOSE = """\
services:
  runner:
    image: {image}
    container_name: hand-made
    restart: always
    environment: {{CONFIG_FILE: /config.yaml}}
    volumes: [./config.yaml:/config.yaml:ro, ./data:/data, /var/run/docker.sock:/var/run/docker.sock]
    ports: ["8088:8088"]
"""
CONFIG = "runner: {file: .runner, capacity: 1, shutdown_timeout: 1m}\ncache: {enabled: false}\n"


@dataclass(frozen=True)
class StaticMachine:
    """``key``: the file of a private key that opens it, for ``ann``, who may become root."""

    lab: Lab
    name: str
    id: int
    address: str
    host_key: str
    key: Path

    def inside(self, command: str, *, stdin: str = "") -> str:
        """What a shell command on it prints."""
        container = f"fleet-lab-{self.lab.name}-{self.id}"
        return docker_cli.run(("exec", "-i", container, "sh", "-c", command), stdin=stdin)

    def entry(self, more: str = "") -> str:
        """Its entry in the inventory."""
        return f"""
[[pools.build.hosts]]
name = "{self.name}"
address = "{self.address}"
user = "{USER}"
host_key = "{self.host_key}"
{more}
"""

    def remove(self) -> None:
        hetzner_delete(self.lab, f"/servers/{self.id}")


def new_key(folder: Path) -> tuple[Path, str]:
    """A key to log in with: its file, and the public line."""
    private, public = new_host_key()
    path = folder / "id_ed25519"
    path.write_text(private.reveal())
    path.chmod(0o600)
    return path, public


def new_machine(lab: Lab, name: str, key: Path, public: str, *, image: str) -> StaticMachine:
    """Rented by somebody else, and up."""
    host_private, host_public = new_host_key()
    body: Json = {
        "name": f"somebodys-{name}-{lab.name}",
        "server_type": "cx33",
        "location": "fsn1",
        "image": image,
        "user_data": _user_data(host_private.reveal(), host_public, public),
    }
    server = hetzner_post(lab, "/servers", body)["server"]
    machine = StaticMachine(lab, name, server["id"], server["public_net"]["ipv4"]["ip"], host_public, key)
    soon(lambda: _is_up(machine), seconds=60)
    return machine


def _is_up(machine: StaticMachine) -> bool:
    with suppress(DockerError):
        return bool(machine.inside(f"cloud-init status --wait >/dev/null 2>&1; id {USER} 2>/dev/null || true"))
    return False


def _user_data(host_private: str, host_public: str, public: str) -> str:
    user = {"name": USER, "sudo": "ALL=(ALL) NOPASSWD:ALL", "shell": "/bin/bash", "ssh_authorized_keys": [public]}
    keys = {"ed25519_private": host_private, "ed25519_public": host_public}
    data = {"ssh_deletekeys": True, "ssh_keys": keys, "disable_root": True, "users": [user], "locale": False}
    return "#cloud-config\n" + json.dumps(data)


def make_runner_by_hand(machine: StaticMachine, label: str) -> int:
    """A compose project with a runner, as a person would write it; the runner's id."""
    lab = machine.lab
    settings = {"registry-mirrors": [lab.mirror], "labels": ["somebody=ann"]}
    machine.inside("cat >/etc/docker/daemon.json && systemctl restart docker", stdin=json.dumps(settings))
    gitea = GiteaHttp(GiteaSettings(lab.gitea, lab.gitea), Secret(lab.gitea_token))
    try:
        who = gitea.register("hand-made", [label], gitea.registration_token())
    finally:
        gitea.close()
    record = {
        "id": who.id,
        "uuid": who.uuid,
        "name": "hand-made",
        "token": who.token.reveal(),
        "address": lab.gitea,
        "labels": [f"{label}:docker://fleet-lab/job:latest"],
    }
    machine.inside(f"mkdir -p {PROJECT}/data && cat >{PROJECT}/compose.yaml", stdin=COMPOSE.format(image=lab.runner))
    machine.inside(f"cat >{PROJECT}/config.yaml", stdin=CONFIG)
    machine.inside(f"cat >{PROJECT}/data/.runner", stdin=json.dumps(record))
    machine.inside(f"docker compose -f {PROJECT}/compose.yaml up --detach --quiet-pull 2>&1")
    return who.id
