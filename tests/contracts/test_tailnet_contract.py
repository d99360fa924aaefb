"""What ``fleet`` relies on at a tailnet: the same sentences for the fake, the stand-ins, and a real Headscale."""

import secrets
from collections.abc import Iterator

import pytest

from fleet.core.observation import Device
from fleet.core.orders import MintedKey
from fleet.engine.ports import Tailnet
from tests.contracts.tailnet_places import Joined, Place, places

KINDS = places()


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each tailnet there is, one after the other."""
    with KINDS[request.param]() as found:
        yield found


@pytest.fixture
def fleet() -> str:
    """A fleet of this test alone: a real Headscale may have keys of an earlier one."""
    return secrets.token_hex(5)


def a_machine() -> str:
    """A name nobody else has."""
    return f"ci-build{secrets.token_hex(3)}-1"


def device(edge: Tailnet, machine: Joined) -> Device | None:
    return next((one for one in edge.devices(fresh=True) if one.id == machine.id), None)


def let_in(place: Place, key: MintedKey, hostname: str) -> Joined:
    joined = place.join(key, hostname)
    assert joined is not None, f"{hostname} was not let in"
    return joined


def test_a_check_says_what_it_is_and_leaves_no_key_that_works(place: Place, fleet: str) -> None:
    assert place.edge(fleet).check()


def test_a_minted_key_lets_one_machine_in_and_no_second(place: Place, fleet: str) -> None:
    key = place.edge(fleet).mint_key("ci-build-1", seconds=300)
    let_in(place, key, a_machine())
    assert place.join(key, a_machine()) is None


def test_a_key_is_worth_nothing_after_its_seconds(place: Place, fleet: str) -> None:
    key = place.edge(fleet).mint_key("ci-build-1", seconds=2)
    place.pass_time(4)
    assert place.join(key, a_machine()) is None


def test_a_machine_that_was_let_in_is_listed_by_the_id_it_knows_with_our_tags(place: Place, fleet: str) -> None:
    edge, name = place.edge(fleet), a_machine()
    joined = let_in(place, edge.mint_key(name, seconds=300), name)
    seen = device(edge, joined)
    assert seen is not None
    assert (seen.name, seen.hostname, seen.tags) == (joined.name, name, frozenset({"tag:ci"}))
    assert seen.ephemeral is True
    assert seen.online is True
    assert seen.addresses[0].startswith("100.")


def test_two_machines_of_one_hostname_have_two_names(place: Place, fleet: str) -> None:
    edge, name = place.edge(fleet), a_machine()
    first, second = (let_in(place, edge.mint_key(name, seconds=300), name) for _ in range(2))
    seen = [one for one in edge.devices(fresh=True) if one.hostname == name]
    assert {one.id for one in seen} == {first.id, second.id}
    assert len({one.name for one in seen}) == 2


def test_a_revoked_key_lets_nobody_in(place: Place, fleet: str) -> None:
    edge = place.edge(fleet)
    keys = [edge.mint_key("ci-build-1", seconds=300) for _ in range(2)]
    edge.revoke_keys("ci-build-1")
    assert [place.join(key, a_machine()) for key in keys] == [None, None]


def test_another_process_of_the_fleet_finds_and_revokes_what_a_killed_one_has_minted(place: Place, fleet: str) -> None:
    key = place.edge(fleet).mint_key("ci-build-1", seconds=300)
    place.edge(fleet).revoke_keys("ci-build-1")
    assert place.join(key, a_machine()) is None


@pytest.mark.parametrize("other", ["ci-build-10", "ci-build-2"])
def test_the_key_of_another_machine_is_left_alone(place: Place, fleet: str, other: str) -> None:
    edge = place.edge(fleet)
    key = edge.mint_key(other, seconds=300)
    edge.revoke_keys("ci-build-1")
    let_in(place, key, a_machine())


def test_the_key_of_a_namesake_with_another_gitea_is_left_alone(place: Place, fleet: str) -> None:
    key = place.edge("another").mint_key("ci-build-1", seconds=300)
    place.edge(fleet).revoke_keys("ci-build-1")
    let_in(place, key, a_machine())


def test_a_key_that_a_colleague_made_by_hand_is_left_alone(place: Place, fleet: str) -> None:
    if place.colleague is not None:  # the fake has none, and at a real one another program would have to make it
        key = place.colleague()
        place.edge(fleet).revoke_keys("ci-build-1")
        let_in(place, key, a_machine())


def test_revoking_where_there_is_nothing_is_fine_and_so_is_twice(place: Place, fleet: str) -> None:
    edge = place.edge(fleet)
    edge.revoke_keys("ci-build-1")
    edge.mint_key("ci-build-1", seconds=300)
    edge.revoke_keys("ci-build-1")
    edge.revoke_keys("ci-build-1")


def test_revoking_harms_no_machine_that_came_with_such_a_key(place: Place, fleet: str) -> None:
    edge, name = place.edge(fleet), a_machine()
    joined = let_in(place, edge.mint_key(name, seconds=3), name)
    place.pass_time(4)
    edge.revoke_keys(name)
    seen = device(edge, joined)
    assert seen is not None
    assert seen.ephemeral is True


def test_a_machine_that_logs_out_is_gone_from_the_list(place: Place, fleet: str) -> None:
    edge, name = place.edge(fleet), a_machine()
    joined = let_in(place, edge.mint_key(name, seconds=300), name)
    joined.leave()
    assert device(edge, joined) is None


def test_a_removed_device_is_gone_and_removing_it_again_is_fine(place: Place, fleet: str) -> None:
    edge, name = place.edge(fleet), a_machine()
    joined = let_in(place, edge.mint_key(name, seconds=300), name)
    edge.remove_device(joined.id)
    assert device(edge, joined) is None
    assert joined.id not in {one.id for one in edge.devices()}
    edge.remove_device(joined.id)


def test_a_device_that_never_was_is_removed_already(place: Place, fleet: str) -> None:
    place.edge(fleet).remove_device("424242")
