"""What `fleet up` decides: case by case, with the reason a person reads."""

from dataclasses import replace
from decimal import Decimal

import pytest

from fleet.core import lifecycle
from fleet.core.change import Change, Plan, Verb
from fleet.core.errors import CommandFailed, HostError, HostSilent, LoginRefused, WrongHostKey
from fleet.core.facts import HostFacts
from fleet.core.inventory import Inventory, Pool
from fleet.core.lifecycle import EMPTIED, Step
from fleet.core.money import Price
from fleet.core.names import Tag
from fleet.core.observation import HostSeen, Job, Observation, Runner, Server
from fleet.core.plan import plan_up
from fleet.core.pricing import choices, first_choice
from tests.core.builders import (
    STACK,
    catalog,
    facts,
    foreign,
    fresh,
    inventory,
    job,
    plain,
    pool,
    runner,
    seen,
    server,
    server_type,
    wanted,
)

NAME = "ci-build-1"
SILENT = HostSilent("no answer")
ENTER, BACK = plain(lifecycle.ENTER), plain(lifecycle.BACK)
CREATE = (Step.CREATE, *ENTER)


def up(observation: Observation, of: Inventory | None = None, *, only: str | None = None, add: int = 0) -> Plan:
    of = of or inventory()
    hosts = {one.name: wanted(one) for one in of.pools}
    return plan_up(of, observation, catalog(), hosts, only=only, add=add)


def rows(plan: Plan) -> list[tuple[str, str]]:
    return [(change.verb, change.machine) for change in plan.changes]


def only_change(*parts: Server | Runner | Job, host: HostSeen | None = None) -> Change:
    (change,) = up(seen(*parts, hosts={NAME: host} if host else {})).changes
    return change


def older(of: HostFacts, path: str) -> HostFacts:
    return replace(of, files={**of.files, path: "older"})


@pytest.mark.parametrize(
    ("parts", "host", "reason", "hint"),
    [
        (
            [server(tags={Tag.DRAINING: "scale.1"})],
            facts(),
            "is leaving: asked by scale",
            "fleet down ci-build-1",
        ),
        (
            [server(tags={Tag.DRAINING: "person.1"})],
            facts(),
            "drained by a person: it takes no new job",
            "fleet enable ci-build-1, or fleet down ci-build-1",
        ),
        ([server(), runner()], SILENT, "online, but no answer", "is port 22 open to you?"),
        ([server(), runner()], HostSilent("no", hint="look"), "online, but no", "look"),
        ([server(), runner()], None, "online, but its host was not asked", "is port 22 open to you?"),
        ([server("ci-build-1"), runner()], facts(), "online, idle, as wanted", ""),
    ],
)
def test_a_machine_that_is_kept_with_a_finding_says_what_to_type(
    parts: list[Server | Runner | Job], host: HostSeen | None, reason: str, hint: str
) -> None:
    observation = seen(*parts, hosts={NAME: host} if host else {})
    found = up(observation, inventory(pool(max=1))).changes
    assert found == (Change(Verb.KEEP, NAME, "build", reason, hint=hint),)


def test_a_runner_that_cannot_be_seen_for_want_of_docker_is_not_called_stopped() -> None:
    found = only_change(server(), runner(online=False), host=facts(docker="", docker_active=False, container=None))
    assert found.reason.startswith("its Docker does not answer")


def test_an_empty_fleet_gets_its_first_machine() -> None:
    assert up(seen()).changes == (
        Change(Verb.CREATE, NAME, "build", "pool build has 0 of 1; first choice cx33 in nbg1", CREATE),
    )


def test_a_fleet_that_is_as_wanted_is_kept() -> None:
    assert up(seen(server(), runner(), hosts={NAME: facts()})).changes == (
        Change(Verb.KEEP, NAME, "build", "online, idle, as wanted"),
    )


TASK = facts(tasks=("GITEA-ACTIONS-TASK-1",))


