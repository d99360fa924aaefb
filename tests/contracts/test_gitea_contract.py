"""What ``fleet`` relies on at Gitea: the same sentences for the stand-in and for a real one."""

import secrets
from datetime import timedelta

import pytest

from fleet.core.errors import CredentialsError, GiteaError, Refused, RunnerUnknown
from fleet.core.inventory import Scope, ScopeKind
from fleet.core.observation import Job, JobState
from fleet.core.orders import LogPart
from fleet.core.runner_version import parse_version
from fleet.core.secret import Secret
from fleet.edges.gitea import GiteaHttp
from tests.contracts.conftest import Place
from tests.contracts.driver import random_name, until

NOBODY = "fleet-draining"


def a_label() -> str:
    """A label only this test asks for, so that no other runner takes the job."""
    return f"label-{secrets.token_hex(4)}"


def jobs_with(edge: GiteaHttp, label: str) -> list[Job]:
    return [job for job in edge.jobs(fresh=True) if label in job.labels]


def waiting_job(place: Place, edge: GiteaHttp, label: str) -> Job:
    repo = place.driver.make_repo()
    place.driver.push_workflow(repo, "build", label=label)
    return until(lambda: jobs_with(edge, label), "the job of the push")[0]


def test_the_version_is_new_enough_and_readable(place: Place) -> None:
    assert parse_version(place.edge().version()) >= (1, 25)


def test_the_registration_token_stays_the_same(place: Place) -> None:
    edge = place.edge()
    assert edge.registration_token() == edge.registration_token()
    assert len(edge.registration_token().reveal()) >= 32


def test_a_registered_runner_is_listed_by_the_id_of_its_credentials_and_offline(place: Place) -> None:
    edge = place.edge()
    made = place.runner(edge, "ubuntu-latest", "big")
    seen = edge.runner(made.who.id)
    assert seen is not None
    assert (seen.id, seen.name, seen.labels) == (
        made.who.id,
        made.name,
        frozenset({"ubuntu-latest", "big"}),
    )
    assert not seen.online
    assert not seen.busy
    assert seen in edge.runners()


def test_the_same_name_registered_again_is_another_record(place: Place) -> None:
    edge = place.edge()
    made = place.runner(edge)
    again = edge.register(made.name, [], edge.registration_token())
    assert again.id != made.who.id
    edge.delete_runner(again.id)


def test_a_runner_is_online_once_it_has_declared_itself(place: Place) -> None:
    edge = place.edge()
    made = place.runner(edge)
    edge.declare(made.who, ["special"])
    seen = edge.runner(made.who.id)
    assert seen is not None
    assert seen.online
    assert seen.labels == {"special"}


def test_declare_replaces_all_labels(place: Place) -> None:
    edge = place.edge()
    made = place.runner(edge, "one", "two")
    edge.declare(made.who, [NOBODY])
    assert [runner.labels for runner in edge.runners() if runner.id == made.who.id] == [{NOBODY}]


def test_a_deleted_runner_is_gone_and_deleting_it_again_is_fine(place: Place) -> None:
    edge = place.edge()
    made = place.runner(edge)
    edge.delete_runner(made.who.id)
    assert edge.runner(made.who.id) is None
    assert made.who.id not in {runner.id for runner in edge.runners()}
    edge.delete_runner(made.who.id)


def test_a_deleted_runner_is_told_that_it_is_unknown(place: Place) -> None:
    edge = place.edge()
    made = place.runner(edge)
    edge.delete_runner(made.who.id)
    with pytest.raises(RunnerUnknown):
        edge.declare(made.who, ["ubuntu-latest"])


def test_a_job_of_a_push_waits_with_its_labels(place: Place) -> None:
    edge, label = place.edge(), a_label()
    job = waiting_job(place, edge, label)
    assert (job.name, job.state, job.labels) == ("build", JobState.WAITING, frozenset({label}))
    assert (job.runner_id, job.started) == (None, None)
    assert job.repo.startswith(f"{place.driver.me}/")
    assert job.url.startswith("http")


def test_a_job_that_was_fetched_is_running_on_that_runner(place: Place) -> None:
    edge, label = place.edge(), a_label()
    waiting = waiting_job(place, edge, label)
    made = place.runner(edge, label)
    task = place.driver.fetch_task(made.who)
    assert task is not None
    (running,) = jobs_with(edge, label)
    assert (running.id, running.state, running.runner_id) == (waiting.id, JobState.RUNNING, made.who.id)
    assert running.started is not None
    assert running.started >= running.created
    place.driver.finish_task(made.who, task)
    assert jobs_with(edge, label) == []


