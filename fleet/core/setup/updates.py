"""The distribution's security updates: a host installs them itself, and nothing of it restarts Docker or the host.

Static hosts are somebody's own, and so are their updates. See docs/decisions/0021-upkeep.md.
"""

from fleet.core.inventory import Inventory, Pool
from fleet.core.setup.part import Given, Part
from fleet.core.setup.values import GoneFile, WantedFile

SETTINGS = "/etc/apt/apt.conf.d/60fleet-updates"
"""After the package's own 50unattended-upgrades, whose lists it clears."""

NEEDRESTART = "/etc/needrestart/conf.d/60-fleet.conf"
PACKAGE = "unattended-upgrades"

ON = (
    # Installed by us, it is on by our settings alone: without them it is as if it were not there.
    f"{{ dpkg-query --show {PACKAGE} >/dev/null 2>&1"
    f" || echo {PACKAGE} {PACKAGE}/enable_auto_updates boolean false | debconf-set-selections; }}"
    " && systemctl enable --now --quiet apt-daily.timer apt-daily-upgrade.timer"
)


def updates(inventory: Inventory, _pool: Pool, given: Given) -> Part:
    """The package with settings of ours; with ``updates = false`` the host is as its image has it."""
    if given.static:
        return Part()
    if not inventory.upkeep.updates:
        return Part(gone=(GoneFile(SETTINGS), GoneFile(NEEDRESTART)))
    return Part(
        before_docker=(
            WantedFile(SETTINGS, given.stack["updates.conf"], then=ON, what="turn security updates on"),
            WantedFile(NEEDRESTART, given.stack["needrestart.conf"]),
        ),
        packages=(PACKAGE,),
    )
