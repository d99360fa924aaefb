"""Where the inventory is."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from fleet.core.errors import Refused

VARIABLE = "FLEET_INVENTORY"


def find(option: str | None, env: Mapping[str, str], cwd: Path) -> Path:
    """The inventory to use: --inventory, FLEET_INVENTORY, ./inventory.toml, or the user's own in ~/.config.

    One that was named must be there. Raises Refused, saying where it looked.
    """
    for how, named in (("--inventory", option), (VARIABLE, env.get(VARIABLE))):
        if named:
            return _must_be_there(cwd / Path(named).expanduser(), how)
    places = [cwd / "inventory.toml", *_config_folder(env)]
    for place in places:
        if place.is_file():
            return place
    raise Refused(
        f"no inventory found: looked for {' and '.join(str(place) for place in places)}",
        hint="type `fleet init`, or name one with --inventory",
    )


def _must_be_there(path: Path, how: str) -> Path:
    if path.is_file():
        return path
    raise Refused(f"{how} names {path}: no such file", hint=f"correct {how}, or leave it out")


def _config_folder(env: Mapping[str, str]) -> Iterator[Path]:
    if folder := env.get("XDG_CONFIG_HOME"):
        yield Path(folder) / "fleet" / "inventory.toml"
    elif home := env.get("HOME"):
        yield Path(home) / ".config" / "fleet" / "inventory.toml"
