"""What a machine of a tailnet has on it: a resolver for its containers, names kept, networks whose packets fit."""

import ipaddress
import shlex
from collections.abc import Mapping
from string import Template

from fleet.core.inventory import Inventory, Pool
from fleet.core.setup.part import Given, Part
from fleet.core.setup.values import HOME, GoneFile, WantedFile
from fleet.core.tailnet import MTU, names, settings_for
from fleet.core.yaml_text import Plain

TAILSCALE_KEY = "2596A99EAAB33821893C0A79458CA832957F5868"
"""Fingerprint of the key of Tailscale's archive (pkgs.tailscale.com/stable)."""

INSTALL = f"{HOME}/bin/tailscale-install"
NAMES = f"{HOME}/bin/tailnet-names"
UNITS = "/etc/systemd/system"
RESOLVER = "dnsmasq-base"
"""The package with the program alone: no service that would ask for port 53 of the whole host."""


def tailnet(inventory: Inventory, pool: Pool, given: Given) -> Part:
    """Nothing for a pool without a tailnet. Joining it is a step of its own, before these files.

    A machine that had one keeps its place in it until it leaves service, and asks its own DNS again."""
    if settings_for(inventory, pool) is None:
        return Part(gone=(GoneFile(NAMES, then=f"{NAMES}.going forget", what="take the tailnet's names away"),))
    bridge = str(ipaddress.ip_interface(pool.docker.bip).ip)
    return Part(
        before_docker=(WantedFile(INSTALL, given.stack["tailscale-install.sh"], 0o755),),
        after_docker=(_resolver(given.stack, bridge), *_names(given.stack, shlex.join(names(inventory)))),
        packages=(RESOLVER,),
        daemon=_daemon(bridge),
    )


def _daemon(bridge: str) -> dict[str, Plain]:
    """All containers ask our resolver, those of builds too; packets of all networks fit through the tailnet."""
    return {
        "dns": [bridge],
        "mtu": MTU,
        "default-network-opts": {"bridge": {"com.docker.network.driver.mtu": str(MTU)}},
    }


def _resolver(stack: Mapping[str, str], bridge: str) -> WantedFile:
    unit = Template(stack["fleet-dns.service"]).substitute(bridge=bridge)
    start = "systemctl daemon-reload && systemctl enable --quiet fleet-dns && systemctl restart fleet-dns"
    return WantedFile(f"{UNITS}/fleet-dns.service", unit, then=start)


def _names(stack: Mapping[str, str], wanted: str) -> tuple[WantedFile, ...]:
    """The timer comes last: with it the names must be known, or set-up fails."""
    unit = Template(stack["fleet-names.service"]).substitute(names=wanted)
    start = f"systemctl daemon-reload && systemctl enable --now --quiet fleet-names.timer && {NAMES} keep {wanted}"
    script = WantedFile(NAMES, stack["tailnet-names.sh"], 0o755)
    timer = WantedFile(f"{UNITS}/fleet-names.timer", stack["fleet-names.timer"], then="systemctl daemon-reload")
    check, path = f"{start} && {NAMES} check {wanted}", f"{UNITS}/fleet-names.service"
    return (script, timer, WantedFile(path, unit, then=check, what="look up the names", undo=f"{NAMES} forget"))
