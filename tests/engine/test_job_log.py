"""A job's log: its last lines, new ones as they come, and whose log it is."""

import pytest

from fleet.core.errors import Refused
from fleet.core.machine import Machine, join
from fleet.core.observation import Job, JobState
from fleet.engine import job_log
from fleet.engine.observe import observe
from fleet.engine.world import World
from tests.fakes.gitea import ZOMBIE, FakeJob
from tests.fakes.world import FakeWorld, build_inventory, build_pool

FLEET = build_inventory(build_pool(capacity=2))


@pytest.fixture
def here(world: FakeWorld) -> World:
    """One machine with two slots."""
    world.process(FLEET).up()
    return world.process(FLEET).world


def start(world: FakeWorld, *, seconds: float = 60) -> FakeJob:
    job = world.gitea.queue(seconds=seconds)
    world.clock.sleep(10)
    assert job.runs
    return job


def machine(here: World) -> Machine:
    return join(here.inventory, observe(here))[0]


def as_seen(here: World, job: FakeJob) -> Job:
    return job_log.job_of(here, None, job.id)


def lines_of(here: World, job: FakeJob, number: int = 100, *, follow: bool = False) -> list[str]:
    found: list[str] = []
    job_log.read(here, as_seen(here, job), number, found.append, follow=follow)
    return found


def test_the_last_lines_are_given_and_one_without_an_end_too(world: FakeWorld, here: World) -> None:
    job = start(world)
    job.prints = b"one\ntwo\r\nthree\nfo"
    assert lines_of(here, job) == ["one", "two", "three", "fo"]
    assert lines_of(here, job, 1) == ["three", "fo"]


def test_a_line_that_is_cut_in_front_is_left_out(
    world: FakeWorld, here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start(world)
    job.prints = b"one\ntwo\nthree\n"
    whole = here.gitea.job_log
    monkeypatch.setattr(here.gitea, "job_log", lambda repo, number, since: whole(repo, number, since or 2))
    assert lines_of(here, job) == ["two", "three"]


def test_an_empty_log_has_no_lines(world: FakeWorld, here: World) -> None:
    assert lines_of(here, start(world)) == []


def test_a_log_is_followed_to_its_end_and_no_line_is_given_twice_or_in_two(world: FakeWorld, here: World) -> None:
    job = start(world, seconds=60)
    said = [b"one\ntw", b"o\nthr", b"ee\n", b"last"]
    job.prints = said[0]

    def grow() -> None:
        done = min(int(world.clock.now() - job.started - 10) // 4, len(said) - 1)
        job.prints = b"".join(said[: max(done, 0) + 1])

    world.clock.at_each_tick(grow)
    assert lines_of(here, job, follow=True) == ["one", "two", "three", "last"]
    assert job.end == "success"


def test_what_a_job_prints_between_our_look_at_it_and_its_end_is_given(
    world: FakeWorld, here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = start(world, seconds=30)
    job.prints = b"begun\n"
    jobs = here.gitea.jobs

    def ends_before_it_is_asked(*, fresh: bool = False) -> tuple[Job, ...]:
        if job.end:
            job.prints = b"begun\nand done\n"
        return jobs(fresh=fresh)

    monkeypatch.setattr(here.gitea, "jobs", ends_before_it_is_asked)
    assert lines_of(here, job, follow=True) == ["begun", "and done"]


def test_the_only_job_of_a_machine_is_meant_and_of_several_one_must_be_named(world: FakeWorld, here: World) -> None:
    with pytest.raises(Refused, match="no job runs on ci-build-1"):
        job_log.job_of(here, machine(here), None)
    first = start(world)
    assert job_log.job_of(here, machine(here), None).id == first.id
    second = start(world)
    with pytest.raises(Refused, match=f"2 jobs run on ci-build-1: {first.id}, {second.id}"):
        job_log.job_of(here, machine(here), None)
    assert job_log.job_of(here, machine(here), second.id).id == second.id


def test_one_that_has_ended_is_found_and_one_that_nobody_knows_is_refused(world: FakeWorld, here: World) -> None:
    job = start(world, seconds=20)
    world.clock.sleep(60)
    job.prints = b"done\n"
    assert as_seen(here, job).state is JobState.ENDED
    assert lines_of(here, job, follow=True) == ["done"]
    with pytest.raises(Refused, match="job 999"):
        job_log.job_of(here, None, 999)


def test_one_that_failed_is_found_too(world: FakeWorld, here: World) -> None:
    job = start(world)
    world.host("ci-build-1").crash(comes_back=True)
    world.clock.sleep(ZOMBIE)
    assert job.end != "success"
    job.prints = b"why\n"
    assert lines_of(here, job) == ["why"]


def test_one_that_waits_has_no_log(world: FakeWorld, here: World) -> None:
    job = world.gitea.queue(labels=["nobody"])
    with pytest.raises(Refused, match="no log"):
        lines_of(here, job)
