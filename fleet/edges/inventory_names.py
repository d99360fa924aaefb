"""The names in an inventory, read without checking it: an unfinished line in a shell does not wait for more."""

import tomllib
from pathlib import Path

from fleet.core.names import StaticName


def names_in(path: Path) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The fleet, its pools, and the machines that are static hosts.

    Raises OSError, ValueError, KeyError, TypeError or AttributeError when the file is not a good inventory.
    """
    data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    fleet, pools = data["name"], data["pools"]
    statics = [
        str(StaticName(fleet, pool, host["name"])) for pool, table in pools.items() for host in table.get("hosts", [])
    ]
    return fleet, tuple(pools), tuple(statics)
