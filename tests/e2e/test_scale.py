"""Machines come and leave by passes, and no job is lost: with a Gitea that can disable runners, and one that cannot.

``cron.minutes = 60`` makes every moment one of the last of a paid hour, so that whatever is surplus is due at once.
Jobs run until the test lets them end.
"""

import re
from collections.abc import Iterator

import pytest

from fleet.core.lifecycle import LEAVE_AS_SURPLUS, OF_TAILNET, Step
from tests.e2e.keyboard import (
    OFFLINE_AFTER,
    Fleet,
    Json,
    Long,
    Person,
    Typed,
    age,
    lab_up,
    new_fleet,
    push_long,
    running,
    soon,
    step_of,
)

pytestmark = pytest.mark.e2e

BOTH = pytest.mark.parametrize("place", ["--patch", "--no-patch"], indirect=True)
PATCH = pytest.mark.parametrize("place", ["--patch"], indirect=True)
NO_PATCH = pytest.mark.parametrize("place", ["--no-patch"], indirect=True)

ALWAYS_DUE = "cron.minutes = 60"
POOL = "capacity = 2\nmin = 1\nmax = 2"

WAY_OUT = [step for step in LEAVE_AS_SURPLUS if step not in OF_TAILNET]
"""Of a machine that is in no tailnet."""

