"""Joins the engine's ports with the edges. Edges are imported when a command first needs them."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.cli.folders import config_folder
from fleet.cli.folders import state_folder as state_folder
from fleet.core.docker_seen import DockerSeen
from fleet.core.errors import CredentialsError
from fleet.core.inventory import HetznerSettings, Inventory
from fleet.core.names import gitea_hash
from fleet.core.preflight import check_cache_secret, check_catalog
from fleet.core.secret import Secret, SecretSource
from fleet.core.secret_sources import without_secrets
from fleet.core.setup import cache_secrets, host_wanted, password_key
from fleet.core.static_hosts import needs_cloud
from fleet.engine.logins import explaining
from fleet.engine.ports import Clock
from fleet.engine.wanted import wanted_now
from fleet.engine.world import Sessions, Shared, World

if TYPE_CHECKING:
    from fleet.edges.gitea import GiteaHttp
    from fleet.edges.hetzner import HetznerCloud
    from fleet.edges.no_cloud import NoCloud
    from fleet.edges.own_key import OwnKey
    from fleet.edges.ssh import SshHosts
    from fleet.edges.ssh_host import SshHost
    from fleet.edges.ssh_keys import OperatorKey
    from fleet.edges.tailnet import TailnetHttp
    from fleet.engine.telling import Tell


class RealClock:
    """The computer's own clock."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Wait that long."""
        time.sleep(seconds)


def load_inventory(option: str | None) -> Inventory:
    """The inventory from the first place that has one. Raises InventoryError with all its problems."""
    from fleet.edges import inventory as inventory_file

    return inventory_file.load(inventory_file.find(option, os.environ, Path.cwd()))


@contextmanager
def open_world(option: str | None, *, ask_gitea: bool = True) -> Iterator[World]:
    """Everything one run needs, closed at its end. Raises Refused: inventory, credentials, unreachable.

    ``ask_gitea``: False for what must work when Gitea does not.
    """
    inventory = load_inventory(option)
    world = _world(inventory, RealClock(), ask_gitea=ask_gitea)
    try:
        yield world
    finally:
        world.sessions.close()
        world.gitea.close()
        if world.tailnet is not None:
            world.tailnet.close()
        world.cloud.close()


def _world(inventory: Inventory, clock: Clock, *, ask_gitea: bool) -> World:
    from fleet.edges import machine_names, schedules
    from fleet.edges.no_cloud import NoCloud
    from fleet.edges.operator import OperatorHere

    gitea, cloud = open_gitea(inventory), open_cloud(inventory)
    hosts, for_hosts = open_hosts(inventory), secrets_for_hosts(inventory)
    tailnet = open_tailnet(inventory)
    catalog, has_cloud = cloud.catalog(), not isinstance(cloud, NoCloud)
    if has_cloud:
        check_catalog(inventory, catalog)
    inventory_at = partial(schedules.effective, inventory)
    inventory = inventory_at(cloud.now())
    if ask_gitea:
        gitea.version()
    stack = shipped("stack")
    return World(
        inventory=inventory,
        cloud=cloud,
        gitea=gitea,
        hosts=hosts,
        clock=clock,
        operator=OperatorHere(inventory.ssh.address_from),
        stack=stack,
        user_data=shipped("cloud-init")["server.yaml"],
        wanted=wanted_now(inventory, cloud, tailnet, stack, for_hosts),
        catalog=catalog,
        sessions=Sessions(hosts, explaining(inventory, cloud)),
        shared=Shared(),
        tailnet=tailnet,
        has_cloud=has_cloud,
        want_static=lambda pool: host_wanted(inventory, pool, stack, for_hosts, static=True),
        keep_names=partial(machine_names.keep, state_folder(), inventory.name),
        inventory_at=inventory_at,
    )


def open_cloud(inventory: Inventory) -> "HetznerCloud | NoCloud":
    """Its Hetzner project. Raises CredentialsError when there is no token, and a pool may have servers."""
    from fleet.edges.hetzner import HetznerCloud
    from fleet.edges.no_cloud import NoCloud

    try:
        token = _secret(inventory, inventory.hetzner.token, "hetzner.token")
    except CredentialsError:
        if needs_cloud(inventory) or inventory.hetzner.token != HetznerSettings().token:
            raise
        return NoCloud()
    return HetznerCloud(inventory.hetzner.endpoint, token, fleet_tag=inventory.name)


