"""What can be known to be wrong before anything is done."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from fleet.core.errors import CredentialsError, InventoryError, Problem
from fleet.core.inventory import CacheSettings, Inventory, Pool
from fleet.core.money import Catalog
from fleet.core.secret import Secret
from fleet.core.setup.cache import SHARED

SHORTEST_SECRET = 16


def check_catalog(inventory: Inventory, catalog: Catalog) -> None:
    """Raises InventoryError when the inventory names types or locations that Hetzner does not have, or none that
    go together."""
    problems = [problem for pool in inventory.pools for problem in _pool(pool, catalog)]
    if problems:
        raise InventoryError(inventory.source, problems)


def check_cache_secret(cache: CacheSettings, secrets: Mapping[str, Secret]) -> None:
    """Raises CredentialsError when the secret of a cache that we serve could be guessed."""
    if cache.machine and len(secrets[SHARED].reveal()) < SHORTEST_SECRET:
        raise CredentialsError(
            f"{SHARED} is too short: every job can reach the cache, and could try",
            hint=f"at least {SHORTEST_SECRET} characters: openssl rand -hex 32",
        )


def _pool(pool: Pool, catalog: Catalog) -> Iterator[Problem]:
    path = f"pools.{pool.name}"
    types = {one.name for one in catalog.types}
    yield from _unknown(f"{path}.types", "server type", pool.types, types)
    yield from _unknown(f"{path}.locations", "location", pool.locations, catalog.locations)
    known = [catalog.type(name) for name in pool.types]
    sold = {location for one in known if one for location in one.prices}
    if any(known) and not sold & set(pool.locations):
        yield Problem(path, "none of its types is sold in any of its locations", f"sold in: {', '.join(sorted(sold))}")
    if len({one.architecture for one in known if one}) > 1:
        yield Problem(f"{path}.types", "mixes architectures", "x86 and arm need images of their own: use two pools")


def _unknown(path: str, what: str, names: Iterable[str], known: Iterable[str]) -> Iterator[Problem]:
    offered = sorted(known)
    for index, name in enumerate(names):
        if name not in offered:
            near = get_close_matches(name, offered, n=1)
            allowed = f"did you mean {near[0]}?" if near else f"there are: {', '.join(offered)}"
            yield Problem(f"{path}[{index}]", f"Hetzner has no {what} {name}", allowed)