def test_the_log_of_a_job_is_there_while_it_runs_and_any_part_of_it(place: Place) -> None:
    edge, label = place.edge(), a_label()
    job = waiting_job(place, edge, label)
    with pytest.raises(Refused, match="job not started"):
        edge.job_log(job.repo, job.id, None)
    made = place.runner(edge, label)
    task = place.driver.fetch_task(made.who)
    assert task is not None
    place.driver.print_log(made.who, task, 0, "first", "second")
    seen = edge.job_log(job.repo, job.id, None)
    assert [line.split(b" ")[-1] for line in seen.text.splitlines()] == [b"first", b"second"]
    assert (seen.begin, seen.end) == (0, len(seen.text))
    assert edge.job_log(job.repo, job.id, seen.end) == LogPart(b"", seen.end, seen.end)
    place.driver.print_log(made.who, task, 2, "third")
    more = edge.job_log(job.repo, job.id, seen.end)
    assert more.text.endswith(b" third\n")
    assert (more.begin, more.end) == (seen.end, seen.end + len(more.text))
    place.driver.finish_task(made.who, task)
    assert edge.job_log(job.repo, job.id, 5).text == (seen.text + more.text)[5:]


def test_a_job_that_ended_well_is_among_the_newest_that_did(place: Place) -> None:
    edge, label = place.edge(page_size=2), a_label()
    made = place.runner(edge, label)
    ids = []
    for _ in range(3):
        ids.append(waiting_job(place, edge, label).id)
        task = place.driver.fetch_task(made.who)
        assert task is not None
        place.driver.finish_task(made.who, task)
    ended = {job.id: job for job in edge.ended_jobs().jobs}
    last = ended[ids[-1]]
    assert (last.state, last.runner_id, last.attempt) == (JobState.ENDED, made.who.id, 1)
    assert last.run
    assert last.started is not None
    assert last.ended is not None
    assert last.created <= last.started


@pytest.mark.parametrize("well", [True, False])
def test_a_job_that_ended_is_found_by_its_id_however_it_ended(place: Place, well: bool) -> None:
    edge, label = place.edge(page_size=2), a_label()
    made = place.runner(edge, label)
    waits = waiting_job(place, edge, label)
    assert edge.ended_job(waits.id) is None
    task = place.driver.fetch_task(made.who)
    assert task is not None
    place.driver.finish_task(made.who, task, well=well)
    found = edge.ended_job(waits.id)
    assert found is not None
    assert (found.id, found.state, found.repo) == (waits.id, JobState.ENDED, waits.repo)


def test_a_job_that_needs_another_is_as_old_as_that_one(place: Place) -> None:
    edge, label = place.edge(), a_label()
    made = place.runner(edge, label)
    place.driver.push_workflow(place.driver.make_repo(), "first", "second", label=label, chained=True)
    for _ in range(2):
        task = until(lambda: place.driver.fetch_task(made.who), "a task")
        assert task is not None
        place.driver.finish_task(made.who, task)
    ended = {job.name: job for job in edge.ended_jobs().jobs if job.runner_id == made.who.id}
    first, second = ended["first"], ended["second"]
    assert first.run == second.run
    assert abs(second.created - first.created) <= timedelta(seconds=1)
    assert first.started is not None
    assert second.started is not None
    assert second.started >= first.started


def test_a_runner_with_a_label_nobody_asks_for_gets_nothing_until_it_has_its_own_again(place: Place) -> None:
    edge, label = place.edge(), a_label()
    waiting_job(place, edge, label)
    made = place.runner(edge, label)
    edge.declare(made.who, [NOBODY])
    assert place.driver.fetch_task(made.who) is None
    assert [job.state for job in jobs_with(edge, label)] == [JobState.WAITING]
    edge.declare(made.who, [label])
    assert place.driver.fetch_task(made.who) is not None


def test_a_cordoned_runner_may_finish_what_it_runs(place: Place) -> None:
    edge, label = place.edge(), a_label()
    waiting_job(place, edge, label)
    made = place.runner(edge, label)
    task = place.driver.fetch_task(made.who)
    assert task is not None
    edge.declare(made.who, [NOBODY])
    assert [job.runner_id for job in jobs_with(edge, label)] == [made.who.id]
    place.driver.finish_task(made.who, task)
    assert jobs_with(edge, label) == []


