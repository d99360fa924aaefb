"""The Hetzner edge with the real library, over real sockets, against the lab's Hetzner. Time is given."""

import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
import requests
from hcloud import APIException, Client

from fleet.core.errors import (
    CloudError,
    CredentialsError,
    FleetError,
    NamesakeRefused,
    NameTaken,
    NoCapacity,
    QuotaExceeded,
    RateLimited,
    Refused,
    Unreachable,
)
from fleet.core.money import price_of
from fleet.core.observation import ServerStatus
from fleet.core.secret import Secret
from fleet.core.ssh_key import fingerprint
from fleet.edges.hetzner import HetznerCloud
from fleet.edges.hetzner.budget import Budget
from fleet.edges.hetzner.errors import translated
from fleet.lab.hetzner import NoHypervisor
from fleet.lab.hetzner.exchange import Answer, Request
from tests.edges.hetzner_api import (
    KEY,
    READ_ONLY,
    START,
    TAGS,
    TOKEN,
    Api,
    Time,
    connect,
    error,
    first_time,
    order,
    path_of,
    public_key,
    raw,
    until_awaited,
)

# Servers


def test_a_created_server_has_what_was_ordered(cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud))
    assert (made.name, made.type, made.location) == ("ci-build-1", "cx33", "hel1")
    assert made.status is ServerStatus.RUNNING
    assert made.tags == {**TAGS, "pool": "build"}
    assert made.created == START
    assert made.ipv4 is not None
    assert made.ipv6 is not None
    assert made.ipv6.endswith("::1")
    assert len(made.primary_ips) == 2
    assert cloud.server(made.id) == made == cloud.server_named("ci-build-1")
    assert cloud.servers() == (made,)


def test_a_server_is_ordered_with_its_key_its_firewall_and_its_location(api: Api, cloud: HetznerCloud) -> None:
    ordered: list[dict[str, object]] = []

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        if (request.method, path_of(request)) == ("POST", "/servers"):
            ordered.append(request.body())
        return usual()

    wanted = order(cloud)
    api.tamper = tamper
    cloud.create_server(wanted)
    assert ordered == [
        {
            "name": "ci-build-1",
            "server_type": "cx33",
            "location": "hel1",
            "image": 310557660,
            "ssh_keys": [wanted.ssh_key],
            "firewalls": [{"firewall": wanted.firewall}],
            "user_data": "#cloud-config\n{}",
            "labels": {**TAGS, "pool": "build"},
            "start_after_create": True,
        }
    ]


def test_an_arm_type_gets_the_image_of_its_architecture(api: Api, cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud, type="cax21"))
    server = raw(api, "GET", f"/servers/{made.id}")["server"]
    assert isinstance(server, dict)
    assert server["image"]["architecture"] == "arm"


def test_an_image_given_by_number_is_taken_as_it_is(api: Api, cloud: HetznerCloud) -> None:
    cloud.create_server(order(cloud, image="114690387"))
    assert api.asked("GET", "/images") == 0


def test_a_server_that_is_not_there_is_none(cloud: HetznerCloud) -> None:
    assert cloud.server(1) is None
    assert cloud.server_named("ci-build-1") is None


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("running", ServerStatus.RUNNING),
        ("initializing", ServerStatus.STARTING),
        ("starting", ServerStatus.STARTING),
        ("stopping", ServerStatus.OFF),
        ("off", ServerStatus.OFF),
        ("deleting", ServerStatus.DELETING),
        ("migrating", ServerStatus.OTHER),
        ("rebuilding", ServerStatus.OTHER),
        ("unknown", ServerStatus.OTHER),
    ],
)
def test_hetzners_words_for_a_status_become_ours(
    api: Api, cloud: HetznerCloud, word: str, status: ServerStatus
) -> None:
    made = cloud.create_server(order(cloud))

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        answer = usual()
        assert answer.body is not None
        answer.body["server"]["status"] = word
        return answer

    api.tamper = tamper
    seen = cloud.server(made.id)
    assert seen is not None
    assert seen.status is status


def test_a_server_without_public_addresses_is_read_too(api: Api, cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud))

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        answer = usual()
        assert answer.body is not None
        answer.body["server"]["public_net"].update(ipv4=None, ipv6=None)
        return answer

    api.tamper = tamper
    seen = cloud.server(made.id)
    assert seen is not None
    assert (seen.ipv4, seen.ipv6, seen.primary_ips) == (None, None, ())
    assert api.asked("GET", f"/servers/{made.id}") == 1, "reading a value must not call again"


