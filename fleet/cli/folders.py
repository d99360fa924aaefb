"""The user's own folders for this program."""

import os
from pathlib import Path


def state_folder() -> Path:
    """Where locks and logs of passes are (XDG_STATE_HOME, by default ~/.local/state)."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "fleet"


def config_folder() -> Path:
    """Where the fleet's own SSH key is (XDG_CONFIG_HOME, by default ~/.config)."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "fleet"
