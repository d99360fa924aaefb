"""What is on offer: locations, server types, images, and prices of September 2026 (net, EUR, Nuremberg).

Prices without a public record (cpx12, ccx53, ccx63, and the factors of the far locations) are guesses.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

VAT: Final = Decimal("19")
HOURS_OF_A_MONTH: Final = 624
"""Hetzner's hourly price is about the monthly cap divided by this."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place; `factor` is what list prices are multiplied by there, `traffic_tb` is what is included."""

    id: int
    name: str
    city: str
    country: str
    network_zone: str
    description: str
    latitude: float
    longitude: float
    factor: Decimal = Decimal(1)
    traffic_tb: int = 20


@dataclass(frozen=True, slots=True)
class ServerType:
    """A size of server; memory and disk in GB, `monthly` in EUR net; no longer sold where it is `retired`."""

    id: int
    name: str
    category: str
    architecture: str
    cpu_type: str
    cores: int
    memory: float
    disk: int
    monthly: Decimal
    locations: tuple[str, ...]
    retired: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Image:
    """A system or app image; each name has one per architecture."""

    id: int
    name: str
    type: str
    description: str
    os_flavor: str
    os_version: str
    architecture: str


EUROPE: Final = ("nbg1", "fsn1", "hel1")
WORLD: Final = (*EUROPE, "ash", "hil", "sin")

LOCATIONS: Final = (
    Location(1, "fsn1", "Falkenstein", "DE", "eu-central", "Falkenstein DC Park 1", 50.47612, 12.370071),
    Location(2, "nbg1", "Nuremberg", "DE", "eu-central", "Nuremberg DC Park 1", 49.452102, 11.076665),
    Location(3, "hel1", "Helsinki", "FI", "eu-central", "Helsinki DC Park 1", 60.169855, 24.938379),
    Location(4, "ash", "Ashburn, VA", "US", "us-east", "Ashburn, VA", 39.045821, -77.487073, Decimal("1.2"), 1),
    Location(5, "hil", "Hillsboro, OR", "US", "us-west", "Hillsboro, OR", 45.54222, -122.951924, Decimal("1.2"), 1),
    Location(6, "sin", "Singapore", "SG", "ap-southeast", "Singapore", 1.283333, 103.833333, Decimal("1.5"), 1),
)


def _cost_optimized(number: int, name: str, cores: int, memory: int, disk: int, monthly: str) -> ServerType:
    architecture = "arm" if name.startswith("cax") else "x86"
    return ServerType(
        number,
        name,
        "cost_optimized",
        architecture,
        "shared",
        cores,
        memory,
        disk,
        Decimal(monthly),
        EUROPE,
    )


def _regular(number: int, name: str, cores: int, memory: int, disk: int, monthly: str) -> ServerType:
    return ServerType(number, name, "regular_purpose", "x86", "shared", cores, memory, disk, Decimal(monthly), WORLD)


def _dedicated(number: int, name: str, cores: int, memory: int, disk: int, monthly: str) -> ServerType:
    return ServerType(number, name, "general_purpose", "x86", "dedicated", cores, memory, disk, Decimal(monthly), WORLD)


SERVER_TYPES: Final = (
    ServerType(24, "cpx31", "regular_purpose", "x86", "shared", 4, 8, 160, Decimal("30.49"), WORLD, retired=EUROPE),
    _cost_optimized(45, "cax11", 2, 4, 40, "5.99"),
    _cost_optimized(93, "cax21", 4, 8, 80, "10.49"),
    _cost_optimized(94, "cax31", 8, 16, 160, "20.99"),
    _cost_optimized(95, "cax41", 16, 32, 320, "40.99"),
    _dedicated(96, "ccx13", 2, 8, 80, "42.99"),
    _dedicated(97, "ccx23", 4, 16, 160, "85.99"),
    _dedicated(98, "ccx33", 8, 32, 240, "138.49"),
    _dedicated(99, "ccx43", 16, 64, 360, "275.99"),
    _dedicated(100, "ccx53", 32, 128, 600, "551.99"),
    _dedicated(101, "ccx63", 48, 192, 960, "827.99"),
    _regular(108, "cpx12", 1, 2, 40, "10.49"),
    _regular(109, "cpx22", 2, 4, 80, "19.49"),
    _regular(110, "cpx32", 4, 8, 160, "35.49"),
    _regular(111, "cpx42", 8, 16, 320, "69.49"),
    _regular(112, "cpx52", 12, 24, 480, "100.49"),
    _regular(113, "cpx62", 16, 32, 640, "129.99"),
    _cost_optimized(114, "cx23", 2, 4, 40, "5.49"),
    _cost_optimized(115, "cx33", 4, 8, 80, "8.49"),
    _cost_optimized(116, "cx43", 8, 16, 160, "15.99"),
    _cost_optimized(117, "cx53", 16, 32, 320, "29.49"),
)


def _both(number: int, name: str, kind: str, description: str, flavor: str, version: str) -> tuple[Image, ...]:
    return tuple(
        Image(number + extra, name, kind, description, flavor, version, architecture)
        for extra, architecture in enumerate(("x86", "arm"))
    )


IMAGES: Final = (
    *_both(40093247, "docker-ce", "app", "Docker CE", "ubuntu", "24.04"),
    *_both(114690387, "debian-12", "system", "Debian 12", "debian", "12"),
    *_both(161547269, "ubuntu-24.04", "system", "Ubuntu 24.04", "ubuntu", "24.04"),
    *_both(310557660, "debian-13", "system", "Debian 13", "debian", "13"),
)
