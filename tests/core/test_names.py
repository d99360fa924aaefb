"""Names, tags and labels: made and read in one place, and a stranger's are never taken for ours."""

import re
import string
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.inventory import GiteaSettings, Scope, ScopeKind
from fleet.core.names import (
    FLEET_NAME,
    POOL_NAME,
    MachineName,
    StaticName,
    Tag,
    birth_tags,
    fleet_label,
    gitea_hash,
    hostkey_line,
    hostkey_tag,
    is_ours,
    read_machine_name,
    read_server_name,
)
from tests.core.builders import GITEA, HOST_KEY, LOGIN, OTHER_GITEA, public_key

# Hetzner's rule for the value of a label (API: Labels).
TAG_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")

fleets = st.from_regex(FLEET_NAME, fullmatch=True)
pools = st.from_regex(POOL_NAME, fullmatch=True)
machine_names = st.builds(MachineName, fleets, pools, st.integers(1, 9999))
raw_keys = st.binary(min_size=32, max_size=32)


@given(machine_names)
def test_a_machine_name_is_read_back_as_it_was_made(name: MachineName) -> None:
    assert read_machine_name(str(name)) == name


@given(machine_names)
def test_a_machine_name_is_a_hostname(name: MachineName) -> None:
    assert HOSTNAME.fullmatch(str(name))


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ci-build-1", MachineName("ci", "build", 1)),
        ("ci-build-1-2", MachineName("ci", "build-1", 2)),
        ("ci-a--b-10", MachineName("ci", "a--b", 10)),
        ("ci-build-9999", MachineName("ci", "build", 9999)),
    ],
)
def test_a_name_in_our_form_is_read(text: str, name: MachineName) -> None:
    assert read_machine_name(text) == name


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ci",
        "ci-1",
        "ci-build",
        "ci-build-",
        "ci-build-0",
        "ci-build-01",
        "ci-build-10000",
        "ci-build--1x",
        "ci--1",
        "CI-build-1",
        "ci-Build-1",
        "1ci-build-1",
        "ci-1build-1",
        "ci_build-1",
        "ci-build-1 ",
        " ci-build-1",
        "ci-build-1\n",
        "ci-build-1.example",
        "ci-build-\u0661",
        "a" * 21 + "-build-1",
        "ci-" + "b" * 31 + "-1",
    ],
)
def test_a_name_in_any_other_form_is_not_read(text: str) -> None:
    assert read_server_name(text) is None


def test_a_static_host_has_a_name_that_no_server_has() -> None:
    name = StaticName("ci", "build-x", "desk-1")
    assert str(name) == "ci-build-x.desk-1"
    assert read_machine_name(str(name)) == name
    assert read_server_name(str(name)) is None
    assert not is_ours(str(name), birth_tags(MachineName("ci", "build-x", 1), GITEA, HOST_KEY, LOGIN, ""), "ci", GITEA)


@pytest.mark.parametrize("text", ["ci-build.1", "ci-build.", "ci-.desk", "ci-build.desk.example", "ci-build.Desk"])
def test_a_static_name_in_any_other_form_is_not_read(text: str) -> None:
    assert read_machine_name(text) is None


@given(machine_names, st.data())
def test_a_name_one_character_off_is_never_the_same_machine(name: MachineName, data: st.DataObject) -> None:
    text = str(name)
    at = data.draw(st.integers(0, len(text)))
    character = data.draw(st.sampled_from(string.ascii_letters + string.digits + "-_. \n"))
    other = data.draw(
        st.sampled_from([text[:at] + character + text[at:], text[:at] + text[at + 1 :], text[:at] + character])
    )
    tags = birth_tags(name, GITEA, HOST_KEY, LOGIN, "0.0136")
    if other != text:
        assert read_machine_name(other) != name
        # Ours by its tags, but then only under another number of the very same pool.
        assert not is_ours(other, tags, name.fleet, GITEA) or _differs_in_number_only(other, name)


def _differs_in_number_only(other: str, name: MachineName) -> bool:
    read = read_server_name(other)
    return read is not None and replace(read, n=name.n) == name


OURS = birth_tags(MachineName("ci", "build", 1), GITEA, HOST_KEY, LOGIN, "0.0136")


