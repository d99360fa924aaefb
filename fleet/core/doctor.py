"""What ``fleet doctor`` says of what it was shown: each thing with a grade, and what mends it. Asks nothing itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network

from fleet.core.inventory import DockerSource, Inventory, Pool, Scope, ScopeKind
from fleet.core.known_bad import known_bad
from fleet.core.labels import names
from fleet.core.money import FREE, Catalog, ServerType, price_of
from fleet.core.pricing import choices, new_price_of
from fleet.core.runner_version import parse_version, read_runner
from fleet.core.setup import same_url
from fleet.core.static_hosts import static_hosts

DISABLES: tuple[int, ...] = (1, 26)
"""The first Gitea that can disable a runner (PR 36776)."""

ENDLESS = 3 * 3600
"""Seconds after which Gitea itself ends a task, unless its app.ini says otherwise (ENDLESS_TASK_TIMEOUT)."""

ROOM = 2.0
"""GB of memory a job should have at least: a build with tests and one service."""

CLOCK_WARNS, CLOCK_FAILS = 30, 300
"""Seconds this computer's clock may be wrong until passes decide wrongly, until TLS and tokens fail."""

FEW_CALLS = 200
"""Calls of this hour that ``up`` of a small fleet should find left."""


class Grade(StrEnum):
    """How it looks."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. ``fix``: what to type or to write; empty when nothing is to be done."""

    area: str
    grade: Grade
    text: str
    fix: str = ""


def ok(area: str, text: str) -> Check:
    return Check(area, Grade.OK, text)


def warning(area: str, text: str, fix: str) -> Check:
    return Check(area, Grade.WARNING, text, fix)


def counted(number: int, thing: str) -> str:
    """``1 pool``, ``2 pools``."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def of_inventory(inventory: Inventory) -> Iterator[Check]:
    """What the file itself says. That it could be read is the first good news."""
    machines = sum(pool.max for pool in inventory.pools)
    most = machines if inventory.max is None else min(machines, inventory.max)
    statics = len(static_hosts(inventory))
    parts = [counted(len(inventory.pools), "pool")]
    parts += [f"at most {counted(most, 'machine')}"] if most or not statics else []
    size = ", ".join([*parts, *([counted(statics, "static host")] if statics else [])])
    yield ok("inventory", f"{inventory.source}: fleet {inventory.name}, {size}")
    for sentence in inventory.warnings:
        told = "" if sentence.startswith("gitea.ca") else "pools.NAME.runner = a version, like the default"
        yield warning("inventory", sentence, told)
    if most and inventory.max_eur_per_hour is None:
        yield warning("inventory", "nothing limits what the fleet may cost", "max_eur_per_hour = 0.25, for example")
    for pool in inventory.pools:
        yield ok("inventory", f"pools.{pool.name}: takes jobs for {', '.join(names(pool.runner.labels))}")
        if pool.runner.job_timeout > ENDLESS:
            hours = f"{pool.runner.job_timeout / 3600:.4g}h"
            yield warning(
                "inventory",
                f"pool {pool.name} lets a job take {hours}; Gitea ends it after 3h unless its app.ini says more",
                f"in Gitea's app.ini: [actions] ENDLESS_TASK_TIMEOUT = {hours}",
            )


def of_docker(inventory: Inventory) -> Iterator[Check]:
    """Which Docker each pool's machines get, and whether it is known to break the jobs of their runner."""
    for pool in inventory.pools:
        yield from _docker(pool)


