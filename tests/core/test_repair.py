"""The ladder of repair: which rung is whose turn, and that it ends."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.change import Change, Plan, Verb
from fleet.core.errors import HostSilent
from fleet.core.facts import HostFacts, Registration
from fleet.core.inventory import Inventory
from fleet.core.lifecycle import BACK, BACK_AS_IT_WAS, BACK_RENEWED, EMPTIED, EMPTIED_AND_NOTED, Step
from fleet.core.machine import join
from fleet.core.names import Tag
from fleet.core.observation import HostSeen, Job, Observation, Runner, Server
from fleet.core.plan import plan_repair, plan_up
from fleet.core.repair import LADDER, WORDS, Now, after, rungs_for, turn
from fleet.core.rungs import GRACE, HARD, ORDER, WELL, Rung, Tried, read_silent_since, read_tried, tried_tag
from tests.core.builders import (
    NOW,
    catalog,
    facts,
    fresh,
    inventory,
    job,
    plain,
    pool,
    runner,
    seen,
    server,
    wanted,
)

NAME = "ci-build-1"
SILENT = HostSilent("no answer")
SET_UP = {Tag.SETUP: wanted().fingerprint}


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def tried(rung: Rung, minutes: float, **more: str) -> dict[str, str]:
    """The tags of a machine on which this was tried so many minutes ago."""
    return {Tag.REPAIR: f"{rung}.{int(ago(minutes).timestamp())}", **SET_UP, **more}


def silent(minutes: float, **more: str) -> dict[str, str]:
    return {Tag.SUSPECT: f"silent.{int(ago(minutes).timestamp())}", **more}


def up(observation: Observation, of: Inventory | None = None) -> Plan:
    return plan_up(of or inventory(), observation, catalog(), {"build": wanted()})


def asked(observation: Observation, *names: str, of: Inventory | None = None) -> Plan:
    return plan_repair(of or inventory(), observation, catalog(), {"build": wanted()}, names)


def seen_with(
    tags: dict[str, str], host: HostSeen, *parts: Runner | Job, online: bool = False, minutes: int = 90
) -> Observation:
    return seen(server(tags=tags, minutes=minutes), *(parts or (runner(online=online),)), hosts={NAME: host})


def change(plan: Plan) -> Change:
    (found,) = plan.changes
    return found


def stopped() -> HostFacts:
    one = facts()
    assert one.container is not None
    return replace(one, container=replace(one.container, running=False))


def drifted(of: HostFacts) -> HostFacts:
    return replace(of, files={})


STEPS = {
    Rung.RESTART: plain((*EMPTIED_AND_NOTED, *BACK_AS_IT_WAS)),
    Rung.SET_UP: plain((*EMPTIED_AND_NOTED, *BACK)),
    Rung.REGISTER: plain((*EMPTIED_AND_NOTED, *BACK_RENEWED)),
    Rung.RESET: plain((*EMPTIED, Step.RESET, Step.BOOT, *BACK)),
    Rung.REBUILD: plain((*EMPTIED, Step.REBUILD, Step.BOOT, *BACK)),
}


@pytest.mark.parametrize(
    ("tags", "host", "online", "rung", "reason"),
    [
        (SET_UP, facts(), False, Rung.RESTART, "Gitea says offline: next is a restart of its runner"),
        (SET_UP, stopped(), True, Rung.RESTART, "its runner is stopped: next is a restart of its runner"),
        (SET_UP, facts(container=None), True, Rung.RESTART, "its runner is stopped: next is a restart of its runner"),
        (SET_UP, drifted(facts()), False, Rung.SET_UP, "Gitea says offline: next is another set-up"),
        (
            tried(Rung.RESTART, 5),
            facts(),
            False,
            Rung.REGISTER,
            "Gitea says offline, also after a restart of its runner: next is another registration",
        ),
        (
            tried(Rung.RESTART, 5),
            drifted(facts()),
            False,
            Rung.SET_UP,
            "Gitea says offline, also after a restart of its runner: next is another set-up",
        ),
        (
            tried(Rung.SET_UP, 10),
            facts(),
            False,
            Rung.REGISTER,
            "Gitea says offline, also after another set-up: next is another registration",
        ),
        (
            tried(Rung.REGISTER, 5),
            facts(),
            False,
            Rung.RESET,
            "Gitea says offline, also after another registration: next is a hard reset",
        ),
        (
            tried(Rung.RESET, 15),
            facts(),
            False,
            Rung.REBUILD,
            "Gitea says offline, also after a hard reset: next is a rebuild",
        ),
        (
            tried(Rung.REBOOT, 15),
            facts(),
            False,
            Rung.RESTART,
            "Gitea says offline, also after a reboot: next is a restart of its runner",
        ),
        (
            {Tag.REPAIR: "prayer.1", **SET_UP},
            facts(),
            False,
            Rung.RESTART,
            "Gitea says offline: next is a restart of its runner",
        ),
    ],
)
def test_a_machine_that_answers_climbs_one_rung_after_the_other(
    tags: dict[str, str], host: HostFacts, online: bool, rung: Rung, reason: str
) -> None:
    found = change(up(seen_with(tags, host, online=online)))
    assert found == Change(Verb.REPAIR, NAME, "build", reason, STEPS[rung], rung=rung)


@pytest.mark.parametrize(
    ("tags", "minutes", "rung", "steps"),
    [
        (silent(15), 90, Rung.RESET, (Step.RESET, Step.BOOT)),
        (silent(60, **tried(Rung.RESET, 15)), 90, Rung.REBUILD, plain((Step.REBUILD, Step.BOOT, *BACK))),
        (silent(60, **tried(Rung.REGISTER, 15)), 90, Rung.RESET, (Step.RESET, Step.BOOT)),
    ],
)
def test_a_silent_machine_begins_with_its_power(
    tags: dict[str, str], minutes: int, rung: Rung, steps: tuple[Step, ...]
) -> None:
    found = change(up(seen_with(tags, SILENT, minutes=minutes)))
    assert (found.verb, found.rung, found.steps) == (Verb.REPAIR, rung, steps)


def test_silence_is_noted_at_first_and_has_its_grace() -> None:
    first = change(up(seen_with({}, SILENT)))
    assert (first.verb, first.steps, first.rung) == (Verb.REPAIR, (Step.SUSPECT,), None)
    waits = change(up(seen_with(silent(14), SILENT)))
    assert (waits.verb, waits.steps) == (Verb.KEEP, ())
    assert waits.reason == "SSH is silent and Gitea says offline: next is a hard reset, after 12:01 UTC"
    assert waits.hint == "not to wait: fleet repair ci-build-1"


def test_what_was_tried_has_its_grace_to_help() -> None:
    found = change(up(seen_with(tried(Rung.RESTART, 4), facts())))
    assert (found.verb, found.steps) == (Verb.KEEP, ())
    assert found.reason == (
        "Gitea says offline, also after a restart of its runner at 11:56: next is another registration, after 12:01 UTC"
    )
    assert found.hint == "not to wait: fleet repair ci-build-1"


def test_what_was_begun_and_not_ended_is_gone_on_with_and_not_begun_again() -> None:
    for rung in (Rung.RESTART, Rung.REGISTER, Rung.RESET):
        found = change(up(seen_with(tried(rung, 1, **{Tag.DRAINING: "repair.1"}), stopped())))
        assert found.reason == f"a repair was not finished: {WORDS[rung]}"
        assert found.steps == plain((*EMPTIED, *BACK))
        assert found.rung is None


def test_one_that_came_online_in_the_middle_of_its_repair_is_put_back() -> None:
    found = change(up(seen_with(tried(Rung.REBUILD, 600, **{Tag.DRAINING: "repair.1"}), facts(), online=True)))
    assert (found.verb, found.steps, found.rung) == (Verb.REPAIR, plain((*EMPTIED, *BACK)), None)


@pytest.mark.parametrize(
    ("tags", "host", "what"),
    [
        (
            tried(Rung.REBUILD, 15),
            facts(),
            "Gitea says offline, also after a restart of its runner, another registration, a hard reset and a rebuild"
            "; ",
        ),
        (
            silent(60, **tried(Rung.REBUILD, 15)),
            SILENT,
            "SSH is silent and Gitea says offline, also after a hard reset and a rebuild; ",
        ),
    ],
)
def test_at_the_end_a_person_is_told_what_was_tried_and_what_to_type(
    tags: dict[str, str], host: HostSeen, what: str
) -> None:
    plan = up(seen_with(tags, host), inventory(pool(max=3)))
    found = change(plan)
    assert (found.verb, found.steps) == (Verb.REFUSE, ())
    assert found.reason == f"{what}the last was at 2026-03-02 11:45 UTC"
    assert found.hint == (
        "fleet ssh ci-build-1, and when the cause is gone: fleet repair ci-build-1; "
        "or a new one: fleet down ci-build-1, then fleet up"
    )


@pytest.mark.parametrize("minutes", [0, 4, 5, 300])
@pytest.mark.parametrize("rung", LADDER["runner-offline"])  # type: ignore[index]
def test_a_person_who_asks_waits_for_no_grace_and_may_begin_anew(rung: Rung, minutes: int) -> None:
    found = change(asked(seen_with(tried(rung, minutes), facts())))
    assert found.verb is Verb.REPAIR
    helps = tuple(one for one in LADDER["runner-offline"] if one is not Rung.SET_UP)  # type: ignore[index]
    assert found.rung is (after(helps, Tried(rung, NOW)) or helps)[0]


def test_a_person_who_asks_does_not_wait_for_a_second_look_at_silence() -> None:
    for tags in ({}, silent(1)):
        assert change(asked(seen_with(tags, SILENT))).steps == (Step.RESET, Step.BOOT)


def test_a_person_asks_for_all_machines_or_those_that_are_named_and_nothing_is_made() -> None:
    of = inventory(pool(min=3, max=3), pool("test", min=1, max=1))
    both = seen(
        server(), runner(online=False), server("ci-build-2"), runner("ci-build-2", id=8, online=True),
        hosts={NAME: facts(), "ci-build-2": facts(registration=Registration(8, "u", "ci-build-2", "https://gitea.example"))},
    )  # fmt: skip

    def names(*given: str) -> list[str]:
        plan = plan_repair(of, both, catalog(), {"build": wanted(), "test": wanted(pool("test"))}, given)
        assert not any(Step.CREATE in one.steps for one in plan.changes)
        return [one.machine for one in plan.changes]

    assert names() == names("build") == [NAME, "ci-build-2"]
    assert names("ci-build-2") == ["ci-build-2"]
    assert names("test") == []


@pytest.mark.parametrize(
    "observation",
    [
        seen_with(tried(Rung.RESET, 60), facts(), runner(online=False), job()),
        seen_with(tried(Rung.RESET, 60), facts(tasks=("GITEA-ACTIONS-TASK-1",))),
        seen_with(silent(60, **tried(Rung.RESET, 60)), SILENT, runner(online=False), job()),
        seen_with(tried(Rung.RESET, 60, **{Tag.HELD: "1"}), facts()),
        seen_with(tried(Rung.RESET, 60, **{Tag.DRAINING: "person.1"}), facts()),
        seen_with(silent(60, **{Tag.DRAINING: "person.1"}), SILENT),
        seen(server(tags=silent(60)), runner(online=False)),
    ],
    ids=["job", "task", "silent with a job", "held", "drained", "silent and drained", "not asked"],
)
def test_nobody_climbs_while_it_is_busy_held_or_a_persons(observation: Observation) -> None:
    for plan in (up(observation), asked(observation)):
        assert not {Step.STOP, Step.RESET, Step.REBUILD, Step.NOTE_RUNG} & set(change(plan).steps)


def test_what_the_inventory_has_changed_is_set_up_as_often_as_it_takes_and_no_rung_of_the_ladder() -> None:
    for tags in (tried(Rung.REBUILD, 600, **{Tag.SETUP: "1.older"}), {Tag.SETUP: "1.older"}, {}):
        found = change(up(seen_with(tags, drifted(facts()))))
        assert (found.verb, found.rung, found.steps) == (Verb.REPAIR, None, plain((*EMPTIED, *BACK)))


def test_no_machine_is_reset_when_gitea_hears_of_none() -> None:
    names = (NAME, "ci-build-2")
    parts: list[Server | Runner] = []
    hosts: dict[str, HostSeen] = {}
    for number, name in enumerate(names):
        parts += [server(name, tags=tried(Rung.REGISTER, 60)), runner(name, id=7 + number, online=False)]
        hosts[name] = facts(registration=Registration(7 + number, "u", name, "https://gitea.example"))
    of = inventory(pool(min=2, max=3))
    for one in up(seen(*parts, hosts=hosts), of).changes:
        assert (one.verb, one.steps) == (Verb.KEEP, ())
        assert "and so are all others" in one.reason
    assert {one.rung for one in asked(seen(*parts, hosts=hosts), of=of).changes} == {Rung.RESET}
    online = [replace(one, online=True) if isinstance(one, Runner) and one.id == 8 else one for one in parts]
    assert [one.rung for one in up(seen(*online, hosts=hosts), of).changes] == [Rung.RESET, None]


@pytest.mark.parametrize(
    ("host", "minutes", "tags", "rung"),
    [
        (fresh(boot="1"), 5, {}, Rung.REBUILD),
        (fresh(boot=""), 20, {}, Rung.RESET),
        (fresh(boot=""), 90, tried(Rung.RESET, 16), Rung.REBUILD),
        (fresh(boot=""), 90, tried(Rung.RESET, 14), None),
        (fresh(boot=""), 5, {}, None),
        (fresh(), 90, {}, None),
    ],
)
def test_a_first_boot_that_fails_or_never_ends_is_made_again(
    host: HostFacts, minutes: int, tags: dict[str, str], rung: Rung | None
) -> None:
    observation = seen(server(tags=tags, minutes=minutes), hosts={NAME: host})
    found = change(up(observation))
    assert (found.rung, found.verb) == (rung, Verb.REPAIR if rung else Verb.FINISH)
    if rung:
        assert found.steps == STEPS[rung]


@pytest.mark.parametrize("parts", [(runner(),), (runner(), job()), (runner(disabled=True),)])
def test_a_machine_that_has_been_well_for_a_while_forgets(parts: tuple[Runner | Job, ...]) -> None:
    minutes = WELL.total_seconds() / 60
    later = change(up(seen_with(tried(Rung.REBUILD, minutes), facts(), *parts)))
    assert (later.verb, later.steps) == (Verb.FINISH, (Step.WELL,))
    assert change(up(seen_with(tried(Rung.REBUILD, minutes - 1), facts(), *parts))).steps == ()


def test_memory_lasts_longer_than_any_grace() -> None:
    assert max(GRACE.values()) < WELL


@pytest.mark.parametrize("rung", Rung)
def test_what_is_remembered_is_read_again(rung: Rung) -> None:
    assert read_tried({key: value or "" for key, value in tried_tag(rung, NOW).items()}) == Tried(rung, NOW)


@pytest.mark.parametrize(
    "text", ["", "restart", "restart.", "restart.soon", ".1", "prayer.1", f"reset.{'9' * 12}", "reset.²"]
)
def test_what_cannot_be_read_was_not_tried(text: str) -> None:
    assert read_tried({Tag.REPAIR: text}) is None


def test_silence_noted_by_an_older_fleet_is_understood() -> None:
    for word in ("silent", "reset", "rebuild"):
        assert read_silent_since({Tag.SUSPECT: f"{word}.{int(NOW.timestamp())}"}) == NOW
    assert read_silent_since({}) is read_silent_since({Tag.SUSPECT: "silent"}) is None


rungs = st.lists(st.sampled_from(Rung), unique=True, min_size=1).map(
    lambda found: tuple(sorted(found, key=list(Rung).index))
)


@given(st.lists(rungs, min_size=1, max_size=40), st.lists(st.integers(0, 40), min_size=40, max_size=40))
def test_each_rung_is_climbed_at_most_once_and_the_climb_ends(
    troubles: list[tuple[Rung, ...]], minutes: list[int]
) -> None:
    """Whatever the troubles are and however often they change: up to the next "well", no rung comes twice."""
    known: Tried | None = None
    climbed: list[Rung] = []
    at = NOW
    for of, wait in zip(troubles, minutes, strict=False):
        at += timedelta(minutes=wait)
        found = turn(of, known, Now(at))
        if found.climb is not None:
            assert known is None or at >= known.at + GRACE[known.rung]
            climbed.append(found.climb)
            known = Tried(found.climb, at)
    assert len(climbed) == len(set(climbed))
    assert climbed == sorted(climbed, key=list(Rung).index)


def test_every_trouble_has_a_ladder_that_ends_with_a_person_and_static_hosts_keep_their_power() -> None:
    for trouble, of in LADDER.items():
        assert of == tuple(sorted(of, key=ORDER.index))
        assert turn(of, Tried(of[-1], NOW), Now(NOW + timedelta(days=1))) == turn((), None, Now(NOW))
        assert not set(rungs_for(trouble, frozenset(), static=True)) & (HARD | {Rung.REBOOT})


def test_a_row_remembers_on_a_server_and_on_a_static_host_alike() -> None:
    one = join(inventory(), seen_with(tried(Rung.RESTART, 1), facts()))[0]
    assert read_tried(one.tags) == Tried(Rung.RESTART, ago(1))
