"""The rules of the managed firewall: what is wanted and what is there in, the new rules out.

The cloud replaces all rules at once (API: set_rules), and several operators write them. So a description says whose a
rule is: the fleet's own rules follow the inventory; an operator's rule names them and lives until the time in it;
whatever else is there is a person's, and kept.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network, IPv6Network, ip_network

from fleet.core.errors import Refused

ME = "me"
"""In ``ssh.allow_from``: the address we come from."""

EVERYWHERE = ("0.0.0.0/0", "::/0")
SSH_PORT = "22"
TAILNET_PORT = "41641"
"""Where tailscaled listens for direct connections (its default ``--port``); without it all goes through relays."""

MOST_RULES = 50
"""In one firewall (API: firewalls)."""

LASTS = timedelta(hours=12)
"""How long an operator's rule lets in an address that may be somebody else's tomorrow."""

RENEWED = timedelta(hours=6)
"""What must be left of it; with less, the next command or pass writes it anew."""

OPENED = timedelta(minutes=30)
"""How long ``fleet ssh --open`` opens the way."""

_SSH, _PING, _TAILNET = "fleet: SSH from allow_from", "fleet: ping", "fleet: tailnet"
_JOINING = "fleet: SSH until it has joined"
_OPERATORS = re.compile(r"fleet: SSH (for|opened by) (\S+) until (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_LONGEST_NAME = 150
"""With the words around it well within the 255 characters of a description (API: firewalls)."""
_SLACK = timedelta(minutes=2)
"""A rule written a moment ago need not be written again, so that what was read back counts as done."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. ``port``: one, a range, ``any``, or empty where the protocol has none. Networks are CIDRs."""

    direction: str
    protocol: str
    port: str = ""
    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    description: str = ""


@dataclass(frozen=True, slots=True)
class Firewall:
    """A firewall as it is in the cloud."""

    id: int
    tags: Mapping[str, str] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True)
class WantedRules:
    """What must be let in. ``who``: the operator of this process, without spaces.

    ``me``: networks the operator comes from; empty when the inventory lets nobody in by that; None when they could not
    be learnt, and the rule that is there has to do. ``opened``: networks to let in for half an hour.
    """

    networks: tuple[str, ...] = EVERYWHERE
    tailnet: bool = False
    who: str = ""
    me: tuple[str, ...] | None = ()
    opened: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Operators:
    """An operator's rule, read from its description."""

    rule: Rule
    opened: bool
    who: str
    until: datetime


def new_rules(wanted: WantedRules, seen: Sequence[Rule], now: datetime) -> tuple[Rule, ...]:
    """All rules as they should be now. Given its own answer it gives the same again.

    Raises Refused when there are more than a firewall may have.
    """
    alive = [one for one in _operators(seen) if one.until > now]
    others = [one.rule for one in alive if one.who != wanted.who]
    mine = [one for one in alive if one.who == wanted.who]
    rules = (*_fleets(wanted), *_mine(wanted, mine, others, now), *others, *strangers(seen))
    if len(rules) > MOST_RULES:
        raise Refused(
            f"the firewall would need {len(rules)} rules, and may have {MOST_RULES}",
            hint="take out some of those that are not fleet's, in the Console",
        )
    return tuple(dict.fromkeys(rules))


def joining_rules() -> tuple[Rule, ...]:
    """What a machine that is on its way into the tailnet needs besides, until it has joined: SSH from everywhere."""
    return (Rule("in", "tcp", SSH_PORT, EVERYWHERE, description=_JOINING),)


def same(rules: Iterable[Rule], others: Iterable[Rule]) -> bool:
    """Whether both say the same, whatever the order of rules and networks."""
    return {_comparable(rule) for rule in rules} == {_comparable(rule) for rule in others}


def strangers(seen: Iterable[Rule]) -> tuple[Rule, ...]:
    """Rules that are neither the fleet's nor an operator's: a person added them."""
    ours = {_SSH, _PING, _TAILNET, _JOINING}
    return tuple(rule for rule in seen if rule.description not in ours and _read(rule) is None)


def lets_in(wanted: WantedRules, seen: Sequence[Rule], now: datetime) -> bool:
    """Whether the operator's networks may reach SSH as things are."""
    alive = [one.rule for one in _operators(seen) if one.until > now]
    plain = [rule for rule in seen if _read(rule) is None and _is_ssh(rule)]
    return all(any(_covers(rule, network) for rule in (*alive, *plain)) for network in wanted.me or ())


def has_rule(who: str, seen: Sequence[Rule], now: datetime) -> bool:
    """Whether a rule of this operator, for wherever they come from, is good now."""
    return any(one.who == who and one.until > now for one in _operators(seen))