@pytest.mark.parametrize(
    ("parts", "host", "verb", "reason", "steps"),
    [
        ([server(minutes=1)], fresh(boot=""), Verb.FINISH, "the server is booting", ENTER),
        ([server()], fresh(), Verb.FINISH, "the server runs and is not set up", ENTER),
        ([server()], facts(), Verb.FINISH, "Gitea has no runner for it", BACK),
        (
            [server(tags={Tag.DRAINING: "repair.1"}), runner(disabled=True)],
            facts(),
            Verb.REPAIR,
            "a repair was not finished",
            (*EMPTIED, *BACK),
        ),
        (
            [server(tags={Tag.DRAINING: "repair.1"}), runner()],
            facts(),
            Verb.REPAIR,
            "taken back while it had jobs: its runner starts anew, to hear of jobs that waited",
            (*EMPTIED, *BACK),
        ),
        ([server(), runner(), job()], facts(), Verb.KEEP, "busy with job 41 (test)", ()),
        ([server(), runner()], TASK, Verb.KEEP, "busy with a task container", ()),
        ([server(), runner(disabled=True)], facts(), Verb.KEEP, "disabled in Gitea, not by fleet", ()),
        ([server(tags={Tag.HELD: "1"}), runner()], facts(), Verb.KEEP, "held by a person", ()),
        ([server(minutes=1)], SILENT, Verb.FINISH, "the server is booting", ENTER),
    ],
)
def test_a_machine_gets_its_change_and_reason(
    parts: list[Server | Runner | Job],
    host: HostSeen | None,
    verb: Verb,
    reason: str,
    steps: tuple[Step, ...],
) -> None:
    observation = seen(*parts, hosts={NAME: host} if host else {})
    # A machine that leaves does not count as one the pool has, but its number stays taken.
    found = up(observation, inventory(pool(max=1))).changes
    assert found == (Change(verb, NAME, "build", reason, steps),)


@pytest.mark.parametrize(
    ("host", "reason", "steps"),
    [
        (older(facts(), "/opt/fleet/config.yaml"), "write /opt/fleet/config.yaml", (Step.SET_UP,)),
        (
            older(facts(), "/etc/docker/daemon.json"),
            "write /etc/docker/daemon.json, restart Docker with its new settings",
            (*EMPTIED, *BACK),
        ),
        (facts(images=frozenset({"gitea/runner:4.1.0"})), "pull node:22", (Step.SET_UP,)),
        (
            facts(container=replace(facts().container, config="older")),  # type: ignore[type-var]
            "the runner has an older configuration",
            (*EMPTIED, *BACK),
        ),
    ],
)
def test_drift_is_mended_and_what_restarts_something_waits_for_an_empty_machine(
    host: HostFacts, reason: str, steps: tuple[Step, ...]
) -> None:
    expected = Change(Verb.REPAIR, NAME, "build", f"differs from the inventory: {reason}", steps)
    assert only_change(server(), runner(), host=host) == expected


@pytest.mark.parametrize("parts", [[server(), runner(), job()], [server(), runner(disabled=True)]])
def test_a_flushed_guard_is_loaded_at_once_and_nothing_else_is_done(parts: list[Server | Runner | Job]) -> None:
    change = only_change(*parts, host=older(facts(guarded=False), "/opt/fleet/config.yaml"))
    reason = "its containers reach the cloud's metadata"
    assert change == Change(Verb.REPAIR, NAME, "build", reason, (Step.GUARD,))


def test_a_busy_machine_that_never_had_the_guard_is_left_for_later() -> None:
    change = only_change(server(), runner(), job(), host=replace(facts(guarded=False), files={}))
    assert change.verb is Verb.KEEP
    assert "later" in change.reason


def test_drift_of_a_busy_machine_is_told_and_left_for_later() -> None:
    change = only_change(server(), runner(), job(), host=older(facts(), "/opt/fleet/config.yaml"))
    assert change == Change(Verb.KEEP, NAME, "build", "busy with job 41 (test); later: write /opt/fleet/config.yaml")


