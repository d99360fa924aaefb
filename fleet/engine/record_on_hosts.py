"""The fleet's record where there is no account at Hetzner: on each static host in service, the newest one counts.

A host that was silent when something was said has an older one, and gets the new one with the next word.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor

from fleet.core.errors import HostError, Refused
from fleet.core.names import Tag, gitea_hash
from fleet.core.setup import MEMORY
from fleet.core.static_hosts import Static
from fleet.engine import host_memory
from fleet.engine.ports import Host
from fleet.engine.world import World, static_target

FOLDER = f"{MEMORY}/record"
WRITTEN = "written"
WORKERS = 16


def read(world: World) -> Mapping[str, str]:
    """The newest there is; empty when no host answers, or none is in service."""
    found = [host_memory.read(host, FOLDER) for host in _hosts(world)]
    return max(found, key=_written, default={})


def write(world: World, changes: Mapping[str, str | None]) -> None:
    """Say it to every host in service that answers. Raises Refused when there is none."""
    newest = read(world)
    now = str(int(world.clock.now()))
    hosts = list(_hosts(world))
    for host in hosts:
        host_memory.change(host, world.stack["memory.sh"], {**newest, **changes, WRITTEN: now}, FOLDER)
    if not hosts:
        raise Refused(
            "there is no static host in service that could remember this",
            hint="fleet up; or give a token for Hetzner, where a fleet's record is kept otherwise",
        )


def _hosts(world: World) -> Iterator[Host]:
    """Those that are in service for this fleet, and answer."""
    wanted = {name: one for name, one in world.statics.items() if one.wanted}
    with ThreadPoolExecutor(WORKERS) as pool:
        asked = [pool.submit(_ours, world, name, one) for name, one in wanted.items()]
        yield from (host for one in asked if (host := one.result()) is not None)


def _ours(world: World, name: str, static: Static) -> Host | None:
    try:
        host = world.sessions.get(static_target(name, static))
        memory = host_memory.read(host)
    except HostError:
        return None
    mine = (world.inventory.name, gitea_hash(world.inventory.gitea))
    return host if (memory.get(Tag.FLEET), memory.get(Tag.GITEA)) == mine else None


def _written(record: Mapping[str, str]) -> int:
    text = record.get(WRITTEN, "")
    return int(text) if text.isdigit() else 0
