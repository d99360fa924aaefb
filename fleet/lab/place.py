"""Where a lab keeps what it needs while it is up: one folder per lab, gone after ``down``."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

DEFAULT_NAME = "lab"
CA_FILE = "ca.pem"


@dataclass(frozen=True, slots=True)
class Lab:
    """A lab that is up. Tokens are made anew for each lab and die with it.

    ``gitea_ca``: the file of the private CA that has signed Gitea's certificate; empty where Gitea speaks http.
    ``tailnet``: where machines log in to the lab's tailnet; then they know Gitea as ``gitea_inside`` alone.
    """

    name: str
    folder: str
    pid: int
    hetzner: str
    hetzner_token: str
    gitea: str
    gitea_token: str
    gitea_kind: str
    runner: str
    runner_kind: str
    mirror: str
    gitea_readonly_token: str = ""
    gitea_package_token: str = ""
    gitea_ca: str = ""
    tailnet: str = ""
    tailnet_key: str = ""
    gitea_inside: str = ""
    address_from: str = ""

    @property
    def inventory(self) -> Path:
        """The inventory written for this lab."""
        return Path(self.folder) / "inventory.toml"

    @property
    def registry(self) -> str:
        """Gitea's own registry, as image names begin: HOST[:PORT]. Sign in as `lab` with the package token."""
        return urlsplit(self.gitea_inside or self.gitea).netloc

    def env(self) -> dict[str, str]:
        """What any client needs to find this lab."""
        inside = {"FLEET_TAILNET_KEY": self.tailnet_key} if self.tailnet else {}
        return {
            **inside,
            "HCLOUD_ENDPOINT": self.hetzner,
            "HCLOUD_TOKEN": self.hetzner_token,
            "FLEET_INVENTORY": str(self.inventory),
            "FLEET_GITEA_URL": self.gitea,
            "FLEET_GITEA_TOKEN": self.gitea_token,
        }


def folder_of(name: str) -> Path:
    """The folder of the lab of this name (XDG_STATE_HOME, by default ~/.local/state)."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "fleet" / "labs" / name


def find(name: str) -> Lab | None:
    """The lab of this name, if it was brought up and not taken down; its process may be dead all the same."""
    try:
        return Lab(**json.loads((folder_of(name) / "lab.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def remember(lab: Lab) -> None:
    """Write it down, for the user alone."""
    write_private(Path(lab.folder) / "lab.json", json.dumps(asdict(lab), indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """A 0600 file, all or nothing."""
    new = path.with_name(f"{path.name}.new")
    new.touch(mode=0o600)
    new.write_text(text, "utf-8")
    new.replace(path)
