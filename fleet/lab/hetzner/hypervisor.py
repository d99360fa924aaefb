"""What the API needs from the machine below it."""

from dataclasses import dataclass
from typing import Protocol


class HypervisorError(Exception):
    """The machine below could not do it; the text becomes the action's error message."""


@dataclass(frozen=True, slots=True)
class PrivateAddress:
    """A server's place in a private network of this range."""

    network: int
    ip_range: str
    ip: str


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """What a hypervisor needs to make a server; `ssh_keys` are public keys for root."""

    id: int
    name: str
    image: str
    architecture: str
    memory_gb: float
    cores: int
    user_data: str
    ssh_keys: tuple[str, ...]
    private: tuple[PrivateAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class Addresses:
    """The public addresses of a server; None where it has none of that kind."""

    ipv4: str | None
    ipv6: str | None


@dataclass(frozen=True, slots=True)
class FirewallRule:
    """One rule: `port` is "22", "80-85" or "any", and None where the protocol has no ports."""

    direction: str
    protocol: str
    port: str | None = None
    source_ips: tuple[str, ...] = ()
    destination_ips: tuple[str, ...] = ()
    description: str | None = None


EVERYWHERE = ("0.0.0.0/0", "::/0")
OPEN = (
    FirewallRule("in", "tcp", "any", EVERYWHERE),
    FirewallRule("in", "udp", "any", EVERYWHERE),
    FirewallRule("in", "icmp", None, EVERYWHERE),
    FirewallRule("in", "esp", None, EVERYWHERE),
    FirewallRule("in", "gre", None, EVERYWHERE),
)
"""The effective rules of a server that has no firewall, and of a server just made."""


class Hypervisor(Protocol):
    """Makes and unmakes hosts. Calls for one server never overlap; calls for several do."""

    def reserve(self, server_id: int) -> Addresses:
        """Say at once which addresses `create` will give; the same id always gets the same ones."""

    def create(self, spec: ServerSpec) -> Addresses:
        """Return when the server has its addresses, the private ones too. Raises HypervisorError."""

    def delete(self, server_id: int) -> None:
        """Remove the server; one that is gone is fine."""

    def power(self, server_id: int, on: bool) -> None:
        """Switch the server on or off; one that is in that state already is fine."""

    def reset(self, server_id: int) -> None:
        """Pull the plug and put it back."""

    def rebuild(self, spec: ServerSpec) -> Addresses:
        """Replace the disk: the same id and addresses, nothing else stays."""

    def remove_network(self, network_id: int) -> None:
        """The private network has no server any more; one that never had any is fine."""

    def firewall(self, server_id: int, rules: tuple[FirewallRule, ...]) -> None:
        """Make these the effective rules; called on every change.

        What no `in` rule allows is dropped, so an empty tuple lets nothing in; going out is free
        unless there is an `out` rule. A server without any firewall gets `OPEN`.
        """


class NoHypervisor:
    """Makes nothing and hands out addresses of the documentation ranges (RFC 5737, RFC 3849)."""

    def reserve(self, server_id: int) -> Addresses:
        return Addresses(f"192.0.2.{server_id % 254 + 1}", f"2001:db8:0:{server_id % 65536:x}::/64")

    def create(self, spec: ServerSpec) -> Addresses:
        return self.reserve(spec.id)

    def delete(self, server_id: int) -> None:
        pass

    def power(self, server_id: int, on: bool) -> None:
        pass

    def reset(self, server_id: int) -> None:
        pass

    def rebuild(self, spec: ServerSpec) -> Addresses:
        return self.reserve(spec.id)

    def remove_network(self, network_id: int) -> None:
        pass

    def firewall(self, server_id: int, rules: tuple[FirewallRule, ...]) -> None:
        pass
