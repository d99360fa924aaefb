"""The machine that serves the fleet's cache: where it is, that it stays, and that it leaves last."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from fleet.core.change import Change, Verb
from fleet.core.inventory import CacheSettings, StaticHost
from fleet.core.lifecycle import Step
from fleet.core.machine import join
from fleet.core.names import Tag
from fleet.core.observation import Device, Observation, Server, ServerStatus
from fleet.core.plan import plan_down, plan_up
from fleet.core.record import Record
from fleet.core.scaling import plan_scale
from fleet.core.serving import (
    address_in_network,
    address_in_tailnet,
    keeps_cache,
    networks_of,
    notes,
    outside,
)
from tests.core.builders import catalog, facts, foreign, inventory, job, pool, runner, seen, server, wanted

CACHE = CacheSettings(machine="ci-build-1", network="inside")
CI = inventory(pool(min=0, max=3), cache=CACHE)
DONE = {Tag.SETUP: "1.abc"}


def inside(name: str = "ci-build-1", **more: object) -> Server:
    return replace(server(name), networks={7: "10.0.0.2"}, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("servers", "address"),
    [
        ([inside()], "10.0.0.2"),
        ([inside("ci-build-2")], ""),
        ([server()], ""),
        ([inside(status=ServerStatus.DELETING)], ""),
        ([replace(foreign(), networks={7: "10.0.0.2"})], ""),
        ([replace(server(), networks={8: "10.1.0.2"})], ""),
        ([], ""),
    ],
)
def test_its_address_is_its_own_in_that_network(servers: Sequence[Server], address: str) -> None:
    assert address_in_network(CI, servers, 7) == address


def device(hostname: str = "ci-build-1", *, online: bool | None = True) -> Device:
    return Device("n1", hostname, hostname, ("fd7a::1", "100.64.0.3"), frozenset(), online)


@pytest.mark.parametrize(
    ("servers", "devices", "address"),
    [
        ([server()], [device()], "100.64.0.3"),
        ([server()], [device(online=None)], "100.64.0.3"),
        ([server()], [device(online=False)], ""),
        ([server(tags=DONE)], [device(online=False)], "100.64.0.3"),
        ([server(tags=DONE)], [replace(device(online=False), addresses=("100.64.0.9",)), device()], "100.64.0.3"),
        ([server()], [device("ci-build-2")], ""),
        ([], [device()], ""),
    ],
)
def test_its_address_in_the_tailnet_is_that_of_its_device(
    servers: Sequence[Server], devices: Sequence[Device], address: str
) -> None:
    assert address_in_tailnet(CI, servers, devices) == address


def test_new_machines_are_in_the_network_of_the_cache() -> None:
    assert networks_of(CI) == ("inside",)
    assert networks_of(inventory()) == ()


def test_machines_that_were_set_up_elsewhere_cannot_reach_it() -> None:
    old, young = server("ci-build-2", tags=DONE), server("ci-build-3")
    assert outside(CI, [inside(), old, young], 7) == {"ci-build-2"}


def test_a_static_host_is_not_in_the_network() -> None:
    tower = pool(hosts=(StaticHost("tower", "192.0.2.7"),))
    assert outside(inventory(tower, cache=CACHE), [inside()], 7) == {"ci-build.tower"}


def test_it_is_needed_as_long_as_another_machine_is_there() -> None:
    alone = join(CI, seen(server()))
    two = join(CI, seen(server(), server("ci-build-2")))
    ghost = join(CI, seen(server(), runner("ci-build-2", online=False)))
    assert [keeps_cache(CI, alone[0], alone), keeps_cache(CI, ghost[0], ghost)] == [False, False]
    assert [keeps_cache(CI, one, two) for one in two] == [True, False]


def test_a_person_is_told_when_nobody_can_reach_it() -> None:
    made = {"build": wanted()}
    (note,) = notes(CI, [server(tags=DONE)], made)
    assert (
        note == "ci-build-1 is to serve the cache and is not in the network inside: until then each machine has its own"
    )
    assert notes(CI, [server(tags=DONE)], {**made, "ci-build-1": wanted()}) == ()
    assert notes(CI, [server()], made) == notes(CI, [], made) == notes(inventory(), [server(tags=DONE)], made) == ()
    assert plan_up(CI, seen(server(tags=DONE)), catalog(), made).notes == (note,)


def idle(*names: str, minutes: int = 57) -> Observation:
    servers = [server(name, minutes=minutes) for name in names]
    return seen(*servers, *(runner(name) for name in names), hosts=dict.fromkeys(names, facts()))


def scale(observation: Observation) -> dict[str, Change]:
    plan = plan_scale(CI, observation, catalog(), {"build": wanted(CI.pools[0])}, Record())
    return {one.machine: one for one in plan.changes}


def test_a_pass_takes_the_others_and_leaves_the_one_that_serves() -> None:
    both = scale(idle("ci-build-1", "ci-build-2"))
    assert (both["ci-build-1"].verb, both["ci-build-2"].verb) == (Verb.KEEP, Verb.REMOVE)
    assert both["ci-build-1"].reason.startswith("idle, keeps the fleet's cache")


def test_alone_it_leaves_as_any_other() -> None:
    assert scale(idle("ci-build-1"))["ci-build-1"].verb is Verb.REMOVE


def test_a_pass_that_had_begun_to_take_it_takes_it_back() -> None:
    leaving = replace(server(minutes=57, tags={Tag.DRAINING: "scale.1"}))
    other = server("ci-build-2", minutes=10)
    hosts = dict.fromkeys(("ci-build-1", "ci-build-2"), facts())
    both = seen(leaving, other, runner(), runner("ci-build-2"), job(runner_id=2), hosts=hosts)
    assert scale(both)["ci-build-1"].verb is Verb.TAKE_BACK


def down(observation: Observation, *names: str, force: bool = False) -> dict[str, Step]:
    """The last step of each."""
    plan = plan_down(CI, observation, catalog(), names=names, force=force)
    return {one.machine: one.steps[-1] for one in plan.changes}


def test_it_leaves_last() -> None:
    both = idle("ci-build-1", "ci-build-2")
    assert down(both) == {"ci-build-1": Step.GO_LAST, "ci-build-2": Step.DELETE}
    assert down(idle("ci-build-1")) == {"ci-build-1": Step.DELETE}


def test_named_alone_or_by_force_it_leaves_at_once() -> None:
    both = idle("ci-build-1", "ci-build-2")
    assert down(both, "ci-build-1") == {"ci-build-1": Step.DELETE}
    assert down(both, force=True) == {"ci-build-1": Step.DELETE, "ci-build-2": Step.DELETE}
