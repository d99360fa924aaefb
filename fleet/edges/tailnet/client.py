"""The ``Tailnet`` of ``engine/ports.py`` over HTTP. Which API speaks at an address is found by asking it."""

import threading
import time
from collections.abc import Callable

from fleet.core.inventory import TailnetSettings
from fleet.core.observation import Device
from fleet.core.orders import MintedKey
from fleet.core.runner_version import parse_version
from fleet.core.secret import Secret
from fleet.edges.http.failures import Peer
from fleet.edges.http.shared import Shared
from fleet.edges.http.wire import Wire
from fleet.edges.tailnet.access import Access
from fleet.edges.tailnet.asking import Asking
from fleet.edges.tailnet.marks import LONGEST, Marks
from fleet.edges.tailnet.refusals import Refusals
from fleet.edges.tailnet.v1 import ApiV1
from fleet.edges.tailnet.v2 import ApiV2

TAILSCALE = "https://api.tailscale.com"
WITHOUT_USERS = (0, 28)
"""The first Headscale whose tagged keys need no user."""


class TailnetHttp:
    """One tailnet. ``fleet`` tells our keys from those of a namesake; ``ca``: certificates (PEM) to trust beside the
    system's, for a Headscale. Safe to use from many threads."""

    def __init__(
        self,
        settings: TailnetSettings,
        secret: Secret,
        fleet: str,
        *,
        ca: str = "",
        tailscale: str = TAILSCALE,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._marks = Marks(fleet)
        if settings.url:
            self._wire = Wire(settings.url, Peer("Headscale", "tailnet.url", ca="gitea.ca"), sleep, ca)
        else:
            self._wire = Wire(tailscale, Peer("Tailscale", "the network"), sleep)
        no = Refusals(settings, self._wire.shown)
        self._access = Access(secret, self._wire, no, monotonic)
        self._ask = Asking(self._wire, self._access, no)
        self._lock = threading.Lock()
        self._found: ApiV1 | ApiV2 | None = None
        self._version: str | None = None
        self._devices = Shared(lambda: self._api().devices(), monotonic)

    def close(self) -> None:
        """End all connections."""
        self._wire.close()

    def check(self) -> str:
        """Reach, secret, and the right to mint keys for our tags. Raises Refused."""
        self._api().check()
        return self._called()

    def look(self) -> str:
        """The same without a trace where that can be told by reading; where not, by minting a key that is revoked."""
        if not self._api().may_mint(self._access.client):
            self._api().check()
        return self._called()

    def _called(self) -> str:
        if self._settings.url:
            return f"Headscale {self._headscale_version() or 'of an unknown version'}"
        name = self._settings.tailnet
        return "Tailscale" if name == "-" else f"Tailscale, tailnet {name}"

    def mint_key(self, machine: str, *, seconds: int) -> MintedKey:
        """At most fifteen minutes: whatever lives longer would not be known as ours again."""
        if not 0 < seconds <= LONGEST:
            raise ValueError(f"a key lives 1 to {LONGEST} seconds, not {seconds}")
        return self._api().mint_key(machine, seconds=seconds)

    def revoke_keys(self, machine: str) -> None:
        """Every key that we minted for this machine and that was not used; of killed processes too."""
        self._api().revoke_keys(machine)

    def devices(self, *, fresh: bool = False) -> tuple[Device, ...]:
        """All devices, at most two seconds old; ``fresh``: asked now."""
        return self._devices.get(fresh=fresh)

    def remove_device(self, device_id: str) -> None:
        """A refusal is no failure where the list has no such device: the list is the proof, not one 404."""
        answer = self._ask.send(*self._api().removal(device_id))
        self._devices.forget()
        if answer.is_success or answer.status in (401, 403) or answer.body is None:
            self._ask.good(answer, f"remove device {device_id}")
        elif any(one.id == device_id for one in self.devices(fresh=True)):
            raise self._ask.no.of(answer, f"remove device {device_id}")

    def _api(self) -> ApiV1 | ApiV2:
        with self._lock:
            if self._found is None:
                self._found = self._find()
            return self._found

    def _find(self) -> ApiV1 | ApiV2:
        """A Headscale before 0.30 knows nothing below /api/v2. Versions do not tell: a build may call itself dev."""
        settings = self._settings
        if settings.url and not self._has_v2():
            numbers = _numbers(self._headscale_version())
            return ApiV1(self._ask, self._marks, settings, by_user=numbers is not None and numbers < WITHOUT_USERS)
        return ApiV2(self._ask, self._marks, "-" if settings.url else settings.tailnet, settings.tags)

    def _has_v2(self) -> bool:
        answer = self._ask.send("GET", "/api/v2/tailnet/-/keys")
        if answer.status != 404:
            self._ask.good(answer, "ask which API it has")
        return answer.status != 404

    def _headscale_version(self) -> str:
        """As it says it, without the v; empty where it does not say (before 0.27)."""
        if self._version is None:
            body = self._wire.send("GET", "/version", {}).body or {}
            self._version = str(body.get("version", "")).removeprefix("v")
        return self._version


def _numbers(version: str) -> tuple[int, ...] | None:
    """None for a version that has no numbers, as a build from source has. None at all: before 0.27."""
    try:
        return parse_version(version or "0.26")
    except ValueError:
        return None
