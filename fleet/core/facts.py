"""What a host says about itself: the answer of ``stack/probe.sh``, read into values."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fleet.core.tailnet import TailnetFacts, read_tailnet


@dataclass(frozen=True, slots=True)
class Registration:
    """The ``.runner`` file, without its token. ``id`` is Gitea's REST id of the runner."""

    id: int
    uuid: str
    name: str
    address: str


@dataclass(frozen=True, slots=True)
class RunnerContainer:
    """The runner's container. ``config`` is the hash of what it was started with."""

    running: bool
    exit_code: int
    restarts: int
    config: str
    image: str


@dataclass(frozen=True, slots=True)
class HandMade:
    """A runner that runs and is not ours. ``file``: its ``.runner`` on the host, if it was found."""

    container: str
    image: str
    project: str
    file: str
    registration: Registration | None


@dataclass(frozen=True, slots=True)
class HostFacts:
    """One read-only look at a host. Sizes are in bytes, ``files`` are SHA-256 sums by path.

    ``serves_cache``: the fleet's cache server runs here.
    ``guarded``: the rules that keep containers from the cloud's metadata are loaded.
    ``logins``: the lines of root's authorized_keys.

    Of static hosts alone: ``memory`` is what earlier runs left there, as tags are left on a server; ``daemon`` the
    Docker daemon's settings as they are, ``daemon_added`` what of them is ours; ``hand_made`` runners in containers,
    and ``processes`` that are runners (``name|unit``); ``port_users``: what listens where the cache of jobs will.
    """

    boot: str = ""
    os_id: str = ""
    os_version: str = ""
    codename: str = ""
    arch: str = ""
    docker: str = ""
    compose: str = ""
    docker_active: bool = False
    bridge: str = ""
    setup_running: bool = False
    packages: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()
    images: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict)
    registration: Registration | None = None
    container: RunnerContainer | None = None
    tasks: tuple[str, ...] = ()
    disk_free: int = 0
    disk_size: int = 0
    clock: int = 0
    open_files: int = 0
    reboot_needed: bool = False
    guarded: bool = False
    serves_cache: bool = False
    memory: Mapping[str, str] = field(default_factory=dict)
    tailnet: TailnetFacts | None = None
    logins: tuple[str, ...] = ()
    daemon: str = ""
    daemon_added: str = ""
    hand_made: tuple[HandMade, ...] = ()
    processes: tuple[str, ...] = ()
    port_users: tuple[str, ...] = ()

    @property
    def booted(self) -> bool:
        """cloud-init is done: with success (0) or with recoverable errors (2); "-" where there is none."""
        return self.boot in {"0", "2", "-"}


def read_facts(probe: str) -> HostFacts:
    """The facts in the probe's answer: lines of ``key<TAB>value``; keys that come again are lists.

    Unknown keys are passed over, so that an older fleet can read a newer probe.
    """
    lines = [line.split("\t", 1) for line in probe.splitlines() if "\t" in line]
    one = dict(lines)
    many = _grouped(lines)
    return HostFacts(
        boot=one.get("boot", ""),
        os_id=one.get("os", ""),
        os_version=one.get("os_version", ""),
        codename=one.get("codename", ""),
        arch=one.get("arch", ""),
        docker=one.get("docker", ""),
        compose=one.get("compose", ""),
        docker_active=one.get("docker_active") == "active",
        bridge=one.get("bridge", ""),
        setup_running=one.get("setup_running") == "active",
        packages=frozenset(many.get("package", ())),
        held=frozenset(many.get("held", ())),
        images=frozenset(many.get("image", ())),
        files=dict(_pair(text) for text in many.get("file", ())),
        registration=_registration(one.get("registration", "")),
        container=_container(one.get("container", "")),
        tasks=tuple(many.get("task", ())),
        logins=tuple(many.get("login", ())),
        disk_free=int(one.get("disk_free") or 0) * 1024,
        disk_size=int(one.get("disk_size") or 0) * 1024,
        clock=int(one.get("clock") or 0),
        open_files=int(one.get("open_files") or 0),
        reboot_needed=one.get("reboot_needed") == "yes",
        guarded=one.get("guarded") == "yes",
        serves_cache=one.get("serves_cache") == "yes",
        memory=read_memory("\n".join(many.get("memory", ()))),
        tailnet=_tailnet(one, many),
        daemon=_text(one.get("daemon", "")),
        daemon_added=_text(one.get("daemon_added", "")),
        hand_made=tuple(_hand_made(text) for text in many.get("hand_made", ())),
        processes=tuple(many.get("process", ())),
        port_users=tuple(many.get("port_user", ())),
    )


def read_memory(text: str) -> dict[str, str]:
    """A static host's memory: lines of ``key=value``."""
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _grouped(lines: list[list[str]]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for key, value in lines:
        groups.setdefault(key, []).append(value)
    return groups


def _pair(text: str) -> tuple[str, str]:
    digest, path = text.split(" ", 1)
    return path.strip(), digest


def _registration(encoded: str) -> Registration | None:
    """The .runner file comes in base64, its token already taken out on the host."""
    if not encoded:
        return None
    try:
        data: dict[str, Any] = json.loads(base64.b64decode(encoded))
        return Registration(int(data["id"]), str(data["uuid"]), str(data["name"]), str(data["address"]))
    except (ValueError, KeyError, TypeError):
        return None


def _tailnet(one: Mapping[str, str], many: Mapping[str, list[str]]) -> TailnetFacts | None:
    """None where there is no tailscale; tailscaled's answer comes in base64, or empty when it gives none."""
    if "tailnet" not in one:
        return None
    settings = dict(line.split(" ", 1) for line in many.get("tailnet_setting", ()) if " " in line)
    ours = one.get("tailnet_ours") == "yes"
    return read_tailnet(_json(one["tailnet"]), settings, many.get("tailnet_route", ()), ours=ours)


def _json(encoded: str) -> dict[str, Any]:
    try:
        data = json.loads(base64.b64decode(encoded))
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode(errors="replace")


def _hand_made(text: str) -> HandMade:
    container, image, project, file, record = text.split("|", 4)
    return HandMade(container, image, project, file, _registration(record))


def _container(text: str) -> RunnerContainer | None:
    if not text:
        return None
    status, exit_code, restarts, config, image = text.split("|", 4)
    return RunnerContainer(status == "running", int(exit_code), int(restarts), config, image)