def test_eight_servers_cost_eight_creates_and_a_few_looks(api: Api, cloud: HetznerCloud, time: Time) -> None:
    wanted = [order(cloud, f"ci-build-{n}") for n in range(1, 9)]
    before = len(api.requests())
    time.ready.clear()

    with ThreadPoolExecutor(8) as pool:
        coming = [pool.submit(cloud.create_server, one) for one in wanted]
        until_awaited(cloud, 16)
        time.ready.set()
        made = [one.result(timeout=20) for one in coming]
    assert sorted(server.name for server in made) == [one.name for one in wanted]
    assert api.asked("POST", "/servers") == 8
    assert api.asked("GET", "/images") == 1
    assert api.asked("GET", "/pricing") == 1
    assert len(api.requests()) - before <= 8 + 4 + 8, "creates, catalogue and image, a few looks and lists"


def test_more_actions_than_fit_one_call_are_asked_in_chunks(api: Api, cloud: HetznerCloud, time: Time) -> None:
    sizes: list[int] = []

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        if path_of(request) == "/actions":
            sizes.append(len(request.query["id"]))
        return usual()

    wanted = [order(cloud, f"ci-build-{n}") for n in range(1, 17)]
    api.tamper = tamper
    time.ready.clear()
    with ThreadPoolExecutor(16) as pool:
        coming = [pool.submit(cloud.create_server, one) for one in wanted]
        until_awaited(cloud, 32)
        time.ready.set()
        for one in coming:
            one.result(timeout=20)
    assert max(sizes) <= 25
    assert max(sizes[:2]) == 25, "a full chunk, then the rest"


def test_the_list_is_shared_by_all_who_wait_and_kept_two_seconds(api: Api, cloud: HetznerCloud, time: Time) -> None:
    cloud.create_server(order(cloud))
    time.seconds += 3
    before = api.asked("GET", "/servers")
    with ThreadPoolExecutor(8) as pool:
        lists = list(pool.map(lambda _: cloud.servers(), range(32)))
    assert all(one == lists[0] for one in lists)
    assert api.asked("GET", "/servers") == before + 1
    time.seconds += 2.1
    cloud.servers()
    assert api.asked("GET", "/servers") == before + 2


def test_a_list_of_many_pages_is_whole(api: Api, cloud: HetznerCloud) -> None:
    plain = order(cloud)
    for n in range(1, 121):
        raw(
            api,
            "POST",
            "/servers",
            {"name": f"ci-build-{n}", "server_type": "cx33", "image": "debian-13", "ssh_keys": [plain.ssh_key]},
        )
    before = api.asked("GET", "/servers")
    assert {server.name for server in cloud.servers()} == {f"ci-build-{n}" for n in range(1, 121)}
    assert api.asked("GET", "/servers") == before + 3


def test_a_list_that_shifts_between_pages_is_read_again(api: Api, cloud: HetznerCloud, time: Time) -> None:
    plain = order(cloud)
    numbers = []
    for n in range(1, 61):
        body = {"name": f"ci-build-{n}", "server_type": "cx33", "image": "debian-13", "ssh_keys": [plain.ssh_key]}
        made = raw(api, "POST", "/servers", body)["server"]
        assert isinstance(made, dict)
        numbers.append(made["id"])
    left = [1]

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        answer = usual()
        if path_of(request) == "/servers" and left:
            left.pop()
            raw(api, "DELETE", f"/servers/{numbers[0]}")
            api.wait_idle()
        return answer

    time.seconds += 5
    api.tamper = tamper
    assert {server.id for server in cloud.servers()} == set(numbers[1:])


def test_a_server_says_its_address_in_each_private_network(cloud: HetznerCloud, endpoint: str) -> None:
    client = Client(TOKEN, api_endpoint=endpoint)
    made = client.networks.create("inside", "10.7.0.0/16")
    assert cloud.network_id("inside") == made.id
    plain = cloud.create_server(order(cloud))
    inside = cloud.create_server(replace(order(cloud, "ci-build-2"), networks=(cloud.network_id("inside"),)))
    assert (plain.networks, inside.networks) == ({}, {made.id: "10.7.0.2"})


