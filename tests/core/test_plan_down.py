"""What `fleet down` decides: everything of ours, or what was named, and nothing else."""

from decimal import Decimal

import pytest

from fleet.core.change import Change, Plan, Verb
from fleet.core.errors import HostSilent
from fleet.core.lifecycle import LEAVE, OUT_OF_SERVICE
from fleet.core.machine import Phase
from fleet.core.money import FREE
from fleet.core.names import Tag
from fleet.core.observation import Observation
from fleet.core.plan import plan_down
from tests.core.builders import catalog, facts, foreign, inventory, job, plain, pool, runner, seen, server

GOES = plain(LEAVE)
TWO = inventory(pool(), pool("test"))


def down(observation: Observation, *names: str) -> Plan:
    return plan_down(TWO, observation, catalog(), names=names)


@pytest.mark.parametrize(
    ("observation", "change"),
    [
        (seen(server(), runner()), Change(Verb.REMOVE, "ci-build-1", "build", "asked to leave", GOES)),
        (
            seen(server(), runner(), job(), hosts={"ci-build-1": facts()}),
            Change(Verb.REMOVE, "ci-build-1", "build", "asked to leave; job 41 (test)", GOES),
        ),
        (
            seen(server(), hosts={"ci-build-1": HostSilent("no answer")}),
            Change(Verb.REMOVE, "ci-build-1", "build", "asked to leave", GOES),
        ),
        (
            seen(server(tags={Tag.DRAINING: "scale.1"}), runner()),
            Change(Verb.REMOVE, "ci-build-1", "build", "asked to leave", GOES),
        ),
        (
            seen(runner(online=False)),
            Change(Verb.REMOVE, "ci-build-1", "build", "asked to leave", OUT_OF_SERVICE[Phase.GHOST]),
        ),
        (
            seen(server(tags={Tag.HELD: "1"})),
            Change(Verb.KEEP, "ci-build-1", "build", "held by a person", hint="fleet release ci-build-1"),
        ),
        (seen(server("ci-old-7")), Change(Verb.REMOVE, "ci-old-7", "old", "asked to leave", GOES)),
    ],
)
def test_a_machine_of_ours_leaves_unless_held(observation: Observation, change: Change) -> None:
    assert down(observation).changes == (change,)


@pytest.mark.parametrize("observation", [seen(), seen(foreign()), seen(server("cd-build-1")), seen(runner("mine"))])
def test_nothing_else_leaves(observation: Observation) -> None:
    assert down(observation) == Plan((), FREE, FREE)


ALL = seen(server("ci-build-1"), server("ci-build-2"), server("ci-test-1"), runner("ci-old-1"))


@pytest.mark.parametrize(
    ("names", "leaving"),
    [
        ((), ["ci-build-1", "ci-build-2", "ci-old-1", "ci-test-1"]),
        (("build",), ["ci-build-1", "ci-build-2"]),
        (("ci-build-2",), ["ci-build-2"]),
        (("ci-build-2", "test"), ["ci-build-2", "ci-test-1"]),
        (("old",), ["ci-old-1"]),
        (("ci-build",), []),
        (("nobody",), []),
    ],
)
def test_only_what_is_named_leaves(names: tuple[str, ...], leaving: list[str]) -> None:
    assert [change.machine for change in down(ALL, *names).changes] == leaving


def test_the_plan_says_what_is_left_to_pay() -> None:
    plan = down(ALL, "build")
    assert (plan.before.hour, plan.after.hour) == (Decimal("0.0408"), Decimal("0.0136"))
    assert down(ALL).after == FREE


def test_a_held_machine_costs_on() -> None:
    plan = down(seen(server(tags={Tag.HELD: "1"})))
    assert plan.before == plan.after != FREE
