"""``fleet doctor``: everything that can be wrong before money is spent, looked at in one go. Changes nothing."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from rich.console import Console

from fleet.cli import wiring
from fleet.cli.checks import check_json, checks_table, summary
from fleet.cli.exits import FAILED, OK, with_verdict
from fleet.cli.options import InventoryOption, JsonOption
from fleet.cli.story import looking
from fleet.core import doctor as core
from fleet.core.belongings import names_any
from fleet.core.doctor import Check, Grade
from fleet.core.errors import FleetError, InventoryError, Refused
from fleet.core.firewall import ME
from fleet.core.inventory import Inventory, Pool
from fleet.core.money import Catalog
from fleet.core.orders import Target
from fleet.core.preflight import check_catalog
from fleet.core.static_hosts import needs_cloud, static_hosts
from fleet.engine import preflight
from fleet.engine.ports import Hosts
from fleet.engine.world import static_target

if TYPE_CHECKING:
    from fleet.edges.hetzner import HetznerCloud


@with_verdict
def doctor(json: JsonOption = False, inventory: InventoryOption = None) -> int:
    """Look at everything before money is spent: inventory, Gitea, Hetzner, tailnet, keys, cron. Changes nothing.

    One exception: with an API key of Tailscale, a key for our tags is made for a minute and revoked at once, for
    nothing less proves that we may.

    Exit 1 when something is an error; warnings alone are 0.
    """
    with looking("looking at everything", quiet=json) as seen:
        checks = list(_all(inventory, seen))
    console = Console(highlight=False)
    if json:
        console.print_json(data={"checks": [check_json(check) for check in checks]})
    else:
        console.print(checks_table(checks), summary(checks, "all is well: fleet plan"), sep="\n")
    return FAILED if any(check.grade is Grade.ERROR for check in checks) else OK


def _all(option: str | None, seen: Callable[[str], None]) -> Iterator[Check]:
    """Area by area: one that fails does not hide the others. Without an inventory there is nothing to look at."""
    try:
        inventory = wiring.load_inventory(option)
    except InventoryError as error:
        yield from _problems("inventory", error)
        return
    yield from core.of_inventory(inventory)
    yield from core.of_docker(inventory)
    for area, look in AREAS.items():
        seen(area)
        yield from _looked(area, look(inventory))


def _looked(area: str, checks: Iterable[Check]) -> Iterator[Check]:
    """What was found until something failed, and then that, with what to type."""
    try:
        yield from checks
    except InventoryError as error:
        yield from _problems(area, error)
    except FleetError as error:
        yield Check(area, Grade.ERROR, error.message, error.hint)


def _problems(area: str, error: InventoryError) -> Iterator[Check]:
    """A line for each, with what is allowed."""
    for one in error.problems:
        yield Check(area, Grade.ERROR, f"{one.path}: {one.wrong}", one.allowed or error.hint)


def _hetzner(inventory: Inventory) -> Iterator[Check]:
    from fleet.edges.no_cloud import NoCloud

    cloud = wiring.open_cloud(inventory)
    if isinstance(cloud, NoCloud):
        yield core.ok("hetzner", "no pool may rent a server (max = 0): no token is needed")
        return
    try:
        yield from _of_cloud(inventory, cloud)
    finally:
        cloud.close()


def _of_cloud(inventory: Inventory, cloud: "HetznerCloud") -> Iterator[Check]:
    catalog = cloud.catalog()
    yield core.of_clock(datetime.now(UTC), cloud.now())
    cloud.check_write()
    yield core.ok("hetzner", f"{inventory.hetzner.endpoint}: the token may read and write")
    calls = cloud.calls_left()
    if calls is not None:
        yield core.of_calls(*calls)
    yield from _looked("types", _known(inventory, catalog))
    yield from core.of_catalog(inventory, catalog)
    yield from core.of_prices(inventory, catalog)
    yield from _given(inventory, cloud)
    if inventory.cache.network:
        cloud.network_id(inventory.cache.network)
        yield core.ok("hetzner", f"cache.network: the private network {inventory.cache.network} is there")
    for pool in inventory.pools:
        yield from _looked("types", _images(pool, cloud, catalog))
    yield from (core.warning("types", sentence, "change it in the inventory") for sentence in cloud.warnings())


def _known(inventory: Inventory, catalog: Catalog) -> Iterator[Check]:
    """Nothing is said of types and locations that there are."""
    check_catalog(inventory, catalog)
    yield from ()


def _images(pool: Pool, cloud: "HetznerCloud", catalog: Catalog) -> Iterator[Check]:
    """An image has one name for all architectures, and need not be there for each."""
    architectures = {kind.architecture for name in pool.types if (kind := catalog.type(name))}
    for architecture in sorted(architectures):
        cloud.check_image(pool.image, architecture)
        yield core.ok("types", f"pools.{pool.name}: image {pool.image} is there for {architecture}")


def _gitea(inventory: Inventory) -> Iterator[Check]:
    gitea = wiring.open_gitea(inventory)
    try:
        version = gitea.version()
        gitea.runners()
        gitea.jobs()
        gitea.registration_token()
        yield from core.of_gitea(inventory, version, gitea.root_url(), gitea.note())
        yield from core.of_scopes(inventory.gitea.scope, gitea.token_scopes())
    finally:
        gitea.close()


def _tailnet(inventory: Inventory) -> Iterator[Check]:
    """A key is minted and revoked only where nothing less proves that we may."""
    tailnet = wiring.open_tailnet(inventory)
    if tailnet is None or inventory.tailnet is None:
        return
    try:
        tags = ", ".join(inventory.tailnet.tags)
        yield core.ok("tailnet", f"{tailnet.look()}: the secret may mint keys for {tags}")
    finally:
        tailnet.close()


def _secrets(inventory: Inventory) -> Iterator[Check]:
    """Whether what hosts must know can be read here: passwords of registries, secrets of the cache."""
    found = wiring.secrets_for_hosts(inventory)
    if found:
        yield core.ok("secrets", f"what hosts must know is there: {', '.join(found)}")


def _given(inventory: Inventory, cloud: "HetznerCloud") -> Iterator[Check]:
    """What pools name, and what those without IPv4 could not reach. Nothing is said of pools that want neither."""
    from fleet.edges.operator import OperatorHere

    here = OperatorHere(inventory.ssh.address_from)
    found = preflight.problems_of(inventory, cloud, here, inventory.pools)
    yield from (Check("hetzner", Grade.ERROR, f"{one.path}: {one.wrong}", one.allowed) for one in found)
    if not found and any(names_any(pool) or not pool.ipv4 for pool in inventory.pools):
        yield core.ok("hetzner", "what pools name is there, and those without IPv4 reach what they need")


def _ssh(inventory: Inventory) -> Iterator[Check]:
    """The key is only looked at: ``up`` makes the fleet's own when it first needs it."""
    key = wiring.open_key(inventory)
    if key.is_there():
        yield core.ok("ssh", f"{key.place()}: {key.fingerprint()}")
    else:
        yield core.ok("ssh", f"{key.place()} is made by the first `fleet up`")
    own = not inventory.ssh.key and not inventory.ssh.agent
    if own and wiring.own_key(inventory).unfinished:
        yield core.warning("ssh", "another key is to take its place, and has not everywhere", "fleet rotate sshkey")
    if ME in inventory.ssh.allow_from:
        yield _me(inventory)
    elif set(inventory.ssh.allow_from) & {"0.0.0.0/0", "::/0"} and needs_cloud(inventory):
        yield core.warning("ssh", "port 22 of machines is open to everybody (keys only)", 'ssh.allow_from = ["me"]')
    elif inventory.ssh.allow_from and needs_cloud(inventory):
        yield _way_in(inventory)