def test_a_network_that_is_not_there_is_said(cloud: HetznerCloud) -> None:
    with pytest.raises(Refused, match="no private network elsewhere"):
        cloud.network_id("elsewhere")


# What goes wrong with a create


def test_no_capacity_is_told_apart(api: Api, cloud: HetznerCloud) -> None:
    api.faults.order("no_capacity", server_type="cx33", location="hel1")
    with pytest.raises(NoCapacity, match=r"could not create server ci-build-1 \(cx33 in hel1\)") as caught:
        cloud.create_server(order(cloud))
    assert caught.value.hint
    assert cloud.create_server(order(cloud, location="nbg1")).location == "nbg1"


@pytest.mark.parametrize("text", ["unsupported location for server type", "Error during placement"])
def test_a_refusal_that_only_says_so_in_words_is_no_capacity_too(api: Api, cloud: HetznerCloud, text: str) -> None:
    wanted = order(cloud)
    api.tamper = first_time("POST", "/servers", lambda usual: error(422, "invalid_input", text))
    with pytest.raises(NoCapacity):
        cloud.create_server(wanted)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("resource_unavailable", "no"),
        ("placement_error", "no"),
        ("action_failed", "error during placement"),
    ],
)
def test_an_action_that_fails_for_capacity_leaves_nothing(api: Api, cloud: HetznerCloud, code: str, text: str) -> None:
    wanted = order(cloud)
    api.faults.order("action_fails", command="create_server", times=1)

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        answer = usual()
        for action in (answer.body or {}).get("actions", ()):
            if action["error"]:
                action["error"] = {"code": code, "message": text}
        return answer

    api.tamper = tamper
    with pytest.raises(NoCapacity):
        cloud.create_server(wanted)
    assert raw(api, "GET", "/servers")["servers"] == []
    assert raw(api, "GET", "/primary_ips")["primary_ips"] == []


def test_an_action_that_fails_otherwise_is_an_error_and_leaves_nothing(api: Api, cloud: HetznerCloud) -> None:
    api.faults.order("action_fails", command="create_server", times=1)
    with pytest.raises(CloudError, match=r"ci-build-1.*action_failed") as caught:
        cloud.create_server(order(cloud))
    assert type(caught.value) is CloudError
    assert cloud.servers() == ()


def test_looks_that_fail_say_nothing_about_the_server_and_fail_for_all_at_once(
    api: Api, cloud: HetznerCloud, time: Time
) -> None:
    wanted = [order(cloud, f"ci-build-{n}") for n in range(1, 5)]
    tries: list[int] = []

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        if path_of(request) != "/actions":
            return usual()
        tries.append(1)
        return error(500, "server_error")

    api.tamper = tamper
    time.ready.clear()
    with ThreadPoolExecutor(4) as pool:
        coming = [pool.submit(cloud.create_server, one) for one in wanted]
        until_awaited(cloud, 8)
        time.ready.set()
        assert all(isinstance(one.exception(timeout=20), CloudError) for one in coming)
    assert len(tries) == 5, "one look with its repetitions"
    assert len(cloud.servers()) == 4


def test_an_action_that_never_ends_is_given_up_after_fifteen_minutes(api: Api, cloud: HetznerCloud, time: Time) -> None:
    wanted = order(cloud)

    def tamper(request: Request, usual: Callable[[], Answer]) -> Answer:
        answer = usual()
        for action in (answer.body or {}).get("actions", ()):
            action.update(status="running", finished=None)
        return answer

    api.tamper = tamper
    with pytest.raises(CloudError, match="did not finish in 15 min"):
        cloud.create_server(wanted)
    assert 900 < time.seconds < 910
    assert cloud.server_named("ci-build-1") is not None, "it may still come"


def test_a_full_quota_names_the_limit_and_is_not_capacity(api: Api, cloud: HetznerCloud) -> None:
    api.faults.order("quota", limit=0)
    with pytest.raises(QuotaExceeded, match="resource_limit_exceeded") as caught:
        cloud.create_server(order(cloud))
    assert "limit" in caught.value.hint
    assert api.asked("POST", "/servers") == 1


def test_a_name_that_is_taken_is_told(cloud: HetznerCloud) -> None:
    cloud.create_server(order(cloud))
    with pytest.raises(NameTaken):
        cloud.create_server(order(cloud, user_data=Secret("#cloud-config\n{} # of somebody else"), tags={"a": "b"}))


