"""Making a server, and making it anew: create, hard reset, rebuild."""

import json
from dataclasses import dataclass
from decimal import Decimal
from string import Template

from fleet.core.belongings import Given, given
from fleet.core.errors import CloudError, Deferred, NamesakeRefused, NameTaken, NoCapacity
from fleet.core.inventory import SshRoute
from fleet.core.lifecycle import Step
from fleet.core.machine import is_held
from fleet.core.money import Price, price_of
from fleet.core.names import Tag, birth_tags, hostkey_tag, is_ours, read_server_name
from fleet.core.observation import Server, ServerStatus
from fleet.core.orders import ServerOrder
from fleet.core.pricing import choices, growth_refused, server_price
from fleet.core.rungs import Rung, tried_tag
from fleet.core.secret import Secret
from fleet.core.serving import networks_of
from fleet.core.ssh_key import sshkey_tag
from fleet.core.tailnet import settings_for
from fleet.engine import failed_creates, firewall, preflight
from fleet.engine.steps import leave, tailnet
from fleet.engine.wait import wait_for
from fleet.engine.work import Work


def create(work: Work) -> None:
    """Make the server, in the first (type, location) of the pool that is to be had.

    Looks by name first: a create that was killed, or answered twice, leaves a server that is ours and is used.
    Raises NoCapacity when nothing of the list is to be had, NamesakeRefused, QuotaExceeded.
    """
    found = _existing(work)
    if found is None:
        _check_tailnet(work)
        preflight.check_pools(work.world, [work.pool])
        try:
            found = _first_to_be_had(work)
            work.is_new = True
        except NameTaken:
            found = _existing(work)
        except CloudError:
            failed_creates.count(work)
            raise
    if found is None:
        raise CloudError(f"could not create {work.name}: its name is taken and yet not to be found")
    work.server = found
    if work.is_new:
        failed_creates.forget(work)


def _existing(work: Work) -> Server | None:
    """The server of this name, once one that is on its way out is gone. Raises NamesakeRefused."""
    wait_for(work.world.clock, lambda: None if _is_leaving(work) else True, limit=120)
    server = work.world.cloud.server_named(work.name)
    inventory = work.world.inventory
    if server is not None and not is_ours(server.name, server.tags, inventory.name, inventory.gitea):
        raise NamesakeRefused(
            f"server {server.id} is called {server.name} and is not of this fleet",
            hint=f"rename or delete server {server.id} in Hetzner, or give the fleet another name",
        )
    return server


def _check_tailnet(work: Work) -> None:
    """Once per run, before money is spent: a machine that cannot join would be no use. Raises Refused."""
    tailnet = work.world.tailnet
    if tailnet is not None and work.pool.tailnet:
        work.world.shared.once("tailnet", lambda: len(tailnet.check()))


def _is_leaving(work: Work) -> bool:
    server = work.world.cloud.server_named(work.name)
    return server is not None and server.status is ServerStatus.DELETING


def _first_to_be_had(work: Work) -> Server:
    catalog = work.world.catalog
    keys = _new_keys(work)
    refused: list[str] = []
    for type_name, location in choices(work.pool, catalog, _given(work).places):
        work.tell(f"{type_name} in {location}")
        price = price_of(catalog, type_name, location, ipv4=work.pool.ipv4)
        refusal = _refusal(work, price)
        if refusal:
            raise Deferred(refusal)
        try:
            return work.world.cloud.create_server(_order(work, type_name, location, keys, price))
        except NoCapacity:
            refused.append(f"{type_name} in {location}")
    raise NoCapacity(
        f"could not create {work.name}: Hetzner has no {', no '.join(refused)} now",
        hint=f"add to pools.{work.pool.name}.types or .locations, or type the same command again later",
    )


@dataclass(frozen=True, slots=True)
class _Keys:
    """Of a new server, or one made anew: the public halves of its host key and of the key that opens it, as lines."""

    host: str
    login: str
    user_data: Secret


def _new_keys(work: Work) -> _Keys:
    private, public = work.world.hosts.new_host_key()
    login = work.world.hosts.public_key()
    return _Keys(public, login, fill_user_data(work.world.user_data, private, public, login))


def _refusal(work: Work, price: Price | None) -> str:
    """Look again: somebody else may have made machines since the plan, and a second choice is dearer."""
    world, inventory = work.world, work.world.inventory
    if inventory.max is None and inventory.max_eur_per_hour is None:
        return ""
    servers = world.cloud.servers(fresh=True)
    ours = [one for one in servers if is_ours(one.name, one.tags, inventory.name, inventory.gitea)]
    hour = sum((server_price(one, world.catalog).hour for one in ours), Decimal(0))
    return growth_refused(inventory, len(ours), hour, price.hour if price else Decimal(0))


