"""A machine: the row that joins server, host and runner, and the one phase it is in."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from fleet.core.errors import HostError, HostSilent
from fleet.core.facts import HostFacts
from fleet.core.inventory import Inventory, Pool, SshRoute, TailnetSettings
from fleet.core.names import MachineName, Tag, fleet_label, is_ours, read_machine_name
from fleet.core.observation import Device, HostSeen, Job, JobState, Observation, Runner, Server
from fleet.core.rungs import BOOTS, read_tried
from fleet.core.static_hosts import Static, of_another, static_hosts

BOOT_GRACE = timedelta(minutes=15)
"""How long after its creation, reset or rebuild a server may be silent before it is suspect."""


class Phase(StrEnum):
    """Where a machine is in its life.

    A ghost is a runner's record without its server, a stray one without the static host it was made for, which
    the inventory does not have any more. Unknown: a record, and nobody to ask whether it has a server.
    """

    ABSENT = "absent"
    BOOTING = "booting"
    BARE = "bare"
    UNREGISTERED = "unregistered"
    OFFLINE = "offline"
    IDLE = "idle"
    BUSY = "busy"
    DRAINING = "draining"
    DRAINED = "drained"
    PAUSED = "paused"
    HELD = "held"
    LOST = "lost"
    GHOST = "ghost"
    ORPHAN = "orphan"
    STRAY = "stray"
    UNKNOWN = "unknown"


class Asker(StrEnum):
    """Who asked a machine to leave service; only what is ours is taken back."""

    SCALE = "scale"
    PERSON = "person"
    REPAIR = "repair"


@dataclass(frozen=True, slots=True)
class Machine:
    """``host`` is None when it was not asked. ``runners`` are all records of ours with this name, ``devices`` those of
    the tailnet.

    ``static``: it is a static host, and there is no server.
    """

    name: str
    pool: Pool | None
    phase: Phase
    server: Server | None = None
    runner: Runner | None = None
    host: HostSeen | None = None
    jobs: tuple[Job, ...] = ()
    runners: tuple[Runner, ...] = ()
    static: Static | None = None
    devices: tuple[Device, ...] = ()

    @property
    def facts(self) -> HostFacts | None:
        """What the host said, if it spoke."""
        return self.host if isinstance(self.host, HostFacts) else None

    @property
    def tags(self) -> Mapping[str, str]:
        """What earlier runs remember of it: a server's tags, a static host's memory if it has told it."""
        if self.server is not None:
            return self.server.tags
        return self.facts.memory if self.static is not None and self.facts is not None else {}

    @property
    def asker(self) -> Asker | None:
        """Who cordoned it, from the tag ``draining`` (``<asker>.<epoch>``)."""
        return asker_of(self.tags)


def asker_of(tags: Mapping[str, str]) -> Asker | None:
    """The asker in a ``draining`` tag; a word we do not know counts as a person, who is never overruled."""
    word = tags.get(Tag.DRAINING, "").split(".")[0]
    if not word:
        return None
    return Asker(word) if word in set(Asker) else Asker.PERSON


def is_held(tags: Mapping[str, str], at: datetime) -> bool:
    """Whether a person keeps it as it is: for ever, or until the time in the tag ``held`` (``until.<epoch>``)."""
    word, _, epoch = tags.get(Tag.HELD, "").partition(".")
    return bool(word) and not (epoch.isdigit() and int(epoch) <= at.timestamp())


def join(inventory: Inventory, seen: Observation) -> tuple[Machine, ...]:
    """One row for each server of ours, each static host, and each other runner or dead device of ours, in order of
    names.

    Only called when Gitea has answered: without its lists nothing can be said of any machine.
    """
    ours = {s.name: s for s in seen.servers if is_ours(s.name, s.tags, inventory.name, inventory.gitea)}
    records = _our_runners(inventory, seen.runners or ())
    devices = _our_devices(inventory, seen)
    dead = {name for name, found in devices.items() if all(one.online is False for one in found)}
    statics = static_hosts(inventory)
    running = _running(seen.jobs or ())
    rows = (
        _static(inventory, seen, name, statics[name], records.get(name, ()), running)
        if name in statics
        else _join_one(inventory, seen, name, ours.get(name), records.get(name, ()), running)
        for name in sorted(ours.keys() | records.keys() | dead | statics.keys(), key=_by_pool_and_number)
    )
    return tuple(replace(row, devices=devices.get(row.name, ())) for row in rows)


def _running(jobs: tuple[Job, ...]) -> dict[int | None, list[Job]]:
    """The jobs that run, by the id of their runner."""
    found: dict[int | None, list[Job]] = {}
    for job in jobs:
        if job.state is JobState.RUNNING:
            found.setdefault(job.runner_id, []).append(job)
    return found


def _our_runners(inventory: Inventory, runners: tuple[Runner, ...]) -> dict[str, tuple[Runner, ...]]:
    """A runner is ours with an exact machine name of this fleet *and* our label (a cordon by ``Declare`` hides
    the label, so a record whose only label says so counts too)."""
    found: dict[str, tuple[Runner, ...]] = {}
    for runner in sorted(runners, key=lambda one: one.id):
        name = read_machine_name(runner.name)
        marks = {fleet_label(inventory.name), draining_label(inventory.name)}
        if name is not None and name.fleet == inventory.name and runner.labels & marks:
            found[runner.name] = (*found.get(runner.name, ()), runner)
    return found


def _our_devices(inventory: Inventory, seen: Observation) -> dict[str, tuple[Device, ...]]:
    found: dict[str, tuple[Device, ...]] = {}
    for device in seen.devices or () if seen.servers_known else ():
        if inventory.tailnet is not None and is_our_device(device, inventory.name, inventory.tailnet):
            found[device.hostname] = (*found.get(device.hostname, ()), device)
    return found


def is_our_device(device: Device, fleet: str, settings: TailnetSettings) -> bool:
    """Whether it is, or was, a machine of this fleet: a name in exactly our form, and all our tags."""
    name = read_machine_name(device.hostname)
    return name is not None and name.fleet == fleet and device.tags >= set(settings.tags)


def address_by_tailnet(inventory: Inventory, name: str, devices: tuple[Device, ...]) -> str:
    """The machine's address in the tailnet, where SSH goes that way; empty where it does not, or it is not in.

    A device that has the name of one that is dead already gets another name there, and keeps its host name. While
    two may be alive nobody knows which one it is: empty.
    """
    settings = inventory.tailnet
    if settings is None or inventory.ssh.route is not SshRoute.TAILNET:
        return ""
    ours = (one for one in devices if one.hostname == name and is_our_device(one, inventory.name, settings))
    alive = [one.addresses[0] for one in ours if one.online is not False and one.addresses]
    return alive[0] if len(alive) == 1 else ""


def draining_label(fleet: str) -> str:
    """The one label a cordoned runner declares where Gitea cannot disable it: no job asks for it."""
    return f"{_DRAINING}{fleet}"


_DRAINING = "fleet-draining-"


def _by_pool_and_number(name: str) -> tuple[str, int, str]:
    """A pool's servers by number, then its static hosts by name."""
    match read_machine_name(name):
        case MachineName(_, pool, n):
            return pool, n, ""
        case parts:
            return (parts.pool if parts else name), 10_000, name


