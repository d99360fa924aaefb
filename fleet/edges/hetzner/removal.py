"""Deleting a server so that nothing of it is billed any longer. A second run goes on from what is there."""

from collections.abc import Callable
from datetime import timedelta

from hcloud import Client
from hcloud.servers import Server as ServerId

from fleet.core.errors import CloudError, NamesakeRefused
from fleet.core.names import Tag
from fleet.core.observation import Server
from fleet.edges.hetzner.actions import Actions
from fleet.edges.hetzner.convert import from_server
from fleet.edges.hetzner.gate import Gate

TRIES = 30
"""Looks, a second apart, until what was deleted is seen to be gone."""
MADE_TOGETHER = timedelta(minutes=5)
"""An address that is older than its server by more than this was not made with it: it is somebody's."""


class Removal:
    """Deletes servers of the fleet with this ``fleet`` tag."""

    def __init__(self, gate: Gate, actions: Actions, fleet: str) -> None:
        self._gate = gate
        self._actions = actions
        self._fleet = fleet

    def delete(self, server: Server) -> None:
        """Delete the server, see it gone, then delete its addresses and its volumes of this fleet."""
        now = self._look(server)
        if now is not None:
            _refuse_other(server, now)
            self._delete_server(server)
        for number in server.primary_ips:
            self._delete_address(number, server)
        for number in server.volumes:
            self._delete_volume(number, server)

    def _look(self, server: Server) -> Server | None:
        return self._gate.find(
            f"look at server {server.name}",
            lambda client: from_server(client.servers.get_by_id(server.id)),
        )

    def _delete_server(self, server: Server) -> None:
        doing = f"delete server {server.name}"
        action = self._gate.find(doing, lambda client: client.servers.delete(ServerId(id=server.id)))
        self._actions.wait(doing, [action])
        for _ in range(TRIES):
            if self._look(server) is None:
                return
            self._gate.sleep(1)
        raise CloudError(
            f"could not {doing}: it is still there {TRIES} s after Hetzner said it is deleted",
            code="still_there",
            hint="type the command again; it is billed until it is gone",
        )

    def _delete_address(self, number: int, server: Server) -> None:
        """Only one that was made with the server; another server's, or an older one, is somebody's."""
        doing = f"delete primary IP {number} of server {server.name}"

        def delete(client: Client) -> bool:
            address = client.primary_ips.get_by_id(number)
            if address.created and address.created < server.created - MADE_TOGETHER:
                return True
            if address.assignee_id is not None:
                return address.assignee_id != server.id
            return client.primary_ips.delete(address)

        self._until_gone(doing, delete)

    def _delete_volume(self, number: int, server: Server) -> None:
        """Only one that carries our fleet tag and is on no other server."""
        doing = f"delete volume {number} of server {server.name}"

        def delete(client: Client) -> bool:
            volume = client.volumes.get_by_id(number)
            if (volume.labels or {}).get(Tag.FLEET) != self._fleet:
                return True
            if volume.server is not None:
                return volume.server.id != server.id
            return client.volumes.delete(volume)

        self._until_gone(doing, delete)

    def _until_gone(self, doing: str, delete: Callable[[Client], bool]) -> None:
        """Repeat while it still hangs on the deleted server."""
        for _ in range(TRIES):
            if self._gate.find(doing, delete) is not False:
                return
            self._gate.sleep(1)
        raise CloudError(
            f"could not {doing}: it is still assigned to the deleted server",
            code="must_be_unassigned",
            hint="delete it in the Console: it is billed",
        )


def _refuse_other(wanted: Server, now: Server) -> None:
    if now.name != wanted.name:
        raise NamesakeRefused(
            f"could not delete server {wanted.name}: id {wanted.id} is now called {now.name}",
            code="namesake",
            hint="somebody renamed it: rename it back, or delete it in the Console",
        )
