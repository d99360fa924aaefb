"""What is decided of static hosts alone, and of records whose host or server nobody knows."""

from fleet.core.change import Change, Verb
from fleet.core.lifecycle import INTO_SERVICE, LEAVE, Step
from fleet.core.machine import Machine, Phase
from fleet.core.machine_change import change_of, held, jobs_of, pool_of
from fleet.core.names import Tag
from fleet.core.obstacles import Obstacle, obstacles
from fleet.core.setup import HostWanted

SERVES = frozenset({Phase.IDLE, Phase.BUSY, Phase.PAUSED})
LEFT_ALONE = frozenset({Phase.HELD, Phase.DRAINING, Phase.DRAINED})


def static_change(machine: Machine, wanted: HostWanted) -> Change | None:
    """What goes before the life that all machines have: a host that should be absent, or has something in our way."""
    if machine.static is not None and not machine.static.wanted:
        return _to_be_absent(machine)
    if machine.facts is None or machine.phase in LEFT_ALONE:
        return None
    found = obstacles(machine.facts, wanted)
    if found:
        return _in_the_way(machine, found)
    if Tag.ADOPTING in machine.tags and machine.phase is not Phase.BUSY:
        return _take_over(machine, "a take-over was not finished")
    return None


def _in_the_way(machine: Machine, found: tuple[Obstacle, ...]) -> Change | None:
    """A machine that serves goes on; one that does not is refused, or takes over where the inventory says so."""
    may = machine.static is not None and machine.static.host.adopt
    hard = [one for one in found if not (may and one.adoptable)]
    if hard:
        reason = "; ".join(one.what for one in hard)
        verb = Verb.KEEP if machine.phase in SERVES else Verb.REFUSE
        return change_of(verb, machine, reason, steps=(), hint=hard[0].hint)
    if machine.phase in {Phase.BUSY, Phase.PAUSED}:
        return None
    return _take_over(machine, f"takes over: {'; '.join(one.what for one in found)}")


def _take_over(machine: Machine, reason: str) -> Change:
    return change_of(Verb.FINISH, machine, reason, steps=(Step.ADOPT, *INTO_SERVICE[machine.phase]))


def _to_be_absent(machine: Machine) -> Change:
    """``state = "absent"``: what is ours leaves the host, by the same steps as any machine. Typed again, goes on."""
    wish = 'state = "absent"'
    if machine.phase is Phase.ABSENT:
        return change_of(Verb.KEEP, machine, f"not in service, as wanted: {wish}", steps=())
    if machine.phase is Phase.HELD:
        return held(machine)
    if machine.facts is None and not machine.runners:
        return change_of(Verb.KEEP, machine, f"Gitea has no runner of it, its host was not seen; {wish}", steps=())
    busy = f"; {jobs_of(machine)}" if machine.jobs or machine.phase is Phase.BUSY else ""
    return change_of(Verb.REMOVE, machine, f"{wish}{busy}", steps=LEAVE)


def stray(machine: Machine) -> Change:
    """The record of a static host that is not in the inventory: the host may work on, so nothing is done unasked."""
    hint = f'put its entry back with state = "absent"; if the host is no more: fleet down {machine.name}'
    reason = "Gitea has a runner of this static host, and the inventory has no such host"
    return Change(Verb.KEEP, machine.name, pool_of(machine.name), reason, hint=hint)


def unknown(machine: Machine) -> Change:
    """The record of a server, and no token to ask Hetzner for it."""
    reason = "Gitea has a runner of this name; without a token for Hetzner nobody knows whether it has a server"
    hint = "give the token: hetzner.token in the inventory, by default HCLOUD_TOKEN"
    return Change(Verb.KEEP, machine.name, pool_of(machine.name), reason, hint=hint)
