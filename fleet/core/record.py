"""What the fleet as a whole remembers between two passes: tags on its managed firewall, a free Hetzner object.

All times are epoch seconds of the API's clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from fleet.core.inventory import Inventory
from fleet.core.notify import State, read_told
from fleet.core.rungs import EPOCH_DIGITS

LAST_PASS = "last-pass"  # noqa: S105 - a tag's name
PAUSED = "paused"
FLOOR = "floor-"
GHOST = "ghost-"
DEVICE = "device-"
FAILED = "failed-"
FOREVER = "forever"

FEW = 3
"""Creates of a pool that may fail in a row, before passes leave it alone for a while."""

REST = timedelta(minutes=30)
"""How long passes leave it alone after each one that fails from then on."""

IN_A_ROW = timedelta(hours=6)
"""What is further apart is not in a row."""


@dataclass(frozen=True, slots=True)
class Floor:
    """``fleet up POOL --add N --for T``: at least so many machines until then."""

    machines: int
    until: int


@dataclass(frozen=True, slots=True)
class FailedCreates:
    """How many creates of a pool have failed in a row, and when the last did."""

    count: int
    last: int

    def one_more(self, at: datetime) -> "FailedCreates":
        """With the one that has failed now."""
        now = int(at.timestamp())
        row = self.count if now - self.last < IN_A_ROW.total_seconds() else 0
        return FailedCreates(row + 1, now)


@dataclass(frozen=True, slots=True)
class Record:
    """``last_pass``: when a pass last ended well. ``paused_until``: None when not paused, 0 for ever.

    ``ghosts``: runner ids without a server, with the time of the pass that first saw them; ``devices``: likewise those
    of the tailnet. ``told``: findings that a person was told of, by their key. ``kept``: whether there is something
    that keeps the record; without, there never was a machine.
    """

    last_pass: int | None = None
    paused_until: int | None = None
    floors: Mapping[str, Floor] = field(default_factory=lambda: MappingProxyType({}))
    ghosts: Mapping[int, int] = field(default_factory=lambda: MappingProxyType({}))
    kept: bool = False
    devices: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    told: Mapping[str, State] = field(default_factory=lambda: MappingProxyType({}))
    failed: Mapping[str, FailedCreates] = field(default_factory=lambda: MappingProxyType({}))

    def rests(self, pool: str, at: datetime) -> datetime | None:
        """Until when passes make no machine of this pool, because too many creates in a row have failed."""
        failed = self.failed.get(pool)
        if failed is None or failed.count < FEW:
            return None
        until = datetime.fromtimestamp(failed.last, tz=UTC) + REST
        return until if at < until else None

    def failing(self, pool: str, at: datetime) -> str:
        """That creates of this pool have failed of late, and when passes try again; empty when none has."""
        failed = self.failed.get(pool)
        if failed is None or at.timestamp() - failed.last >= IN_A_ROW.total_seconds():
            return ""
        how_many = "create has" if failed.count == 1 else f"{failed.count} creates have"
        until = self.rests(pool, at)
        again = f"passes try again after {until:%H:%M} UTC" if until else "the next pass tries again"
        return f"the last {how_many} failed in pool {pool}: {again}"

    def paused(self, at: datetime) -> bool:
        """Whether passes must do nothing now."""
        return self.paused_until == 0 or (self.paused_until or 0) > at.timestamp()

    def floor(self, pool: str, at: datetime) -> int:
        """The least a person asked for, for now; 0 when nobody did."""
        asked = self.floors.get(pool)
        return asked.machines if asked is not None and asked.until > at.timestamp() else 0


def with_floors(inventory: Inventory, record: Record, at: datetime) -> Inventory:
    """The inventory with the mins raised to what a person asked for, for now."""
    pools = tuple(
        replace(pool, min=min(max(pool.min, record.floor(pool.name, at)), pool.max)) for pool in inventory.pools
    )
    return replace(inventory, pools=pools)


def read_record(tags: Mapping[str, str]) -> Record:
    """The record in these tags. What cannot be read counts as not there."""
    return Record(
        last_pass=_number(tags.get(LAST_PASS, "")),
        paused_until=_paused(tags.get(PAUSED, "")),
        floors={key.removeprefix(FLOOR): floor for key, text in tags.items() if (floor := _floor(key, text))},
        failed={key.removeprefix(FAILED): one for key, text in tags.items() if (one := _failed(key, text))},
        ghosts={int(key.removeprefix(GHOST)): since for key, text in tags.items() if (since := _ghost(key, text))},
        devices={
            key.removeprefix(DEVICE): since
            for key, text in tags.items()
            if key.startswith(DEVICE) and (since := _number(text))
        },
        told=read_told(tags),
    )


def failed_tag(pool: str, failed: FailedCreates | None) -> dict[str, str | None]:
    """The change of tags that counts a pool's failed creates, or forgets them."""
    return {f"{FAILED}{pool}": None if failed is None else f"{failed.count}.{failed.last}"}


def floor_tag(pool: str, floor: Floor) -> dict[str, str | None]:
    """The change of tags that sets a pool's floor."""
    return {f"{FLOOR}{pool}": f"{floor.machines}.{floor.until}"}


def ghost_tag(runner_id: int, since: int | None) -> dict[str, str | None]:
    """The change of tags that remembers a ghost, or forgets it."""
    return {f"{GHOST}{runner_id}": None if since is None else str(since)}


def device_tag(device_id: str, since: int | None) -> dict[str, str | None]:
    """The same for a dead device of the tailnet."""
    return {f"{DEVICE}{device_id}": None if since is None else str(since)}


def paused_tag(until: int | None) -> dict[str, str | None]:
    """The change of tags that pauses until then (0: for ever), or resumes (None)."""
    return {PAUSED: None if until is None else FOREVER if until == 0 else str(until)}


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _paused(text: str) -> int | None:
    return 0 if text == FOREVER else _number(text)


def _floor(key: str, text: str) -> Floor | None:
    machines, _, until = text.partition(".")
    if not key.startswith(FLOOR) or not machines.isdigit() or not until.isdigit():
        return None
    return Floor(int(machines), int(until))


def _failed(key: str, text: str) -> FailedCreates | None:
    count, _, last = text.partition(".")
    if not key.startswith(FAILED) or not count.isdecimal() or not last.isdecimal() or len(last) > EPOCH_DIGITS:
        return None
    return FailedCreates(int(count), int(last))


def _ghost(key: str, text: str) -> int | None:
    return _number(text) if key.startswith(GHOST) and key.removeprefix(GHOST).isdigit() else None
