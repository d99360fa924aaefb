"""Metrics in a file, for the textfile collector of node_exporter."""

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from fleet.core.errors import Refused
from fleet.core.metrics import Family


class _Given(Collector):
    """What was measured by somebody else."""

    def __init__(self, fleet: str, families: Sequence[Family]) -> None:
        self._fleet = fleet
        self._families = families

    def collect(self) -> Iterator[GaugeMetricFamily]:
        for family in self._families:
            found = GaugeMetricFamily(family.name, family.help)
            for sample in family.samples:
                found.add_sample(family.name, {"fleet": self._fleet, **sample.labels}, sample.value)
            yield found


def text(fleet: str, families: Iterable[Family]) -> bytes:
    """The text exposition format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(fleet, tuple(families)))
    return generate_latest(registry)


def write(path: Path, fleet: str, families: Iterable[Family]) -> None:
    """All or nothing, readable by all: node_exporter is another user, and must never see half of a file.

    Raises Refused when that cannot be.
    """
    content = text(fleet, families)
    try:
        (_write_to if _is_special(path) else _replace)(path, content)
    except OSError as error:
        raise Refused(
            f"could not write {path}: {error.strerror}",
            hint="it goes where node_exporter looks: the folder of --collector.textfile.directory, as NAME.prom",
        ) from None


def _is_special(path: Path) -> bool:
    """A terminal, a pipe, /dev/stdout: to put a file in its place would take it from everybody."""
    return path.exists() and not path.is_file()


def _write_to(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)


def _replace(path: Path, content: bytes) -> None:
    """The other file does not end in .prom: a collector would read it too."""
    number, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    other = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), 0o644)
        other.replace(path)
    except OSError:
        other.unlink(missing_ok=True)
        raise
