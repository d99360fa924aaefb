"""After a pass: tell of findings that have come and gone, and remember what was told."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from fleet.core.errors import FleetError
from fleet.core.facts import HostFacts
from fleet.core.health import Severity
from fleet.core.notify import Message, News, forgotten, news
from fleet.core.plan import plan_up
from fleet.core.static_hosts import possible_names
from fleet.engine import memory
from fleet.engine.findings import findings_now
from fleet.engine.passes import Look, can_remember
from fleet.engine.waiting import waits_now

Tell = Callable[[Message], None]
"""Tells people. Raises FleetError when it could not: then the next pass tries again."""


def after_pass(look: Look, tell: Tell | None) -> str:
    """Tell what is new, once. What went wrong with the telling, in a sentence: it is no failure of the pass.

    Told first and remembered then: killed between the two, or with two computers at it, something is told twice
    rather than never.
    """
    if not can_remember(look):
        return ""
    try:
        if tell is None:
            _remember(look, forgotten(look.record.told))
            return ""
        found = _news(look)
        _remember(look, found.quietly)
        if found.message is not None:
            tell(found.message)
        _remember(look, found.once_told)
    except FleetError as error:
        return f"nobody was told of what is new, the next pass tries again: {error.message}"
    return ""


def _news(look: Look) -> News:
    """What is wrong is what ``fleet up`` would mend: a pass makes and removes machines although all is well. It is no
    news that the last pass was long ago: one is running."""
    inventory, seen = look.world.inventory, look.seen
    plan = plan_up(inventory, seen, look.world.catalog, look.world.wants(seen))
    waits = waits_now(look.world, seen, look.machines, look.record)
    return news(
        inventory.name,
        findings_now(look.world, seen, look.machines, plan, replace(look.record, last_pass=None), waits),
        look.record.told,
        int(seen.at.timestamp()),
        least=Severity(inventory.notify.severity),
        unknown=frozenset(_unknown(look)),
        names=(*possible_names(inventory), *(machine.name for machine in look.machines)),
    )


def _unknown(look: Look) -> Iterator[str]:
    """Machines whose host could not be looked at."""
    for machine in look.machines:
        has_host = machine.server is not None or machine.static is not None
        if has_host and not isinstance(look.seen.hosts.get(machine.name), HostFacts):
            yield machine.name


def _remember(look: Look, changes: Mapping[str, str | None]) -> None:
    if changes:
        memory.write(look.world, changes)