@pytest.mark.parametrize("dropped", [True, False])
@pytest.mark.parametrize("made", [True, False])
def test_a_create_without_a_clear_answer_is_looked_for_by_name_and_never_repeated(
    api: Api, cloud: HetznerCloud, made: bool, dropped: bool
) -> None:
    wanted = order(cloud)
    created = []

    def answer(usual: Callable[[], Answer]) -> Answer:
        created.append(1)
        if made:
            usual()
        if dropped:
            raise ConnectionResetError
        return error(500, "server_error")

    api.tamper = first_time("POST", "/servers", answer)
    if made:
        server = cloud.create_server(wanted)
        assert (server.name, server.status) == ("ci-build-1", ServerStatus.RUNNING)
    else:
        with pytest.raises(FleetError, match="did not answer" if dropped else "server_error"):
            cloud.create_server(wanted)
    assert created == [1]


def test_a_namesake_with_other_tags_is_not_adopted(api: Api, cloud: HetznerCloud) -> None:
    wanted = order(cloud)
    cloud.create_server(replace(wanted, tags={**TAGS, "pool": "build", "hostkey": "other"}))
    api.tamper = first_time("POST", "/servers", lambda usual: error(503, "unavailable"))
    with pytest.raises(CloudError, match="unavailable"):
        cloud.create_server(wanted)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": "cx34"}, "server type not found: cx34.*cx33"),
        ({"location": "hel2"}, "location not found: hel2.*hel1"),
        ({"image": "debian-14"}, "image not found: debian-14.*debian-13"),
    ],
)
def test_a_name_that_does_not_exist_is_told_with_the_nearest(
    api: Api, cloud: HetznerCloud, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(CloudError) as caught:
        cloud.create_server(order(cloud, **changes))
    said = f"{caught.value} {caught.value.hint}"
    assert re.search(words, said), said
    assert api.asked("POST", "/servers") == 0


def test_ordering_what_is_going_away_is_a_warning_given_once(cloud: HetznerCloud) -> None:
    assert cloud.warnings() == ()
    for n in (1, 2):
        with pytest.raises(NoCapacity):
            cloud.create_server(order(cloud, f"ci-build-{n}", type="cpx31"))
    (warning,) = cloud.warnings()
    assert "cpx31 is going away in hel1" in warning


# Tags, reset, rebuild


def test_setting_tags_keeps_those_of_others(api: Api, cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud))
    raw(api, "PUT", f"/servers/{made.id}", {"labels": {**made.tags, "theirs": "kept", "suspect": "1"}})
    changed = cloud.set_tags(made.id, {"draining": "scale.1", "suspect": None})
    assert changed is not None
    assert changed.tags == {**made.tags, "theirs": "kept", "draining": "scale.1"}
    assert cloud.servers()[0].tags == changed.tags


def test_tags_that_somebody_overwrote_are_written_again(api: Api, cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud))

    def answer(usual: Callable[[], Answer]) -> Answer:
        done = usual()
        raw(api, "PUT", f"/servers/{made.id}", {"labels": {**made.tags, "theirs": "new"}})
        return done

    api.tamper = first_time("PUT", f"/servers/{made.id}", answer)
    changed = cloud.set_tags(made.id, {"held": "yes"})
    assert changed is not None
    assert changed.tags == {**made.tags, "theirs": "new", "held": "yes"}


def test_a_conflict_reads_the_tags_again(api: Api, cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud))

    def answer(usual: Callable[[], Answer]) -> Answer:
        raw(api, "PUT", f"/servers/{made.id}", {"labels": {**made.tags, "theirs": "new"}})
        return error(409, "conflict")

    api.tamper = first_time("PUT", f"/servers/{made.id}", answer)
    changed = cloud.set_tags(made.id, {"held": "yes"})
    assert changed is not None
    assert changed.tags == {**made.tags, "theirs": "new", "held": "yes"}


def test_setting_what_is_set_writes_nothing(api: Api, cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud))
    assert cloud.set_tags(made.id, {"fleet": "ci", "held": None}) == made
    assert api.asked("PUT", f"/servers/{made.id}") == 0


def test_tags_of_a_server_that_is_gone_are_none(cloud: HetznerCloud) -> None:
    assert cloud.set_tags(1, {"held": "yes"}) is None


