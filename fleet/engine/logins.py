"""A machine that refuses our key: the error says whose keys it accepts."""

import threading
from collections.abc import Callable, Mapping

from fleet.core.errors import FleetError, LoginRefused
from fleet.core.inventory import Inventory
from fleet.core.logins import accepted
from fleet.core.orders import Target
from fleet.engine.ports import Cloud

Explain = Callable[[Target, LoginRefused], LoginRefused]


def explaining(inventory: Inventory, cloud: Cloud) -> Explain:
    """Makes such errors say more. The cloud is asked for its names of keys once, when the first one needs them."""
    names = _Names(cloud)

    def explain(target: Target, error: LoginRefused) -> LoginRefused:
        known = names.known() if target.opens else {}
        words = accepted(target.opens, known, inventory.ssh.authorized_keys)
        return LoginRefused(f"{error.message}; known to open it: {words}", hint=error.hint) if words else error

    return explain


class _Names:
    """The cloud's names of keys; none when it does not answer: this is a help and no more."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._known: Mapping[str, str] | None = None

    def known(self) -> Mapping[str, str]:
        with self._lock:
            if self._known is None:
                try:
                    self._known = self._cloud.ssh_key_names()
                except FleetError:
                    self._known = {}
            return self._known
