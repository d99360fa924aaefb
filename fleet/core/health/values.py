"""The words of findings, and what is looked at to find them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from fleet.core.inventory import Inventory
from fleet.core.machine import Machine, Phase
from fleet.core.observation import Observation
from fleet.core.setup import HostWanted, wanted_of
from fleet.core.waiting import Wait


class Severity(StrEnum):
    """``error``: a job cannot run, or a person must act. ``warning``: it works, and will not for long. ``note``: worth
    knowing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Trouble(StrEnum):
    """What can be wrong. The text is its name in JSON, in metrics and in messages: it does not change."""

    MISSING = "machine-missing"
    UNFINISHED = "not-finished"
    SETUP = "set-up-not-finished"
    OFFLINE = "runner-offline"
    STOPPED = "runner-stopped"
    RESTARTING = "runner-restarting"
    NO_REGISTRATION = "registration-missing"
    DELETED = "record-deleted"
    OTHER_GITEA = "other-address"
    DOCKER_DOWN = "docker-down"
    DOCKER_BAD = "docker-known-bad"
    GUARD = "guard-missing"
    CACHE = "cache-silent"
    DISK = "disk"
    INODES = "inodes"
    LEFTOVERS = "leftovers"
    OLD_TASK = "task-too-old"
    MEMORY = "memory"
    KILLS = "out-of-memory"
    LOAD = "load"
    CLOCK = "clock"
    REBOOT = "reboot-needed"
    TAILNET = "tailnet-down"
    LOST = "host-lost"
    SILENT = "host-silent"
    LOGIN = "login-refused"
    HOST_KEY = "wrong-host-key"
    REFUSED = "refused"
    DRIFT = "drift"
    UNWANTED = "not-wanted"
    LEAVING = "leaving"
    HELD = "held"
    LIMIT = "limit"
    NO_POOL = "job-without-pool"
    OVERDUE = "passes-overdue"
    PAUSED = "passes-paused"
    OTHER = "other"


IN_GENERAL = {
    Trouble.CACHE: "the cache of jobs does not answer",
    Trouble.DISK: "its disk is full",
    Trouble.LEFTOVERS: "jobs have left much behind",
    Trouble.INODES: "its disk is full",
    Trouble.REBOOT: "its updates ask for a reboot",
}
"""What a plan's reason begins with that mends this; a finding says more of it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. ``machine`` is empty where it concerns the fleet as a whole.

    What is found twice is the same finding when ``trouble`` and ``machine`` are the same, whatever the sentence says.
    """

    trouble: Trouble
    severity: Severity
    machine: str
    sentence: str
    hint: str


@dataclass(frozen=True, slots=True)
class View:
    """What findings are found in, beside machines and plan. ``wants``: what hosts should have, by pool and by machine
    where that differs; ``waits``: the waiting jobs with their reasons; ``last_pass``, ``paused_until``: of the fleet's
    record. ``clock_off``: seconds that all hosts agree to be ahead of this computer, which is the wrong one then.
    """

    inventory: Inventory
    seen: Observation
    wants: Mapping[str, HostWanted] = field(default_factory=dict)
    waits: tuple[Wait, ...] = ()
    last_pass: int | None = None
    paused_until: int | None = None
    clock_off: float = 0

    @property
    def at(self) -> datetime:
        """Now, by the cloud's clock."""
        return self.seen.at

    def wanted(self, machine: Machine) -> HostWanted | None:
        """What this machine's host should have, where its pool is in the inventory."""
        pool = machine.pool.name if machine.pool else ""
        known = machine.name in self.wants or pool in self.wants
        return wanted_of(self.wants, machine.name, pool) if known else None


def mended_later(machine: Machine) -> str:
    """How a sentence ends on a machine that is not touched now."""
    return "; nothing is touched while a job runs there" if machine.phase is Phase.BUSY else ""