def test_a_reset_and_a_rebuild_end_with_a_running_server(api: Api, cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud, type="cax21"))
    cloud.reset_server(made.id)
    cloud.rebuild_server(made.id, "ubuntu-24.04", Secret("#cloud-config\n{}"))
    server = raw(api, "GET", f"/servers/{made.id}")["server"]
    assert isinstance(server, dict)
    assert (server["status"], server["image"]["name"]) == ("running", "ubuntu-24.04")
    assert server["image"]["architecture"] == "arm"


# Leaving


def test_a_deleted_server_leaves_nothing_that_is_billed(api: Api, cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud))
    for number in made.primary_ips:
        raw(api, "PUT", f"/primary_ips/{number}", {"auto_delete": False})
    raw(api, "POST", "/volumes", {"name": "v", "size": 10, "server": made.id, "labels": {"fleet": "ci"}})
    raw(api, "POST", "/volumes", {"name": "theirs", "size": 10, "server": made.id})
    seen = cloud.server(made.id)
    assert seen is not None
    cloud.delete_server(seen)
    assert cloud.servers() == ()
    assert cloud.server(made.id) is None
    assert raw(api, "GET", "/primary_ips")["primary_ips"] == []
    volumes = raw(api, "GET", "/volumes")["volumes"]
    assert isinstance(volumes, list)
    assert [volume["name"] for volume in volumes] == ["theirs"]


def test_an_address_that_is_older_than_the_server_is_somebodys(api: Api, cloud: HetznerCloud, time: Time) -> None:
    reserved = raw(
        api, "POST", "/primary_ips", {"name": "mine", "type": "ipv4", "location": "hel1", "assignee_type": "server"}
    )["primary_ip"]
    assert isinstance(reserved, dict)
    time.seconds += 3600
    made = cloud.create_server(order(cloud))
    cloud.delete_server(replace(made, primary_ips=(*made.primary_ips, reserved["id"])))
    raw(api, "GET", f"/primary_ips/{reserved['id']}")


def test_deleting_twice_is_success_and_finishes_the_first(api: Api, cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud))
    for number in made.primary_ips:
        raw(api, "PUT", f"/primary_ips/{number}", {"auto_delete": False})
    raw(api, "DELETE", f"/servers/{made.id}")
    api.wait_idle()
    cloud.delete_server(made)
    cloud.delete_server(made)
    assert raw(api, "GET", "/primary_ips")["primary_ips"] == []


def test_a_server_of_that_id_with_another_name_is_not_deleted(api: Api, cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud))
    raw(api, "PUT", f"/servers/{made.id}", {"name": "renamed"})
    with pytest.raises(NamesakeRefused, match="renamed"):
        cloud.delete_server(made)
    assert cloud.server(made.id) is not None


def test_a_protected_server_is_an_error_that_says_what_to_do(api: Api, cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud))
    raw(api, "POST", f"/servers/{made.id}/actions/change_protection", {"delete": True, "rebuild": True})
    with pytest.raises(CloudError, match="protected") as caught:
        cloud.delete_server(made)
    assert "Console" in caught.value.hint


def test_a_locked_server_is_deleted_a_little_later(api: Api, cloud: HetznerCloud, time: Time) -> None:
    made = cloud.create_server(order(cloud))
    api.faults.order("locked", method="DELETE", times=2)
    cloud.delete_server(made)
    assert cloud.server(made.id) is None


# What all servers share


def test_a_key_is_made_once_and_found_again(api: Api, cloud: HetznerCloud) -> None:
    first = cloud.ensure_ssh_key("fleet-ci", KEY, TAGS)
    assert cloud.ensure_ssh_key("fleet-ci", KEY, TAGS) == first
    assert api.asked("POST", "/ssh_keys") == 1


def test_the_same_key_under_another_name_is_used_and_left_alone(api: Api, cloud: HetznerCloud) -> None:
    theirs = raw(api, "POST", "/ssh_keys", {"name": "mine", "public_key": KEY})["ssh_key"]
    assert isinstance(theirs, dict)
    assert cloud.ensure_ssh_key("fleet-ci", KEY, TAGS) == theirs["id"]
    assert raw(api, "GET", f"/ssh_keys/{theirs['id']}")["ssh_key"] == theirs


