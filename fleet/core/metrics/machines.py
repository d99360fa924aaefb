"""Metrics of each machine. One that is gone has none."""

from collections.abc import Callable, Iterable, Iterator

from fleet.core.facts import HostFacts
from fleet.core.metrics.values import Sample, Seen, of_machine
from fleet.core.pricing import paid_minutes_left, server_price
from fleet.core.stages import stages_of


def info(seen: Seen) -> Iterator[Sample]:
    """Words, to be joined with the numbers."""
    for one in seen.machines:
        kind = one.server.type if one.server else "static" if one.static else ""
        place = one.server.location if one.server else ""
        yield of_machine(one, 1, phase=one.phase.value, type=kind, location=place)


def created(seen: Seen) -> Iterator[Sample]:
    """Its first paid hour began then."""
    return (of_machine(one, one.server.created.timestamp()) for one in seen.machines if one.server)


def paid_left(seen: Seen) -> Iterator[Sample]:
    """Whole minutes, as it is shown elsewhere."""
    at = seen.seen.at
    return (of_machine(one, 60 * paid_minutes_left(one.server.created, at)) for one in seen.machines if one.server)


def cost(seen: Seen) -> Iterator[Sample]:
    """As it was when it was made."""
    catalog = seen.catalog
    return (of_machine(one, float(server_price(one.server, catalog).hour)) for one in seen.machines if one.server)


def slots(seen: Seen) -> Iterator[Sample]:
    """Of its pool; a pool the inventory has no more says nothing."""
    return (of_machine(one, one.pool.runner.capacity) for one in seen.machines if one.pool)


def running(seen: Seen) -> Iterator[Sample]:
    """Also while it leaves."""
    return (of_machine(one, len(one.jobs)) for one in seen.machines)


def answers(seen: Seen) -> Iterator[Sample]:
    """Only of hosts that were asked."""
    return (of_machine(one, isinstance(one.host, HostFacts)) for one in seen.machines if one.host is not None)


def disk(seen: Seen) -> Iterator[Sample]:
    """Of the fullest file system that Docker, containerd or the system uses."""
    return _of_hosts(seen, lambda facts: _most((disk.free, disk.size) for disk in facts.disks))


def inodes(seen: Seen) -> Iterator[Sample]:
    """Likewise; some file systems have no fixed number of them."""
    return _of_hosts(seen, lambda facts: _most((disk.inodes_free, disk.inodes) for disk in facts.disks))


def memory(seen: Seen) -> Iterator[Sample]:
    """What programs could not get any more."""
    return _of_hosts(seen, lambda facts: _most([(facts.ram.free, facts.ram.size)]))


def load(seen: Seen) -> Iterator[Sample]:
    """Of five minutes, for each core."""
    return _of_hosts(seen, lambda facts: facts.load / facts.cores if facts.cores else None)


def _of_hosts(seen: Seen, value: Callable[[HostFacts], float | None]) -> Iterator[Sample]:
    """Only where the host has said it."""
    for one in seen.machines:
        found = value(one.facts) if one.facts is not None else None
        if found is not None:
            yield of_machine(one, found)


def _most(free_and_size: Iterable[tuple[int, int]]) -> float | None:
    return max((round(1 - free / size, 4) for free, size in free_and_size if size), default=None)


def stages(seen: Seen) -> Iterator[Sample]:
    """Those that are known."""
    for one in seen.machines:
        for stage, seconds in stages_of(one, seen.ended).items():
            yield of_machine(one, seconds, stage=stage.value)