def _static(
    inventory: Inventory,
    seen: Observation,
    name: str,
    static: Static,
    records: tuple[Runner, ...],
    running: Mapping[int | None, list[Job]],
) -> Machine:
    host = seen.hosts.get(name)
    if isinstance(host, HostFacts):
        host = of_another(inventory, name, host.memory) or host
    runner = _runner_of(host, records)
    jobs = tuple(job for one in records for job in running.get(one.id, ()))
    phase = _static_phase(seen.at, static, records, host, jobs)
    return Machine(name, static.pool, phase, None, runner, host, jobs, records, static)


def _join_one(
    inventory: Inventory,
    seen: Observation,
    name: str,
    server: Server | None,
    records: tuple[Runner, ...],
    running: Mapping[int | None, list[Job]],
) -> Machine:
    parts = read_machine_name(name)
    pool = inventory.pool(parts.pool) if parts else None
    host = seen.hosts.get(name)
    runner = _runner_of(host, records)
    jobs = tuple(job for one in records for job in running.get(one.id, ()))
    wanted = pool is not None and isinstance(parts, MachineName) and parts.n <= pool.max
    if server is None:
        phase = _ownerless_phase(seen, isinstance(parts, MachineName))
    else:
        phase = _phase(seen.at, server, runner, host, jobs, wanted)
    return Machine(name, pool, phase, server, runner, host, jobs, records)


def _runner_of(host: HostSeen | None, records: tuple[Runner, ...]) -> Runner | None:
    """The host's own word on its runner id is the join; only a host that did not speak is joined by name."""
    if isinstance(host, HostFacts):
        if host.registration is None:
            return None
        return next((one for one in records if one.id == host.registration.id), None)
    return max(records, key=lambda one: (one.online, one.id), default=None)


