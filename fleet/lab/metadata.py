"""The metadata service of a lab: it answers its servers at the address where a cloud's does.

A container in the lab's network with that address as one more. The servers reach it without a gateway, and jobs
on them are forwarded to it by their server, as at Hetzner. The machine below has no part in it: its own cloud may
answer at the same address, and must never be asked.
"""

from pathlib import Path

from fleet.lab import docker_cli
from fleet.lab.network import LABEL, Network

ADDRESS = "169.254.169.254"
ADDRESS6 = "fe80::a9fe:a9fe"
ANSWER = "the lab's metadata"
HAS_IPV6 = Path("/proc/net/if_inet6")

SERVE = f"""\
ip address add {ADDRESS}/32 dev eth0
! [ -e {HAS_IPV6} ] || ip -6 address add {ADDRESS6}/64 dev eth0 nodad
mkdir -p /srv/hetzner/v1
echo "{ANSWER}" >/srv/hetzner/v1/metadata
exec python3 -m http.server --directory /srv --bind :: 80
"""


def start(network: Network, image: str) -> None:
    """Start it; `image` is that of a server, of which little more than `ip` is used. Raises DockerError."""
    label = f"{LABEL}={network.lab}"
    own = ("--name", f"{network.name}-metadata", "--hostname", "metadata", "--label", label, "--cap-add=NET_ADMIN")
    place = ("--network", network.name, "--ip", network.metadata)
    ipv6 = ("--sysctl=net.ipv6.conf.all.disable_ipv6=0",) if HAS_IPV6.exists() else ()
    docker_cli.run(("run", "--detach", *own, *place, *ipv6, image, "sh", "-euc", SERVE))
