"""The way into service: boot, set up, register, start, online."""

import json
import shlex

from fleet.core.errors import HostSilent, LoginRefused, StepFailed, WrongHostKey
from fleet.core.facts import HostFacts
from fleet.core.lifecycle import Step
from fleet.core.machine import Asker, asker_of, draining_label
from fleet.core.names import Tag, fleet_label
from fleet.core.observation import Runner
from fleet.core.orders import Credentials
from fleet.core.setup import (
    COMPOSE,
    CONTAINER,
    RUNNER_FILE,
    HostChange,
    PutFile,
    Run,
    changes,
    guard_changes,
    same_url,
    whose_docker,
)
from fleet.core.static_hosts import birth_memory, of_another
from fleet.engine.ports import Host
from fleet.engine.steps.credentials import credentials
from fleet.engine.wait import wait_for
from fleet.engine.work import Work

LOGIN_ATTEMPTS = 3
"""Refused logins before we stop: sshd punishes more, and our key is there from the first boot or never."""

WORTH_TELLING = 60
"""A command that may take longer than this many seconds is shown to the person who waits."""

UNTRUSTED = "the runner does not trust Gitea's certificate: gitea.ca must have the CA of gitea.runner_url too"
"""Go's certificate errors begin with x509."""

ROUNDS = 3
"""Looks at a host before set-up gives up: one for what facts cannot show before Docker runs, one to see the end."""


def boot(work: Work) -> None:
    """Wait until SSH answers with the pinned key and cloud-init is done (exit 0, or 2: done with warnings)."""
    status = _cloud_init(work)
    if status not in {0, 2}:
        told = work.host().run("cloud-init status --long; tail -n 5 /var/log/cloud-init-output.log").out.strip()
        raise StepFailed(
            f"cloud-init failed on {work.name} (exit {status}):\n{told}",
            hint=f"fleet down {work.name}, then fleet up",
        )
    if Tag.SUSPECT in work.tags:
        work.remember({Tag.SUSPECT: None})


def _cloud_init(work: Work) -> int:
    """Its exit status. A session that breaks meanwhile is opened again once: cloud-init may restart sshd."""
    limit = work.world.limits.cloud_init
    command = f"! command -v cloud-init >/dev/null || timeout {limit:.0f} cloud-init status --wait >/dev/null"
    try:
        return _answering(work).run(command, timeout=limit + 10).status
    except HostSilent:
        work.disconnect()
        return _answering(work).run(command, timeout=limit + 10).status


def _answering(work: Work) -> Host:
    """The first session with the host, by authenticated attempts with back-off."""
    patience = _Patience(work)
    host = wait_for(work.world.clock, patience.attempt, limit=work.world.limits.ssh, first=0.2, longest=1.5)
    if host is None:
        seconds = f"{work.world.limits.ssh:.0f} seconds"
        raise StepFailed(
            f"{work.name} did not answer on SSH within {seconds}: {patience.last}",
            hint="type the same command again: past its grace the server is reset once, then rebuilt once",
        )
    return host