def _tags(work: Work, keys: _Keys, price: Price | None) -> dict[str, str]:
    name = read_server_name(work.name)
    assert name is not None
    hour = f"{price.hour.normalize():f}" if price else ""
    return {**birth_tags(name, work.world.inventory.gitea, keys.host, keys.login, hour), **_joining(work)}


def _joining(work: Work) -> dict[str, str]:
    """Until it has joined, a machine that is logged in to by the tailnet is reached by its public address; where that
    is closed to all, a firewall opens it to machines with this tag."""
    inventory = work.world.inventory
    if inventory.ssh.route is not SshRoute.TAILNET or settings_for(inventory, work.pool) is None:
        return {}
    if not inventory.ssh.allow_from:
        firewall.ensure_joining(work.world)
    return {Tag.JOINING: firewall.YES}


def _given(work: Work) -> Given:
    """What this very machine is made with, besides."""
    name = read_server_name(work.name)
    assert name is not None
    return given(work.pool, name.n, preflight.look(work.world, [work.pool]))


def _order(work: Work, type_name: str, location: str, keys: _Keys, price: Price | None) -> ServerOrder:
    world = work.world
    return ServerOrder(
        name=work.name,
        type=type_name,
        location=location,
        image=work.pool.image,
        user_data=keys.user_data,
        tags=_tags(work, keys, price),
        ssh_key=world.shared.once(
            "key", lambda: world.cloud.ensure_ssh_key(world.shared_name, keys.login, world.fleet_tags)
        ),
        firewall=firewall.ensure(world),
        networks=_networks(work),
        ipv4=work.pool.ipv4,
        given=_given(work),
    )


def _networks(work: Work) -> tuple[int, ...]:
    """Those of its pool, and the one in which the fleet's cache is."""
    caches = (work.world.cloud.network_id(name) for name in networks_of(work.world.inventory))
    return tuple(dict.fromkeys((*caches, *_given(work).networks)))


def fill_user_data(template: str, private: Secret, public: str, login: str) -> Secret:
    """The user data of one server; JSON strings are YAML strings. ``login``: the public key that opens it."""
    texts = {"host_key_private": private.reveal(), "host_key_public": public, "login": login}
    return Secret(Template(template).substitute({name: json.dumps(text) for name, text in texts.items()}))


def suspect(work: Work) -> None:
    """Remember since when it is silent: a single look is no reason to reset anything."""
    epoch = int(work.world.cloud.now().timestamp())
    work.remember({Tag.SUSPECT: f"silent.{epoch}"})


def reset(work: Work) -> None:
    """Hard reset once; the tag remembers it, so that the next rung is another one."""
    server = work.must_have_server()
    _last_look(work)
    work.remember(tried_tag(Rung.RESET, work.world.cloud.now()))
    _last_look(work)  # a silent host has no lock: of two who come here at once, one sees the other's tag
    work.world.cloud.reset_server(server.id)
    work.disconnect()  # not before: the lock keeps others away


def _last_look(work: Work) -> None:
    """What was planned on a look of some seconds ago is done only if nobody else is at work on it, and there is no job
    by Gitea's word of now. One that we have not emptied and stopped ourselves must be offline, too."""
    if Step.STOP not in work.change.steps:
        leave.must_be_offline(work)
    leave.still_empty(work)
    _must_be_alone(work)  # last: others may have done it all while we looked


def _must_be_alone(work: Work) -> None:
    """Nobody else is at work on it, and nobody holds it. The clock is asked first: nothing is between this look and
    what comes after it."""
    seen, now = work.must_have_server(), work.world.cloud.now()
    server = work.world.cloud.server(seen.id)
    if server is not None and is_held(server.tags, now):
        raise Deferred(f"{work.name} is held by a person")
    if server is None or any(server.tags.get(tag) != seen.tags.get(tag) for tag in (Tag.SUSPECT, Tag.REPAIR)):
        raise Deferred(f"somebody else is at work on {work.name}")


def rebuild(work: Work) -> None:
    """Start from the image again, in the same paid hour, with a new host key.

    The tag gets the new key first: killed in between, the old system answers with another key than the tag's,
    and that is told, not trusted.
    """
    server = work.must_have_server()
    keys = _new_keys(work)
    _last_look(work)
    known = {Tag.HOSTKEY: hostkey_tag(keys.host), Tag.SSHKEY: sshkey_tag(keys.login)}
    work.remember({**tried_tag(Rung.REBUILD, work.world.cloud.now()), **known, **_joining(work)})
    tailnet.try_to_strike_off(work)
    _must_be_alone(work)
    work.world.cloud.rebuild_server(server.id, work.pool.image, keys.user_data)
    work.disconnect()
