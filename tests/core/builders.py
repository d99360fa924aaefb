"""Values for tests: each builder has a plain default, a case writes out only what it is about."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from fleet.core.facts import HostFacts, Registration, RunnerContainer
from fleet.core.inventory import GiteaSettings, Inventory, Pool, RunnerSettings
from fleet.core.lifecycle import OF_TAILNET, Step
from fleet.core.money import Catalog, ServerType
from fleet.core.names import birth_tags, fleet_label, read_server_name
from fleet.core.observation import HostSeen, Job, JobState, Observation, Runner, Server, ServerStatus
from fleet.core.setup import HostWanted, daemon_file, host_wanted

ROOT = Path(__file__).parents[2]
STACK = {path.name: path.read_text("utf-8") for path in (ROOT / "fleet" / "stack").iterdir() if path.is_file()}

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
GITEA = GiteaSettings("https://gitea.example", "https://gitea.example")
OTHER_GITEA = GiteaSettings("https://other.example", "https://other.example")


def public_key(raw: bytes) -> str:
    """The OpenSSH line of an ed25519 public key (RFC 8709, section 4)."""
    blob = b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + raw
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


HOST_KEY = public_key(bytes(range(32)))
LOGIN = public_key(bytes(range(32, 64)))
"""The operator's key, which opens servers."""


def plain(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps as they are for a machine without a tailnet."""
    return tuple(step for step in steps if step not in OF_TAILNET)


def pool(name: str = "build", **more: Any) -> Pool:
    plain = Pool(
        name,
        RunnerSettings("gitea/runner:4.1.0", ("ubuntu-latest:docker://node:22",)),
        types=("cx33", "cx43"),
        locations=("nbg1", "fsn1"),
    )
    return replace(plain, **more)


def inventory(*pools: Pool, **more: Any) -> Inventory:
    return replace(Inventory("ci", GITEA, pools or (pool(),)), **more)


def wanted(of: Pool | None = None) -> HostWanted:
    one = of or pool()
    return host_wanted(inventory(one), one, STACK)


def server(
    name: str = "ci-build-1", *, minutes: int = 90, tags: Mapping[str, str] | None = None, **more: Any
) -> Server:
    """A server of ours, made so many minutes ago; ``tags`` are laid on those it was born with."""
    parts = read_server_name(name)
    born = birth_tags(parts, GITEA, HOST_KEY, LOGIN, "0.0136") if parts else {}
    plain = Server(
        id=1000 + (parts.n if parts else 0),
        name=name,
        status=ServerStatus.RUNNING,
        created=NOW - timedelta(minutes=minutes),
        type="cx33",
        location="nbg1",
        ipv4="192.0.2.1",
        ipv6=None,
        tags={**born, **(tags or {})},
    )
    return replace(plain, **more)


def foreign(name: str = "ci-build-1") -> Server:
    """A server with a name of ours that a fleet of another Gitea made."""
    parts = read_server_name(name)
    assert parts is not None
    return replace(server(name), id=66, tags=birth_tags(parts, OTHER_GITEA, HOST_KEY, LOGIN, "0.0136"))


def runner(name: str = "ci-build-1", **more: Any) -> Runner:
    plain = Runner(
        7,
        name,
        online=True,
        busy=False,
        labels=frozenset({"ubuntu-latest", fleet_label("ci")}),
        disabled=False,
    )
    return replace(plain, **more)


def job(**more: Any) -> Job:
    """A job that runs on runner 7."""
    return replace(
        Job(41, "test", JobState.RUNNING, frozenset({"ubuntu-latest"}), 7, NOW, NOW, repo="acme/app"), **more
    )


def facts(of: HostWanted | None = None, **more: Any) -> HostFacts:
    """A Debian 13 host on which everything is as wanted, its runner (id 7) running."""
    want = of or wanted()
    plain = HostFacts(
        boot="0",
        os_id="debian",
        os_version="13",
        codename="trixie",
        arch="amd64",
        docker="26.1.5",
        compose="2.26.1",
        docker_active=True,
        bridge=want.bridge,
        packages=frozenset({"docker.io", "docker-cli", "docker-compose", *want.packages}),
        held=frozenset({"docker.io", "docker-cli", "docker-compose"}),
        images=frozenset(want.images),
        registration=Registration(7, "u-7", "ci-build-1", GITEA.runner_url),
        container=RunnerContainer(True, 0, 0, want.config_hash, "gitea/runner:4.1.0"),
        disk_free=30 * 2**30,
        disk_size=40 * 2**30,
        clock=int(NOW.timestamp()),
        open_files=524288,
        guarded=True,
    )
    changed = replace(plain, **more)
    files = {file.path: file.digest for file in (*want.files, daemon_file(changed, want))}
    return changed if "files" in more else replace(changed, files=files)


def fresh(**more: Any) -> HostFacts:
    """A Debian 13 host just after its first boot."""
    plain = HostFacts(
        boot="0", os_id="debian", os_version="13", codename="trixie", arch="amd64", open_files=524288,
        disk_free=36 * 2**30, disk_size=40 * 2**30,
    )  # fmt: skip
    return replace(plain, **more)


def seen(*parts: Server | Runner | Job, hosts: Mapping[str, HostSeen] | None = None, at: datetime = NOW) -> Observation:
    """An observation of these servers, runners and jobs, in any order."""
    return Observation(
        at=at,
        servers=tuple(part for part in parts if isinstance(part, Server)),
        runners=tuple(part for part in parts if isinstance(part, Runner)),
        jobs=tuple(part for part in parts if isinstance(part, Job)),
        hosts=hosts or {},
    )


def server_type(name: str = "cx33", hour: str = "0.0128", month: str = "7.99", **more: Any) -> ServerType:
    places = ("nbg1", "fsn1")
    plain = ServerType(
        name,
        cores=4,
        memory_gb=8.0,
        disk_gb=80,
        architecture="x86",
        prices=dict.fromkeys(places, Decimal(hour)),
        monthly=dict.fromkeys(places, Decimal(month)),
        available=frozenset(places),
        deprecated={},
    )
    return replace(plain, **more)


def catalog(*types: ServerType) -> Catalog:
    """cx33 costs 0.0136 an hour and 8.49 a month with its IPv4, cx43 0.0256 and 15.99."""
    places = ("nbg1", "fsn1", "hel1")
    return Catalog(
        types or (server_type(), server_type("cx43", "0.0248", "15.49")),
        frozenset(places),
        dict.fromkeys(places, Decimal("0.0008")),
        dict.fromkeys(places, Decimal("0.50")),
    )
