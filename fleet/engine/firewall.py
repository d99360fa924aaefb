"""The managed firewall: its rules are what the inventory says, and the operator of this run is let in."""

from collections.abc import Sequence

from fleet.core.errors import Refused
from fleet.core.firewall import (
    ME,
    Firewall,
    Rule,
    WantedRules,
    has_rule,
    joining_rules,
    lets_in,
    new_rules,
    same,
    strangers,
    words,
)
from fleet.core.names import Tag
from fleet.engine.world import World

YES = "yes"
"""The value of the tag ``joining``."""


def look(world: World) -> Firewall | None:
    """The managed firewall as it is, or None where there is none yet, or no account to have one in."""
    if not world.has_cloud:
        return None
    return world.cloud.firewall(world.shared_name, world.fleet_tags)


def ensure(world: World) -> int:
    """The id of the managed firewall, its rules put right; made when the first of this run needs it.

    Raises Refused when the inventory lets in "me", and the address we come from cannot be learnt.
    """
    return world.shared.once("firewall", lambda: _write(world, _wanted(world)))


def let_in(world: World) -> None:
    """Put the rules right before hosts are asked; where there is no firewall yet, there is no host."""
    if look(world) is not None:
        ensure(world)


def open_for_us(world: World) -> tuple[str, ...]:
    """Let in the networks this operator comes from for half an hour, whatever the inventory says; these networks."""
    if not world.has_cloud:
        raise Refused(f"fleet {world.inventory.name} has static hosts alone: there is no firewall of ours to open")
    networks = world.operator.networks()
    _write(world, _wanted(world, opened=networks))
    return networks


def ensure_joining(world: World) -> int:
    """The id of the firewall that lets SSH in to machines with the tag ``joining``, and to no others."""

    def make() -> int:
        covers = {Tag.FLEET: world.inventory.name, Tag.JOINING: YES}
        name = f"{world.shared_name}-join"
        return world.cloud.ensure_firewall(
            name, lambda seen: (*joining_rules(), *strangers(seen)), world.fleet_tags, covers
        )

    return world.shared.once("joining", make)


def notes(world: World) -> tuple[str, ...]:
    """What a person should know of the firewall, as sentences. Changes nothing."""
    found = look(world)
    if found is None:
        return ()
    return (*_strangers(world, found), *_unlike(world, found))


def _strangers(world: World, found: Firewall) -> tuple[str, ...]:
    theirs = "; ".join(map(words, strangers(found.rules)))
    return (f"firewall {world.shared_name} has rules that are not fleet's, and keeps them: {theirs}",) if theirs else ()


def _unlike(world: World, found: Firewall) -> tuple[str, ...]:
    """What `fleet up` would change in it."""
    now = world.cloud.now()
    try:
        wanted = _wanted(world)
        if not lets_in(wanted, found.rules, now):
            networks = ", ".join(wanted.me or ())
            return (f"the firewall does not let in {networks}, where you come from: fleet up lets it in",)
        if not same(new_rules(wanted, found.rules, now), found.rules):
            return (f"the rules of firewall {world.shared_name} are not what they should be: fleet up puts them right",)
    except Refused as error:
        return (f"{error.message}: {error.hint}",)
    return ()


def _write(world: World, wanted: WantedRules) -> int:
    now = world.cloud.now()

    def decide(seen: Sequence[Rule]) -> Sequence[Rule]:
        return new_rules(wanted, seen, now)

    covers = {Tag.FLEET: world.inventory.name}
    return world.cloud.ensure_firewall(world.shared_name, decide, world.fleet_tags, covers)


def _wanted(world: World, opened: tuple[str, ...] = ()) -> WantedRules:
    allow = world.inventory.ssh.allow_from
    return WantedRules(
        networks=tuple(network for network in allow if network != ME),
        tailnet=world.inventory.tailnet is not None,
        who=world.operator.who(),
        me=_networks(world) if ME in allow else (),
        opened=opened,
    )


def _networks(world: World) -> tuple[str, ...] | None:
    """Where we come from. None when nobody says and a rule of ours is good for some time yet: passes go on then."""
    try:
        return world.operator.networks()
    except Refused:
        found = look(world)
        if found is None or not has_rule(world.operator.who(), found.rules, world.cloud.now()):
            raise
        return None
