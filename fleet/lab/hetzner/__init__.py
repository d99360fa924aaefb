"""A Hetzner Cloud API on the loopback: stateful, asynchronous, and able to fail on order."""

from fleet.lab.hetzner.api import HetznerApi
from fleet.lab.hetzner.faults import Fault, Faults
from fleet.lab.hetzner.hypervisor import (
    Addresses,
    FirewallRule,
    Hypervisor,
    HypervisorError,
    NoHypervisor,
    ServerSpec,
)
from fleet.lab.hetzner.serving import Serving

__all__ = [
    "Addresses",
    "Fault",
    "Faults",
    "FirewallRule",
    "HetznerApi",
    "Hypervisor",
    "HypervisorError",
    "NoHypervisor",
    "ServerSpec",
    "Serving",
]