def _docker(pool: Pool) -> Iterator[Check]:
    path, runner = f"pools.{pool.name}", read_runner(pool.runner.image)
    match pool.docker.source:
        case DockerSource.DOCKER:
            bad = known_bad(pool.docker.version, runner)
            for one in bad:
                yield Check("docker", Grade.ERROR if one.breaks else Grade.WARNING, f"{path}: {one.sentence}", one.fix)
            if not bad:
                yield ok("docker", f"{path}: Docker {pool.docker.version} of Docker's archive, for {runner}")
        case DockerSource.DISTRIBUTION if pool.max and pool.image in WITHOUT_COMPOSE:
            fix = f'{path}.docker.source = "docker", or image = "debian-13"'
            yield Check("docker", Grade.ERROR, f"{path}: {pool.image} has no Docker with compose of its own", fix)
        case DockerSource.DISTRIBUTION:
            yield ok("docker", f"{path}: Docker of the distribution, for {runner}")
        case DockerSource.PRESENT:
            yield ok("docker", f"{path}: the Docker that is in the image, which is looked at once it is there")


def of_prices(inventory: Inventory, catalog: Catalog) -> Iterator[Check]:
    """Whether the cap pays for the machines that are always there."""
    if inventory.max_eur_per_hour is None:
        return
    least = sum((new_price_of(pool, catalog).times(pool.min) for pool in inventory.pools), FREE).hour
    text = f"the {counted(sum(pool.min for pool in inventory.pools), 'machine')} of min cost €{least:.4f} per hour"
    if least > inventory.max_eur_per_hour:
        yield warning(
            "types",
            f"{text}, and max_eur_per_hour allows €{inventory.max_eur_per_hour:.4f}: not all of them are made",
            "a higher max_eur_per_hour, a lower min, or cheaper types",
        )
    else:
        yield ok("types", f"{text}; max_eur_per_hour allows €{inventory.max_eur_per_hour:.4f}")


def of_catalog(inventory: Inventory, catalog: Catalog) -> Iterator[Check]:
    """What can be had for each pool, and whether a job has room on it."""
    for pool in inventory.pools:
        yield from _offers(pool, catalog)


def _offers(pool: Pool, catalog: Catalog) -> Iterator[Check]:
    sold = choices(pool, catalog)
    here = [pair for pair in sold if _in_stock(catalog, *pair)]
    path = f"pools.{pool.name}"
    for pair in (here or sold)[:1]:
        price = price_of(catalog, *pair, ipv4=pool.ipv4)
        cost = f", €{price.hour:.4f} per hour" if price else ""
        yield ok("types", f"{path}: first choice {pair[0]} in {pair[1]}{cost}; {len(here)} of {len(sold)} can be had")
    if sold and not here:
        yield warning("types", f"{path}: all its types are sold out in all its locations now", f"more {path}.types")
    elif len(here) == 1:
        yield warning("types", f"{path}: only one choice can be had now", f"more {path}.types or .locations")
    for name in pool.types:
        kind = catalog.type(name)
        if kind is not None:
            yield from _type(pool, kind)


def _in_stock(catalog: Catalog, name: str, location: str) -> bool:
    kind = catalog.type(name)
    return kind is not None and location in kind.available


def _type(pool: Pool, kind: ServerType) -> Iterator[Check]:
    going = {location: end for location, end in kind.deprecated.items() if location in pool.locations}
    if going:
        where = ", ".join(f"{location} (until {end})" for location, end in sorted(going.items()))
        yield warning("types", f"{kind.name} is on its way out in {where}", f"another type in pools.{pool.name}.types")
    room = kind.memory_gb / pool.runner.capacity
    if room < ROOM:
        yield warning(
            "types",
            f"pools.{pool.name}: {pool.runner.capacity} jobs share the {kind.memory_gb:g} GB of {kind.name}",
            f"pools.{pool.name}.capacity = {max(1, int(kind.memory_gb // ROOM))}, or larger types",
        )