def open_gitea(inventory: Inventory) -> "GiteaHttp":
    """Its Gitea. Raises CredentialsError when there is no token."""
    from fleet.edges.gitea import GiteaHttp

    return GiteaHttp(inventory.gitea, _secret(inventory, inventory.gitea.token, "gitea.token"))


def open_tailnet(inventory: Inventory) -> "TailnetHttp | None":
    """Its tailnet, if it has one; nothing is asked yet. Raises CredentialsError when there is no secret."""
    from fleet.edges.tailnet import TailnetHttp

    settings = inventory.tailnet
    if settings is None:
        return None
    secret = _secret(inventory, settings.token, "tailnet.token")
    return TailnetHttp(settings, secret, gitea_hash(inventory.gitea), ca=inventory.gitea.ca)


def open_key(inventory: Inventory) -> "OperatorKey":
    """The key we log in with; nothing is read or made yet. Raises CredentialsError when its passphrase is missing."""
    from fleet.edges.ssh_keys import OperatorKey

    locked = inventory.ssh.passphrase
    passphrase = _secret(inventory, locked, "ssh.passphrase") if locked else None
    return OperatorKey.from_settings(inventory.ssh, inventory.name, config_folder(), passphrase)


def key_of_file(inventory: Inventory, path: Path) -> "OperatorKey":
    """A private key that a person names, opened by the inventory's passphrase if it has one."""
    from fleet.edges.ssh_keys import OperatorKey

    locked = inventory.ssh.passphrase
    return OperatorKey(path.expanduser(), passphrase=_secret(inventory, locked, "ssh.passphrase") if locked else None)


def own_key(inventory: Inventory) -> "OwnKey":
    """The files of the fleet's own key, while another takes its place."""
    from fleet.edges.own_key import OwnKey

    return OwnKey(config_folder() / f"{inventory.name}.ed25519")


def open_hosts(inventory: Inventory) -> "SshHosts":
    """Logs in with the key as it is now."""
    from fleet.edges.ssh import SshHosts

    return SshHosts(open_key(inventory), docker=_look_at_docker)


def only_with(key: "OperatorKey") -> "SshHosts":
    """Logs in with this key and no other: a login proves that it opens."""
    from fleet.edges.ssh import SshHosts

    return SshHosts(key, alone=True, docker=_look_at_docker)


def _look_at_docker(host: "SshHost") -> DockerSeen:
    from fleet.edges import docker_api

    return docker_api.look(host)


def _secret(inventory: Inventory, source: SecretSource, what: str) -> Secret:
    from fleet.edges import secrets

    base, child_env = Path(inventory.source).parent, without_secrets(os.environ, inventory)
    return secrets.resolve(source, what=what, env=os.environ, base=base, child_env=child_env)


def secrets_for_hosts(inventory: Inventory) -> dict[str, Secret]:
    """What hosts must know, by the path of its key. Raises CredentialsError."""
    wanted = {password_key(one): one.password for one in inventory.registries} | cache_secrets(inventory.cache)
    found = {key: _secret(inventory, source, key) for key, source in wanted.items()}
    check_cache_secret(inventory.cache, found)
    return found


def teller(inventory: Inventory) -> "Tell | None":
    """Tells people what passes find, as the inventory says; None when it says nobody. Its secrets are read when there
    is something to tell: then it raises CredentialsError where they are missing."""
    return (lambda message: open_notifier(inventory)(message)) if inventory.notify.wanted else None


def open_notifier(inventory: Inventory) -> "Tell":
    """The webhook or the command. Raises CredentialsError when a secret is missing, or is no address."""
    from fleet.edges.notify import Command, Webhook

    settings = inventory.notify
    if settings.url is None:
        return Command(settings.command, without_secrets(os.environ, inventory))
    token = _secret(inventory, settings.token, "notify.token") if settings.token else None
    return Webhook(_secret(inventory, settings.url, "notify.url"), token)


def shipped(folder: str) -> dict[str, str]:
    """The text files of a shipped folder by name: inside the package when installed, beside it in a checkout."""
    inside = resources.files("fleet").joinpath(folder)
    found = inside if inside.is_dir() else Path(str(resources.files("fleet"))).parent / folder
    return {entry.name: entry.read_text("utf-8") for entry in found.iterdir() if entry.is_file()}
