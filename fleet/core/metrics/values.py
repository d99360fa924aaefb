"""What metrics are made of, and what they are made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.core.health import Finding
from fleet.core.inventory import Inventory
from fleet.core.machine import Machine
from fleet.core.money import Catalog
from fleet.core.names import read_machine_name
from fleet.core.observation import EndedJobs, Observation
from fleet.core.record import Record


@dataclass(frozen=True, slots=True)
class Sample:
    """One number. ``labels``: besides ``fleet``, which all have."""

    value: float
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Family:
    """All numbers of one name. Units are in the name; all are gauges: nothing is counted between two looks."""

    name: str
    help: str
    samples: tuple[Sample, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at a fleet and what was made of it. ``labels``: the label names of each pool's runners.

    ``ended``, ``calls_left``: None where that is not known. ``seconds``: how long the look took.
    """

    inventory: Inventory
    seen: Observation
    machines: tuple[Machine, ...]
    findings: tuple[Finding, ...]
    record: Record
    catalog: Catalog
    labels: Mapping[str, frozenset[str]]
    ended: EndedJobs | None = None
    calls_left: int | None = None
    seconds: float = 0.0


def one(value: float) -> tuple[Sample]:
    """The only number of its family."""
    return (Sample(value, {}),)


def maybe(value: float | None) -> tuple[Sample, ...]:
    """What is not known is not there."""
    return () if value is None else one(value)


def of_pool(pool: str, value: float, **labels: str) -> Sample:
    """A number of one pool."""
    return Sample(value, {"pool": pool, **labels})


def of_machine(machine: Machine, value: float, **labels: str) -> Sample:
    """A number of one machine."""
    return Sample(value, {"pool": pool_of(machine), "machine": machine.name, **labels})


def pool_of(machine: Machine) -> str:
    """The pool in its name: the inventory may not have it any more."""
    parts = read_machine_name(machine.name)
    return parts.pool if parts else ""
