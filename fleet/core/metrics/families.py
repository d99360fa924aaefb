"""All metrics, in the order of the file: name, what it says, and where it is taken from."""

from collections.abc import Callable, Iterable

from fleet.core.inventory import Inventory
from fleet.core.metrics import fleetwide, machines
from fleet.core.metrics.values import Family, Sample, Seen, maybe, one

_SUCCESS = ("fleet_look_success", "1 when the last look had all its answers, 0 when Hetzner or Gitea gave none.")
_AT = ("fleet_look_timestamp_seconds", "When the last look was, successful or not.")
_TOOK = ("fleet_look_duration_seconds", "How long the last look took.")
_PERIOD = ("fleet_pass_period_seconds", "Between two passes, and so between two looks, as the inventory has it.")

_TABLE: tuple[tuple[str, str, Callable[[Seen], Iterable[Sample]]], ...] = (
    (*_SUCCESS, lambda seen: one(1)),
    (*_AT, lambda seen: one(seen.seen.at.timestamp())),
    (*_TOOK, lambda seen: one(seen.seconds)),
    (*_PERIOD, lambda seen: one(60 * seen.inventory.cron.minutes)),
    ("fleet_machines", "Machines of a pool in a phase of their life.", fleetwide.machines),
    ("fleet_pool_min_machines", "Servers a pool keeps.", lambda seen: fleetwide.each_pool(seen, lambda one: one.min)),
    (
        "fleet_pool_max_machines",
        "Servers a pool has at most.",
        lambda seen: fleetwide.each_pool(seen, lambda one: one.max),
    ),
    ("fleet_slots", "Jobs that the machines in service can run at once.", fleetwide.slots),
    ("fleet_jobs_running", "Jobs that run on machines of a pool.", fleetwide.running),
    ("fleet_jobs_waiting", "Jobs that are ready for a runner of a pool, and have none.", fleetwide.waiting),
    ("fleet_jobs_without_pool", "Waiting jobs that ask for labels no pool has.", fleetwide.without_pool),
    (
        "fleet_jobs_oldest_wait_seconds",
        "Since the oldest job that waits for a pool was made; one that has needs was ready later.",
        fleetwide.oldest_wait,
    ),
    (
        "fleet_job_wait_seconds",
        "What so many in 100 of the last day's jobs waited for a runner: at least, and at most.",
        fleetwide.waits,
    ),
    ("fleet_job_wait_jobs", "Jobs of the last day that fleet_job_wait_seconds is made from.", fleetwide.waits_of),
    ("fleet_cost_euros_per_hour", "List prices of the servers that exist, net.", fleetwide.cost),
    ("fleet_cost_limit_euros_per_hour", "max_eur_per_hour of the inventory.", fleetwide.cost_limit),
    ("fleet_machines_limit", "max of the inventory: servers of all pools.", lambda seen: maybe(seen.inventory.max)),
    ("fleet_findings", "What is wrong, by its name and severity.", fleetwide.findings),
    (
        "fleet_last_pass_timestamp_seconds",
        "When a pass last ended well, before this look.",
        lambda seen: maybe(seen.record.last_pass),
    ),
    ("fleet_paused", "1 while a person has paused the passes.", fleetwide.paused),
    ("fleet_api_calls_left", "Calls that Hetzner still takes in this hour.", lambda seen: maybe(seen.calls_left)),
    ("fleet_machine_info", "1; the phase, type and place of a machine.", machines.info),
    ("fleet_machine_created_timestamp_seconds", "When its server was made.", machines.created),
    ("fleet_machine_paid_left_seconds", "Until the next hour of its server is billed.", machines.paid_left),
    ("fleet_machine_cost_euros_per_hour", "The list price of its server, net.", machines.cost),
    ("fleet_machine_slots", "Jobs that it can run at once.", machines.slots),
    ("fleet_machine_jobs_running", "Jobs that run on it.", machines.running),
    ("fleet_machine_host_answers", "1 when its host answered by SSH, 0 when it did not.", machines.answers),
    ("fleet_machine_disk_used_ratio", "How full the fullest disk of its host is.", machines.disk),
    ("fleet_machine_inodes_used_ratio", "Used inodes, of the disk that has the fewest left.", machines.inodes),
    ("fleet_machine_memory_used_ratio", "Memory that programs could not get any more.", machines.memory),
    ("fleet_machine_load_ratio", "Load of five minutes for each core; above 1, something waits.", machines.load),
    (
        "fleet_machine_stage_seconds",
        "What each stage of its way into service took; first-job: from online to a job that ran well.",
        machines.stages,
    ),
)

NAMES = frozenset(name for name, _, _ in _TABLE)
"""All names there are."""


def metrics(seen: Seen) -> tuple[Family, ...]:
    """All that is known; a family without a number is left out."""
    found = (Family(name, text, tuple(samples(seen))) for name, text, samples in _TABLE)
    return tuple(family for family in found if family.samples)


def no_metrics(inventory: Inventory, at: float, seconds: float) -> tuple[Family, ...]:
    """What can be said when a look failed: that it did, when (epoch seconds), and when the next one should be."""
    period = 60.0 * inventory.cron.minutes
    values = ((_SUCCESS, 0.0), (_AT, at), (_TOOK, seconds), (_PERIOD, period))
    return tuple(Family(name, text, one(value)) for (name, text), value in values)