@pytest.mark.parametrize("rung", ["", "reset", "rebuild"])
@pytest.mark.parametrize(
    "answer",
    [
        LoginRefused("it does not take our key", hint="look at its keys"),
        WrongHostKey("it has another key", hint="look at its keys"),
        CommandFailed("the probe ended with 1", hint="look at its keys"),
        HostError("it has no readable tag hostkey", hint="look at its keys"),
    ],
)
def test_a_host_that_answers_wrongly_is_told_and_never_touched(answer: HostError, rung: str) -> None:
    tags = {Tag.SUSPECT: "silent.1", Tag.REPAIR: f"{rung}.1"} if rung else {}
    change = only_change(server(tags=tags), runner(online=False), host=answer)
    assert change == Change(Verb.REFUSE, NAME, "build", answer.message, hint="look at its keys")


def test_a_host_that_was_not_asked_is_not_silent() -> None:
    assert only_change(server(), runner(online=False)).steps == ()


@pytest.mark.parametrize(
    ("of", "have", "made"),
    [
        (pool(min=0, max=3), [], []),
        (pool(min=2, max=3), [], [1, 2]),
        (pool(min=2, max=3), [2], [1]),
        (pool(min=3, max=3), [2], [1, 3]),
        (pool(min=1, max=3), [1, 2, 3], []),
        (pool(min=3, max=3), [1, 2, 3], []),
    ],
)
def test_missing_machines_get_the_lowest_free_numbers(of: Pool, have: list[int], made: list[int]) -> None:
    names = [f"ci-build-{n}" for n in have]
    parts = [part for i, name in enumerate(names) for part in (server(name), runner(name, id=i + 1))]
    plan = up(seen(*parts), inventory(of))
    assert [c.machine for c in plan.changes if c.verb is Verb.CREATE] == [f"ci-build-{n}" for n in made]


@pytest.mark.parametrize(("add", "made"), [(0, 0), (1, 1), (2, 2), (9, 2)])
def test_some_more_are_added_up_to_max(add: int, made: int) -> None:
    plan = up(seen(server(), runner()), inventory(pool(min=1, max=3)), add=add)
    assert sum(change.verb is Verb.CREATE for change in plan.changes) == made


def test_more_are_added_to_what_is_there_or_wanted() -> None:
    assert rows(up(seen(), inventory(pool(min=1, max=3)), add=1)) == [
        ("create", NAME),
        ("create", "ci-build-2"),
    ]


def test_a_machine_that_leaves_is_replaced_where_max_allows() -> None:
    leaving = seen(server(tags={Tag.DRAINING: "person.1"}), runner(), hosts={NAME: facts()})
    assert rows(up(leaving, inventory(pool(max=2)))) == [("keep", NAME), ("create", "ci-build-2")]
    assert rows(up(leaving, inventory(pool(max=1)))) == [("keep", NAME)]


@pytest.mark.parametrize(
    "stranger", [foreign(), server(NAME, id=66, tags={Tag.FLEET: "cd"}), replace(foreign(), tags={})]
)
def test_a_namesake_is_refused_with_a_sentence(stranger: Server) -> None:
    assert up(seen(stranger)).changes[0] == Change(
        Verb.REFUSE,
        NAME,
        "build",
        "server 66 has this name and is not of this fleet",
        hint="rename or delete server 66 in Hetzner, or give the fleet another name",
    )


def test_a_ghost_whose_name_a_stranger_took_is_refused_once() -> None:
    assert rows(up(seen(foreign(), runner(online=False)))) == [("refuse", NAME)]


