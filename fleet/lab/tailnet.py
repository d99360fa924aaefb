"""A tailnet of the lab: a real Headscale on the machine, and Gitea as a device of it.

Its programs (`headscale`, `tailscale`, `tailscaled`) are given by a folder; ``tools/ensure-tailnet`` makes one. They
are children of the lab's process and end with it, also when it is killed. Gitea listens on the loopback alone, and
its tailscaled, which needs no interface of its own, hands on to the loopback what comes for it through the tailnet:
there is no other way to it. Devices may reach that port and nothing else.
"""

import json
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from fleet.lab.network import Network

PROGRAMS = ("headscale", "tailscale", "tailscaled")
DOMAIN = "lab.internal"
USER = "lab"
GITEA_TAG = "tag:gitea"
MACHINE_TAG = "tag:ci"
WAIT_SECONDS = 30.0


class TailnetFailed(Exception):
    """A program of the tailnet did not start, or said no."""


@dataclass(frozen=True, slots=True)
class Tailnet:
    """Where machines log in, the key for Headscale's API, and what Gitea is called."""

    url: str
    key: str
    gitea: str


@dataclass(frozen=True, slots=True)
class Place:
    """The programs, the folder for all they write, and the network whose gateway Headscale listens on."""

    programs: Path
    folder: Path
    network: Network

    def start(self, name: str, *words: str, stack: ExitStack) -> None:
        """Begin a program; it ends with the lab's process, whatever ends that."""
        log = stack.enter_context((self.folder / f"{name}.log").open("ab"))
        command = ("setpriv", "--pdeathsig", "KILL", str(self.programs / name), *words)
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        stack.callback(process.wait, 10)
        stack.callback(process.terminate)

    def ask(self, name: str, *words: str) -> str:
        """What a program answers. Raises TailnetFailed."""
        command = (str(self.programs / name), *words)
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise TailnetFailed(f"{name} {' '.join(words[:4])}: {(done.stdout + done.stderr).strip()}")
        return done.stdout.strip()


def missing(programs: Path) -> list[str]:
    """What is not in this folder."""
    return [name for name in PROGRAMS if not (programs / name).is_file()]


def serve(place: Place, gitea_port: int, stack: ExitStack) -> Tailnet:
    """Start all of it; it ends when ``stack`` does. Raises TailnetFailed."""
    place.folder.mkdir(mode=0o700, exist_ok=True)
    port = _free_port(place.network.gateway)
    url = f"http://{place.network.gateway}:{port}"
    headscale = _Headscale(place, place.folder / "headscale.json")
    headscale.configure(url, port, gitea_port)
    place.start("headscale", "--config", str(headscale.config), "serve", stack=stack)
    _await("headscale", headscale.answers)
    headscale.ask("users", "create", USER)
    _bring_gitea_in(place, url, headscale.key_for(GITEA_TAG), stack)
    return Tailnet(url, headscale.ask("apikeys", "create").splitlines()[-1], f"http://gitea.{DOMAIN}:{gitea_port}")


@dataclass(frozen=True, slots=True)
class _Headscale:
    place: Place
    config: Path

    def configure(self, url: str, port: int, gitea_port: int) -> None:
        """JSON is YAML. A relay of its own: the public ones' list is not asked for."""
        folder, gateway = self.place.folder, self.place.network.gateway
        policy = folder / "policy.json"
        policy.write_text(json.dumps(_policy(gitea_port)), "utf-8")
        settings = {
            "server_url": url,
            "listen_addr": f"{gateway}:{port}",
            "metrics_listen_addr": "",
            "grpc_listen_addr": f"127.0.0.1:{_free_port('127.0.0.1')}",
            "noise": {"private_key_path": str(folder / "noise.key")},
            "prefixes": {"v4": "100.64.0.0/10", "v6": "fd7a:115c:a1e0::/48", "allocation": "sequential"},
            "derp": {"server": _relay(folder, gateway), "urls": [], "auto_update_enabled": False},
            "disable_check_updates": True,
            "database": {"type": "sqlite", "sqlite": {"path": str(folder / "headscale.sqlite")}},
            "log": {"level": "info"},
            "policy": {"mode": "file", "path": str(policy)},
            "dns": {
                "magic_dns": True,
                "base_domain": DOMAIN,
                "override_local_dns": False,
                "nameservers": {"global": []},
            },
            "unix_socket": str(folder / "headscale.sock"),
            "unix_socket_permission": "0700",
        }
        self.config.write_text(json.dumps(settings, indent=2), "utf-8")

    def ask(self, *words: str) -> str:
        return self.place.ask("headscale", "--config", str(self.config), *words)

    def answers(self) -> bool:
        try:
            self.ask("users", "list")
        except TailnetFailed:
            return False
        return True

    def key_for(self, tag: str) -> str:
        """A key for one device with this tag."""
        made = self.ask("preauthkeys", "create", "--user", "1", "--tags", tag, "--output", "json")
        return str(json.loads(made)["key"])


def _policy(gitea_port: int) -> dict[str, object]:
    """Devices reach Gitea. What else listens on the machine's loopback is none of their business."""
    owner = [f"{USER}@"]
    return {
        "tagOwners": {GITEA_TAG: owner, MACHINE_TAG: owner},
        "acls": [{"action": "accept", "src": [MACHINE_TAG], "dst": [f"{GITEA_TAG}:{gitea_port}"]}],
    }


def _relay(folder: Path, gateway: str) -> dict[str, object]:
    return {
        "enabled": True,
        "region_id": 999,
        "region_code": "lab",
        "region_name": "lab",
        "stun_listen_addr": f"{gateway}:{_free_port(gateway, socket.SOCK_DGRAM)}",
        "private_key_path": str(folder / "derp.key"),
        "automatically_add_embedded_derp_region": True,
    }


def _bring_gitea_in(place: Place, url: str, key: str, stack: ExitStack) -> None:
    sock = place.folder / "tailscaled.sock"
    words = (f"--statedir={place.folder}", f"--socket={sock}", "--port=0", "--tun=userspace-networking")
    place.start("tailscaled", *words, stack=stack)
    _await("tailscaled", sock.exists)
    file = place.folder / "gitea.key"
    file.touch(mode=0o600)
    file.write_text(key, "utf-8")
    flags = (f"--login-server={url}", f"--auth-key=file:{file}", "--hostname=gitea", "--accept-dns=false")
    place.ask("tailscale", f"--socket={sock}", "up", *flags, "--timeout=30s")
    file.unlink()


def _await(what: str, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_SECONDS
    while not ready():
        if time.monotonic() > end:
            raise TailnetFailed(f"{what} did not answer within {WAIT_SECONDS:g} seconds")
        time.sleep(0.1)


def _free_port(address: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind((address, 0))
        port: int = found.getsockname()[1]
        return port