def test_another_key_of_our_name_is_a_colleagues(api: Api, cloud: HetznerCloud) -> None:
    theirs = cloud.ensure_ssh_key("fleet-ci", public_key(), TAGS)
    ours = cloud.ensure_ssh_key("fleet-ci", KEY, TAGS)
    assert ours != theirs
    assert cloud.ensure_ssh_key("fleet-ci", KEY, TAGS) == ours
    name = raw(api, "GET", f"/ssh_keys/{ours}")["ssh_key"]["name"]  # type: ignore[index]
    assert name.startswith("fleet-ci-")


def test_the_names_of_all_keys_are_told_by_fingerprint(api: Api, cloud: HetznerCloud) -> None:
    assert cloud.ssh_key_names() == {}
    raw(api, "POST", "/ssh_keys", {"name": "anns", "public_key": f"{(anns := public_key())} ann@laptop"})
    cloud.ensure_ssh_key("fleet-ci", KEY, TAGS)
    assert cloud.ssh_key_names() == {fingerprint(anns): "anns", fingerprint(KEY): "fleet-ci"}


def test_a_key_of_ours_is_removed_and_one_of_somebody_else_is_not(api: Api, cloud: HetznerCloud) -> None:
    anns = public_key()
    raw(api, "POST", "/ssh_keys", {"name": "anns", "public_key": anns})
    cloud.ensure_ssh_key("fleet-ci", KEY, TAGS)
    assert not cloud.remove_ssh_key(anns, TAGS)
    assert cloud.remove_ssh_key(KEY, TAGS)
    assert not cloud.remove_ssh_key(KEY, TAGS), "gone already"
    assert list(cloud.ssh_key_names().values()) == ["anns"]


def test_two_who_add_the_same_key_at_once_get_one(api: Api, cloud: HetznerCloud) -> None:
    def answer(usual: Callable[[], Answer]) -> Answer:
        raw(api, "POST", "/ssh_keys", {"name": "fleet-ci", "public_key": KEY})
        return usual()

    api.tamper = first_time("POST", "/ssh_keys", answer)
    number = cloud.ensure_ssh_key("fleet-ci", KEY, TAGS)
    keys = raw(api, "GET", "/ssh_keys")["ssh_keys"]
    assert isinstance(keys, list)
    assert [key["id"] for key in keys] == [number]


def test_what_is_shared_goes_last_and_only_ours(api: Api, cloud: HetznerCloud) -> None:
    made = cloud.create_server(order(cloud))
    raw(api, "POST", "/ssh_keys", {"name": "theirs", "public_key": public_key(), "labels": {"fleet": "ci"}})
    raw(api, "POST", "/firewalls", {"name": "theirs", "labels": {"fleet": "other"}})
    with pytest.raises(CloudError, match="servers still use it"):
        cloud.remove_shared(TAGS)
    cloud.delete_server(made)
    assert cloud.remove_shared(TAGS) == ("fleet-ci", "fleet-ci")
    assert cloud.remove_shared(TAGS) == ()
    assert cloud.remove_shared({}) == ()
    keys, firewalls = raw(api, "GET", "/ssh_keys")["ssh_keys"], raw(api, "GET", "/firewalls")["firewalls"]
    assert isinstance(keys, list)
    assert isinstance(firewalls, list)
    assert [one["name"] for one in keys + firewalls] == ["theirs", "theirs"]


def test_what_is_billed_and_nobody_uses_is_told_of_and_only_ours(api: Api, cloud: HetznerCloud) -> None:
    assert cloud.leftovers(TAGS) == ()
    volume = {"size": 10, "location": "hel1"}
    raw(api, "POST", "/volumes", {"name": "ours", "labels": dict(TAGS), **volume})
    raw(api, "POST", "/volumes", {"name": "theirs", "labels": {"fleet": "other"}, **volume})
    server = cloud.create_server(order(cloud))
    raw(api, "POST", "/volumes", {"name": "used", "labels": dict(TAGS), "server": server.id, "size": 10})
    (told,) = cloud.leftovers(TAGS)
    assert told.startswith("volume ours (")


# Prices and time