@pytest.mark.parametrize(
    ("online", "expected"),
    [(False, [("create", NAME)]), (True, [("create", "ci-build-2"), ("keep", NAME)])],
)
def test_the_number_of_a_ghost_is_free_once_it_is_offline(online: bool, expected: list[tuple[str, str]]) -> None:
    assert rows(up(seen(runner(online=online)), inventory(pool(max=2)))) == expected


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (server("ci-build-2"), "the inventory does not want it (any more)"),
        (server("ci-old-1"), "the inventory does not want it (any more)"),
        (runner("ci-old-1"), "Gitea has a runner of this name, and there is no server"),
        (server("ci-old-1", tags={Tag.HELD: "1"}), "the inventory does not want it (any more)"),
        (server("ci-old-1", tags={Tag.DRAINING: "person.1"}), "the inventory does not want it (any more)"),
    ],
)
def test_what_the_inventory_does_not_want_is_kept_and_told(part: Server | Runner, reason: str) -> None:
    plan = up(seen(server(), runner(), part, hosts={NAME: facts()}), inventory(pool(max=1)))
    assert len(plan.changes) == 2
    pool_name = part.name.split("-")[1]
    expected = Change(Verb.KEEP, part.name, pool_name, reason, hint=f"fleet down {part.name}")
    assert plan.changes[1:] == (expected,)


def test_a_ghost_above_max_gets_no_server() -> None:
    plan = up(seen(runner("ci-build-2", online=False)), inventory(pool(min=0, max=1)))
    assert [(change.verb, change.steps) for change in plan.changes] == [(Verb.KEEP, ())]


def test_only_the_named_pool_is_changed() -> None:
    of = inventory(pool(), pool("test"))
    assert rows(up(seen(), of)) == [("create", NAME), ("create", "ci-test-1")]
    assert rows(up(seen(), of, only="test")) == [("create", "ci-test-1")]


def test_two_fleets_of_one_project_do_not_see_each_other() -> None:
    other = server("cd-build-1", tags={Tag.FLEET: "cd"})
    assert rows(up(seen(other, runner("cd-build-1")))) == [("create", NAME)]


def price(hour: str, month: str) -> Price:
    return Price(Decimal(hour), Decimal(month))


def test_the_plan_says_what_the_fleet_costs_before_and_after() -> None:
    plan = up(seen(server(), runner(), hosts={NAME: facts()}), inventory(pool(min=3, max=3)))
    assert plan.before == price("0.0136", "8.49")
    assert plan.after == price("0.0408", "25.47")


def test_servers_of_strangers_cost_the_fleet_nothing() -> None:
    assert up(seen(foreign()), inventory(pool(max=1))).before == price("0", "0")


def test_a_ghost_that_gets_its_server_again_costs_too() -> None:
    plan = up(seen(runner(online=False)))
    assert (plan.before, plan.after) == (price("0", "0"), price("0.0136", "8.49"))


def test_kept_machines_are_nothing_to_do() -> None:
    kept = seen(server(), runner(), hosts={NAME: facts()})
    assert up(kept).todo == ()
    assert [c.machine for c in up(kept, inventory(pool(min=2, max=2))).todo] == ["ci-build-2"]


ALL = (("cx33", "nbg1"), ("cx33", "fsn1"), ("cx43", "nbg1"), ("cx43", "fsn1"))


@pytest.mark.parametrize(
    ("of", "stock", "order"),
    [
        (pool(), {"nbg1", "fsn1"}, ALL),
        (pool(), {"fsn1"}, (ALL[1], ALL[2], ALL[3], ALL[0])),
        (pool(), set(), (ALL[2], ALL[3], ALL[0], ALL[1])),
        (pool(types=("cx43", "cx33")), {"nbg1", "fsn1"}, (ALL[2], ALL[3], ALL[0], ALL[1])),
        (pool(locations=("hel1", "fsn1")), {"fsn1"}, (ALL[1], ALL[3])),
        (pool(types=("cx99",)), {"fsn1"}, ()),
    ],
)
def test_choices_come_in_the_pools_order_and_those_out_of_stock_last(
    of: Pool, stock: set[str], order: tuple[tuple[str, str], ...]
) -> None:
    sold = catalog(server_type(available=frozenset(stock)), server_type("cx43"))
    assert choices(of, sold) == order
    assert first_choice(of, sold) == next(iter(order), None)


def test_the_stack_of_the_tests_is_the_one_that_is_shipped() -> None:
    assert {"compose.yaml", "probe.sh"} <= set(STACK)