def safe_name(text: str) -> str:
    """A name as a description can hold it: no spaces, no control characters, not too long."""
    return re.sub(r"[^\w.@+-]", "_", text, flags=re.ASCII)[:_LONGEST_NAME] or "somebody"


def words(rule: Rule) -> str:
    """A rule in a few words: ``"web": in tcp 443 from 0.0.0.0/0``."""
    side = f"from {', '.join(rule.sources)}" if rule.direction == "in" else f"to {', '.join(rule.destinations)}"
    name = f'"{rule.description}": ' if rule.description else ""
    return name + " ".join(part for part in (rule.direction, rule.protocol, rule.port, side) if part)


def _fleets(wanted: WantedRules) -> tuple[Rule, ...]:
    ssh = Rule("in", "tcp", SSH_PORT, _sorted(wanted.networks), description=_SSH)
    ping = Rule("in", "icmp", sources=EVERYWHERE, description=_PING)
    tailnet = Rule("in", "udp", TAILNET_PORT, EVERYWHERE, description=_TAILNET)
    return (*([ssh] if wanted.networks else []), ping, *([tailnet] if wanted.tailnet else []))


def _mine(wanted: WantedRules, mine: Sequence[_Operators], others: Sequence[Rule], now: datetime) -> tuple[Rule, ...]:
    opened = [one for one in mine if one.opened]
    lasting = [one for one in mine if not one.opened]
    return (*_lasting(wanted, lasting, others, now), *_opened(wanted, opened, now))


def _lasting(
    wanted: WantedRules, mine: Sequence[_Operators], others: Sequence[Rule], now: datetime
) -> tuple[Rule, ...]:
    """The rule of ``"me"``: kept while it does and has time left, else written anew.

    Where somebody else's rule covers the same address for as long, none is added: passes whose host has another name
    each time (a container's) would fill the firewall.
    """
    if wanted.me is None:
        return _last(mine)
    if not wanted.me:
        return ()
    good = [one for one in mine if _covers_all(one.rule, wanted.me) and one.until - now > RENEWED]
    if good:
        return _last(good)
    if any(_covers_all(one.rule, wanted.me) and one.until - now > RENEWED for one in _operators(others)):
        return ()
    return (_operators_rule("for", wanted.who, wanted.me, now + LASTS),)


def _opened(wanted: WantedRules, mine: Sequence[_Operators], now: datetime) -> tuple[Rule, ...]:
    """What is open is left open until its time; asked for again, its half hour begins anew."""
    if not wanted.opened:
        return _last(mine)
    good = [one for one in mine if _covers_all(one.rule, wanted.opened) and one.until >= now + OPENED - _SLACK]
    return _last(good) or (_operators_rule("opened by", wanted.who, wanted.opened, now + OPENED),)


def _operators_rule(how: str, who: str, networks: Sequence[str], until: datetime) -> Rule:
    description = f"fleet: SSH {how} {who} until {until.astimezone(UTC).strftime(_TIME)}"
    return Rule("in", "tcp", SSH_PORT, _sorted(networks), description=description)


def _operators(rules: Iterable[Rule]) -> list[_Operators]:
    return [found for rule in rules if (found := _read(rule)) is not None]


def _read(rule: Rule) -> _Operators | None:
    """Only what we write ourselves: anything else with such a description is a person's."""
    match = _OPERATORS.fullmatch(rule.description)
    if match is None or not _is_ssh(rule):
        return None
    try:
        until = datetime.strptime(match[3], _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None
    return _Operators(rule, match[1] != "for", match[2], until)


def _is_ssh(rule: Rule) -> bool:
    return (rule.direction, rule.protocol, rule.port) == ("in", "tcp", SSH_PORT)


def _last(rules: Sequence[_Operators]) -> tuple[Rule, ...]:
    """The one that lasts longest: two processes of one operator may have written one each."""
    return tuple(one.rule for one in sorted(rules, key=lambda one: one.until)[-1:])


def _covers_all(rule: Rule, networks: Iterable[str]) -> bool:
    return all(_covers(rule, network) for network in networks)


def _covers(rule: Rule, network: str) -> bool:
    wanted = ip_network(network)
    return any(_within(wanted, ip_network(source, strict=False)) for source in rule.sources)


def _within(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    if isinstance(inner, IPv4Network):
        return isinstance(outer, IPv4Network) and inner.subnet_of(outer)
    return isinstance(outer, IPv6Network) and inner.subnet_of(outer)


def _sorted(networks: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({str(ip_network(network, strict=False)) for network in networks}))


def _comparable(rule: Rule) -> tuple[object, ...]:
    sides = frozenset(rule.sources), frozenset(rule.destinations)
    return rule.direction, rule.protocol, rule.port, *sides, rule.description
