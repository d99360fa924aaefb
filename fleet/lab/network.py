"""The networks of a lab.

One Docker bridge with a /24 of its own stands for the internet, and who has which address in it:

.1          the machine itself: the lab's Hetzner and Gitea listen here
.2          the mirror
.3          Gitea, where it is the real one
.4          the metadata service, whose second address is a cloud's
.5 - .9     other containers of the lab
.10 - .254  servers

A private network of its Hetzner is another bridge, with the range it was ordered with, and no way out of it.
"""

import ipaddress
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from fleet.lab import docker_cli
from fleet.lab.docker_cli import DockerError

RANGE = IPv4Network("10.213.0.0/16")
LABEL = "fleet.lab"
FIRST_SERVER, LAST_SERVER = 10, 254
SERVERS = LAST_SERVER - FIRST_SERVER + 1
ROUTES = Path("/proc/net/route")


@dataclass(frozen=True, slots=True)
class Network:
    """A lab's network as Docker knows it."""

    lab: str
    subnet: IPv4Network

    @property
    def name(self) -> str:
        """The name of the Docker network."""
        return network_name(self.lab)

    @property
    def gateway(self) -> str:
        """The machine's address as the servers see it."""
        return str(self.subnet[1])

    @property
    def mirror(self) -> str:
        """The mirror's address."""
        return str(self.subnet[2])

    @property
    def gitea(self) -> str:
        """The real Gitea's address, where there is one."""
        return str(self.subnet[3])

    @property
    def metadata(self) -> str:
        """The metadata service's own address."""
        return str(self.subnet[4])

    def server(self, slot: int) -> str:
        """The address of a server's place, counted from 0; they come round after `SERVERS`."""
        return str(self.subnet[FIRST_SERVER + slot % SERVERS])


def network_name(lab: str) -> str:
    """The name of a lab's Docker network."""
    return f"fleet-lab-{lab}"


def ensure(lab: str) -> Network:
    """The lab's network, made now if it is not there. Raises DockerError."""
    return find(lab) or _create(lab)


def find(lab: str) -> Network | None:
    """The lab's network if it is there."""
    try:
        subnet = docker_cli.run(
            ("network", "inspect", network_name(lab), "--format", "{{(index .IPAM.Config 0).Subnet}}")
        )
    except DockerError as error:
        if error.not_found:
            return None
        raise
    return Network(lab, IPv4Network(subnet))


def private_name(lab: str, network_id: int) -> str:
    """The name of the Docker network that is this private network."""
    return f"{network_name(lab)}.private-{network_id}"


def ensure_private(lab: str, network_id: int, ip_range: str) -> str:
    """The name of the private network, made now if it is not there. Raises DockerError."""
    name = private_name(lab, network_id)
    try:
        docker_cli.run(("network", "inspect", name))
    except DockerError as error:
        if not error.not_found:
            raise
        # The gateway is Hetzner's first address too: no server ever gets it.
        addresses = (f"--subnet={ip_range}", f"--gateway={IPv4Network(ip_range)[1]}")
        docker_cli.run(
            ("network", "create", "--driver=bridge", "--internal", *addresses, "--label", f"{LABEL}={lab}", name)
        )
    return name


def remove_private(lab: str, network_id: int) -> None:
    """Remove a private network; one that is not there is fine. Raises DockerError."""
    try:
        docker_cli.run(("network", "rm", private_name(lab, network_id)))
    except DockerError as error:
        if not error.not_found:
            raise


def remove(lab: str) -> None:
    """Remove the lab's networks; none is fine. Whatever is in them must be gone."""
    listed = docker_cli.run(("network", "ls", "--quiet", "--filter", f"label={LABEL}={lab}"))
    if listed:
        docker_cli.run(("network", "rm", *listed.split()))


def free_subnets(routes: str) -> list[IPv4Network]:
    """The /24s of our range that no route of the machine touches; `routes` is the text of /proc/net/route."""
    taken = _routed(routes)
    return [subnet for subnet in RANGE.subnets(new_prefix=24) if not any(subnet.overlaps(network) for network in taken)]


def _create(lab: str) -> Network:
    routes = ROUTES.read_text() if ROUTES.exists() else ""
    for subnet in free_subnets(routes):
        network = Network(lab, subnet)
        command = (
            "network",
            "create",
            "--driver=bridge",
            f"--subnet={subnet}",
            f"--gateway={network.gateway}",
        )
        try:
            docker_cli.run((*command, "--label", f"{LABEL}={lab}", network.name))
        except DockerError as error:
            # Another network of Docker has it, perhaps since a moment: the next one.
            if "overlaps" not in error.said:
                raise
        else:
            return network
    raise DockerError(("network", "create", network_name(lab)), f"no /24 of {RANGE} is free on this machine")


def _routed(routes: str) -> list[IPv4Network]:
    """The networks that have a route; the default route is not one of them."""
    rows = [line.split() for line in routes.splitlines()[1:]]
    found = [(_little_endian(row[1]), _little_endian(row[7])) for row in rows if len(row) > 7]
    return [ipaddress.IPv4Network(f"{address}/{mask}", strict=False) for address, mask in found if int(mask)]


def _little_endian(word: str) -> IPv4Address:
    return IPv4Address(int.from_bytes(bytes.fromhex(word), "little"))
