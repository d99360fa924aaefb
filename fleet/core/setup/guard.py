"""The metadata guard: what runs in containers does not reach the cloud's metadata, which tells this machine's user
data to whoever asks. The host still does: cloud-init reads it again at each boot.

Packets of containers are forwarded, so a table of ours in the forward hook stops them (``guard.nft``), loaded before
Docker starts. Docker itself fetches what a Dockerfile's ``ADD`` names, from the host's own network: systemd's
filter for its service stops that. See docs/decisions/0014-metadata-guard.md.
"""

from collections.abc import Iterator

from fleet.core.facts import HostFacts
from fleet.core.inventory import Inventory, Pool
from fleet.core.setup.part import Given, Part
from fleet.core.setup.values import HOME, Run, WantedFile

METADATA = ("169.254.169.254", "fe80::a9fe:a9fe")
"""Where clouds answer; Hetzner by both (docs.hetzner.cloud, server metadata)."""

UNITS = "/etc/systemd/system"
UNIT = f"{UNITS}/fleet-guard.service"
LOAD_GUARD = "load the metadata guard"


def guard(_inventory: Inventory, pool: Pool, given: Given) -> Part:
    """The rules, the unit that loads them, and the filter of Docker's own service."""
    return Part(
        before_docker=(
            WantedFile(
                f"{HOME}/guard.nft",
                given.stack["guard.nft"],
                then="! systemctl is-active --quiet fleet-guard || systemctl reload fleet-guard",
            ),
            WantedFile(
                UNIT,
                given.stack["fleet-guard.service"],
                then="systemctl daemon-reload && systemctl enable --quiet fleet-guard",
                undo="systemctl stop fleet-guard; rm -f /etc/systemd/system/*.wants/fleet-guard.service; "
                "nft delete table inet fleet_guard; systemctl daemon-reload",
            ),
            # Some clouds have their name server at that address, and Docker itself must reach it.
            *(() if pool.hosts else (_docker_itself(),)),
        ),
        packages=("nftables",),
    )


def _docker_itself() -> WantedFile:
    """Read when Docker starts; one that runs already is told at once, and goes on."""
    denied = f"IPAddressDeny={' '.join(METADATA)}"
    tell = f'! systemctl is-active --quiet docker || systemctl set-property --runtime docker "{denied}"'
    return WantedFile(
        f"{UNITS}/docker.service.d/60-fleet-guard.conf",
        f"# Written by fleet: what a Dockerfile's ADD names is fetched by Docker itself.\n[Service]\n{denied}\n",
        then=f"systemctl daemon-reload && {{ {tell}; }}",
    )


def is_flushed(facts: HostFacts) -> bool:
    """Whether rules that were there are gone: no reason to wait until the machine is idle."""
    return not facts.guarded and UNIT in facts.files


def guard_changes(facts: HostFacts) -> Iterator[Run]:
    """Rules that somebody flushed are loaded again, at once: nothing else is touched by it."""
    if not facts.guarded:
        yield Run("systemctl restart fleet-guard", LOAD_GUARD)