def test_the_catalogue_has_net_prices_as_decimals(api: Api, cloud: HetznerCloud) -> None:
    api.faults.order("no_capacity", server_type="cx33", location="fsn1", shown=True)
    catalog = cloud.catalog()
    kind = catalog.type("cx33")
    assert kind is not None
    assert (kind.cores, kind.memory_gb, kind.disk_gb, kind.architecture) == (4, 8.0, 80, "x86")
    assert kind.monthly["nbg1"] == Decimal("8.49")
    assert kind.prices["nbg1"] == Decimal("0.0136")
    assert kind.available == {"nbg1", "hel1"}
    assert catalog.ipv4_month["hel1"] == Decimal("0.50")
    assert {"nbg1", "fsn1", "hel1", "ash"} <= catalog.locations
    price = price_of(catalog, "cx33", "nbg1")
    assert price is not None
    assert price.month == Decimal("8.99")
    old = catalog.type("cpx31")
    assert old is not None
    assert set(old.deprecated) == {"nbg1", "fsn1", "hel1"}
    assert datetime.fromisoformat(old.deprecated["hel1"]).year >= 2025
    cloud.catalog()
    assert api.asked("GET", "/pricing") == 1


def test_the_time_is_the_apis_own(api: Api, cloud: HetznerCloud, time: Time) -> None:
    assert cloud.now() == START
    time.seconds += 100
    assert cloud.now() == START + timedelta(seconds=100)
    assert len(api.requests()) == 1


# When Hetzner does not want, or cannot


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("unauthorized", CredentialsError, "HCLOUD_TOKEN"),
        ("token_readonly", CredentialsError, "Read & Write"),
        ("forbidden", CredentialsError, "Read & Write"),
        ("resource_limit_exceeded", QuotaExceeded, "limit"),
        ("resource_unavailable", NoCapacity, "locations"),
        ("placement_error", NoCapacity, "locations"),
        ("uniqueness_error", NameTaken, "again"),
        ("rate_limit_exceeded", RateLimited, "wait"),
        ("locked", CloudError, "minute"),
        ("protected", CloudError, "Console"),
        ("server_error", CloudError, "status.hetzner.com"),
        ("deprecated_api_endpoint", CloudError, "upgrade"),
    ],
)
def test_each_code_becomes_its_error_with_a_hint(code: str, kind: type[FleetError], words: str) -> None:
    ours = translated("do it", "https://api.example", APIException(code, "no", None))
    assert type(ours) is kind
    assert str(ours) == f"could not do it: no ({code})"
    assert words in ours.hint


def test_the_fields_of_invalid_input_are_named(api: Api, cloud: HetznerCloud) -> None:
    with pytest.raises(CloudError, match="invalid_input") as caught:
        cloud.create_server(order(cloud, name="not_a_hostname"))
    assert "name: must be a valid hostname" in str(caught.value)


def test_a_wrong_and_a_read_only_token_are_told_apart(endpoint: str, time: Time) -> None:
    wrong, read_only = connect(endpoint, time, "wrong"), connect(endpoint, time, READ_ONLY)
    with pytest.raises(CredentialsError, match=r"list servers.*invalid"):
        wrong.servers()
    assert read_only.servers() == ()
    with pytest.raises(CredentialsError) as caught:
        read_only.ensure_ssh_key("fleet-ci", KEY, TAGS)
    assert "Read & Write" in caught.value.hint
    wrong.close()
    read_only.close()


def test_a_look_is_repeated_while_the_api_is_down(api: Api, cloud: HetznerCloud, time: Time) -> None:
    api.faults.order("dead", times=2)
    assert cloud.servers() == ()
    assert time.slept == [0.5, 1.0]


def test_an_api_that_stays_down_is_an_error(api: Api, cloud: HetznerCloud) -> None:
    api.faults.order("dead")
    with pytest.raises(CloudError, match=r"could not list servers.*unavailable"):
        cloud.servers()
    assert api.asked("GET", "/servers") == 5


def test_an_api_that_is_silent_is_asked_once_more_and_then_told(cloud: HetznerCloud, time: Time) -> None:
    asked: list[float] = []

    def silent(client: object) -> None:
        asked.append(time.monotonic())
        time.sleep(30)  # the time limit of one answer
        raise requests.ReadTimeout

    with pytest.raises(Unreachable, match="no answer in time"):
        cloud._gate.call("list servers", silent)
    assert asked == [0.0, 30.5]


