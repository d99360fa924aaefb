"""SSH to the simulated hosts: pinned keys, logins, locks, and sessions that die with their host or their process."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

import yaml

from fleet.core.docker_seen import DockerSeen
from fleet.core.errors import HostLocked, HostSilent, LoginRefused, WrongHostKey
from fleet.core.names import hostkey_line
from fleet.core.observation import Server
from fleet.core.orders import Result, Target
from fleet.core.secret import Secret
from tests.fakes import commands, probe
from tests.fakes.calls import Calls
from tests.fakes.clock import FakeClock
from tests.fakes.gitea import Instance
from tests.fakes.host import FakeHost
from tests.fakes.tailnet import Network

OPERATOR = "ssh-ed25519 AAAA operator"
"""The public key that a process logs in with, unless it is told otherwise."""

CONNECT_TIMEOUT = 10
"""Seconds that a try to reach a silent host takes."""


@dataclass(slots=True)
class Computers:
    """All hosts, by the id of their server; the ``Machinery`` behind the cloud."""

    clock: FakeClock
    gitea: Instance
    network: Network
    hosts: dict[int, FakeHost] = field(default_factory=dict)
    addresses: dict[str, FakeHost] = field(default_factory=dict)
    mute_from_birth: str = ""
    refused_by_tailnet: str = ""
    keys: dict[str, str] = field(default_factory=dict)

    def at(self, address: str) -> FakeHost | None:
        """The host with this address, its own or the tailnet's."""
        inside = {host.tailscale.address: host for host in self.hosts.values() if host.tailscale.address}
        return self.addresses.get(address) or inside.get(address)

    def new_host_key(self) -> tuple[Secret, str]:
        """A private half, and the public line that belongs to it."""
        raw = hashlib.sha256(f"host key {len(self.keys)}".encode()).digest()
        public = _public_line(raw)
        private = f"private half of {public}"
        self.keys[private] = public
        return Secret(private), public

    def power_on(self, server: Server, user_data: str) -> None:
        """A new server starts with the host key that its user data brings."""
        host = FakeHost(self.clock, self.gitea, self._key_in(user_data), _login_in(user_data), self.network)
        host.mute = self.mute_from_birth
        host.tailscale.refuses = self.refused_by_tailnet
        self.hosts[server.id] = self.addresses[server.ipv4 or ""] = host

    def stand(self, address: str) -> FakeHost:
        """A host that nobody rents: it has stood there for long."""
        _, public = self.new_host_key()
        host = FakeHost(self.clock, self.gitea, public, OPERATOR, self.network)
        self.hosts[-len(self.hosts) - 1] = self.addresses[address] = host
        self.clock.sleep(60)
        return host

    def reset(self, server_id: int) -> None:
        self.hosts[server_id].reset()

    def rebuild(self, server_id: int, user_data: str) -> None:
        self.hosts[server_id].rebuild(self._key_in(user_data), _login_in(user_data))

    def destroy(self, server_id: int) -> None:
        host = self.hosts.pop(server_id, None)
        if host is not None:
            host.destroy()

    def _key_in(self, user_data: str) -> str:
        """The public half of the private key in there. The pair must be whole, as cloud-init wants it."""
        public = next(line for private, line in self.keys.items() if json.dumps(private) in user_data)
        assert json.dumps(public) in user_data
        return public

    def tick(self) -> None:
        """Time has moved for all."""
        for host in self.hosts.values():
            host.tick()


def _login_in(user_data: str) -> str:
    """The public key that cloud-init lets in; those of the order are passed over."""
    text = yaml.safe_load(user_data)
    assert text["allow_public_ssh_keys"] is False
    (login,) = text["ssh_authorized_keys"]
    return str(login)


def _public_line(raw: bytes) -> str:
    import base64

    return hostkey_line(base64.b32encode(raw).decode().rstrip("=").lower())


class FakeHosts:
    """The ``Hosts`` of one process, which logs in with the first of its keys that is accepted."""

    def __init__(self, computers: Computers, stack: Mapping[str, str], calls: Calls, *keys: str) -> None:
        self._keys = keys or (OPERATOR,)
        self._computers = computers
        self._stack = stack
        self._calls = calls

    def connect(self, target: Target) -> "FakeSession":
        return self._calls.make("hosts.connect", lambda: self._connect(target))

    def _connect(self, target: Target) -> "FakeSession":
        host = self._computers.at(target.address)
        now = self._computers.clock.now()
        if host is None or not host.answers:
            self._computers.clock.sleep(CONNECT_TIMEOUT)
            raise HostSilent(f"{target.name} does not answer on SSH: no connection in time")
        if now < host.other_key_until or host.host_key != target.host_key:
            raise WrongHostKey(f"{target.name} has another host key", hint="not connected")
        if now < host.refuses_login_until or not any(map(host.lets_in, self._keys)):
            raise LoginRefused(f"{target.name} does not take our key")
        return FakeSession(host, self._computers.clock, self._stack, self._calls)

    def public_key(self) -> str:
        return self._calls.make("hosts.public_key", lambda: self._keys[0])

    def new_host_key(self) -> tuple[Secret, str]:
        return self._computers.new_host_key()


class FakeSession:
    """One connection: the ``Host`` of one process. It ends with the process, and when the host restarts."""

    def __init__(self, host: FakeHost, clock: FakeClock, stack: Mapping[str, str], calls: Calls) -> None:
        self._host = host
        self._clock = clock
        self._stack = stack
        self._calls = calls
        self._boots = host.boots
        self._open = True

    def run(self, command: str, *, stdin: bytes = b"", timeout: float = 60) -> Result:
        shell = commands.read(self._host, command, stdin.decode(), self._stack)
        return self._calls.make(shell.name, lambda: self._run(shell, timeout))

    def stream(self, command: str, on_line: Callable[[str], None], *, timeout: float = 1800) -> Result:
        """As ``run``; the lines come at its end."""
        result = self.run(command, timeout=timeout)
        for line in (result.out + result.err).splitlines():
            on_line(line)
        return result

    def _run(self, shell: commands.Shell, timeout: float) -> Result:
        self._must_be_alive(timeout)
        return shell.run()

    def _must_be_alive(self, timeout: float) -> None:
        if not self._open or self._boots != self._host.boots:
            raise HostSilent("the connection was lost")
        if not self._host.answers:
            self._clock.sleep(min(timeout, 60))
            raise HostSilent("the connection was lost: no answer")

    def docker(self) -> DockerSeen:
        return self._calls.make("host.docker", self._docker)

    def _docker(self) -> DockerSeen:
        self._must_be_alive(10)
        return probe.docker(self._host)

    def lock(self) -> AbstractContextManager[None]:
        return self._lock()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._calls.make("host.lock", self._take_lock)
        try:
            yield
        finally:
            if self._host.locked_by is self:
                self._host.locked_by = None

    def _take_lock(self) -> None:
        """A lock dies with the connection of the process that has it."""
        self._must_be_alive(10)
        holder = self._host.locked_by
        if isinstance(holder, FakeSession) and holder._open and not holder._calls.dead:
            raise HostLocked("another fleet process works on this host", hint="wait for it")
        self._host.locked_by = self

    def close(self) -> None:
        self._open = False
        if self._host.locked_by is self:
            self._host.locked_by = None
