"""A tailnet of plain values: keys that run out, devices that come and go."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fleet.core.errors import TailnetError
from fleet.core.observation import Device
from fleet.core.orders import MintedKey
from fleet.core.secret import Secret
from tests.fakes.clock import FakeClock

KEEP = 2
"""Seconds that a process keeps the list of devices."""


@dataclass(slots=True)
class Key:
    """One key as the tailnet keeps it. ``owner``: which fleet minted it, for which machine."""

    id: str
    owner: tuple[str, str]
    secret: str
    until: float
    used: bool = False
    revoked: bool = False


@dataclass(slots=True)
class Network:
    """One tailnet. ``tags``: those every device of ours gets. ``lingering``: ids whose removal does not take hold.
    ``deaf``: it does not notice that a device is heard of no more."""

    clock: FakeClock
    tags: frozenset[str] = frozenset({"tag:ci"})
    keys: dict[str, Key] = field(default_factory=dict)
    members: dict[str, Device] = field(default_factory=dict)
    lingering: set[str] = field(default_factory=set)
    minted: int = 0
    joined: int = 0
    deaf: bool = False

    @property
    def open_keys(self) -> list[Key]:
        """The keys somebody could still join with."""
        now = self.clock.now()
        return [key for key in self.keys.values() if not key.used and not key.revoked and now < key.until]

    def join(self, secret: str, hostname: str) -> Device:
        """What a machine gets that comes with this key. Raises TailnetError for a key that is worth nothing."""
        key = next((one for one in self.open_keys if one.secret == secret), None)
        if key is None:
            raise TailnetError("invalid key: unable to validate API key")
        key.used = True
        self.joined += 1
        names = {one.name for one in self.members.values()}
        name = next(each for each in (hostname, *(f"{hostname}-{n}" for n in range(1, 99))) if each not in names)
        addresses = (f"100.64.0.{self.joined}",)
        device = Device(str(self.joined), name, hostname, addresses, self.tags, online=True, ephemeral=True)
        self.members[device.id] = device
        return device

    def went_offline(self, device_id: str) -> None:
        """The device is heard of no more."""
        if device_id in self.members and not self.deaf:
            seen = datetime.fromtimestamp(self.clock.now(), tz=UTC)
            self.members[device_id] = replace(self.members[device_id], online=False, last_seen=seen)

    def came_back(self, device_id: str) -> None:
        """The device is heard of again."""
        if device_id in self.members:
            self.members[device_id] = replace(self.members[device_id], online=True)

    def leave(self, device_id: str) -> None:
        """The device logs out, or is removed: an ephemeral one is gone at once, unless it lingers."""
        if device_id not in self.lingering:
            self.members.pop(device_id, None)


class FakeTailnet:
    """The ``Tailnet`` of one process of this fleet, with the list it keeps for a moment."""

    def __init__(self, network: Network, fleet: str = "ci") -> None:
        self._network = network
        self._fleet = fleet
        self._devices: tuple[tuple[Device, ...], float] = ((), 0.0)

    def check(self) -> str:
        return "a tailnet of plain values"

    def mint_key(self, machine: str, *, seconds: int) -> MintedKey:
        network = self._network
        network.minted += 1
        until = network.clock.now() + seconds
        key = Key(f"k{network.minted}", (self._fleet, machine), f"tskey-{network.minted}", until)
        network.keys[key.id] = key
        return MintedKey(key.id, Secret(key.secret))

    def revoke_keys(self, machine: str) -> None:
        for key in self._network.keys.values():
            if key.owner == (self._fleet, machine) and not key.used:
                key.revoked = True

    def devices(self, *, fresh: bool = False) -> tuple[Device, ...]:
        now = self._network.clock.now()
        if fresh or now >= self._devices[1]:
            self._devices = (tuple(self._network.members.values()), now + KEEP)
        return self._devices[0]

    def remove_device(self, device_id: str) -> None:
        self._network.leave(device_id)
        self._devices = ((), 0.0)

    def close(self) -> None:
        """Nothing is open."""
