"""Hetzner as the engine sees it: the ``Cloud`` of ``engine/ports.py``."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime

from hcloud import Client
from hcloud.actions import BoundAction
from hcloud.firewalls import Firewall
from hcloud.images import Image
from hcloud.locations import Location
from hcloud.networks import Network
from hcloud.placement_groups import PlacementGroup
from hcloud.server_types import ServerType
from hcloud.servers import BoundServer, ServerCreatePublicNetwork
from hcloud.servers import Server as ServerId
from hcloud.ssh_keys import SSHKey
from hcloud.volumes import Volume

from fleet.core.belongings import Belongings
from fleet.core.errors import CloudError, FleetError, Refused
from fleet.core.firewall import Firewall as FirewallSeen
from fleet.core.money import Catalog
from fleet.core.observation import Server
from fleet.core.orders import ServerOrder
from fleet.core.secret import Secret
from fleet.edges.hetzner.actions import Actions
from fleet.edges.hetzner.belongings import read as read_belongings
from fleet.edges.hetzner.catalog import FOR_THE_RUN, Offers
from fleet.edges.hetzner.convert import from_server, there
from fleet.edges.hetzner.firewalls import Decide, Firewalls
from fleet.edges.hetzner.gate import Gate
from fleet.edges.hetzner.removal import Removal
from fleet.edges.hetzner.shared import SharedThings
from fleet.edges.hetzner.sharing import Shared

KEEP = 2.0
"""Seconds the list of servers answers all who ask."""
PAGE = 50
LIST_TRIES = 3
"""Readings of a list that shifted between its pages."""
TAG_TRIES = 5
"""Writings of tags that somebody else overwrote."""


class HetznerCloud:
    """One Hetzner project. All methods may be called from many threads; ``fleet_tag`` is the fleet's name."""

    def __init__(
        self,
        endpoint: str,
        token: Secret,
        *,
        fleet_tag: str,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._gate = Gate(endpoint, token, sleep=sleep, monotonic=monotonic)
        self._servers: Shared[tuple[Server, ...]] = Shared(KEEP, monotonic)
        self._networks: Shared[int] = Shared(float("inf"), monotonic)
        self._actions = Actions(self._gate, self._servers)
        self._offers = Offers(self._gate)
        self._belongings: Shared[Belongings] = Shared(FOR_THE_RUN, monotonic)
        self._removal = Removal(self._gate, self._actions, fleet_tag)
        self._firewalls = Firewalls(self._gate, self._actions)
        self._things = SharedThings(self._gate, self._firewalls)

    def close(self) -> None:
        """Close all connections."""
        self._gate.close()

    def now(self) -> datetime:
        """The API's own time, as its last answer gave it (asks once when there was none)."""
        return self._gate.now()

    def servers(self, *, fresh: bool = False) -> tuple[Server, ...]:
        """All servers of the project, ours or not. Kept for two seconds; all who wait share one call."""
        if fresh:
            self._servers.forget()
        return self._servers.get("all", lambda: self._gate.call("list servers", _read_servers))

    def server(self, server_id: int) -> Server | None:
        """The server with this id now (never cached), or None when it is gone."""
        return self._gate.find(
            f"look at server {server_id}", lambda client: from_server(client.servers.get_by_id(server_id))
        )

    def server_named(self, name: str) -> Server | None:
        """The server of this name now (never cached), or None."""
        return self._gate.call(f"look for server {name}", lambda client: _named(client, name))

    def create_server(self, order: ServerOrder) -> Server:
        """Ask for a server and wait until Hetzner says it is made.

        Raises NameTaken, NoCapacity, QuotaExceeded, RateLimited. What a failed action left behind is deleted.
        """
        kind = self._offers.ordered_type(order)
        image = self._offers.image(order.image, kind.architecture)
        doing = f"create server {order.name} ({order.type} in {order.location})"
        made, actions = self._gate.make(
            doing, lambda client: _create(client, order, image), lambda: self._made_by(order)
        )
        failed = self._actions.failure_of(doing, actions)
        if failed is not None:
            self._clear_away(made, failed)
            raise failed
        return self._as_listed(made)

    def set_tags(self, server_id: int, changes: Mapping[str, str | None]) -> Server | None:
        """Change only these tags (None removes), read by id, written, read back. None when it is gone.

        Hetzner replaces the whole map and has no condition: what another writer lost us is written again.
        """
        doing = f"set tags of server {server_id}"
        for _ in range(TAG_TRIES):
            if self._gate.find(doing, lambda client: _write_tags(client, server_id, changes)) is None:
                return None
            self._servers.forget()
            server = self.server(server_id)
            if server is None or all(server.tags.get(key) == value for key, value in changes.items()):
                return server
        raise CloudError(
            f"could not {doing}: somebody else keeps changing them",
            code="conflict",
            hint="is another fleet process or script at work? Try again when it is done",
        )

    def reset_server(self, server_id: int) -> None:
        """Hard reset."""
        doing = f"reset server {server_id}"
        action = self._gate.once(doing, lambda client: client.servers.reset(ServerId(id=server_id)))
        self._actions.wait(doing, [action])

    def rebuild_server(self, server_id: int, image: str, user_data: Secret) -> None:
        """Wipe the disk and start from the image again; keeps the paid hour."""
        doing = f"rebuild server {server_id}"
        architecture = self._gate.call(doing, lambda client: _architecture(client, server_id))
        wanted = self._offers.image(image, architecture)
        answer = self._gate.once(
            doing, lambda client: client.servers.rebuild(ServerId(id=server_id), wanted, user_data.reveal())
        )
        self._actions.wait(doing, [answer.action])

    def delete_server(self, server: Server) -> None:
        """Delete it, see it gone, and delete what it leaves behind and is billed. Gone already is success."""
        self._removal.delete(server)
        self._servers.forget()

    def catalog(self) -> Catalog:
        """Types, locations and prices, asked for once."""
        return self._offers.catalog()

    def check_write(self) -> None:
        """See whether the token may write, by a change of what does not exist. Raises CredentialsError.

        Hetzner has no call that only tells. No key has the id 0, so there is nothing to change: "not found" or "no such
        id" is the answer to a token that may write.
        """
        try:
            self._gate.find("try whether the token may write", _change_nothing)
        except CloudError as error:
            if error.code != "invalid_input":
                raise

    def check_image(self, name: str, architecture: str) -> None:
        """Raises CloudError with the nearest names when there is no such image."""
        self._offers.image(name, architecture)

    def calls_left(self) -> tuple[int, int] | None:
        """What is left of this hour's calls, and the limit, as the last answer said; None when it did not."""
        return self._gate.calls_left()

    def ensure_ssh_key(self, name: str, public_key: str, tags: Mapping[str, str]) -> int:
        """The id of our SSH key: found by fingerprint, else made."""
        return self._things.ensure_ssh_key(name, public_key, tags)

    def remove_ssh_key(self, public_key: str, tags: Mapping[str, str]) -> bool:
        """Delete this key if it carries all these tags; whether it was there and did."""
        return self._things.remove_ssh_key(public_key, tags)

    def ssh_key_names(self) -> Mapping[str, str]:
        """The names of the project's SSH keys, ours or not, by fingerprint (``SHA256:...``)."""
        return self._things.ssh_key_names()

    def firewall(self, name: str, tags: Mapping[str, str]) -> FirewallSeen | None:
        """The firewall of this name and these tags as it is now; None when there is no such firewall of ours."""
        return self._firewalls.find(name, tags)

    def ensure_firewall(self, name: str, decide: Decide, tags: Mapping[str, str], covers: Mapping[str, str]) -> int:
        """The id of a firewall of ours: found by name and tags or made; rules changed in place, as ``decide`` says."""
        return self._firewalls.ensure(name, decide, tags, covers)

    def set_firewall_tags(self, firewall_id: int, changes: Mapping[str, str | None]) -> None:
        """Change only these tags of the firewall (None removes), read by id, written, read back."""
        self._firewalls.set_tags(firewall_id, changes)

    def network_id(self, name: str) -> int:
        """The id of the private network of this name, asked for once. Raises Refused where there is none."""
        doing = f"look for network {name}"
        return self._networks.get(name, lambda: self._gate.call(doing, lambda client: _network_id(client, name)))

    def belongings(self) -> Belongings:
        """Placement groups, networks, firewalls and volumes of the project, asked for once."""
        return self._belongings.get("all", lambda: self._gate.call("list what servers can be given", read_belongings))

    def leftovers(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """What carries all these tags, belongs to no server, and is billed."""
        return self._things.leftovers(tags)

    def remove_shared(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """Delete the SSH keys and firewalls that carry all these tags; their names."""
        return self._things.remove_shared(tags)

    def warnings(self) -> tuple[str, ...]:
        """Types and images that were ordered and are on their way out, each once, as sentences."""
        return self._offers.warnings()

    def _made_by(self, order: ServerOrder) -> tuple[Server, list[BoundAction]] | None:
        """What this very order made although its call failed: its name and its tags (one is a fresh key)."""
        return self._gate.call(f"look for server {order.name}", lambda client: _made_by(client, order))

    def _clear_away(self, made: Server, why: CloudError) -> None:
        """Delete a server whose making failed: nothing is on it, and it is billed."""
        try:
            self.delete_server(made)
        except FleetError as error:
            why.add_note(f"and it is still there: {error}")
            why.hint = f"{why.hint}; delete server {made.name} in the Console: it is billed"

    def _as_listed(self, made: Server) -> Server:
        """The server after its making. All that were made in this moment share one list."""
        listed = next((server for server in self.servers() if server.id == made.id), None)
        now = listed or self.server(made.id)
        if now is None:
            raise CloudError(f"could not create server {made.name}: it vanished", code="not_found")
        return now


def _change_nothing(client: Client) -> None:
    """No key has this id, so there is nothing to be changed; a token that may not write is refused before that."""
    client.request("PUT", "/ssh_keys/0", json={"name": "fleet-doctor"})


def _read_servers(client: Client) -> tuple[Server, ...]:
    """All pages, joined by id; read again when the count changed between them."""
    for _ in range(LIST_TRIES):
        seen, totals = _read_pages(client)
        if totals <= {len(seen)}:
            break
    return tuple(seen.values())


def _read_pages(client: Client) -> tuple[dict[int, Server], set[int]]:
    """The servers by id, and the totals that the pages gave."""
    seen: dict[int, Server] = {}
    totals: set[int] = set()
    page: int | None = 1
    while page:
        servers, meta = client.servers.get_list(page=page, per_page=PAGE)
        seen |= {server.id: server for server in map(from_server, servers)}
        if meta.pagination is None:
            break
        if meta.pagination.total_entries is not None:
            totals.add(meta.pagination.total_entries)
        page = meta.pagination.next_page
    return seen, totals


def _named(client: Client, name: str) -> Server | None:
    found = client.servers.get_by_name(name)
    return from_server(found) if found else None


def _network_id(client: Client, name: str) -> int:
    found = client.networks.get_by_name(name)
    if found is None:
        raise Refused(f"the Hetzner project has no private network {name}", hint="make it in the Console first")
    return there(found.id)


def _create(client: Client, order: ServerOrder, image: Image) -> tuple[Server, list[BoundAction]]:
    """Without an SSH key Hetzner would mail a password: there is always one."""
    answer = client.servers.create(
        order.name,
        ServerType(name=order.type),
        image,
        ssh_keys=[SSHKey(id=order.ssh_key)],
        firewalls=[Firewall(id=number) for number in (order.firewall, *order.given.firewalls)],
        user_data=order.user_data.reveal(),
        labels=dict(order.tags),
        location=Location(name=order.location),
        networks=[Network(id=number) for number in order.networks] or None,
        placement_group=PlacementGroup(id=order.given.group) if order.given.group else None,
        volumes=[Volume(id=number) for number in order.given.volumes] or None,
        automount=False if order.given.volumes else None,
        public_net=None if order.ipv4 else ServerCreatePublicNetwork(enable_ipv4=False, enable_ipv6=True),
    )
    return from_server(answer.server), [answer.action, *(answer.next_actions or ())]


def _made_by(client: Client, order: ServerOrder) -> tuple[Server, list[BoundAction]] | None:
    found = client.servers.get_by_name(order.name)
    if found is None or dict(found.labels or {}) != dict(order.tags):
        return None
    return from_server(found), client.servers.get_actions_list(found, per_page=PAGE).actions


def _architecture(client: Client, server_id: int) -> str:
    return there(there(client.servers.get_by_id(server_id).server_type).architecture)


def _write_tags(client: Client, server_id: int, changes: Mapping[str, str | None]) -> BoundServer:
    """One reading and, when something differs, one writing: repeated together when there was a conflict."""
    server = client.servers.get_by_id(server_id)
    old = dict(server.labels or {})
    new = {key: value for key, value in (old | dict(changes)).items() if value is not None}
    return server if new == old else client.servers.update(server, labels=new)