def test_a_server_is_ours_with_its_name_and_its_tags() -> None:
    assert is_ours("ci-build-1", OURS, "ci", GITEA)


@pytest.mark.parametrize(
    ("name", "tags", "fleet"),
    [
        ("ci-build-1", {}, "ci"),
        ("ci-build-1", OURS, "cd"),
        ("cd-build-1", OURS, "ci"),
        ("cd-build-1", OURS, "cd"),
        ("ci-test-1", OURS, "ci"),
        ("ci-build", OURS, "ci"),
        ("ci-build-1x", OURS, "ci"),
        ("ci-build-1", {**OURS, Tag.FLEET: "cd"}, "ci"),
        ("ci-build-1", {**OURS, Tag.POOL: "test"}, "ci"),
        ("ci-build-1", {**OURS, Tag.GITEA: gitea_hash(OTHER_GITEA)}, "ci"),
        ("ci-build-1", {key: OURS[key] for key in OURS if key != Tag.FLEET}, "ci"),
        ("ci-build-1", {key: OURS[key] for key in OURS if key != Tag.POOL}, "ci"),
        ("ci-build-1", {key: OURS[key] for key in OURS if key != Tag.GITEA}, "ci"),
    ],
)
def test_a_server_is_not_ours_when_one_thing_is_off(name: str, tags: dict[str, str], fleet: str) -> None:
    assert not is_ours(name, tags, fleet, GITEA)


@given(raw_keys)
def test_a_host_key_comes_back_out_of_its_tag(raw: bytes) -> None:
    line = public_key(raw)
    assert hostkey_line(hostkey_tag(line)) == line


@given(raw_keys)
def test_a_host_key_fits_in_a_tag(raw: bytes) -> None:
    assert TAG_VALUE.fullmatch(hostkey_tag(public_key(raw)))


def test_the_comment_of_a_host_key_does_not_matter() -> None:
    assert hostkey_tag(f"{HOST_KEY} root@ci-build-1") == hostkey_tag(HOST_KEY)


@pytest.mark.parametrize("tag", ["", "a", "not-base-32", "a" * 51, "a" * 60, "aaaaaaaa", "0" * 52, "\u0661" * 52])
def test_a_tag_that_is_no_host_key_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        hostkey_line(tag)


@given(machine_names, raw_keys, st.decimals("0.0001", "9", places=4))
def test_all_tags_of_a_new_server_are_valid(name: MachineName, raw: bytes, price: object) -> None:
    tags = birth_tags(name, GITEA, public_key(raw), public_key(raw[::-1]), str(price))
    assert all(TAG_VALUE.fullmatch(value) for value in tags.values())
    assert set(tags) == {Tag.FLEET, Tag.POOL, Tag.GITEA, Tag.HOSTKEY, Tag.SSHKEY, Tag.PRICE}


@given(machine_names, raw_keys)
def test_a_server_is_ours_from_the_create_call_on(name: MachineName, raw: bytes) -> None:
    assert is_ours(str(name), birth_tags(name, GITEA, public_key(raw), LOGIN, ""), name.fleet, GITEA)


def test_a_slash_at_the_end_of_the_address_is_the_same_gitea() -> None:
    assert gitea_hash(replace(GITEA, url=f"{GITEA.url}/")) == gitea_hash(GITEA)


@pytest.mark.parametrize(
    "other",
    [
        OTHER_GITEA,
        replace(GITEA, scope=Scope(ScopeKind.ORG, "acme")),
        replace(GITEA, scope=Scope(ScopeKind.USER)),
    ],
)
def test_another_address_or_scope_is_another_gitea(other: GiteaSettings) -> None:
    assert gitea_hash(other) != gitea_hash(GITEA)


def test_the_way_runners_reach_gitea_does_not_change_whose_they_are() -> None:
    assert gitea_hash(replace(GITEA, runner_url="https://inside.example")) == gitea_hash(GITEA)


def test_the_hash_stays_what_it_was() -> None:
    """Servers that exist carry it: another form would make strangers of them all."""
    assert gitea_hash(GITEA) == "eaaf58f8b5"


def test_the_label_of_a_fleet_has_its_name() -> None:
    assert fleet_label("ci") == "fleet-ci"
