"""What every step works with: the ports, what is wanted, and the few things all machines of one run share."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from fleet.core.errors import FleetError, HostError, LoginRefused
from fleet.core.facts import HostFacts
from fleet.core.inventory import Inventory, Pool, SshRoute
from fleet.core.machine import Machine, address_by_tailnet
from fleet.core.money import Catalog
from fleet.core.names import Tag, gitea_hash, hostkey_line
from fleet.core.observation import Observation, Server
from fleet.core.setup import HostWanted, on_host
from fleet.core.ssh_key import fingerprint_in
from fleet.core.static_hosts import Static, static_hosts
from fleet.engine.logins import Explain
from fleet.engine.ports import Clock, Cloud, Gitea, Host, Hosts, Operator, Tailnet, Target


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait, in seconds."""

    ssh: float = 300
    cloud_init: float = 600
    stop: float = 60
    online: float = 90
    offline: float = 90
    foreign_key: float = 60


@dataclass(frozen=True, slots=True)
class Rotation:
    """One SSH key takes the place of another: both as public lines. ``by_new`` logs in with the new one alone."""

    old: str
    new: str
    by_new: Hosts


@dataclass(frozen=True, slots=True)
class World:
    """One run's view. ``stack`` and ``user_data`` are the shipped files by name; ``tailnet`` is None without one.

    ``has_cloud``: False when there is no account, as an inventory of static hosts alone needs none. ``want_static``:
    what the static hosts of a pool should have, before their own facts are known. ``keep_names``: told which machines
    there are, after each look and each change. ``inventory_at``: the inventory as its schedules have it then.
    """

    inventory: Inventory
    cloud: Cloud
    gitea: Gitea
    hosts: Hosts
    clock: Clock
    operator: Operator
    stack: Mapping[str, str]
    user_data: str
    wanted: Mapping[str, HostWanted]
    catalog: Catalog
    sessions: "Sessions"
    shared: "Shared"
    limits: Limits = Limits()
    tailnet: Tailnet | None = None
    rotation: Rotation | None = None
    has_cloud: bool = True
    want_static: Callable[[Pool], HostWanted] | None = None
    keep_names: Callable[[Iterable[str]], None] = lambda _: None
    inventory_at: Callable[[datetime], Inventory] | None = None

    def by_now(self) -> "World":
        """The same, with the inventory of this hour: for who looks again and again."""
        now = self.cloud.now()
        return replace(self, inventory=self.inventory_at(now)) if self.inventory_at is not None else self

    @property
    def statics(self) -> Mapping[str, Static]:
        """The static hosts by the name of their machine."""
        return static_hosts(self.inventory)

    @property
    def shared_name(self) -> str:
        """The name of what this fleet shares at Hetzner: its firewall, its SSH key."""
        return f"fleet-{self.inventory.name}"

    def wanted_for(self, machine: str, pool: str) -> HostWanted | None:
        """What this machine's host should have, or None when the inventory has no such pool."""
        static = self.statics.get(machine)
        if static is not None and self.want_static is not None:
            return self.want_static(static.pool)
        return self.wanted.get(machine) or self.wanted.get(pool)

    def wanted_on(self, machine: str, pool: str, facts: HostFacts | None) -> HostWanted:
        """The same, and of a static host whose facts are known what fits these. The pool must be there."""
        static = self.statics.get(machine)
        if static is None or self.want_static is None or facts is None:
            return self.wanted_for(machine, pool) or self.wanted[pool]
        return on_host(self.want_static, static.pool, facts)

    def wants(self, seen: Observation) -> Mapping[str, HostWanted]:
        """What hosts should have, by pool, and by machine where that differs, as far as facts are known."""
        hosts = {name: host if isinstance(host, HostFacts) else None for name, host in seen.hosts.items()}
        own = {name: self.wanted_on(name, one.pool.name, hosts.get(name)) for name, one in self.statics.items()}
        return {**self.wanted, **own} if own else self.wanted

    def target(self, server: Server) -> Target:
        """Where to log in to a server: by the tailnet where the inventory says so and it has joined, else by its public
        address. Raises HostError when its host key is not known."""
        found = public_target(server)
        address = "" if Tag.JOINING in server.tags else self.address_by_tailnet(server.name)
        return replace(found, address=address) if address else found

    def target_of(self, machine: Machine) -> Target:
        """Where to log in to this machine. Raises HostError when that is not known, or it has no host."""
        if machine.static is not None:
            return static_target(machine.name, machine.static)
        if machine.server is None:
            raise HostError(f"{machine.name} has no server")
        return self.target(machine.server)

    def address_by_tailnet(self, name: str) -> str:
        """Empty where SSH does not go that way, it has not joined, or the tailnet does not answer."""
        if self.tailnet is None or self.inventory.ssh.route is not SshRoute.TAILNET:
            return ""
        try:
            return address_by_tailnet(self.inventory, name, self.tailnet.devices())
        except FleetError:
            return ""

    @property
    def fleet_tags(self) -> dict[str, str]:
        """The tags of everything this fleet makes at Hetzner."""
        return {Tag.FLEET: self.inventory.name, Tag.GITEA: gitea_hash(self.inventory.gitea)}


class Sessions:
    """One SSH session per host and run: what observing opened, applying goes on with."""

    def __init__(self, hosts: Hosts, explain: Explain) -> None:
        self._hosts = hosts
        self._explain = explain
        self._open: dict[str, tuple[str, Host]] = {}
        self._lock = threading.Lock()

    def get(self, target: Target) -> Host:
        """The session with this host; one authenticated attempt when there is none yet, or it was with a server of the
        same name that another has replaced since.

        One that is refused says whose keys the host accepts; of a static host we do not know that.
        """
        with self._lock:
            key, host = self._open.get(target.name, ("", None))
        if host is not None and key == target.host_key:
            return host
        self.drop(target.name)
        host = self._connect(target)
        with self._lock:
            self._open[target.name] = target.host_key, host
        return host

    def _connect(self, target: Target) -> Host:
        try:
            return self._hosts.connect(target)
        except LoginRefused as error:
            raise (error if target.openssh else self._explain(target, error)) from error

    def drop(self, name: str) -> None:
        """Close the session with this machine, if there is one."""
        with self._lock:
            _, host = self._open.pop(name, ("", None))
        if host is not None:
            host.close()

    def close(self) -> None:
        """Close all."""
        for name in list(self._open):
            self.drop(name)


def static_target(name: str, static: Static) -> Target:
    """Where to log in to a static host: what its entry says, and for the rest OpenSSH's own configuration."""
    host = static.host
    return Target(name, host.address, host.host_key, host.user, host.port, openssh=True)


def public_target(server: Server) -> Target:
    """Where to log in by its public address, with the only host key to accept: the one in the server's tag.

    Raises HostError when there is none that can be read.
    """
    try:
        key = hostkey_line(server.tags[Tag.HOSTKEY])
    except (KeyError, ValueError):
        raise HostError(
            f"server {server.name} has no readable tag hostkey, so its host key cannot be checked",
            hint=f"fleet down {server.name}, then fleet up",
        ) from None
    opens = fingerprint_in(server.tags.get(Tag.SSHKEY, ""))
    return Target(server.name, server.ipv4 or server.ipv6 or "", key, opens=opens)


class Shared:
    """Things made once per run, when the first machine needs them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, int] = {}

    def once(self, what: str, make: Callable[[], int]) -> int:
        """The id of ``what``, made by the first who asks."""
        with self._lock:
            if what not in self._made:
                self._made[what] = make()
            return self._made[what]
