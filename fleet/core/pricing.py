"""What machines cost, which ones can be had, and what the fleet may cost at most."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from fleet.core.change import Change, Plan, Verb
from fleet.core.inventory import Inventory, Pool
from fleet.core.lifecycle import Step
from fleet.core.money import FREE, Catalog, Price, price_of
from fleet.core.names import Tag, is_ours
from fleet.core.observation import Observation, Server


def choices(pool: Pool, catalog: Catalog, places: frozenset[str] | None = None) -> tuple[tuple[str, str], ...]:
    """(type, location) in order of preference: all locations for the first type, then the next type.

    ``places``: the locations a machine can be in; None: all of its pool's.

    Those the catalogue calls out of stock come last, since it may be wrong either way; those never sold are left out.
    """
    sold = [
        (type_name, location)
        for type_name in pool.types
        for location in pool.locations
        if (found := catalog.type(type_name)) is not None and location in found.prices
        if places is None or location in places
    ]
    return tuple(sorted(sold, key=lambda pair: not _in_stock(catalog, *pair)))


def _in_stock(catalog: Catalog, type_name: str, location: str) -> bool:
    found = catalog.type(type_name)
    return found is not None and location in found.available


def first_choice(pool: Pool, catalog: Catalog) -> tuple[str, str] | None:
    """What a new machine of this pool will most likely be."""
    return next(iter(choices(pool, catalog)), None)


def priced(changes: Sequence[Change], inventory: Inventory, seen: Observation, catalog: Catalog) -> Plan:
    """The plan of these changes, with what the fleet costs before and after them."""
    ours = {s.name: s for s in seen.servers if is_ours(s.name, s.tags, inventory.name, inventory.gitea)}
    prices = {name: server_price(server, catalog) for name, server in ours.items()}
    before = sum(prices.values(), FREE)
    gone = sum((prices.get(c.machine, FREE) for c in changes if c.verb is Verb.REMOVE), FREE)
    new = sum((new_price(c, inventory, catalog) for c in changes if Step.CREATE in c.steps), FREE)
    after = Price(before.hour - gone.hour + new.hour, before.month - gone.month + new.month)
    return Plan(tuple(changes), before, after)


def new_price(change: Change, inventory: Inventory, catalog: Catalog) -> Price:
    """What the server that this change creates will most likely cost."""
    pool = inventory.pool(change.pool)
    return new_price_of(pool, catalog) if pool else FREE


def new_price_of(pool: Pool, catalog: Catalog) -> Price:
    """What the next server of this pool will most likely cost."""
    pair = first_choice(pool, catalog)
    return (price_of(catalog, *pair, ipv4=pool.ipv4) or FREE) if pair else FREE


def server_price(server: Server, catalog: Catalog) -> Price:
    """The list price when the server was made (tag ``eur-h``), else today's."""
    today = price_of(catalog, server.type, server.location, ipv4=server.ipv4 is not None) or FREE
    text = server.tags.get(Tag.PRICE, "")
    return Price(Decimal(text), today.month) if _is_number(text) else today


def servers_price(servers: Iterable[Server], catalog: Catalog) -> Price:
    """What all of these cost together."""
    return sum((server_price(server, catalog) for server in servers), FREE)


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def paid_minutes_left(created: datetime, now: datetime) -> int:
    """Minutes until the next hour is billed (Hetzner bills every started hour from ``created``)."""
    return 60 - int((now - created).total_seconds() // 60) % 60


def limited(changes: Sequence[Change], inventory: Inventory, seen: Observation, catalog: Catalog) -> list[Change]:
    """Refuse growth beyond the global max and the cap, in the order given, and name what is refused.

    A repair creates nothing, so it is never refused.
    """
    ours = {s.name: s for s in seen.servers if is_ours(s.name, s.tags, inventory.name, inventory.gitea)}
    count = len(ours)
    hour = sum((server_price(server, catalog).hour for server in ours.values()), Decimal(0))
    kept: list[Change] = []
    for change in changes:
        if Step.CREATE in change.steps:
            more = new_price(change, inventory, catalog).hour
            refusal = growth_refused(inventory, count, hour, more)
            if refusal:
                kept.append(replace(change, verb=Verb.LIMIT, reason=refusal, steps=()))
                continue
            count, hour = count + 1, hour + more
        kept.append(change)
    return kept


def growth_refused(inventory: Inventory, count: int, hour: Decimal, more: Decimal) -> str:
    """Why one more machine of this price is too many, or nothing."""
    if inventory.max is not None and count + 1 > inventory.max:
        return f"not created: the fleet has {count} machines, and max is {inventory.max}"
    cap = inventory.max_eur_per_hour
    if cap is not None and hour + more > cap:
        return f"not created: €{hour:.4f} + €{more:.4f} per hour is over max_eur_per_hour, €{cap:.4f}"
    return ""