def test_a_disabled_runner_gets_nothing_where_this_gitea_can_disable(place: Place) -> None:
    edge, label = place.edge(), a_label()
    waiting_job(place, edge, label)
    made = place.runner(edge, label)
    can = edge.set_disabled(made.who.id, True)
    seen = edge.runner(made.who.id)
    assert seen is not None
    assert seen.disabled is (True if can else None)
    assert (place.driver.fetch_task(made.who) is None) is can
    assert edge.set_disabled(made.who.id, False) is can


def test_disabling_a_runner_that_is_gone_is_no_success(place: Place) -> None:
    edge = place.edge()
    made = place.runner(edge)
    can = edge.set_disabled(made.who.id, True)
    edge.delete_runner(made.who.id)
    if can:
        with pytest.raises(RunnerUnknown):
            edge.set_disabled(made.who.id, True)
    else:
        assert edge.set_disabled(made.who.id, True) is False


def test_runners_are_all_there_with_one_on_each_page(place: Place) -> None:
    edge = place.edge(Scope(ScopeKind.REPO, place.driver.make_repo()), page_size=1)
    made = {place.runner(edge).who.id for _ in range(4)}
    assert {runner.id for runner in edge.runners()} == made


def test_jobs_are_all_there_with_one_on_each_page(place: Place) -> None:
    repo, label = place.driver.make_repo(), a_label()
    edge = place.edge(Scope(ScopeKind.REPO, repo), page_size=1)
    place.driver.push_workflow(repo, "one", "two", "three", label=label)
    made = place.runner(edge, label)
    until(lambda: len(edge.jobs(fresh=True)) == 3, "the three jobs of the push")
    assert place.driver.fetch_task(made.who) is not None
    states = sorted(job.state for job in edge.jobs(fresh=True))
    assert states == sorted([JobState.WAITING, JobState.WAITING, JobState.RUNNING])


@pytest.mark.parametrize("kind", list(ScopeKind))
def test_each_scope_lists_its_own_runners(place: Place, kind: ScopeKind) -> None:
    names = {
        ScopeKind.INSTANCE: lambda: "",
        ScopeKind.USER: lambda: "",
        ScopeKind.ORG: place.driver.make_org,
        ScopeKind.REPO: place.driver.make_repo,
    }
    edge = place.edge(Scope(kind, names[kind]()))
    made = place.runner(edge)
    assert edge.runner(made.who.id) in edge.runners()
    assert made.who.id in {runner.id for runner in place.edge().runners()}, "the instance sees all"


def test_a_runner_of_another_scope_is_none_of_ours(place: Place) -> None:
    ours = place.edge(Scope(ScopeKind.REPO, place.driver.make_repo()))
    theirs = place.runner(place.edge(Scope(ScopeKind.REPO, place.driver.make_repo())))
    assert ours.runner(theirs.who.id) is None
    assert ours.runners() == ()


@pytest.mark.parametrize(
    "scope",
    [Scope(ScopeKind.ORG, random_name("absent")), Scope(ScopeKind.REPO, f"nobody/{random_name('absent')}")],
    ids=("org", "repo"),
)
def test_an_unknown_scope_is_refused_and_never_means_that_a_runner_is_gone(place: Place, scope: Scope) -> None:
    edge = place.edge(scope)
    for ask in (edge.runners, edge.jobs, edge.registration_token, lambda: edge.runner(1)):
        with pytest.raises(Refused, match=scope.name) as caught:
            ask()
        assert "gitea.scope" in caught.value.hint
    with pytest.raises(Refused):
        edge.delete_runner(1)


def test_a_wrong_token_is_named_and_not_shown(place: Place) -> None:
    wrong = secrets.token_hex(20)
    with pytest.raises(CredentialsError, match="FLEET_GITEA_TOKEN") as caught:
        place.edge(token=wrong).runners()
    assert wrong not in str(caught.value) + caught.value.hint


def test_a_token_without_rights_says_which_to_add(place: Place) -> None:
    edge = place.edge(token=place.narrow_token())
    with pytest.raises(CredentialsError) as caught:
        edge.registration_token()
    assert "add write:admin" in caught.value.hint


def test_a_wrong_registration_token_is_refused_and_not_shown(place: Place) -> None:
    wrong = secrets.token_hex(20)
    with pytest.raises(GiteaError, match="registration token") as caught:
        place.edge().register(random_name("runner"), [], Secret(wrong))
    assert wrong not in str(caught.value)
    assert caught.value.hint
