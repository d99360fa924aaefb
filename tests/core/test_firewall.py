"""The rules of the managed firewall: whose they are, how long they live, and what is written when."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet.core.errors import Refused
from fleet.core.firewall import (
    EVERYWHERE,
    LASTS,
    MOST_RULES,
    OPENED,
    Rule,
    WantedRules,
    has_rule,
    joining_rules,
    lets_in,
    new_rules,
    safe_name,
    same,
    strangers,
    words,
)

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)
OFFICE, HOME, HOME_6 = "203.0.113.0/24", "198.51.100.7/32", "2001:db8:7::/64"
SSH = Rule("in", "tcp", "22", (OFFICE,), description="fleet: SSH from allow_from")
PING = Rule("in", "icmp", sources=EVERYWHERE, description="fleet: ping")
TAILNET = Rule("in", "udp", "41641", EVERYWHERE, description="fleet: tailnet")
WEB = Rule("in", "tcp", "443", EVERYWHERE, description="web")
WANTED = WantedRules(networks=(OFFICE,), who="ann@laptop")
ME = replace(WANTED, networks=(), me=(HOME,))


def rule_of(who: str, until: datetime, *networks: str, how: str = "for") -> Rule:
    """An operator's rule as it stands in the cloud."""
    text = f"fleet: SSH {how} {who} until {until:%Y-%m-%dT%H:%M:%SZ}"
    return Rule("in", "tcp", "22", networks or (HOME,), description=text)


def hours(number: float) -> datetime:
    return NOW + timedelta(hours=number)


@pytest.mark.parametrize(
    ("seen", "after"),
    [
        pytest.param([], [SSH, PING], id="made"),
        pytest.param([PING, SSH], [SSH, PING], id="as wanted, in another order"),
        pytest.param([replace(SSH, sources=(HOME,)), PING], [SSH, PING], id="the inventory's networks have changed"),
        pytest.param([SSH, PING, TAILNET], [SSH, PING], id="no tailnet any more"),
        pytest.param([SSH, WEB], [SSH, PING, WEB], id="a person's rule stays"),
        pytest.param([SSH, SSH, PING], [SSH, PING], id="twice is once"),
        pytest.param(
            [SSH, PING, rule_of("bob@desk", hours(1), HOME)],
            [SSH, PING, rule_of("bob@desk", hours(1), HOME)],
            id="another operator's rule stays",
        ),
        pytest.param([SSH, PING, rule_of("bob@desk", hours(0))], [SSH, PING], id="another operator's time is over"),
        pytest.param([SSH, PING, rule_of("ann@laptop", hours(9))], [SSH, PING], id="our own goes without me"),
        pytest.param(
            [SSH, PING, rule_of("ann@laptop", hours(0.2), how="opened by")],
            [SSH, PING, rule_of("ann@laptop", hours(0.2), how="opened by")],
            id="what a person opened stays open until its time",
        ),
        pytest.param([SSH, PING, rule_of("ann@laptop", hours(-1), how="opened by")], [SSH, PING], id="and not longer"),
    ],
)
def test_rules_follow_the_inventory_and_leave_those_of_others(seen: Sequence[Rule], after: Sequence[Rule]) -> None:
    assert list(new_rules(WANTED, seen, NOW)) == list(after)


def test_with_a_tailnet_its_port_is_open() -> None:
    assert new_rules(replace(WANTED, tailnet=True), [], NOW) == (SSH, PING, TAILNET)


def test_with_no_network_ssh_is_closed() -> None:
    assert new_rules(replace(WANTED, networks=()), [SSH, PING], NOW) == (PING,)


MINE = rule_of("ann@laptop", NOW + LASTS)


