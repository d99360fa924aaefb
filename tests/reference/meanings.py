"""What the words of answers mean. A word of the program that has no meaning here is a test that fails."""

from fleet.cli import exits
from fleet.core.change import Verb
from fleet.core.health import Severity, Trouble
from fleet.core.machine import Phase
from fleet.core.report import Verdict

EXITS = {
    exits.OK: "as wanted, or deferred: the next run goes on",
    exits.FAILED: "something failed; the row of the machine says what",
    exits.UNTOUCHED: "nothing was touched: usage, inventory, credentials, no answer, or you said no",
    exits.NOT_AS_WANTED: "with `--check` (`fleet plan`, `fleet status`): not as wanted",
    exits.LOCKED: "another `fleet` works on that machine now",
    exits.INTERRUPTED: "interrupted; type the same command again to go on",
}

TROUBLES = {
    Trouble.MISSING: "a machine of the inventory is not there",
    Trouble.UNFINISHED: "it is there, and not yet booted, set up or registered",
    Trouble.SETUP: "its set-up was begun, and has not come to its end",
    Trouble.OFFLINE: "the host answers, and Gitea says its runner is offline",
    Trouble.STOPPED: "its runner's container is stopped, or not there",
    Trouble.RESTARTING: "its runner's container starts again and again",
    Trouble.NO_REGISTRATION: "the file `.runner`, by which the runner knows who it is, is missing",
    Trouble.DELETED: "somebody has deleted the runner's record in Gitea",
    Trouble.OTHER_GITEA: "its runner is registered at another address than the inventory's",
    Trouble.DOCKER_DOWN: "Docker does not run, or gives no answer",
    Trouble.DOCKER_BAD: "this version of Docker is known to break jobs, alone or with this runner",
    Trouble.GUARD: "the rules that keep jobs from the cloud's metadata are gone",
    Trouble.CACHE: "the cache of jobs does not answer",
    Trouble.DISK: "a disk is as full as `upkeep.disk_warning`, or `upkeep.disk_full`",
    Trouble.INODES: "the same of its inodes: too many small files",
    Trouble.LEFTOVERS: "jobs have left many volumes, networks or containers behind",
    Trouble.OLD_TASK: "a job's container runs for longer than a job may, and Gitea knows of no job there",
    Trouble.MEMORY: "little memory is left",
    Trouble.KILLS: "the kernel has ended programs for want of memory since boot",
    Trouble.LOAD: "many more programs want to run than there are cores",
    Trouble.CLOCK: "the host's clock is wrong beside this computer's, or this computer's beside those of all hosts",
    Trouble.REBOOT: "updates of the host ask for a reboot",
    Trouble.TAILNET: "it is not in its tailnet",
    Trouble.LOST: "SSH is silent and Gitea says offline, for longer than 15 minutes on two passes",
    Trouble.SILENT: "the host cannot be looked at by SSH",
    Trouble.LOGIN: "the host does not let our key in",
    Trouble.HOST_KEY: "the host has another key than the one that is pinned; nothing was sent to it",
    Trouble.REFUSED: "something that only a person can decide; nothing is touched",
    Trouble.DRIFT: "what is on the machine is not what the inventory says; set up again once no job runs",
    Trouble.UNWANTED: "a machine or a runner that the inventory does not want (any more)",
    Trouble.LEAVING: "it gets no new job, and leaves or waits for `fleet enable`",
    Trouble.HELD: "a person keeps it as it is",
    Trouble.LIMIT: "`max` or `max_eur_per_hour` does not let it be made",
    Trouble.NO_POOL: "jobs wait for labels that neither a pool nor another runner has",
    Trouble.OVERDUE: "no pass has ended well for longer than three of them may take",
    Trouble.PAUSED: "passes do nothing until somebody resumes them",
    Trouble.OTHER: "what has no name of its own",
}

SEVERITIES = {
    Severity.ERROR: "a job cannot run, or a person must act",
    Severity.WARNING: "it works, and will not for long",
    Severity.NOTE: "worth knowing",
}

PHASES = {
    Phase.ABSENT: "not there yet",
    Phase.BOOTING: "made, and not done with its first boot",
    Phase.BARE: "booted, and not set up",
    Phase.UNREGISTERED: "set up, and Gitea does not know it",
    Phase.OFFLINE: "registered, and Gitea says offline",
    Phase.IDLE: "online, no job",
    Phase.BUSY: "online, jobs run",
    Phase.DRAINING: "gets no new job, some still run",
    Phase.DRAINED: "gets no new job, and has none",
    Phase.PAUSED: "disabled in Gitea, and not by fleet: kept as it is",
    Phase.HELD: "held by a person",
    Phase.LOST: "SSH is silent and Gitea says offline",
    Phase.GHOST: "a runner's record without its server",
    Phase.ORPHAN: "a server of this fleet that nothing wants",
    Phase.STRAY: "a runner's record of a static host that the inventory does not have any more",
    Phase.UNKNOWN: "a runner's record, and nobody to ask whether it has a server",
}

VERBS = {
    Verb.CREATE: "a server is rented, set up and registered",
    Verb.FINISH: "what was begun goes on",
    Verb.REPAIR: "what is broken is mended",
    Verb.KEEP: "nothing is done; the reason says why",
    Verb.DRAIN: "no new job",
    Verb.REMOVE: "drained, deregistered, deleted (a static host stays)",
    Verb.TAKE_BACK: "back into service",
    Verb.ROTATE: "another SSH key or other credentials",
    Verb.REFUSE: "nothing is done, and a person must decide",
    Verb.LIMIT: "not made: a limit of the inventory, or no capacity",
}

VERDICTS = {
    Verdict.DONE: "done",
    Verdict.KEPT: "nothing was to be done",
    Verdict.DEFERRED: "not now: the next run goes on",
    Verdict.FAILED: "failed; type what the hint says, or the same again",
    Verdict.REFUSED: "nothing was done, and a person must decide",
    Verdict.LOCKED: "another `fleet` works on it",
}
