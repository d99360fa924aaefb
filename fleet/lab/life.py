"""A lab's own life: up and down. What was killed half-way is cleaned up by the next ``down``."""

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from fleet.core.errors import FleetError, Refused
from fleet.lab import docker_cli, images, look, metadata, mirror, network, real_gitea, tailnet, vps
from fleet.lab.docker_cli import DockerError
from fleet.lab.place import CA_FILE, Lab, find, folder_of, remember, write_private
from fleet.lab.serve import Orders, Served, read_served, write_orders

Say = Callable[[str], None]

STAND_IN_RUNNER = Path(__file__).parent / "runner" / "stand_in_runner.py"
RUNNER = "gitea/runner:4.1.0"
JOB_IMAGE = "fleet-lab/job:latest"
PULL_SECONDS = 120
"""For an image from a hub. Where there is none, the answer is no within a second or two."""

SERVE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Wish:
    """What a lab should be like. ``gitea``: URL and token of a real one; ``runner``: an image of the local Docker
    to run instead of the stand-in, under its own name; ``stand_ins``: do not ask a hub for real images; ``tls``: the
    stand-in Gitea speaks https, with a private CA; ``tailnet``: the folder of a tailnet's programs, see
    ``lab/tailnet.py``."""

    name: str
    gitea: tuple[str, str] | None = None
    runner: str = ""
    can_disable: bool = True
    stand_ins: bool = False
    tls: bool = False
    tailnet: str = ""


def up(wish: Wish, say: Say) -> Lab:
    """The lab, brought up if it is not. Raises Refused with what to type where it cannot be."""
    lab = find(wish.name)
    if lab is not None and is_alive(lab):
        return lab
    _must_have_docker()
    _must_have_extra()
    down(wish.name, say)
    try:
        return _up(wish, say)
    except DockerError as error:
        raise FleetError(f"the lab could not be brought up: {error}", hint=_again(wish.name)) from error


def _again(name: str) -> str:
    return f"fleet lab down --name {name}, then fleet lab up --name {name}"


def _up(wish: Wish, say: Say) -> Lab:
    folder = folder_of(wish.name)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = images.present(STAND_IN_RUNNER) or images.make(STAND_IN_RUNNER, say)
    net = network.ensure(wish.name)
    say("starting the registry mirror")
    shelf = mirror.start(net, made.mirror)
    metadata.start(net, made.server)
    runner, kind, local = _runner(wish, made.runner, say)
    shelf.push({JOB_IMAGE: made.job, runner: local}, say)
    token = secrets.token_hex(32)
    real = wish.gitea or _real_gitea(wish, net, say)
    write_orders(folder, Orders(wish.name, token, made, real is None, wish.can_disable, wish.tls, wish.tailnet))
    pid, served = _start(folder, say)
    gitea, gitea_token = real or (served.gitea, served.gitea_token)
    lab = Lab(
        name=wish.name,
        folder=str(folder),
        pid=pid,
        hetzner=served.hetzner,
        hetzner_token=token,
        gitea=gitea,
        gitea_token=gitea_token,
        gitea_kind="yours" if wish.gitea else "real" if real else "stand-in",
        runner=runner,
        runner_kind=kind,
        mirror=shelf.url,
        gitea_readonly_token=served.gitea_readonly_token,
        gitea_package_token=served.gitea_package_token or gitea_token,
        gitea_ca=str(folder / CA_FILE) if wish.tls else "",
        tailnet=served.tailnet,
        tailnet_key=served.tailnet_key,
        gitea_inside=served.gitea_inside,
        address_from=served.address_from,
    )
    remember(lab)
    _write_key(folder / "ssh.ed25519")
    secret = f"FLEET_TAILNET_KEY={lab.tailnet_key}\n" if lab.tailnet else ""
    write_private(folder / ".env", f"FLEET_GITEA_TOKEN={gitea_token}\nHCLOUD_TOKEN={token}\n{secret}")
    write_private(lab.inventory, inventory_text(lab))
    return lab


def _write_key(path: Path) -> None:
    """An SSH key that lives and dies with the lab."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    write_private(path, private.decode())


def _runner(wish: Wish, stand_in: str, say: Say) -> tuple[str, str, str]:
    """(name for the servers, what it is, local image): the one asked for, the real one where a hub answers, else
    the stand-in under the real one's name."""
    if wish.runner:
        return wish.runner, "yours", wish.runner
    if wish.stand_ins or not _can_be_had(RUNNER, say):
        return RUNNER, "stand-in", stand_in
    return RUNNER, "real", RUNNER


def _real_gitea(wish: Wish, net: network.Network, say: Say) -> tuple[str, str] | None:
    """URL and token of the real Gitea as a container, or None where its image cannot be had."""
    if wish.stand_ins or wish.tls or wish.tailnet or not _can_be_had(real_gitea.IMAGE, say):
        return None
    say(f"starting {real_gitea.IMAGE}")
    return real_gitea.start(net, real_gitea.IMAGE)


