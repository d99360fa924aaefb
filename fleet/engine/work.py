"""One machine's change while it runs: its ports, its lock, and what it has learnt."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field

from fleet.core.change import Change
from fleet.core.errors import CommandFailed, StepFailed
from fleet.core.facts import HostFacts
from fleet.core.inventory import Pool
from fleet.core.machine import Machine
from fleet.core.observation import Server
from fleet.core.setup import HostWanted
from fleet.core.static_hosts import Static
from fleet.engine import host_memory
from fleet.engine.ports import Host, Target
from fleet.engine.probe import probe
from fleet.engine.world import World, static_target


@dataclass(slots=True)
class Work:
    """Starts from what was seen and learns from each step. ``tell`` shows a person what goes on.

    ``memory``: a static host's, where a server has tags. ``is_new``: this change made the server, or is the first on a
    static host.
    ``restart``: the runner must start anew even if its container runs. The host's lock is taken when the host is
    first used for a change and held until the change ends.
    """

    world: World
    change: Change
    machine: Machine | None
    tell: Callable[[str], None]
    server: Server | None = None
    facts: HostFacts | None = None
    static: Static | None = None
    memory: Mapping[str, str] = field(default_factory=dict)
    runner_id: int | None = None
    restart: bool = False
    is_new: bool = False
    _held: ExitStack = field(default_factory=ExitStack)
    _locked: bool = False

    @property
    def name(self) -> str:
        """The machine's name."""
        return self.change.machine

    @property
    def pool(self) -> Pool:
        """Its pool. Raises StepFailed when the inventory has none of this name."""
        pool = self.world.inventory.pool(self.change.pool)
        if pool is None:
            raise StepFailed(f"the inventory has no pool {self.change.pool}")
        return pool

    @property
    def wanted(self) -> HostWanted:
        """What its host should have on it."""
        return self.world.wanted_on(self.name, self.change.pool, self.facts)

    def must_have_server(self) -> Server:
        """Its server, asked for by name when this change has not seen it yet."""
        if self.server is None:
            self.server = self.world.cloud.server_named(self.name)
        if self.server is None:
            raise StepFailed(f"server {self.name} is gone", hint="type the same command again")
        return self.server

    @property
    def tags(self) -> Mapping[str, str]:
        """What is remembered of this machine, as it was last seen: a server's tags, or a static host's memory.

        Raises StepFailed when its server is gone.
        """
        return self.must_have_server().tags if self.static is None else self.memory

    def tags_now(self) -> Mapping[str, str] | None:
        """The same, asked anew; None when its server is gone. Raises HostError for a static host that is silent."""
        if self.static is not None:
            self.memory = host_memory.read(self._session())
            return self.memory
        server = self.server and self.world.cloud.server(self.server.id)
        return server.tags if server is not None else None

    def remember(self, changes: Mapping[str, str | None]) -> None:
        """Change these tags and no others (None removes)."""
        if self.static is not None:
            self.memory = host_memory.change(self._session(), self.world.stack["memory.sh"], changes)
            return
        server = self.must_have_server()
        self.server = self.world.cloud.set_tags(server.id, changes) or server

    def target(self) -> Target:
        """Where to log in."""
        if self.static is not None:
            return static_target(self.name, self.static)
        return self.world.target(self.must_have_server())

    def host(self) -> Host:
        """The session with its host, under the host's lock. Raises HostError, HostLocked."""
        host = self._session()
        if not self._locked:
            self._held.enter_context(host.lock())
            self._locked = True
        return host

    def _session(self) -> Host:
        return self.world.sessions.get(self.target())

    def must_run(self, command: str, what: str, *, seconds: float = 60, stdin: bytes = b"", hint: str = "") -> str:
        """What a command on the host printed. Raises CommandFailed with the end of its output."""
        result = self.host().run(command, stdin=stdin, timeout=seconds)
        if result.status != 0:
            output = "\n".join((result.out + result.err).strip().splitlines()[-12:])
            raise CommandFailed(f"could not {what} on {self.name} (exit {result.status}):\n{output}", hint=hint)
        return result.out

    def put(self, path: str, content: str, mode: int) -> None:
        """Write a file on the host, all or nothing."""
        command = (
            f"umask 022; mkdir -p $(dirname {path}); umask 077; cat >{path}.new"
            f" && chmod {mode:o} {path}.new && mv {path}.new {path}"
        )
        self.must_run(command, f"write {path}", stdin=content.encode())

    def look(self) -> HostFacts:
        """The host's facts as they are now."""
        wanted = self.world.wanted_for(self.name, self.change.pool)
        self.facts = probe(self.host(), self.world.stack, wanted, self.world.clock)
        return self.facts

    def disconnect(self) -> None:
        """End the session and with it the lock; the next use opens a new one."""
        self.release()
        self.world.sessions.drop(self.name)

    def release(self) -> None:
        """Give the host's lock back."""
        self._locked = False
        self._held.close()