@pytest.mark.parametrize(
    ("seen", "after"),
    [
        pytest.param([], [MINE], id="none yet"),
        pytest.param([rule_of("ann@laptop", hours(7))], [rule_of("ann@laptop", hours(7))], id="half of its time left"),
        pytest.param([rule_of("ann@laptop", hours(5))], [MINE], id="about to end"),
        pytest.param([rule_of("ann@laptop", hours(-1))], [MINE], id="has ended"),
        pytest.param([rule_of("ann@laptop", hours(11), OFFICE)], [MINE], id="we come from elsewhere now"),
        pytest.param(
            [rule_of("ann@laptop", hours(11), HOME, HOME_6)],
            [rule_of("ann@laptop", hours(11), HOME, HOME_6)],
            id="it lets in more than this address of ours",
        ),
        pytest.param(
            [rule_of("ann@laptop", hours(7)), rule_of("ann@laptop", hours(8))],
            [rule_of("ann@laptop", hours(8))],
            id="two processes of ours wrote one each",
        ),
        pytest.param(
            [rule_of("bob@desk", hours(7))], [rule_of("bob@desk", hours(7))], id="a colleague beside us is let in"
        ),
        pytest.param(
            [rule_of("bob@desk", hours(5))], [MINE, rule_of("bob@desk", hours(5))], id="but not for long any more"
        ),
    ],
)
def test_me_is_the_operators_own_rule_and_is_written_when_it_must_be(seen: Sequence[Rule], after: list[Rule]) -> None:
    assert list(new_rules(ME, seen, NOW)) == [PING, *after]


def test_an_address_that_could_not_be_learnt_leaves_the_rule_that_is_there() -> None:
    unknown = replace(ME, me=None)
    there = rule_of("ann@laptop", hours(1))
    assert new_rules(unknown, [there], NOW) == (PING, there)
    assert new_rules(unknown, [rule_of("ann@laptop", hours(-1))], NOW) == (PING,)


def test_open_lets_in_for_half_an_hour_and_asked_again_for_another() -> None:
    opening = replace(WANTED, networks=(), opened=(HOME,))
    first = rule_of("ann@laptop", NOW + OPENED, how="opened by")
    assert new_rules(opening, [], NOW) == (PING, first)
    later = NOW + timedelta(minutes=20)
    again = rule_of("ann@laptop", later + OPENED, how="opened by")
    assert new_rules(opening, [PING, first], later) == (PING, again)
    assert new_rules(replace(opening, opened=()), [PING, again], later + OPENED) == (PING,)


def test_what_looks_like_an_operators_rule_and_is_none_is_a_persons() -> None:
    until = "until 2026-01-01T00:00:00Z"
    odd = [
        Rule("in", "tcp", "8080", EVERYWHERE, description=f"fleet: SSH for bob@desk {until}"),
        Rule("in", "tcp", "22", (HOME,), description="fleet: SSH for bob@desk until 2026-13-45T00:00:00Z"),
        Rule("in", "tcp", "22", (HOME,), description=f"fleet: SSH for bob at his desk {until}"),
        Rule("in", "tcp", "22", (HOME,), description="fleet: something newer"),
        Rule("out", "tcp", "22", destinations=EVERYWHERE),
    ]
    assert new_rules(WANTED, [*odd, SSH], NOW) == (SSH, PING, *odd)
    assert strangers([*odd, SSH, PING, TAILNET, MINE]) == tuple(odd)


def test_more_rules_than_a_firewall_may_have_are_refused() -> None:
    many = [replace(WEB, port=str(8000 + n)) for n in range(MOST_RULES - 2)]
    assert len(new_rules(WANTED, many, NOW)) == MOST_RULES
    with pytest.raises(Refused, match=f"{MOST_RULES + 1} rules") as caught:
        new_rules(replace(WANTED, tailnet=True), many, NOW)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("me", "seen", "let_in"),
    [
        ((HOME,), [MINE], True),
        ((HOME, HOME_6), [MINE], False),
        ((HOME,), [rule_of("bob@desk", hours(1))], True),
        ((HOME,), [rule_of("ann@laptop", hours(-1))], False),
        (("203.0.113.9/32",), [SSH], True),
        ((HOME,), [SSH, PING], False),
        ((HOME_6,), [replace(SSH, sources=EVERYWHERE)], True),
        ((HOME,), [replace(SSH, port="23", sources=EVERYWHERE)], False),
        ((), [], True),
        (None, [], True),
    ],
)
def test_whether_we_are_let_in(me: tuple[str, ...] | None, seen: Sequence[Rule], let_in: bool) -> None:
    assert lets_in(replace(ME, me=me), seen, NOW) is let_in