UNTIL_COUNTED = 60
"""Seconds in which a job that waits must have become a reason to act: 20 by rule, and the time of a pass."""


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A lab with one kind of Gitea, and a fleet on it."""
    person = Person(tmp_path_factory.mktemp("place"))
    with lab_up(person, "--stand-ins", request.param) as lab:
        fleet = new_fleet(person, lab)
        fleet.wish(POOL, ALWAYS_DUE)
        yield fleet
        fleet.must("down", "--force", "--yes")
        assert (fleet.servers(), fleet.runners()) == ([], [])


@pytest.fixture
def pair(place: Fleet) -> Fleet:
    """Two machines, in service and idle; one is surplus."""
    if len(place.servers()) < 2:
        place.must("up", "build", "--add", str(2 - len(place.servers())), "--yes")
    soon(lambda: _phases(place) == ["idle", "idle"])
    return place


@pytest.fixture
def single(place: Fleet) -> Fleet:
    """One machine, in service and idle."""
    place.must("up", "--yes")
    for one in place.servers()[1:]:
        place.must("down", one["name"], "--yes")
    soon(lambda: _phases(place) == ["idle"])
    return place


def _one_on_each(fleet: Fleet) -> dict[str, Long]:
    """A job on each of two idle machines; those that came to the same one have ended."""
    jobs = [running(fleet)]
    while len({job.machine for job in jobs}) < 2:
        jobs.append(running(fleet))
    found = {job.machine: job for job in jobs}
    assert all(job.ends() == "success" for job in jobs if job not in found.values())
    return found


def _other(fleet: Fleet, name: str) -> str:
    return next(str(one["name"]) for one in fleet.servers() if one["name"] != name)


def _rows(typed: Typed) -> dict[str, Json]:
    return {one["machine"]: one for one in typed.json["machines"]}


def _phases(fleet: Fleet) -> list[str]:
    return [one["phase"] for one in fleet.must("status", "--json").json["machines"]]


def _one_left(fleet: Fleet) -> str:
    """The only machine there is, in Hetzner and in Gitea."""
    names = [one["name"] for one in fleet.servers()]
    assert len(names) == 1
    assert [one["name"] for one in fleet.runners()] == names
    return str(names[0])


def _killed_at(fleet: Fleet, step: Step) -> None:
    """``scale-down``, killed when this step has begun; one that gets no further yet is typed again."""

    def begun() -> bool:
        with fleet.start("scale-down") as process:
            assert process.stderr is not None
            seen = any(step_of(line) == step for line in process.stderr)
            process.kill()
            process.communicate()
        return seen

    soon(begun)


def _settled(fleet: Fleet) -> bool:
    """Whether one more pass has left nothing to do."""
    fleet.must("scale-down")
    return fleet.type("scale-down", "--check").code == 0


def _marked(fleet: Fleet) -> str:
    """The machine that a pass has marked as surplus."""
    return next(str(one["name"]) for one in fleet.servers() if "draining" in one["labels"])


@PATCH
def test_a_held_machine_is_kept_and_a_paused_fleet_is_left_alone(pair: Fleet) -> None:
    pair.must("hold", "build")
    rows = _rows(pair.must("scale-down", "--json"))
    assert [(one["verdict"], one["text"]) for one in rows.values()] == [("kept", "held by a person")] * 2
    pair.must("release", "build")

    pair.must("pause")
    for command in ("scale", "scale-down"):
        assert pair.must(command).out == f"fleet {pair.name} is paused: fleet resume\n"
    assert pair.type("scale-down", "--check").code == 0
    pair.must("resume")
    assert pair.type("scale-down", "--check").code == 3
    assert len(pair.servers()) == 2


@PATCH
def test_drain_waits_for_the_job_and_enable_brings_a_waiting_job(pair: Fleet) -> None:
    first = running(pair)
    name = first.machine
    with pair.start("drain", name, "--wait") as drain:
        assert drain.stderr is not None
        story = iter(drain.stderr.readline, "")
        assert any(step_of(line).startswith("wait: ") for line in story), "drain names what it waits for"
        more = [push_long(pair) for _ in range(3)]
        soon(lambda: [job.machine for job in more].count(_other(pair, name)) == 2)
        assert first.ends() == "success"
        out, rest = drain.communicate(timeout=120)
    assert drain.returncode == 0, out + rest
    assert [job.machine for job in more].count("") == 1, "the third waits: no slot is free, and one machine is drained"
    assert {one["phase"] for one in _cost(pair)} == {"busy", "drained"}

    pair.must("enable", name)
    waited = soon(lambda: next((job for job in more if job.machine == name), None))
    soon(waited.runs)
    assert [job.ends() for job in more] == ["success"] * 3


def _cost(fleet: Fleet) -> list[Json]:
    """The machines of ``fleet cost``: all are in their first hour."""
    cost = fleet.must("cost", "--json").json
    assert "estimate" in cost["note"]
    for one in cost["machines"]:
        assert one["eur_so_far"] == one["eur_per_hour"] > 0
        assert 0 < one["paid_minutes_left"] <= 60
    machines: list[Json] = cost["machines"]
    return machines


@BOTH
def test_a_machine_that_a_pass_cordoned_comes_back_for_a_job_that_already_waited(pair: Fleet) -> None:
    _killed_at(pair, Step.EMPTY)
    name = _marked(pair)
    others = [running(pair), running(pair)]
    assert {job.machine for job in others} == {_other(pair, name)}, "a cordoned machine gets none"
    waits = push_long(pair)
    soon(lambda: _verbs(pair)[name] == "take back", seconds=UNTIL_COUNTED)
    assert not waits.machine

    rows = _rows(pair.must("scale", "--json"))
    assert (rows[name]["verdict"], rows[name]["text"]) == ("done", "back in service")
    soon(waits.runs)
    assert waits.machine == name
    assert [job.ends() for job in (*others, waits)] == ["success"] * 3
    assert not any("draining" in one["labels"] for one in pair.servers())


def _verbs(fleet: Fleet) -> dict[str, str]:
    """What a pass would do now."""
    return {one["machine"]: one["verb"] for one in fleet.must("scale", "--dry-run", "--json").json["changes"]}


@BOTH
def test_a_busy_surplus_machine_is_deferred_and_leaves_later_also_when_killed_at_each_step(pair: Fleet) -> None:
    """Each run that is killed gets one step further than the one before, over all that those have left."""
    jobs = _one_on_each(pair)
    with_job = WAY_OUT.index(Step.EMPTY) + 1
    for step in WAY_OUT[:with_job]:
        _killed_at(pair, step)
        assert all(job.runs() for job in jobs.values()), f"killed at {step}"
    name = _marked(pair)
    stays = _other(pair, name)

    rows = _rows(pair.must("scale-down", "--json"))
    assert rows[name]["verdict"] == "deferred"
    assert f"{name} runs job " in rows[name]["text"]
    assert rows[stays]["verdict"] == "kept"
    late = running(pair)
    assert late.machine == stays, "a job that comes while it drains goes elsewhere"
    assert jobs[name].runs()
    assert jobs[name].ends() == "success"

    for step in WAY_OUT[with_job:]:
        _killed_at(pair, step)
        assert [jobs[stays].runs(), late.runs()] == [True, True], f"killed at {step}"
    soon(lambda: _settled(pair), seconds=60)
    assert _one_left(pair) == stays
    assert [jobs[stays].ends(), late.ends()] == ["success", "success"]


@NO_PATCH
def test_a_runner_without_its_credentials_is_ended_between_two_jobs_and_comes_back(single: Fleet) -> None:
    """Gitea cannot disable it, and nobody can say for it that it wants no job."""
    job = running(single)
    single.inside("rm /opt/fleet/data/.runner", number=int(job.machine.rpartition("-")[2]))
    single.must("repair", "--yes")
    assert job.runs()
    assert job.ends() == "success"

    with single.start("repair", "--yes") as repair:
        assert repair.stderr is not None
        assert any("until Gitea calls the runner offline" in line for line in repair.stderr)
        age(single.lab, gitea=OFFLINE_AFTER)
        try:
            repair.communicate()
        finally:
            age(single.lab, gitea=-OFFLINE_AFTER)
    assert repair.returncode == 0
    assert len(single.runners()) == 1
    assert single.push("echo works").ends() == "success"


@PATCH
def test_the_cap_refuses_growth_and_a_floor_keeps_what_was_added(single: Fleet) -> None:
    """The floor stays for an hour: tests that want a surplus machine come before this one."""
    single.wish(POOL, f"{ALWAYS_DUE}\nmax_eur_per_hour = 0.02")
    refused = single.type("up", "build", "--add", "1", "--yes")
    assert refused.code == 1
    assert "max_eur_per_hour" in refused.said

    jobs = [running(single), running(single), push_long(single)]
    first = jobs[0].machine
    told = soon(lambda: _limited(_rows(single.must("scale", "--json"))), seconds=UNTIL_COUNTED)
    assert told["verdict"] == "kept"
    assert "is over max_eur_per_hour, €0.0200" in told["text"]
    assert _one_left(single) == first
    for job in jobs:
        soon(job.runs)
        assert job.ends() == "success"

    single.wish(POOL, ALWAYS_DUE)
    single.must("up", "build", "--add", "1", "--for", "1h", "--yes")
    rows = _rows(single.must("scale-down", "--json"))
    assert [(one["verb"], one["verdict"]) for one in rows.values()] == [("keep", "kept")] * 2
    assert "min 2" in rows[first]["text"]
    assert len(single.servers()) == 2


def _limited(rows: dict[str, Json]) -> Json | None:
    return next((row for row in rows.values() if row["verb"] == "limit"), None)


@PATCH
def test_down_by_force_names_the_job_that_dies_before_the_machine_is_gone(pair: Fleet) -> None:
    job = running(pair)
    name = job.machine
    asked = pair.type("down", name, "--force")
    assert asked.code == 2
    assert re.search(rf"{name}: .* job \d+ \(try\) dies", asked.err)
    assert job.runs(), "nothing was touched"

    pair.must("down", name, "--force", "--yes")
    assert _one_left(pair) != name