class _Patience:
    """Tries to log in, and knows which refusals may pass while a host boots.

    A foreign host key is never accepted; it is asked again only for a short time, since some systems open port 22
    before cloud-init has put our key in place.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._start = work.world.clock.now()
        self._refused = 0
        self.last = "no attempt was made"

    def attempt(self) -> Host | None:
        try:
            return self._work.host()
        except HostSilent as error:
            self.last = error.message
        except LoginRefused as error:
            self.last = error.message
            self._refused += 1
            if self._refused >= LOGIN_ATTEMPTS:
                raise
        except WrongHostKey as error:
            self.last = error.message
            if self._work.world.clock.now() - self._start > self._work.world.limits.foreign_key:
                raise
        self._work.tell("SSH does not answer yet")
        return None


def set_up(work: Work) -> None:
    """Bring the host to what is wanted: look, do what is missing, look again. Nothing missing: nothing done.

    The tag ``setup`` is written only after a look that found nothing missing.
    """
    say_whose(work)
    todo: tuple[HostChange, ...] = ()
    for _ in range(ROUNDS):
        facts = work.look()
        todo = changes(facts, work.wanted)
        if not todo:
            break
        for change in todo:
            carry_out(work, change)
    if todo:
        left = ", ".join(change.what for change in todo)
        raise StepFailed(f"set-up of {work.name} does not come to an end; still to do: {left}")
    _check_bridge(work)
    _remember_set_up(work)


def say_whose(work: Work) -> None:
    """A static host learns whose it is before anything is changed on it, as a server does by its first tags.

    Raises HostOfAnother when another fleet has it by now.
    """
    if work.static is None:
        return
    mine = birth_memory(work.world.inventory, work.name)
    known = work.tags_now() or {}
    mine[Tag.DOCKER] = known.get(Tag.DOCKER) or whose_docker(work.facts or work.look())
    other = of_another(work.world.inventory, work.name, known)
    if other is not None:
        raise other
    if any(known.get(key) != value for key, value in mine.items()):
        work.remember(mine)


def load_guard(work: Work) -> None:
    """Load the rules of the metadata guard, which somebody flushed. Jobs go on."""
    for change in guard_changes(work.look()):
        carry_out(work, change)


def carry_out(work: Work, change: HostChange) -> None:
    """One change of a host: a file, or a command."""
    if isinstance(change, Run) and change.seconds > WORTH_TELLING:
        work.tell(change.what)
    match change:
        case PutFile(file=file):
            work.put(f"{file.path}.new" if file.then else file.path, file.text, file.mode)
        case Run(as_unit=True):
            script = work.world.stack["run-setup.sh"].encode()
            work.must_run(f"sh -s -- {change.command}", change.what, seconds=change.seconds, stdin=script)
        case Run():
            work.must_run(change.command, change.what, seconds=change.seconds, hint=change.hint)


def _check_bridge(work: Work) -> None:
    facts = work.facts
    if facts is None or facts.bridge == work.wanted.bridge:
        return
    raise StepFailed(
        f"docker0 of {work.name} has address {facts.bridge or 'none'}, expected {work.wanted.bridge}",
        hint="is that network used by something else on the host? set docker.bip to a free one",
    )


def _remember_set_up(work: Work) -> None:
    """One that was on its way into a tailnet the inventory has no more lets nobody else in any longer."""
    changes = {Tag.SETUP: work.wanted.fingerprint, Tag.DOWN: None, Tag.JOINING: None}
    if any(work.tags.get(tag) != value for tag, value in changes.items()):
        work.remember(changes)


def register(work: Work) -> None:
    """See to one runner record that Gitea and the host agree on.

    The CLI registers; the host only ever sees the runner's own credentials. Records of the same name that are
    offline and have another id are leftovers of a killed run, and are deleted after the new ``.runner`` is in place.
    """
    facts = work.facts or work.look()
    runner = _agreed(work, facts)
    if runner is None:
        work.runner_id = _register_anew(work)
        work.restart = True
    else:
        work.runner_id = runner.id
    _delete_leftovers(work, work.runner_id, facts)


def _agreed(work: Work, facts: HostFacts) -> Runner | None:
    """The record that ``.runner`` names, if Gitea has it and the address is the inventory's."""
    seen = facts.registration
    if seen is None or seen.name != work.name:
        return None
    if not same_url(seen.address, work.wanted.runner_url):
        return None
    return work.world.gitea.runner(seen.id)


def _register_anew(work: Work) -> int:
    gitea = work.world.gitea
    made = gitea.register(work.name, work.wanted.label_names, gitea.registration_token())
    work.put(RUNNER_FILE, runner_file(work, made), 0o600)
    return made.id


def renew(work: Work) -> None:
    """A new record for this runner, whatever the old one is like; what knew the old credentials knows nothing then.

    Only on a machine that is empty and whose runner is stopped. Deletes the old record last.
    """
    facts = work.facts or work.look()
    work.runner_id = _register_anew(work)
    work.restart = True
    _delete_leftovers(work, work.runner_id, facts)