def test_a_rule_of_ours_is_good_until_its_time() -> None:
    assert has_rule("ann@laptop", [rule_of("ann@laptop", hours(0.1))], NOW)
    assert not has_rule("ann@laptop", [rule_of("ann@laptop", hours(0))], NOW)
    assert not has_rule("ann@laptop", [rule_of("bob@desk", hours(11))], NOW)


def test_order_does_not_count_and_everything_else_does() -> None:
    rules = (SSH, PING, replace(WEB, sources=("::/0", "0.0.0.0/0")))
    assert all(same(rules, other) for other in permutations((SSH, PING, WEB)))
    assert not same(rules, rules[:2])
    for change in ({"port": "23"}, {"description": "x"}, {"sources": (HOME,)}, {"direction": "out"}):
        assert not same((SSH,), (replace(SSH, **change),))


def test_a_machine_that_joins_is_open_on_ssh_alone() -> None:
    assert [(rule.direction, rule.protocol, rule.port) for rule in joining_rules()] == [("in", "tcp", "22")]


@pytest.mark.parametrize(
    ("name", "safe"), [("ann@laptop", "ann@laptop"), ("Ann Ø\n@ my pc", "Ann___@_my_pc"), ("", "somebody")]
)
def test_a_name_fits_a_description(name: str, safe: str) -> None:
    assert safe_name(name) == safe
    assert len(safe_name("x" * 999)) == 150


def test_a_rule_in_words_says_what_it_lets_in() -> None:
    assert words(WEB) == '"web": in tcp 443 from 0.0.0.0/0, ::/0'
    assert words(Rule("out", "icmp", destinations=("10.0.0.0/8",))) == "out icmp to 10.0.0.0/8"


_NETWORKS = st.sampled_from([OFFICE, HOME, HOME_6, "10.0.0.0/8", *EVERYWHERE])
_OPERATORS = st.builds(
    lambda who, offset, network, how: rule_of(who, hours(offset), network, how=how),
    st.sampled_from(["ann@laptop", "bob@desk", "cron@box"]),
    st.floats(-13, 13),
    _NETWORKS,
    st.sampled_from(["for", "opened by"]),
)
_SEEN = st.lists(st.one_of(_OPERATORS, st.sampled_from([SSH, PING, TAILNET, WEB])), max_size=12)
_WANTED = st.builds(
    WantedRules,
    networks=st.lists(_NETWORKS, max_size=3).map(tuple),
    tailnet=st.booleans(),
    who=st.sampled_from(["ann@laptop", "bob@desk"]),
    me=st.one_of(st.none(), st.lists(_NETWORKS, max_size=2).map(tuple)),
    opened=st.lists(_NETWORKS, max_size=2).map(tuple),
)


@given(_WANTED, _SEEN)
@settings(max_examples=300, deadline=None)
def test_its_own_answer_is_as_wanted(wanted: WantedRules, seen: list[Rule]) -> None:
    """What was written and read back must count as done, or it would be written for ever."""
    once = new_rules(wanted, seen, NOW)
    assert same(new_rules(wanted, once, NOW), once)
    assert wanted.me is None or lets_in(wanted, once, NOW)


@given(_WANTED, _SEEN)
@settings(max_examples=300, deadline=None)
def test_nothing_of_another_operator_or_a_person_is_lost_before_its_time(wanted: WantedRules, seen: list[Rule]) -> None:
    after = new_rules(wanted, seen, NOW)
    for rule in seen:
        if rule == WEB:
            assert rule in after
        if " until " in rule.description and wanted.who not in rule.description:
            until = datetime.fromisoformat(rule.description.split(" until ")[1])
            assert (rule in after) == (until > NOW)