def _me(inventory: Inventory) -> Check:
    """Raises Refused when nobody says where we come from."""
    from fleet.edges.operator import OperatorHere

    here = OperatorHere(inventory.ssh.address_from)
    return core.ok("ssh", f'"me" in ssh.allow_from is {", ".join(here.networks())}, as {here.who()}')


def _way_in(inventory: Inventory) -> Check:
    """Networks alone: whether we are in one of them. That nobody says where we come from is no error then."""
    from fleet.edges.operator import OperatorHere

    here = OperatorHere(inventory.ssh.address_from)
    try:
        return core.of_way_in(here.networks(), here.who(), inventory.ssh.allow_from)
    except Refused as error:
        return core.warning("ssh", f"whether ssh.allow_from lets us in is not known: {error.message}", "look yourself")


def _hosts(inventory: Inventory) -> Iterator[Check]:
    """Each static host that should be in service: reached, its key known, and root to be had."""
    from fleet.edges.ssh import SshHosts

    hosts = SshHosts(wiring.open_key(inventory))
    for name, static in static_hosts(inventory).items():
        if static.wanted:
            yield from _looked("hosts", _reached(hosts, static_target(name, static)))


def _reached(hosts: Hosts, target: Target) -> Iterator[Check]:
    host = hosts.connect(target)
    try:
        host.run("true")
        yield core.ok("hosts", f"{target.name}: answers at {target.address}, and lets us be root")
    finally:
        host.close()


def _notify(inventory: Inventory) -> Iterator[Check]:
    """Whether what passes find can be told. Nothing is sent."""
    for key, words in (("notify.command", inventory.notify.command), ("cron.alert", inventory.cron.alert)):
        if words and which(words[0]) is None:
            yield Check("notify", Grade.ERROR, f"{key}: there is no program {words[0]}", f"install it, or mend {key}")
        elif words:
            yield core.ok("notify", f"{key}: {words[0]} is there")
    if inventory.notify.url is not None:
        wiring.open_notifier(inventory)
        yield core.ok("notify", "notify.url: its address is there")


def _cron(inventory: Inventory) -> Iterator[Check]:
    """Whether passes run by themselves, and with all that cron's bare environment gives them."""
    from fleet.cli.cron import prove
    from fleet.edges import crontab

    try:
        block = crontab.block_of(crontab.read(), inventory.name)
    except Refused as error:  # a computer without cron: passes may run elsewhere
        yield core.warning("cron", error.message, error.hint)
        return
    if block is None:
        yield core.warning("cron", "no pass runs from your crontab: machines leave only by hand", "fleet cron install")
        return
    source = Path(inventory.source)
    prove(source.parent.resolve() / source.name)
    yield core.ok("cron", "passes run from your crontab, and find all they need in cron's environment")


AREAS: dict[str, Callable[[Inventory], Iterator[Check]]] = {
    "gitea": _gitea,
    "hetzner": _hetzner,
    "tailnet": _tailnet,
    "secrets": _secrets,
    "ssh": _ssh,
    "hosts": _hosts,
    "notify": _notify,
    "cron": _cron,
}
"""In the order a person would mend them."""