def of_gitea(inventory: Inventory, version: str, root_url: str | None, note: str | None) -> Iterator[Check]:
    """``root_url``: what Gitea calls itself, None where it does not say; ``note``: a word on a strange version."""
    yield ok("gitea", f"{inventory.gitea.url} is Gitea {version}, and the token may see and register runners")
    if note:
        yield warning("gitea", note, "look for a newer fleet")
    if not _reaches(version, DISABLES):
        text = "cannot disable runners: fleet takes their labels instead, and a restarted runner takes jobs again"
        yield warning("gitea", f"Gitea {version} {text}", "Gitea 1.26 or newer")
    if root_url is None:
        yield ok("gitea", "it does not say what it calls itself (ROOT_URL)")
    elif same_url(root_url, inventory.gitea.runner_url):
        yield ok("gitea", f"it calls itself {root_url}, where runners are sent")
    else:
        yield warning(
            "gitea",
            f"Gitea calls itself {root_url}, and runners are sent to {inventory.gitea.runner_url}",
            f'gitea.runner_url = "{root_url.rstrip("/")}", or ROOT_URL in Gitea\'s app.ini',
        )


def of_scopes(scope: Scope, held: frozenset[str] | None) -> Iterator[Check]:
    """What the token may do beside what it must. ``held``: its scopes, ``all`` for everything; None: nobody tells."""
    if held is None:
        return
    needed = f"write:{CATEGORY[scope.kind]}"
    more = held - {needed, READS_LOGS}
    if more:
        what = f"the token may do more than fleet needs: {', '.join(sorted(more))}"
        logs = "" if scope.kind is ScopeKind.REPO else f" (and {READS_LOGS}, for the logs of jobs)"
        yield warning("gitea", what, f"make one with {needed} alone{logs}")
    if held & {"all", READS_LOGS, "write:repository"}:
        yield ok("gitea", "the token may read the logs of jobs")
    else:
        yield ok("gitea", f"the token has {', '.join(sorted(held))}; `fleet logs --job` needs {READS_LOGS} besides")


CATEGORY = {
    ScopeKind.INSTANCE: "admin",
    ScopeKind.ORG: "organization",
    ScopeKind.USER: "user",
    ScopeKind.REPO: "repository",
}
"""Whose scope the token needs, to manage the runners of a scope."""

READS_LOGS = "read:repository"

WITHOUT_COMPOSE = frozenset({"debian-11", "debian-12"})
"""Images whose distribution has no compose plugin for Docker."""


def of_way_in(ours: Sequence[str], who: str, allowed: Sequence[str]) -> Check:
    """Whether port 22 of machines is open to where we come from. Both are networks (CIDR)."""
    here = ", ".join(ours)
    if any(_inside(one, network) for one in ours for network in allowed):
        return ok("ssh", f"ssh.allow_from has {here}, where {who} comes from")
    return warning(
        "ssh",
        f"ssh.allow_from has not {here}, where {who} comes from: no machine can be set up from here",
        'add "me" to ssh.allow_from',
    )


def _inside(one: str, network: str) -> bool:
    inner, outer = ip_network(one, strict=False), ip_network(network, strict=False)
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _reaches(version: str, least: tuple[int, ...]) -> bool:
    """A version that cannot be read counts as new."""
    try:
        return parse_version(version) >= least
    except ValueError:
        return True


def of_calls(left: int, limit: int) -> Check:
    """What is left of this hour's calls to Hetzner."""
    text = f"{left} of {limit} calls are left in this hour"
    if left < min(FEW_CALLS, limit // 10):
        return warning("hetzner", text, "wait some minutes: all users of the project share them")
    return ok("hetzner", text)


def of_clock(ours: datetime, theirs: datetime) -> Check:
    """This computer's clock beside the API's: paid minutes and graces are counted by the API's, TLS by ours."""
    wrong = abs((ours - theirs).total_seconds())
    if wrong < CLOCK_WARNS:
        return ok("clock", "this computer's clock agrees with Hetzner's")
    grade = Grade.ERROR if wrong >= CLOCK_FAILS else Grade.WARNING
    way = "slow" if ours < theirs else "fast"
    return Check("clock", grade, f"this computer's clock is {wrong:.0f} s {way}", "timedatectl set-ntp true")
