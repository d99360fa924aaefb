"""Creates that fail are counted on the fleet's record: after a few in a row, passes leave the pool alone a while."""

from collections.abc import Callable

from fleet.core.errors import FleetError
from fleet.core.record import FailedCreates, failed_tag
from fleet.engine import memory
from fleet.engine.work import Work


def count(work: Work) -> None:
    """One more; several machines of a pool that fail in one run are one."""

    def write(known: FailedCreates | None) -> None:
        more = (known or FailedCreates(0, 0)).one_more(work.world.cloud.now())
        memory.write(work.world, failed_tag(work.pool.name, more))

    _once(work, "failed", write)


def forget(work: Work) -> None:
    """One was made: they can be had again."""

    def write(known: FailedCreates | None) -> None:
        if known is not None:
            memory.write(work.world, failed_tag(work.pool.name, None))

    _once(work, "made", write)


def _once(work: Work, what: str, write: Callable[[FailedCreates | None], None]) -> None:
    """Once per run and pool: by the first machine of it. A count that cannot be written hides nothing of what happened,
    and stops nothing."""
    me = hash(work.name)
    if work.world.shared.once(f"{what} in {work.pool.name}", lambda: me) != me:
        return
    try:
        write(memory.read(work.world).failed.get(work.pool.name))
    except FleetError as error:
        work.tell(f"not counted: {error.message}")
