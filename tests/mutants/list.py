"""Deliberate faults, each one place in the code. A test that lets one live proves nothing about that place."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """``old`` must be in ``file`` exactly once. ``why``: what would go wrong in somebody's fleet.

    ``engine``: the histories need not notice, the tests of the engine must.
    """

    name: str
    file: str
    old: str
    new: str
    why: str
    engine: bool = False


LIFECYCLE = "fleet/core/lifecycle.py"
LEAVE = "fleet/engine/steps/leave.py"
ENTER = "fleet/engine/steps/enter.py"
CREATE = "fleet/engine/steps/create.py"
TAILNET = "fleet/engine/steps/tailnet.py"
PRICING = "fleet/core/pricing.py"
LAST = "Step.FORGET_DEVICE, Step.DELETE)"
ADOPT = "fleet/engine/steps/adopt.py"
OUT = "_OUT = (Step.CORDON, Step.EMPTY, Step.STOP, Step.STILL_EMPTY, Step.DEREGISTER, " + LAST
EMPTIED = "EMPTIED = (Step.ASK_REPAIR, Step.CORDON, Step.EMPTY, Step.STOP, Step.STILL_EMPTY)"

MUTANTS = (
    Mutant(
        "repair has no memory",
        "fleet/core/rungs.py",
        "    return Tried(Rung(word), at) if word in set(Rung) and at is not None else None",
        "    return None",
        "a runner that does not come online is restarted for ever, and nothing else is tried",
        engine=True,
    ),
    Mutant(
        "repair climbs while it is busy",
        LIFECYCLE,
        "EMPTIED_AND_NOTED = (Step.ASK_REPAIR, Step.CORDON, Step.EMPTY, Step.NOTE_RUNG, Step.STOP, Step.STILL_EMPTY)",
        "EMPTIED_AND_NOTED = (Step.ASK_REPAIR, Step.NOTE_RUNG)",
        "a job that has just come dies with the restart",
        engine=True,
    ),
    Mutant(
        "a new machine is bought while something is left to be tried",
        "fleet/core/scaling.py",
        "            return self.kept[machine.name].verb is Verb.REFUSE",
        "            return True",
        "each broken machine costs a second one",
        engine=True,
    ),
    Mutant(
        "rungs have no grace",
        "fleet/core/repair.py",
        "now.at < tried.at + GRACE[tried.rung]:",
        "now.at < tried.at:",
        "what would have helped in a minute is followed by a rebuild",
        engine=True,
    ),
    Mutant(
        "reset once more by a second operator",
        CREATE,
        "any(server.tags.get(tag) != seen.tags.get(tag) for tag in (Tag.SUSPECT, Tag.REPAIR))",
        "False",
        "two operators take the power away one after the other",
    ),
    Mutant(
        "cordon skipped",
        LIFECYCLE,
        OUT,
        OUT.replace("Step.CORDON, ", ""),
        "a job comes between the look and the end",
    ),
    Mutant(
        "no look for jobs",
        LIFECYCLE,
        OUT,
        OUT.replace("Step.EMPTY, ", "").replace("Step.STILL_EMPTY, ", ""),
        "the machine goes with a job on it",
        engine=True,
    ),
    Mutant(
        "no second look",
        LIFECYCLE,
        OUT,
        OUT.replace("Step.STILL_EMPTY, ", ""),
        "a job that Gitea still calls running is not told of",
        engine=True,
    ),
    Mutant(
        "order reversed",
        LIFECYCLE,
        OUT,
        "_OUT = (Step.DEREGISTER, Step.CORDON, Step.EMPTY, Step.STOP, Step.STILL_EMPTY, " + LAST,
        "without its record a runner can report no job",
    ),
    Mutant(
        "stopped before it is cordoned",
        LIFECYCLE,
        OUT,
        "_OUT = (Step.STOP, Step.CORDON, Step.EMPTY, Step.STILL_EMPTY, Step.DEREGISTER, " + LAST,
        "an answer in flight is thrown away",
    ),
    Mutant(
        "no wait after the cordon",
        LEAVE,
        "        work.world.clock.sleep(FLIGHT)",
        "        pass",
        "an answer in flight arrives after the look",
    ),
    Mutant(
        "too short a wait after the cordon",
        LEAVE,
        "FLIGHT = FETCH_TIMEOUT + 1",
        "FLIGHT = FETCH_TIMEOUT - 3",
        "the same, less often",
    ),
    Mutant(
        "a frozen runner is ended unseen",
        LEAVE,
        "            _see_no_answer_come(work)\n",
        "",
        "the job in an answer that came meanwhile is lost",
        engine=True,
    ),
    Mutant(
        "a frozen runner is thawed too late",
        LEAVE,
        "limit=FLIGHT, first=0.1, longest=0.1)",
        "limit=FLIGHT, first=FLIGHT, longest=FLIGHT)",
        "it has given up waiting for the job that it has got",
        engine=True,
    ),
    Mutant(
        "repaired without a cordon",
        LIFECYCLE,
        EMPTIED,
        EMPTIED.replace("Step.CORDON, ", ""),
        "a restart throws away an answer in flight",
    ),
    Mutant(
        "repaired without being emptied",
        "fleet/core/plan_service.py",
        "steps = (*EMPTIED, *BACK) if any(one.restarts for one in found) else MEND",
        "steps = BACK",
        "a changed inventory kills jobs",
    ),
    Mutant(
        "always instead of unless-stopped",
        "fleet/stack/compose.yaml",
        "restart: unless-stopped",
        "restart: always",
        "Docker brings back a runner that was stopped for good",
    ),
    Mutant(
        "grace ignored",
        "fleet/core/plan_repair.py",
        "waits = since is not None and not now.asked and now.at < since + BOOT_GRACE",
        "waits = False",
        "a host that was silent for a moment loses its power",
    ),
    Mutant(
        "held machines are not seen",
        "fleet/core/machine.py",
        "return bool(word) and not (epoch.isdigit() and int(epoch) <= at.timestamp())",
        "return False",
        "what a person keeps is deleted",
    ),
    Mutant(
        "another Gitea's machines are ours",
        "fleet/core/names.py",
        "        and tags.get(Tag.GITEA) == gitea_hash(gitea)\n",
        "",
        "a foreign server is deleted",
    ),
    Mutant(
        "one more than max",
        PRICING,
        "count + 1 > inventory.max:",
        "count > inventory.max:",
        "more machines than anybody allowed",
    ),
    Mutant(
        "the cap looks at what is there only",
        PRICING,
        "hour + more > cap:",
        "hour > cap:",
        "dearer than anybody allowed",
    ),
    Mutant(
        "never uncordoned",
        LIFECYCLE,
        "BACK_AS_IT_WAS = (Step.UNCORDON, Step.START,",
        "BACK_AS_IT_WAS = (Step.START,",
        "a repaired machine gets no job ever again",
    ),
    Mutant(
        "taken back without a restart",
        LIFECYCLE,
        "TAKE_BACK_EMPTY = (*EMPTIED, ",
        "TAKE_BACK_EMPTY = (Step.ASK_REPAIR, ",
        'a runner that was told "nothing for you" does not hear of the jobs that wait',
    ),
    Mutant(
        "a person's word is taken back",
        LEAVE,
        "if asker_of(tags) is Asker.PERSON and Asker.PERSON not in {asker, planned}:",
        "if False:",
        "a pass gives jobs to a machine that somebody drains",
        engine=True,
    ),
    Mutant(
        "leftover records stay",
        ENTER,
        "        if ours and (not one.online or one.id == old):",
        "        if False:",
        "Gitea's list fills with runners that are not there",
    ),
    Mutant(
        "no lock on the host",
        "fleet/engine/work.py",
        "        if not self._locked:",
        "        if False:",
        "two operators undo each other's steps",
        engine=True,
    ),
    Mutant(
        "the old key off at once",
        "fleet/engine/key_rotation.py",
        "rotation=rotation), PROVE, listen)",
        "rotation=rotation), TAKE_OVER, listen)",
        "a machine that does not let the new key in leaves the others with a key that is thrown away",
        engine=True,
    ),
    Mutant(
        "a new key that was never tried",
        "fleet/engine/steps/keys.py",
        "        with closing(rotation.by_new.connect(work.target())) as proof:\n"
        '            status = proof.run("true").status\n',
        "        status = 0\n",
        "the operator is locked out",
        engine=True,
    ),
    Mutant(
        "switched whatever the proof said",
        "fleet/engine/key_rotation.py",
        "return not report.any(*NOT_PROVEN) and (done or not report.outcomes)",
        "return True",
        "the key that opens a machine is replaced by one that does not",
        engine=True,
    ),
    Mutant(
        "credentials renewed under a job",
        "fleet/core/rotation.py",
        "RENEW = (*EMPTIED, Step.RENEW,",
        "RENEW = (Step.RENEW,",
        "a job's runner is deleted under it",
        engine=True,
    ),
    Mutant(
        "a rebuild with the old tag",
        CREATE,
        "known = {Tag.HOSTKEY: hostkey_tag(keys.host), Tag.SSHKEY: sshkey_tag(keys.login)}",
        "known = {Tag.SSHKEY: sshkey_tag(keys.login)}",
        "whoever has the old host key is believed after a rebuild",
        engine=True,
    ),
    Mutant(
        "a hand-made runner is not cordoned",
        ADOPT,
        "        _cordon(work, record, old.file)",
        "        pass",
        "it gets a job between the look and its end",
        engine=True,
    ),
    Mutant(
        "a static host is reset like a server",
        LIFECYCLE,
        "for step in steps if step not in NEVER_ON_STATIC)",
        "for step in steps)",
        "somebody's own machine is waited for, reset or made",
        engine=True,
    ),
    Mutant(
        "guard waits for an idle machine",
        "fleet/core/plan_service.py",
        "if machine.facts and is_flushed(machine.facts)",
        "if False",
        "the jobs of a busy machine go on reaching its user data",
        engine=True,
    ),
    Mutant(
        "a key of a killed run stays good",
        TAILNET,
        "    tailnet.revoke_keys(work.name)\n    for device in _ours",
        "    for device in _ours",
        "whoever finds it joins the tailnet as a machine of the fleet",
        engine=True,
    ),
    Mutant(
        "the key is told when it brings nobody in",
        TAILNET,
        '.replace(key.key.reveal(), "***")',
        "",
        "a secret stands in a cron job's mail",
        engine=True,
    ),
    Mutant(
        "a device that came back is removed",
        "fleet/engine/steps/ghost.py",
        "if one.online is False and is_our_device",
        "if is_our_device",
        "a machine that works is thrown out of the tailnet",
        engine=True,
    ),
    Mutant(
        "stages of a run that has not seen all",
        "fleet/engine/apply.py",
        "if self._work.is_new and Step.ONLINE",
        "if Step.ONLINE",
        "a machine that was made twice over is said to have booted in no time",
        engine=True,
    ),
    Mutant(
        "a Docker that does not answer has no runner",
        LEAVE,
        "    if not facts.docker:  # a runner",
        "    if False:  # a runner",
        "a runner that came back takes a job, and its machine goes",
        engine=True,
    ),
    Mutant(
        "told at the first sight",
        "fleet/core/notify.py",
        "if told.get(key) is State.SEEN]",
        "if told.get(key) in {None, State.SEEN}]",
        "a message for each thing that the same pass repairs",
        engine=True,
    ),
    Mutant(
        "marked before it was told",
        "fleet/engine/telling.py",
        "_remember(look, found.quietly)",
        "_remember(look, {**found.quietly, **found.once_told})",
        "nobody is ever told what came while the webhook was down",
        engine=True,
    ),
    Mutant(
        "unknown is well",
        "fleet/core/notify.py",
        "return one is None or one.machine not in unknown",
        "return True",
        "a full disk is called gone because its host went silent",
        engine=True,
    ),
    Mutant(
        "session with another",
        "fleet/engine/world.py",
        "if host is not None and key == target.host_key:",
        "if host is not None:",
        "a new server is called silent, because one of its name is gone",
        engine=True,
    ),
    Mutant(
        "a runner keeps its old socket",
        ENTER,
        "not cordoned and not facts.socket_lost",
        "not cordoned",
        "after a stop of Docker the machine is back in service, and each of its jobs fails",
        engine=True,
    ),
    Mutant(
        "a cordon outlives the repair",
        ENTER,
        "runner.online and not cordoned and",
        "runner.online and",
        "a machine that is idle and as wanted gets no job ever again, where Gitea cannot disable runners",
        engine=True,
    ),
    Mutant(
        "what a killed runner left is a job",
        "fleet/core/probe_answer.py",
        "for task in docker.tasks if task.name not in abandoned)",
        "for task in docker.tasks)",
        "a machine whose runner was killed stays without one for hours, and cannot leave",
        engine=True,
    ),
)
