"""Reads what a host said, by ``stack/probe.sh`` and through its Docker, into facts."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from fleet.core.docker_seen import DockerSeen, has_runner_image, leftovers, may_be_runners, publishers
from fleet.core.facts import Disk, HandMade, HostFacts, Memory, Registration
from fleet.core.plain import plain
from fleet.core.tailnet import TailnetFacts, read_tailnet

UNASKED = DockerSeen(trouble="not asked")


def read_facts(probe: str, docker: DockerSeen = UNASKED) -> HostFacts:
    """The facts in the probe's answer and Docker's: lines of ``key<TAB>value``; keys that come again are lists.

    Unknown keys are passed over, so that an older fleet can read a newer probe. Jobs are root on their host: what it
    says is shown to people and so made plain.
    """
    lines = [line.split("\t", 1) for line in plain(probe).splitlines() if "\t" in line]
    one = dict(lines)
    many = _grouped(lines)
    disks = tuple(_disk(text) for text in many.get("disk", ()))
    abandoned = _abandoned(one, docker)
    return HostFacts(
        boot=one.get("boot", ""),
        os_id=one.get("os", ""),
        os_version=one.get("os_version", ""),
        codename=one.get("codename", ""),
        arch=one.get("arch", ""),
        docker=docker.version,
        docker_trouble=docker.trouble,
        compose=one.get("compose", ""),
        docker_active=one.get("docker_active") == "active",
        bridge=one.get("bridge", ""),
        setup_running=one.get("setup_running") == "active",
        setup_began=one.get("setup_began") == "yes",
        socket_lost=one.get("socket_lost") == "yes",
        packages=frozenset(many.get("package", ())),
        held=frozenset(many.get("held", ())),
        images=docker.images,
        files=dict(_pair(text) for text in many.get("file", ())),
        registration=_registration(one.get("registration", "")),
        container=docker.runner,
        tasks=tuple(task.name for task in docker.tasks if task.name not in abandoned),
        abandoned=tuple(sorted(abandoned)),
        task_containers=docker.tasks,
        leftovers=leftovers(docker),
        logins=tuple(many.get("login", ())),
        disk_free=disks[0].free if disks else 0,
        disk_size=disks[0].size if disks else 0,
        disks=disks,
        ram=Memory(_kib(one, "memory_size"), _kib(one, "memory_free"), int(one.get("oom_kills") or 0)),
        load=float(one.get("load") or 0),
        cores=int(one.get("cores") or 0),
        uptime=int(one.get("uptime") or 0),
        clock=float(one.get("clock") or 0),
        open_files=int(one.get("open_files") or 0),
        reboot_needed=one.get("reboot_needed") == "yes",
        guarded=one.get("guarded") == "yes",
        serves_cache=docker.serves_cache,
        cache_answers=one["cache_answers"] == "yes" if "cache_answers" in one else None,
        memory=read_memory("\n".join(many.get("memory", ()))),
        tailnet=_tailnet(one, many),
        daemon=_text(one.get("daemon", "")),
        daemon_added=_text(one.get("daemon_added", "")),
        hand_made=_hand_made(docker, many.get("record", ())) if "static_port" in one else (),
        processes=tuple(many.get("process", ())),
        port_users=_port_users(one, many, docker),
    )


def _abandoned(one: Mapping[str, str], docker: DockerSeen) -> frozenset[str]:
    """A runner that has lost Docker's socket has no part in any container more. On a static host they may be another
    runner's."""
    if "static_port" in one:
        return frozenset()
    lost = docker.tasks if docker.runner is not None and one.get("socket_lost") == "yes" else docker.abandoned
    return frozenset(task.name for task in lost)


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
        return Registration(int(data["id"]), str(data["uuid"]), str(data["name"]), plain(str(data["address"])))
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


def _disk(text: str) -> Disk:
    size, free, inodes, inodes_free, folder = text.split(" ", 4)
    known = inodes.isdigit() and inodes_free.isdigit()
    return Disk(folder, int(size) * 1024, int(free) * 1024, *((int(inodes), int(inodes_free)) if known else ()))


def _kib(one: Mapping[str, str], key: str) -> int:
    return int(one.get(key) or 0) * 1024


def _hand_made(docker: DockerSeen, lines: Sequence[str]) -> tuple[HandMade, ...]:
    """A container that runs is a runner by the record in one of its mounts, or else by its image."""
    records = dict(line.split("|", 1) for line in lines if "|" in line)
    found = ((one, _record_in(one.mounts, records)) for one in may_be_runners(docker))
    return tuple(
        HandMade(one.name, one.image, one.project, file, _registration(records.get(file, "")))
        for one, file in found
        if file or has_runner_image(one.image)
    )


def _record_in(mounts: Sequence[str], records: Mapping[str, str]) -> str:
    return next((file for mount in mounts for file in (mount, f"{mount}/.runner") if file in records), "")


def _port_users(one: Mapping[str, str], many: Mapping[str, list[str]], docker: DockerSeen) -> tuple[str, ...]:
    """Processes by their own word, containers by Docker's."""
    if not one.get("static_port"):
        return ()
    containers = (f"container {name}" for name in publishers(docker.containers, int(one["static_port"])))
    return (*many.get("port_user", ()), *containers)
