"""The cloud of an inventory of static hosts alone: no account, no servers, no prices; time is this computer's."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NoReturn

from fleet.core.belongings import Belongings
from fleet.core.errors import Refused
from fleet.core.firewall import Firewall
from fleet.core.money import Catalog
from fleet.core.observation import Server


class NoCloud:
    """Says that there is nothing, and refuses to make anything. No plan without servers asks it to."""

    def now(self) -> datetime:
        """This computer's time."""
        return datetime.now(UTC)

    def servers(self, *, fresh: bool = False) -> tuple[Server, ...]:
        """None are known."""
        return ()

    def server(self, server_id: int) -> Server | None:
        """None is known."""
        return None

    def server_named(self, name: str) -> Server | None:
        """None is known."""
        return None

    def catalog(self) -> Catalog:
        """Nothing is sold."""
        return Catalog((), frozenset(), {}, {})

    def firewall(self, name: str, tags: Mapping[str, str]) -> Firewall | None:
        """There is none."""
        return None

    def belongings(self) -> Belongings:
        """It has nothing that a pool could name."""
        return Belongings()

    def ssh_key_names(self) -> Mapping[str, str]:
        """It knows no keys."""
        return {}

    def leftovers(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """None are known."""
        return ()

    def remove_shared(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """Nothing is shared."""
        return ()

    def calls_left(self) -> None:
        """Nobody counts."""

    def warnings(self) -> tuple[str, ...]:
        """None."""
        return ()

    def close(self) -> None:
        """Nothing is open."""

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise Refused(
            "this needs an account at Hetzner, and no token was given",
            hint="give the token: hetzner.token in the inventory, by default HCLOUD_TOKEN",
        )

    create_server = set_tags = reset_server = rebuild_server = delete_server = _refuse
    ensure_ssh_key = remove_ssh_key = ensure_firewall = set_firewall_tags = network_id = _refuse