def test_nobody_there_is_unreachable_and_names_the_endpoint(time: Time) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{taken.getsockname()[1]}/v1"
        cloud = connect(endpoint, time)
        with pytest.raises(Unreachable) as caught:
            cloud.servers()
        cloud.close()
    assert endpoint in str(caught.value)
    assert "Connection refused" in str(caught.value)
    assert "hetzner.endpoint" in caught.value.hint


def test_something_else_at_the_endpoint_is_told(api: Api, cloud: HetznerCloud) -> None:
    api.tamper = lambda request, usual: Answer(200, {"hello": "world"})
    with pytest.raises(CloudError, match="in a form we do not know") as caught:
        cloud.servers()
    assert "endpoint" in caught.value.hint


@pytest.mark.parametrize(
    ("code", "kind", "hint"),
    [
        (401, CredentialsError, "is not valid"),
        (403, CredentialsError, "may not do this"),
        (200, CloudError, "endpoint"),
    ],
)
def test_an_answer_without_hetzners_own_words_has_a_hint(code: int, kind: type[FleetError], hint: str) -> None:
    error = translated("list servers", "https://x", APIException(code, "Unauthorized", None))
    assert isinstance(error, kind)
    assert hint in error.hint


def test_every_call_has_time_limits(cloud: HetznerCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    limits: list[object] = []
    adapter = cloud._gate._adapter
    usual = adapter.send

    def send(*args: object, **options: object) -> object:
        limits.append(options["timeout"])
        return usual(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(adapter, "send", send)
    cloud.delete_server(cloud.create_server(order(cloud)))
    cloud.remove_shared(TAGS)
    assert len(limits) > 10
    assert set(limits) == {(5.0, 30.0)}


def test_a_refusal_for_the_rate_limit_is_repeated_by_our_clock(api: Api, cloud: HetznerCloud, time: Time) -> None:
    api.faults.order("rate_limit", times=1)
    assert cloud.servers() == ()
    assert time.slept == [1.0]


def test_calls_slow_down_before_the_limit_is_reached(time: Time) -> None:
    api = Api(NoHypervisor(), token=TOKEN, clock=time.now, rate_limit=360)
    with api.serve() as serving:
        cloud = connect(serving.url, time)
        for _ in range(400):
            cloud.server(1)
        cloud.close()
    assert {one.status for one in api.requests()} == {404}, "never a 429"
    assert sum(time.slept) == pytest.approx(500, abs=20), "50 calls beyond the reserve, one each 10 s"


def test_a_limit_that_refills_too_slowly_is_an_error(time: Time) -> None:
    budget = Budget(time.sleep, time.monotonic)
    reset = START.timestamp() + 3600
    budget.heard(
        {
            "Date": "Sun, 01 Nov 2026 12:00:00 GMT",
            "RateLimit-Limit": "100",
            "RateLimit-Remaining": "0",
            "RateLimit-Reset": str(reset),
        }
    )
    with pytest.raises(RateLimited, match="6 min") as caught:
        budget.spend()
    assert caught.value.hint
    assert time.slept == []


def test_the_token_is_in_no_error(api: Api, cloud: HetznerCloud) -> None:
    api.faults.order("unauthorized")
    with pytest.raises(CredentialsError) as caught:
        cloud.servers()
    assert TOKEN not in f"{caught.value}{caught.value.hint}{cloud!r}{vars(cloud)}"


# --- what doctor asks ---------------------------------------------------------------------------------


def test_whether_a_token_may_write_is_found_out_by_changing_nothing(
    cloud: HetznerCloud, api: Api, endpoint: str, time: Time
) -> None:
    cloud.check_write()
    reader = connect(endpoint, time, READ_ONLY)
    with pytest.raises(CredentialsError, match="token_readonly"):
        reader.check_write()
    reader.close()
    assert api.asked("PUT", "/ssh_keys/0") == 2


def test_the_calls_left_are_what_the_last_answer_said(cloud: HetznerCloud) -> None:
    assert cloud.calls_left() is None
    cloud.now()
    assert cloud.calls_left() == (3599, 3600)
    cloud.servers()
    assert cloud.calls_left() == (3598, 3600)


def test_an_image_that_is_there_is_passed_and_another_named_with_the_nearest(cloud: HetznerCloud) -> None:
    cloud.check_image("debian-13", "x86")
    with pytest.raises(CloudError, match="image not found: debian-31") as error:
        cloud.check_image("debian-31", "x86")
    assert "debian-13" in error.value.hint
