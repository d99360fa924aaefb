"""Firewalls with the real library, against the lab's Hetzner: made, read, written, read back, removed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from fleet.core.errors import CloudError, NamesakeRefused
from fleet.core.firewall import Rule, WantedRules, joining_rules, new_rules
from fleet.edges.hetzner import HetznerCloud
from fleet.lab.hetzner.exchange import Answer, Request
from tests.edges.hetzner_api import COVERS, SSH, START, TAGS, Api, error, first_time, order, path_of, raw

PING = Rule("in", "icmp", sources=("0.0.0.0/0", "::/0"), description="ping")
OUT = Rule("out", "tcp", "8000-9000", destinations=("10.0.0.0/8",))
BOBS = "fleet: SSH for bob@desk until 2027-01-01T00:00:00Z"
Decide = Callable[[Sequence[Rule]], Sequence[Rule]]


def always(*rules: Rule) -> Decide:
    return lambda seen: rules


def ensure(cloud: HetznerCloud, *rules: Rule) -> int:
    return cloud.ensure_firewall("fleet-ci", always(*rules), TAGS, COVERS)


def seen(api: Api, number: int) -> Any:
    return raw(api, "GET", f"/firewalls/{number}")["firewall"]


def writings(api: Api, number: int) -> int:
    return api.asked("POST", f"/firewalls/{number}/actions/set_rules")


def test_the_firewall_is_made_once_and_covers_all_our_servers(api: Api, cloud: HetznerCloud) -> None:
    first = ensure(cloud, SSH, PING, OUT)
    assert ensure(cloud, PING, OUT, SSH) == first
    firewall = seen(api, first)
    assert [(rule["direction"], rule["protocol"], rule["port"], rule["description"]) for rule in firewall["rules"]] == [
        ("in", "tcp", "22", "SSH"),
        ("in", "icmp", None, "ping"),
        ("out", "tcp", "8000-9000", None),
    ]
    assert firewall["labels"] == TAGS
    assert [one["label_selector"]["selector"] for one in firewall["applied_to"]] == ["fleet=ci"]
    assert [one.method for one in api.requests() if "/firewalls" in one.path].count("POST") == 1


def test_what_was_made_is_read_as_it_is(cloud: HetznerCloud) -> None:
    assert cloud.firewall("fleet-ci", TAGS) is None
    number = ensure(cloud, SSH, PING, OUT)
    found = cloud.firewall("fleet-ci", TAGS)
    assert found is not None
    assert (found.id, found.tags, found.rules) == (number, TAGS, (SSH, PING, OUT))
    assert cloud.firewall("fleet-ci", {**TAGS, "gitea": "other"}) is None


def test_a_look_that_finds_all_as_wanted_is_one_call(api: Api, cloud: HetznerCloud) -> None:
    ensure(cloud, SSH)
    before = len(api.requests())
    ensure(cloud, SSH)
    assert len(api.requests()) == before + 1


def test_rules_and_cover_that_differ_are_changed_in_place(api: Api, cloud: HetznerCloud) -> None:
    body = {"name": "fleet-ci", "labels": {**TAGS, "paused": "later"}, "rules": []}
    made: Any = raw(api, "POST", "/firewalls", body)["firewall"]
    assert ensure(cloud, replace(SSH, sources=("203.0.113.0/24",))) == made["id"]
    firewall = seen(api, made["id"])
    assert firewall["rules"][0]["source_ips"] == ["203.0.113.0/24"]
    assert firewall["applied_to"][0]["label_selector"]["selector"] == "fleet=ci"
    assert firewall["labels"] == body["labels"]


def test_what_a_person_applied_it_to_stays(api: Api, cloud: HetznerCloud) -> None:
    server = raw(api, "POST", "/servers", {"name": "theirs", "server_type": "cx33", "image": "debian-13"})["server"]
    assert isinstance(server, dict)
    by_hand = [{"type": "server", "server": {"id": server["id"]}}]
    number = ensure(cloud, SSH)
    raw(api, "POST", f"/firewalls/{number}/actions/apply_to_resources", {"apply_to": by_hand})
    ensure(cloud, PING)
    assert {one["type"] for one in seen(api, number)["applied_to"]} == {"label_selector", "server"}


def test_a_rule_that_another_operator_adds_while_we_write_is_not_lost(api: Api, cloud: HetznerCloud) -> None:
    """Between our first look and our writing somebody writes all rules: theirs must be in what we write."""
    theirs = Rule(
        "in", "tcp", "22", ("192.0.2.9/32",), description="fleet: SSH for bob@desk until 2027-01-01T00:00:00Z"
    )
    number = ensure(cloud, PING)
    wanted = WantedRules(networks=("203.0.113.0/24",), who="ann@laptop", me=("198.51.100.7/32",))
    looks: list[int] = []

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        answer = usual()
        if (request.method, path_of(request)) == ("GET", "/firewalls") and not looks:
            looks.append(1)
            body = {"rules": [_json(PING), _json(theirs)]}
            raw(api, "POST", f"/firewalls/{number}/actions/set_rules", body)
        return answer

    api.tamper = tamper
    cloud.ensure_firewall("fleet-ci", lambda rules: new_rules(wanted, rules, START), TAGS, COVERS)
    after = seen(api, number)["rules"]
    assert theirs.description in [rule["description"] for rule in after]
    assert any("ann@laptop" in (rule["description"] or "") for rule in after)


def test_rules_that_another_writer_overwrote_are_written_again(api: Api, cloud: HetznerCloud) -> None:
    """Somebody who had read before us writes after us: what is read back says so."""
    number = ensure(cloud, PING)
    path = f"/firewalls/{number}/actions/set_rules"
    overwritten: list[int] = []

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        answer = usual()
        if (request.method, path_of(request)) == ("POST", path) and len(overwritten) < 2:
            overwritten.append(1)
            raw(api, "POST", path, {"rules": [_json(PING)]})
        return answer

    api.tamper = tamper
    ensure(cloud, PING, SSH)
    assert [rule["description"] for rule in seen(api, number)["rules"]] == ["ping", "SSH"]


def test_a_writer_that_never_gives_way_is_told(api: Api, cloud: HetznerCloud) -> None:
    number = ensure(cloud, PING)
    path = f"/firewalls/{number}/actions/set_rules"

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        answer = usual()
        if (request.method, path_of(request)) == ("POST", path):
            raw(api, "POST", path, {"rules": []})
        return answer

    api.tamper = tamper
    with pytest.raises(CloudError, match="somebody else keeps changing them") as caught:
        ensure(cloud, SSH)
    assert caught.value.hint
    assert writings(api, number) <= 5


def test_the_rule_of_me_is_written_twice_a_day_at_most_and_goes_when_its_time_is_over(
    api: Api, cloud: HetznerCloud
) -> None:
    """A pass every five minutes, for a day; then nobody for a day, and one of a colleague."""
    me = WantedRules(networks=(), who="ann@laptop", me=("198.51.100.7/32",))

    def at(minutes: int, wanted: WantedRules) -> Decide:
        return lambda rules: new_rules(wanted, rules, START + timedelta(minutes=minutes))

    number = 0
    for minutes in range(0, 24 * 60, 5):
        number = cloud.ensure_firewall("fleet-ci", at(minutes, me), TAGS, COVERS)
        assert any("ann@laptop" in (rule["description"] or "") for rule in seen(api, number)["rules"])
    assert writings(api, number) == 3
    cloud.ensure_firewall("fleet-ci", at(2 * 24 * 60, replace(me, who="bob@desk", me=())), TAGS, COVERS)
    assert [rule["protocol"] for rule in seen(api, number)["rules"]] == ["icmp"]


def test_the_second_firewall_covers_only_machines_that_join(api: Api, cloud: HetznerCloud) -> None:
    covers = {"fleet": "ci", "joining": "yes"}
    number = cloud.ensure_firewall("fleet-ci-join", always(*joining_rules()), TAGS, covers)
    made = cloud.create_server(order(cloud))
    assert _covered(api, number) == []
    cloud.set_tags(made.id, {"joining": "yes"})
    assert _covered(api, number) == [made.id]
    cloud.set_tags(made.id, {"joining": None})
    assert _covered(api, number) == []
    cloud.delete_server(made)
    assert set(cloud.remove_shared(TAGS)) == {"fleet-ci", "fleet-ci-join"}


def test_a_firewall_of_our_name_without_our_tags_is_refused(api: Api, cloud: HetznerCloud) -> None:
    raw(api, "POST", "/firewalls", {"name": "fleet-ci", "labels": {"fleet": "other"}})
    with pytest.raises(NamesakeRefused, match="not ours") as caught:
        ensure(cloud, SSH)
    assert caught.value.hint


def test_two_who_make_the_firewall_at_once_get_one(api: Api, cloud: HetznerCloud) -> None:
    def answer(usual: Callable[[], Answer]) -> Answer:
        usual()
        return usual()

    api.tamper = first_time("POST", "/firewalls", answer)
    number = ensure(cloud, SSH)
    firewalls = raw(api, "GET", "/firewalls")["firewalls"]
    assert isinstance(firewalls, list)
    assert [firewall["id"] for firewall in firewalls] == [number]


def test_a_firewall_that_is_in_use_for_a_moment_is_deleted_then(api: Api, cloud: HetznerCloud) -> None:
    number = ensure(cloud, SSH)
    api.tamper = first_time("DELETE", f"/firewalls/{number}", lambda usual: error(422, "resource_in_use"))
    assert cloud.remove_shared(TAGS) == ("fleet-ci",)
    assert raw(api, "GET", "/firewalls")["firewalls"] == []


def _json(rule: Rule) -> dict[str, object]:
    port = {"port": rule.port} if rule.port else {}
    return {
        "direction": rule.direction,
        "protocol": rule.protocol,
        "source_ips": list(rule.sources),
        "description": rule.description,
        **port,
    }


def _covered(api: Api, number: int) -> list[int]:
    reached = [one["applied_to_resources"] for one in seen(api, number)["applied_to"]]
    return [one["server"]["id"] for group in reached for one in group]
