"""A Hetzner of plain values: what is rented, what is to be had, and what each order makes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

from fleet.core.belongings import Belongings
from fleet.core.errors import CloudError, NameTaken, NoCapacity, QuotaExceeded, Refused
from fleet.core.firewall import Firewall, Rule
from fleet.core.money import Catalog, ServerType
from fleet.core.names import Tag
from fleet.core.observation import Server, ServerStatus
from fleet.core.orders import ServerOrder
from fleet.core.secret import Secret
from fleet.core.ssh_key import fingerprint
from fleet.engine.ports import Decide
from tests.fakes.clock import FakeClock

MAKING = 4
"""Seconds until Hetzner says that a server is made, reset or rebuilt."""

KEEP = 2
"""Seconds that a process keeps the list of servers."""

_TAG_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")


class Machinery(Protocol):
    """What the orders do to the computers behind the servers."""

    def power_on(self, server: Server, user_data: str) -> None: ...

    def reset(self, server_id: int) -> None: ...

    def rebuild(self, server_id: int, user_data: str) -> None: ...

    def destroy(self, server_id: int) -> None: ...


@dataclass(slots=True)
class Project:
    """One Hetzner project. ``room``: how many are still to be had by (type, location); not named means many.

    ``keys`` and ``firewalls``: the tags of each, by name and id; ``key_lines``: the public keys by id. ``rules``:
    those of each firewall, by id. ``networks``: ids of private networks by name.
    ``belongings``: what servers can be given. ``orders``: what was ordered.
    """

    clock: FakeClock
    machinery: Machinery
    servers: dict[int, Server] = field(default_factory=dict)
    room: dict[tuple[str, str], int] = field(default_factory=dict)
    quota: int = 10
    keys: dict[tuple[str, int], Mapping[str, str]] = field(default_factory=dict)
    firewalls: dict[tuple[str, int], Mapping[str, str]] = field(default_factory=dict)
    networks: dict[str, int] = field(default_factory=dict)
    rules: dict[int, tuple[Rule, ...]] = field(default_factory=dict)
    belongings: Belongings = field(default_factory=Belongings)
    orders: list[ServerOrder] = field(default_factory=list)
    key_lines: dict[int, str] = field(default_factory=dict)
    created: list[str] = field(default_factory=list)
    next_id: int = 100

    def number(self) -> int:
        """An id that was never used."""
        self.next_id += 1
        return self.next_id

    def time(self) -> datetime:
        """Now, as the API would say it."""
        return datetime.fromtimestamp(self.clock.now(), tz=UTC)

    def add(self, name: str, tags: Mapping[str, str], kind: str = "cx33", location: str = "fsn1") -> Server:
        """A server that is there, whoever made it."""
        number = self.number()
        address = f"192.0.2.{number % 256}"
        status = ServerStatus.RUNNING
        server = Server(number, name, status, self.time(), kind, location, address, None, dict(tags))
        self.servers[number] = server
        return server

    def named(self, name: str) -> Server | None:
        """The server of this name."""
        return next((one for one in self.servers.values() if one.name == name), None)


class FakeCloud:
    """The ``Cloud`` of one process."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._kept: tuple[tuple[Server, ...], float] = ((), 0.0)

    def now(self) -> datetime:
        return self._project.time()

    def servers(self, *, fresh: bool = False) -> tuple[Server, ...]:
        _, until = self._kept
        now = self._project.clock.now()
        if fresh or now >= until:
            self._kept = (tuple(self._project.servers.values()), now + KEEP)
        return self._kept[0]

    def server(self, server_id: int) -> Server | None:
        return self._project.servers.get(server_id)

    def server_named(self, name: str) -> Server | None:
        return self._project.named(name)

    def create_server(self, order: ServerOrder) -> Server:
        project = self._project
        if project.named(order.name):
            raise NameTaken(f"could not create {order.name}: server name is already used", code="uniqueness_error")
        if len(project.servers) >= project.quota:
            raise QuotaExceeded("could not create server: server limit reached", hint="ask Hetzner for more")
        self._take_room(order)
        assert order.ssh_key in {number for _, number in project.keys}
        assert order.firewall in {number for _, number in project.firewalls}
        _check_tags(order.tags)
        assert set(order.networks) <= set(project.networks.values())
        server = project.add(order.name, order.tags, order.type, order.location)
        server = replace(server, networks=dict.fromkeys(order.networks, f"10.0.0.{server.id % 250 + 2}"))
        project.servers[server.id] = server
        project.created.append(order.name)
        project.orders.append(order)
        project.machinery.power_on(server, order.user_data.reveal())
        project.clock.sleep(MAKING)
        return server

    def _take_room(self, order: ServerOrder) -> None:
        place = (order.type, order.location)
        if place not in self._project.room:
            return
        if self._project.room[place] <= 0:
            raise NoCapacity(f"could not create server {order.name}", code="resource_unavailable")
        self._project.room[place] -= 1

    def set_tags(self, server_id: int, changes: Mapping[str, str | None]) -> Server | None:
        server = self.server(server_id)
        if server is None:
            return None
        tags = {key: value for key, value in {**server.tags, **changes}.items() if value is not None}
        _check_tags(tags)
        self._project.servers[server_id] = replace(server, tags=tags)
        self._forget()
        return self.server(server_id)

    def reset_server(self, server_id: int) -> None:
        self._must_exist(server_id)
        self._project.machinery.reset(server_id)
        self._project.clock.sleep(MAKING)

    def rebuild_server(self, server_id: int, image: str, user_data: Secret) -> None:
        self._must_exist(server_id)
        assert image, "an image is named"
        self._project.machinery.rebuild(server_id, user_data.reveal())
        self._project.clock.sleep(MAKING)

    def delete_server(self, server: Server) -> None:
        if self._project.servers.pop(server.id, None) is not None:
            self._project.machinery.destroy(server.id)
        self._forget()

    def catalog(self) -> Catalog:
        return CATALOG

    def ensure_ssh_key(self, name: str, public_key: str, tags: Mapping[str, str]) -> int:
        assert public_key.startswith("ssh-ed25519 ")
        lines = self._project.key_lines
        found = next((number for number, line in lines.items() if line == public_key), None)
        if found is not None:
            return found
        taken = {known for known, _ in self._project.keys}
        number = self._ensure(self._project.keys, f"{name}-another" if name in taken else name, tags)
        lines[number] = public_key
        return number

    def remove_ssh_key(self, public_key: str, tags: Mapping[str, str]) -> bool:
        found = [key for key in self._project.keys if self._project.key_lines[key[1]] == public_key]
        ours = [key for key in found if tags.items() <= self._project.keys[key].items()]
        for key in ours:
            del self._project.keys[key], self._project.key_lines[key[1]]
        return bool(ours)

    def ssh_key_names(self) -> Mapping[str, str]:
        return {fingerprint(self._project.key_lines[number]): name for name, number in self._project.keys}

    def firewall(self, name: str, tags: Mapping[str, str]) -> Firewall | None:
        found = ((number, theirs) for (known, number), theirs in self._project.firewalls.items() if known == name)
        for number, theirs in found:
            if tags.items() <= theirs.items():
                return Firewall(number, dict(theirs), self._project.rules[number])
        return None

    def ensure_firewall(self, name: str, decide: Decide, tags: Mapping[str, str], covers: Mapping[str, str]) -> int:
        assert covers.get(Tag.FLEET), "it is for servers of one fleet"
        number = self._ensure(self._project.firewalls, name, tags)
        self._project.rules[number] = tuple(decide(self._project.rules.get(number, ())))
        return number

    def _ensure(self, things: dict[tuple[str, int], Mapping[str, str]], name: str, tags: Mapping[str, str]) -> int:
        found = next((number for known, number in things if known == name), None)
        number = self._project.number() if found is None else found
        things[name, number] = {**things.get((name, number), {}), **tags}
        return number

    def set_firewall_tags(self, firewall_id: int, changes: Mapping[str, str | None]) -> None:
        key = next(key for key in self._project.firewalls if key[1] == firewall_id)
        both = {**self._project.firewalls[key], **changes}
        tags = {name: value for name, value in both.items() if value is not None}
        _check_tags(tags)
        self._project.firewalls[key] = tags

    def network_id(self, name: str) -> int:
        if name not in self._project.networks:
            raise Refused(f"the project has no private network {name}")
        return self._project.networks[name]

    def belongings(self) -> Belongings:
        return self._project.belongings

    def leftovers(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """None: nothing here is billed but servers."""
        return ()

    def remove_shared(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        if any(one.tags.get(Tag.FLEET) == tags[Tag.FLEET] for one in self._project.servers.values()):
            return ()
        removed: list[str] = []
        for things in (self._project.keys, self._project.firewalls):
            for key in [key for key, theirs in things.items() if tags.items() <= theirs.items()]:
                del things[key]
                self._project.key_lines.pop(key[1], None)
                removed.append(key[0])
        return tuple(removed)

    def calls_left(self) -> tuple[int, int]:
        return 3600, 3600

    def warnings(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        """Nothing is open."""

    def _must_exist(self, server_id: int) -> None:
        if server_id not in self._project.servers:
            raise CloudError(f"server {server_id} not found", code="not_found")

    def _forget(self) -> None:
        self._kept = ((), 0.0)


def _check_tags(tags: Mapping[str, str]) -> None:
    """Hetzner's own rule for the values of labels."""
    wrong = {key: value for key, value in tags.items() if _TAG_VALUE.fullmatch(value) is None}
    assert not wrong, f"Hetzner takes no such tags: {wrong}"


def _type(name: str, euros: str) -> ServerType:
    places = ("fsn1", "nbg1")
    hour = Decimal(euros)
    return ServerType(
        name=name,
        cores=4,
        memory_gb=8,
        disk_gb=80,
        architecture="x86",
        prices=dict.fromkeys(places, hour),
        monthly=dict.fromkeys(places, hour * 600),
        available=frozenset(places),
        deprecated={},
    )


CATALOG = Catalog(
    types=(_type("cx33", "0.0088"), _type("cx43", "0.0156")),
    locations=frozenset({"fsn1", "nbg1"}),
    ipv4_hour=dict.fromkeys(("fsn1", "nbg1"), Decimal("0.0008")),
    ipv4_month=dict.fromkeys(("fsn1", "nbg1"), Decimal("0.5")),
)