def _ownerless_phase(seen: Observation, of_server: bool) -> Phase:
    """A record, and nothing that it belongs to."""
    if not of_server:
        return Phase.STRAY
    return Phase.GHOST if seen.servers_known else Phase.UNKNOWN


def _static_phase(
    at: datetime, static: Static, records: tuple[Runner, ...], host: HostSeen | None, jobs: tuple[Job, ...]
) -> Phase:
    """In the order of ``_phase``. A host that is silent is lost, and that is told: nothing is ever done to it."""
    runner = _runner_of(host, records)
    if isinstance(host, HostFacts):
        if is_held(host.memory, at):
            return Phase.HELD
        if asker_of(host.memory) in {Asker.PERSON, Asker.SCALE}:
            return Phase.DRAINED if not jobs and _is_drained(host, runner) else Phase.DRAINING
        if _nothing_of_ours(host, records) and (not static.wanted or Tag.DOWN in host.memory):
            return Phase.ABSENT
        return _static_phase_by_host(host, runner, jobs)
    if jobs:
        return Phase.BUSY
    if runner is not None and runner.online:
        return Phase.PAUSED if runner.disabled else Phase.IDLE
    return Phase.LOST


def _nothing_of_ours(host: HostFacts, records: tuple[Runner, ...]) -> bool:
    return host.registration is None and host.container is None and not records


def _static_phase_by_host(host: HostFacts, runner: Runner | None, jobs: tuple[Job, ...]) -> Phase:
    """Nobody waits for its boot, and without a runner of ours its task containers are none of ours. A job that Gitea
    knows of is, whatever became of the runner's file."""
    if host.registration is None and not jobs:
        return Phase.UNREGISTERED if host.docker_active else Phase.BARE
    return _phase_by_host(replace(host, boot="-"), runner, jobs, asker_of(host.memory))


def _phase(
    at: datetime,
    server: Server,
    runner: Runner | None,
    host: HostSeen | None,
    jobs: tuple[Job, ...],
    wanted: bool,
) -> Phase:
    """Looked at in this order: what a person said, what is leaving, what is not wanted, then the life itself."""
    if is_held(server.tags, at):
        return Phase.HELD
    if asker_of(server.tags) in {Asker.PERSON, Asker.SCALE}:
        return Phase.DRAINED if not jobs and _is_drained(host, runner) else Phase.DRAINING
    if not wanted:
        return Phase.ORPHAN
    if isinstance(host, HostFacts):
        return _phase_by_host(host, runner, jobs, asker_of(server.tags))
    return _phase_by_gitea(at, server, runner, host, jobs)


def _is_drained(host: HostSeen | None, runner: Runner | None) -> bool:
    """Whether no job is on its host, or will come: its runner is stopped, or Gitea gives it none."""
    gets_none = runner is not None and _is_cordoned(runner)
    if isinstance(host, HostFacts):
        return not host.tasks and (gets_none or host.container is None or not host.container.running)
    return gets_none or runner is None or not runner.online


def _phase_by_host(facts: HostFacts, runner: Runner | None, jobs: tuple[Job, ...], asker: Asker | None) -> Phase:
    if not facts.boot:
        return Phase.BOOTING
    if facts.registration is None and not facts.docker_active:
        return Phase.BARE
    if jobs or facts.tasks:
        return Phase.BUSY
    if runner is None:
        return Phase.UNREGISTERED
    if asker is Asker.REPAIR and _is_cordoned(runner):
        return Phase.OFFLINE
    if runner.disabled:
        return Phase.PAUSED
    if not runner.online or facts.container is None or not facts.container.running:
        return Phase.OFFLINE
    return Phase.IDLE


def _is_cordoned(runner: Runner) -> bool:
    return bool(runner.disabled) or any(label.startswith(_DRAINING) for label in runner.labels)


def _phase_by_gitea(
    at: datetime, server: Server, runner: Runner | None, host: HostError | None, jobs: tuple[Job, ...]
) -> Phase:
    """The host did not speak: Gitea's word counts while the runner is online; the young are booting."""
    if jobs:
        return Phase.BUSY
    if runner is not None and runner.online:
        return Phase.PAUSED if runner.disabled else Phase.IDLE
    if host is None or isinstance(host, HostSilent):
        return Phase.BOOTING if at - last_start(server) < BOOT_GRACE else Phase.LOST
    return Phase.LOST


def last_start(server: Server) -> datetime:
    """When it was made, or last booted, reset or rebuilt by us."""
    tried = read_tried(server.tags)
    return max(server.created, tried.at) if tried is not None and tried.rung in BOOTS else server.created