def runner_file(work: Work, who: Credentials) -> str:
    """The runner's own file, as its ``register`` command would write it."""
    content = {
        "WARNING": "This file is automatically generated by fleet. Do not edit it manually.",
        "id": who.id,
        "uuid": who.uuid,
        "name": work.name,
        "token": who.token.reveal(),
        "address": work.world.inventory.gitea.runner_url,
        "labels": list(work.wanted.labels),
        "ephemeral": False,
    }
    return json.dumps(content, indent=2) + "\n"


def _delete_leftovers(work: Work, keep: int, facts: HostFacts) -> None:
    """Records of a killed run are offline; the one this host had until now may still seem online for a minute."""
    marks = {fleet_label(work.world.inventory.name), draining_label(work.world.inventory.name)}
    old = facts.registration.id if facts.registration else None
    for one in work.world.gitea.runners():
        ours = one.name == work.name and one.id != keep and one.labels & marks
        if ours and (not one.online or one.id == old):
            work.tell(f"delete leftover runner {one.id}")
            work.world.gitea.delete_runner(one.id)


def start(work: Work) -> None:
    """See to it that the runner's container runs with the current configuration and identity.

    It is made anew when it got a new identity, or when it runs and does not serve: the machine has no job then, or
    this change would not be.
    """
    facts = work.facts or work.look()
    seen = facts.container
    as_wanted = seen is not None and seen.running and seen.config == work.wanted.config_hash
    if as_wanted and not work.restart and _serves(work, facts):
        return
    force = "--force-recreate" if as_wanted else ""
    work.must_run(
        f"docker compose -f {COMPOSE} up --detach --quiet-pull --remove-orphans {force} 2>&1",
        "start the runner",
        seconds=600,
    )


def _serves(work: Work, facts: HostFacts) -> bool:
    """Whether Gitea sees it and gives it jobs, and it can run them. One that lived through a stop of Docker has the old
    socket, and still has the label of its cordon: only a new start declares its own."""
    runner = work.world.gitea.runner(work.runner_id) if work.runner_id is not None else None
    cordoned = runner is not None and draining_label(work.world.inventory.name) in runner.labels
    return runner is not None and runner.online and not cordoned and not facts.socket_lost


def online(work: Work) -> None:
    """Wait until Gitea says that this runner is online. Raises StepFailed with the runner's own last words."""
    limit = work.world.limits.online
    if wait_for(work.world.clock, lambda: _seen_online(work) or None, limit=limit, first=0.2, longest=1.0):
        return
    words = work.host().run(f"docker logs --tail 8 {shlex.quote(CONTAINER)} 2>&1").out.strip()
    raise StepFailed(
        f"Gitea did not see runner {work.name} online within {limit:.0f} seconds; its log ends:\n{words}",
        hint=UNTRUSTED if "x509:" in words else f"can {work.name} reach {work.world.inventory.gitea.runner_url}?",
    )


def _seen_online(work: Work) -> bool:
    return any(one.id == work.runner_id and one.online for one in work.world.gitea.runners())


def uncordon(work: Work) -> None:
    """Take back a cordon of ours: only where the tag says that we made it.

    Where Gitea cannot disable runners, a runner that is about to start declares its own labels; one that goes on
    with its jobs gets them back by its own credentials.
    """
    if asker_of(work.tags) is not Asker.REPAIR or work.runner_id is None:
        return
    if work.world.gitea.set_disabled(work.runner_id, False) or Step.START in work.change.steps:
        return
    who = credentials(work)
    if who is not None and who.id == work.runner_id:
        work.world.gitea.declare(who, work.wanted.label_names)


def back_again(work: Work) -> None:
    """Take the repair's tag off: the machine is in service, and this is the last that says otherwise."""
    if asker_of(work.tags) is Asker.REPAIR:
        work.remember({Tag.DRAINING: None})
