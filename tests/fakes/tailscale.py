"""tailscaled on a simulated host: its state is on the disk, and the tailnet knows it as a device."""

import base64
import json
from dataclasses import dataclass, field

from fleet.core.errors import TailnetError
from tests.fakes.tailnet import Network

ARCHIVE_KEY = "2596A99EAAB33821893C0A79458CA832957F5868"


@dataclass(slots=True)
class Tailscale:
    """What is installed and logged in. ``refuses``: what ``tailscale up`` says instead of joining."""

    network: Network
    installed: bool = False
    device: str = ""
    settings: dict[str, str] = field(default_factory=dict)
    routes: tuple[str, ...] = ()
    refuses: str = ""

    @property
    def joined(self) -> bool:
        """Whether it is in, and has not been thrown out."""
        return self.device in self.network.members

    @property
    def address(self) -> str:
        """Where it is reached in the tailnet; empty when it is not."""
        device = self.network.members.get(self.device)
        return device.addresses[0] if device is not None and device.online else ""

    def up(self, flags: dict[str, str], secret: str) -> str:
        """``tailscale up --reset``; what went wrong, or nothing."""
        assert self.installed
        if self.refuses:
            return self.refuses
        self.network.leave(self.device)
        try:
            device = self.network.join(secret, flags["hostname"])
        except TailnetError as error:
            return f"backend error: {error.message}"
        self.device = device.id
        self.settings = {"ControlURL": flags["login-server"]}
        self.set(flags)
        return ""

    def set(self, flags: dict[str, str]) -> None:
        """``tailscale set``."""
        names = {"accept-dns": "CorpDNS", "accept-routes": "RouteAll", "ssh": "RunSSH"}
        self.settings |= {names[flag]: value for flag, value in flags.items() if flag in names}

    def log_out(self) -> None:
        """An ephemeral device is off the list at once."""
        self.network.leave(self.device)
        self.device = ""

    def lost_power(self) -> None:
        """It is heard of no more."""
        self.network.went_offline(self.device)

    def has_power(self) -> None:
        """It is heard of again."""
        self.network.came_back(self.device)

    def probe(self, marked: bool) -> list[tuple[str, str]]:
        """What the probe prints of it."""
        if not self.installed:
            return []
        device = self.network.members.get(self.device)
        status: dict[str, object] = {"BackendState": "Running" if device else "NeedsLogin", "Version": "1.96.0"}
        if device:
            me = {"ID": device.id, "DNSName": f"{device.name}.tail.example.", "Tags": sorted(device.tags)}
            status |= {"Self": me, "TailscaleIPs": list(device.addresses)}
        lines = [("tailnet", base64.b64encode(json.dumps(status).encode()).decode())]
        lines += [("tailnet_ours", "yes")] if marked else []
        lines += [("tailnet_setting", f"{key} {value}") for key, value in self.settings.items()]
        return lines + [("tailnet_route", route) for route in ("100.100.100.100", *self.routes)]


def read_flags(words: str) -> dict[str, str]:
    """``--name=value`` words."""
    pairs = (word.removeprefix("--").partition("=") for word in words.split())
    return {name: value for name, _, value in pairs}