def _can_be_had(image: str, say: Say) -> bool:
    say(f"asking for the real {image}")
    try:
        docker_cli.run(("image", "inspect", "--format", "{{.Id}}", image))
    except DockerError:
        try:
            docker_cli.run(("pull", "--quiet", image), timeout=PULL_SECONDS)
        except DockerError:
            return False
    return True


def _start(folder: Path, say: Say) -> tuple[int, Served]:
    say("starting the Hetzner API and Gitea")
    (folder / "serving.json").unlink(missing_ok=True)
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "fleet.lab.serve", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    end = time.monotonic() + SERVE_SECONDS
    while time.monotonic() < end and process.poll() is None:
        served = read_served(folder)
        if served is not None:
            return process.pid, served
        time.sleep(0.05)
    process.kill()
    words = "\n".join((folder / "serve.log").read_text("utf-8").splitlines()[-8:])
    raise FleetError(f"the lab's own process did not start:\n{words}", hint=_again(folder.name))


def inventory_text(lab: Lab) -> str:
    """An inventory for this lab: two machines of one pool. Its secrets are beside it, in ``.env``."""
    ca = f'gitea.ca = "{CA_FILE}"\n' if lab.gitea_ca else ""
    inside = f'gitea.runner_url = "{lab.gitea_inside}"\n' if lab.tailnet else ""
    joined = f'tailnet.url = "{lab.tailnet}"\ntailnet.user = "{tailnet.USER}"\n' if lab.tailnet else ""
    return f"""\
# Written by `fleet lab up`: a fleet on the lab {lab.name}.
name = "{lab.name}"
gitea.url = "{lab.gitea}"
{ca}{inside}{joined}hetzner.endpoint = "{lab.hetzner}"
ssh.key = "{lab.folder}/ssh.ed25519"
ssh.address_from = "{lab.address_from}"
docker.registry_mirror = "{lab.mirror}"

# The disk of these machines is your computer's.
upkeep.disk_warning = 95
upkeep.disk_full = 97

[pools.build]
min = 2
max = 4
capacity = 2
runner = "{lab.runner}"
labels = ["ubuntu-latest:docker://{JOB_IMAGE}"]
"""


def down(name: str, say: Say) -> None:
    """End the lab's process, remove its containers, volumes, networks and its folder. Nothing there is fine."""
    lab = find(name)
    if lab is not None:
        _tell_what_stays(lab, say)
        _end(lab)
    _must_have_docker()
    say(f"removing what lab {name} has made")
    vps.remove_all(name)
    shutil.rmtree(folder_of(name), ignore_errors=True)


def _tell_what_stays(lab: Lab, say: Say) -> None:
    """A Gitea that is not the lab's own outlives it, and so do the runners of machines that nobody took down."""
    if lab.gitea_kind != "yours" or not is_alive(lab):
        return
    try:
        names = look.runners_of_servers(lab)
    except (OSError, FleetError):
        return
    if names:
        say(
            f"these runners stay in {lab.gitea}, where you can delete them: {', '.join(names)}; `fleet down` goes first"
        )


def leftovers(name: str) -> Mapping[str, list[str]]:
    """What a lab still has in Docker, by kind: all empty after ``down``."""
    label = f"label={network.LABEL}={name}"
    return {
        "containers": docker_cli.run(("ps", "--all", "--quiet", "--filter", label)).split(),
        "volumes": docker_cli.run(("volume", "ls", "--quiet", "--filter", label)).split(),
        "networks": docker_cli.run(("network", "ls", "--quiet", "--filter", label)).split(),
    }


def is_alive(lab: Lab) -> bool:
    """Whether the lab's own process runs (that very one: a number alone may be somebody else's by now)."""
    try:
        command = Path(f"/proc/{lab.pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"fleet.lab.serve" in command and lab.folder.encode() in command


def _end(lab: Lab) -> None:
    if not is_alive(lab):
        return
    os.kill(lab.pid, signal.SIGTERM)
    end = time.monotonic() + 10
    while is_alive(lab):
        if time.monotonic() > end:
            os.kill(lab.pid, signal.SIGKILL)
            return
        time.sleep(0.05)


def _must_have_docker() -> None:
    if not sys.platform.startswith("linux"):
        raise Refused("the lab needs Linux: its servers are containers whose addresses are reached from this machine")
    try:
        docker_cli.run(("info", "--format", "{{.ServerVersion}}"), timeout=20)
    except DockerError as error:
        raise Refused(
            f"the lab needs a running Docker, and there is none: {error}",
            hint="in a checkout: tools/ensure-docker; else install and start your distribution's Docker",
        ) from error


def _must_have_extra() -> None:
    if any(importlib.util.find_spec(name) is None for name in ("yaml", "google.protobuf")):
        raise Refused("the lab needs two more Python packages", hint="in the folder of the clone: pip install '.[lab]'")
