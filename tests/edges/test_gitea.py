"""The Gitea edge against a loopback server that says what a test tells it to."""

import contextlib
import datetime
import ipaddress
import json
import socket
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fleet.core.errors import (
    CredentialsError,
    FleetError,
    GiteaError,
    Refused,
    RunnerUnknown,
    TooOld,
    Unreachable,
)
from fleet.core.inventory import GiteaSettings, Scope, ScopeKind
from fleet.core.observation import JobState
from fleet.core.orders import Credentials
from fleet.core.secret import Secret
from fleet.edges.gitea import GiteaHttp
from fleet.edges.gitea.lists import read_list, read_newest
from fleet.edges.http.shared import Shared
from fleet.engine.ports import Gitea
from fleet.lab.gitea.http import Answer, Request, give
from fleet.lab.gitea.serving import Serving
from fleet.lab.tls import Authority

TOKEN = "a" * 40
RECORDED = {
    each["note"]: each
    for each in json.loads((Path(__file__).parent.parent / "contracts/gitea_answers.json").read_text())
}
HTML = Answer(200, b"<html>sign in</html>", "text/html")


class Scripted:
    """Answers in the given order, the last one for ever; remembers what was asked and what was slept."""

    def __init__(self) -> None:
        self.answers: deque[Answer | None] = deque()
        self.seen: list[Request] = []
        self.edges: list[GiteaHttp] = []
        self.slept: list[float] = []
        self.time = 0.0
        self.serving = Serving(self.respond, ("127.0.0.1",), 0)

    def respond(self, request: Request) -> Answer | None:
        self.seen.append(request)
        return self.answers.popleft() if len(self.answers) > 1 else self.answers[0]

    def edge(self, *, scope: str = "instance", name: str = "", token: str = TOKEN, path: str = "") -> GiteaHttp:
        settings = GiteaSettings(self.serving.url + path, "https://other.example", Scope(ScopeKind(scope), name))
        edge = GiteaHttp(settings, Secret(token), sleep=self.slept.append, monotonic=lambda: self.time)
        self.edges.append(edge)
        return edge


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


@pytest.fixture
def server() -> Iterator[Scripted]:
    scripted = Scripted()
    with scripted.serving:
        yield scripted
        for edge in scripted.edges:
            edge.close()


def recorded(note: str) -> Answer:
    """A recorded answer of a real Gitea 1.26."""
    each = RECORDED[note]
    return give(each["body"], each["status"]) if each["body"] is not None else Answer(each["status"])


def runners(*ids: int, total: int | None = None) -> Answer:
    items = [{"id": number, "name": f"r{number}", "status": "online", "busy": False, "labels": []} for number in ids]
    return give({"runners": items, "total_count": len(ids) if total is None else total})


def jobs(status: str, *ids: int) -> Answer:
    (item,) = RECORDED["in progress, with runner_id"]["body"]["jobs"]
    return give({"jobs": [{**item, "id": number, "status": status} for number in ids], "total_count": len(ids)})


def a_runner() -> Credentials:
    return Credentials(30, "90f4e4c0-0a43-4e66-96b0-58340facf4ac", Secret("b" * 40))


def failure(ask: Callable[[], object], kind: type[FleetError] = Unreachable) -> str:
    """The sentence and the hint of the error that asking raises."""
    with pytest.raises(kind) as caught:
        ask()
    assert type(caught.value) is kind
    text = f"{caught.value} | {caught.value.hint}"
    assert TOKEN not in text
    return text


def test_it_is_the_port_of_the_engine(server: Scripted) -> None:
    port: Gitea = server.edge()
    assert isinstance(port, GiteaHttp)


# Versions


@pytest.mark.parametrize("version", ["1.25.0", "v1.25.2-rc1", "1.26.0+dev-123", "1.27.3", "28.0.0", "28.1.2"])
def test_known_versions_run_without_a_note(server: Scripted, version: str) -> None:
    server.answers.append(give({"version": version}))
    edge = server.edge()
    assert edge.version() == version
    assert edge.note() is None


@pytest.mark.parametrize("version", ["28.2.0", "29.0.0", "main-nightly"])
def test_an_unknown_version_runs_with_a_note(server: Scripted, version: str) -> None:
    server.answers.append(give({"version": version}))
    note = server.edge().note()
    assert note is not None
    assert version in note


@pytest.mark.parametrize("version", ["1.24.7", "1.9.0", "v1.22"])
def test_an_old_version_is_refused(server: Scripted, version: str) -> None:
    server.answers.append(give({"version": version}))
    assert "1.25 or newer" in failure(server.edge().version, TooOld)


def test_a_forgejo_is_told_apart(server: Scripted) -> None:
    server.answers.append(give({"version": "12.0.1+gitea-1.22.0"}))
    assert "Forgejo" in failure(server.edge().version, Refused)


# What is sent


@pytest.mark.parametrize(
    ("scope", "name", "base"),
    [
        ("instance", "", "/api/v1/admin/actions"),
        ("org", "acme", "/api/v1/orgs/acme/actions"),
        ("user", "", "/api/v1/user/actions"),
        ("repo", "acme/app", "/api/v1/repos/acme/app/actions"),
        ("org", "a?b", "/api/v1/orgs/a%3Fb/actions"),
    ],
)
def test_each_scope_has_its_path(server: Scripted, scope: str, name: str, base: str) -> None:
    server.answers.append(runners())
    server.edge(scope=scope, name=name).runners()
    (request,) = server.seen
    assert request.path == f"{base}/runners"
    assert request.query == {"limit": ["50"], "page": ["1"]}
    assert request.headers["authorization"] == f"token {TOKEN}"


def test_a_gitea_below_a_path_is_asked_there(server: Scripted) -> None:
    server.answers.append(give({"version": "1.26.0"}))
    server.edge(path="/git/").version()
    assert server.seen[0].path == "/git/api/v1/version"


def test_a_password_in_netrc_does_not_replace_the_token(
    server: Scripted, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.answers.append(runners())
    server.edge().runners()
    assert server.seen[0].headers["authorization"] == f"token {TOKEN}"


def test_registering_goes_to_the_operators_address_without_our_token(server: Scripted) -> None:
    server.answers.append(recorded("register"))
    got = server.edge().register("ci-build-1", ["ubuntu-latest"], Secret("c" * 40))
    (request,) = server.seen
    assert request.path == "/api/actions/runner.v1.RunnerService/Register"
    assert request.json() | {"version": ""} == {
        "name": "ci-build-1",
        "token": "c" * 40,
        "labels": ["ubuntu-latest"],
        "version": "",
    }
    assert "authorization" not in request.headers
    assert (got.id, got.uuid) == (30, "90f4e4c0-0a43-4e66-96b0-58340facf4ac")
    assert "0123456789" not in repr(got)


# What is understood


def test_recorded_runners_are_understood(server: Scripted) -> None:
    server.answers.append(recorded("busy"))
    seen = server.edge().runner(30)
    assert seen is not None
    assert (seen.name, seen.online, seen.busy, seen.disabled) == ("ci-build-1", True, True, None)
    assert seen.labels == {"ubuntu-latest", "special"}


def test_recorded_jobs_are_understood(server: Scripted) -> None:
    waiting = recorded("blocked jobs (needs)")
    server.answers += [waiting, recorded("in progress, with runner_id")]
    blocked, running = sorted(server.edge().jobs(), key=lambda job: job.name, reverse=True)
    assert (blocked.state, blocked.runner_id, blocked.started) == (JobState.WAITING, None, None)
    assert (running.id, running.state, running.runner_id) == (3, JobState.RUNNING, 30)
    assert running.labels == {"ubuntu-latest", "special"}
    assert running.created == datetime.datetime(2026, 11, 23, 15, 21, 44, tzinfo=datetime.UTC)
    assert running.started == datetime.datetime(2026, 11, 23, 15, 21, 47, tzinfo=datetime.UTC)
    assert (running.repo, running.url) == (
        "acme/app",
        "http://gitea.example:3000/acme/app/actions/runs/3/jobs/0",
    )


def test_a_job_whose_name_would_command_a_terminal_is_shown_harmless(server: Scripted) -> None:
    body = json.loads(json.dumps(RECORDED["blocked jobs (needs)"]["body"]))
    body["jobs"][0] |= {"name": "\x1b[2Jgone", "labels": ["gpu\x1b[31m"]}
    server.answers += [give(body), recorded("in progress, with runner_id")]
    (named,) = [job for job in server.edge().jobs() if "gone" in job.name]
    assert (named.name, named.labels) == ("?[2Jgone", frozenset({"gpu?[31m"}))


def test_a_job_that_moved_between_the_two_lists_is_running(server: Scripted) -> None:
    server.answers += [jobs("queued", 1, 2), jobs("in_progress", 2, 3)]
    states = {job.id: job.state for job in server.edge().jobs()}
    assert states == {1: JobState.WAITING, 2: JobState.RUNNING, 3: JobState.RUNNING}
    assert [request.query["status"] for request in server.seen] == [["queued"], ["in_progress"]]


# Whole lists


def pages(*lists: list[int], totals: list[int] | None = None) -> tuple[Callable[[int, int], Any], list[Any]]:
    """A ``page`` for ``read_list`` that gives these one after the other, and what it was asked."""
    asked: list[Any] = []

    def page(number: int, size: int) -> tuple[int, dict[int, Any]]:
        asked.append((number, size))
        ids = lists[len(asked) - 1] if len(asked) <= len(lists) else []
        total = totals[min(len(asked), len(totals)) - 1] if totals else 3
        return total, {each: {"id": each} for each in ids}

    return page, asked


def ids(items: list[Any]) -> list[int]:
    return sorted(item["id"] for item in items)


def test_pages_are_read_until_the_total_is_there_however_short_they_are() -> None:
    page, asked = pages([1], [2], [3])
    assert ids(read_list(page, 50, "list")) == [1, 2, 3]
    assert asked == [(1, 50), (2, 50), (3, 50)]


def test_an_empty_list_is_one_call() -> None:
    page, asked = pages([], totals=[0])
    assert read_list(page, 50, "list") == []
    assert len(asked) == 1


def test_a_list_that_shifted_is_read_again_with_other_edges() -> None:
    page, asked = pages([1, 2], [2], [1, 2], [3])
    assert ids(read_list(page, 50, "list")) == [1, 2, 3]
    assert asked == [(1, 50), (2, 50), (1, 45), (2, 45)]


def test_items_that_hide_behind_an_edge_are_joined_over_readings() -> None:
    page, _ = pages([1, 2], [2], [1, 3], [3])
    assert ids(read_list(page, 50, "list")) == [1, 2, 3]


def test_an_item_lost_while_another_went_is_not_overlooked() -> None:
    # 1 is deleted after the first page: 3 slides onto it and is on none of the pages read.
    page, _ = pages([1, 2], [], [2, 3], totals=[3, 2])
    assert ids(read_list(page, 50, "list")) == [2, 3]


def test_a_list_that_never_rests_is_an_error_and_no_shorter_list() -> None:
    page, asked = pages(*([1, 2], []) * 3)
    with pytest.raises(GiteaError, match="kept changing"):
        read_list(page, 50, "list the runners")
    assert len(asked) == 6


def test_a_server_that_knows_no_pages_is_no_endless_loop(server: Scripted) -> None:
    server.answers.append(runners(1, 2, total=3))
    assert "kept changing" in failure(server.edge().runners, GiteaError)


# One call for many


def test_a_list_is_shared_for_a_moment(server: Scripted) -> None:
    server.answers.append(runners(1))
    edge = server.edge()
    edge.runners()
    server.time = 0.6
    edge.runners()
    assert len(server.seen) == 1
    server.time = 0.8
    edge.runners()
    assert len(server.seen) == 2


def test_an_ended_job_has_its_run_its_attempt_and_its_end(server: Scripted) -> None:
    (item,) = RECORDED["in progress, with runner_id"]["body"]["jobs"]
    ended = {**item, "status": "completed", "run_id": 9, "run_attempt": 2, "completed_at": "2026-11-23T15:30:00Z"}
    server.answers.append(give({"jobs": [ended], "total_count": 1}))
    (job,) = server.edge().ended_jobs().jobs
    end = datetime.datetime(2026, 11, 23, 15, 30, tzinfo=datetime.UTC)
    assert (job.state, job.run, job.attempt, job.ended) == (JobState.ENDED, 9, 2, end)
    assert server.seen[0].query["status"] == ["success"]


class Paged:
    """A list of so many items by id, from the oldest or from the newest on; at most so many on a page."""

    def __init__(self, total: int, most: int, *, newest_first: bool) -> None:
        ids = range(1, total + 1)
        self.rows = list(reversed(ids)) if newest_first else list(ids)
        self.most, self.calls = most, 0

    def page(self, number: int, size: int) -> tuple[int, dict[int, Mapping[str, int]]]:
        self.calls += 1
        size = min(size, self.most)
        return len(self.rows), {row: {"id": row} for row in self.rows[(number - 1) * size : number * size]}


@pytest.mark.parametrize("newest_first", [False, True])
@pytest.mark.parametrize("most", [2, 30, 50, 1000])
@pytest.mark.parametrize("total", [0, 1, 2, 49, 50, 51, 52, 99, 100, 101, 1237, 20_000])
def test_the_newest_items_are_read_by_two_calls_however_the_list_is_sorted(
    total: int, most: int, newest_first: bool
) -> None:
    paged = Paged(total, most, newest_first=newest_first)
    items, whole = read_newest(paged.page, 50)
    found = sorted(item["id"] for item in items)
    assert whole is (len(found) == total)
    assert found == list(range(total - len(found) + 1, total + 1))
    assert len(found) >= min(total, most, 50) * 0.5
    assert paged.calls <= 2


def test_fresh_jobs_pass_the_cache_by(server: Scripted) -> None:
    server.answers += [jobs("queued", 1), jobs("in_progress"), jobs("queued"), jobs("in_progress", 1)]
    edge = server.edge()
    edge.jobs()
    assert [job.state for job in edge.jobs(fresh=True)] == [JobState.RUNNING]
    assert [job.state for job in edge.jobs()] == [JobState.RUNNING]


def test_our_own_change_is_seen_at_once(server: Scripted) -> None:
    server.answers += [runners(1), Answer(204), runners()]
    edge = server.edge()
    assert len(edge.runners()) == 1
    edge.delete_runner(1)
    assert edge.runners() == ()


def test_all_who_ask_at_the_same_time_share_one_call() -> None:
    begun, go, calls = threading.Event(), threading.Event(), []

    def load() -> int:
        calls.append(1)
        begun.set()
        assert go.wait(30)
        return len(calls)

    shared = Shared(load, lambda: 0.0)
    with ThreadPoolExecutor(8) as pool:
        first = pool.submit(shared.get)
        assert begun.wait(30)
        rest = [pool.submit(shared.get) for _ in range(7)]
        go.set()
        assert [each.result(30) for each in (first, *rest)] == [1] * 8
    assert len(calls) == 1


def test_who_asks_during_a_slow_call_waits_for_it_and_starts_no_other() -> None:
    asked, moments, calls = threading.Event(), iter((0.0, 5.0)), []

    def monotonic() -> float:
        now = next(moments)
        if now:
            asked.set()
        return now

    def load() -> int:
        calls.append(1)
        if len(calls) == 1:
            second = pool.submit(shared.get)
            assert asked.wait(30)
            shared.forget()  # takes the lock: so the second has decided by now
            results.append(second)
        return len(calls)

    results: list[Any] = []
    shared = Shared(load, monotonic)
    with ThreadPoolExecutor(1) as pool:
        assert shared.get() == 1
        assert [each.result(30) for each in results] == [1]


def test_a_call_that_began_before_our_change_is_not_kept() -> None:
    shared: Shared[int]
    values = iter((1, 2))

    def load() -> int:
        value = next(values)
        if value == 1:
            shared.forget()  # a change of ours, while the first call is under way
        return value

    shared = Shared(load, lambda: 0.0)
    assert (shared.get(), shared.get(), shared.get()) == (1, 2, 2)


def test_a_failed_call_is_not_kept() -> None:
    outcomes: list[Any] = [ValueError("no"), 7]

    def load() -> int:
        outcome = outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return int(outcome)

    shared = Shared(load, lambda: 0.0)
    with pytest.raises(ValueError, match="no"):
        shared.get()
    assert shared.get() == 7


# Gone, or only not found


def test_a_runner_is_gone_when_its_scope_is_there(server: Scripted) -> None:
    server.answers += [recorded("deleted runner"), runners()]
    assert server.edge().runner(30) is None


def test_a_runner_is_not_gone_when_its_scope_is_not_found(server: Scripted) -> None:
    server.answers.append(recorded("deleted runner"))
    edge = server.edge(scope="org", name="acme")
    assert "gitea.scope" in failure(lambda: edge.runner(30), Refused)
    assert "acme" in failure(lambda: edge.delete_runner(30), Refused)


def test_a_proxys_404_does_not_mean_gone(server: Scripted) -> None:
    server.answers += [Answer(404, b"<html>", "text/html"), runners()]
    assert "not like a Gitea" in failure(lambda: server.edge().runner(30))


def test_deleting_twice_is_fine(server: Scripted) -> None:
    server.answers += [recorded("delete a busy runner: not refused"), recorded("delete unknown"), runners()]
    edge = server.edge()
    edge.delete_runner(30)
    edge.delete_runner(30)


@pytest.mark.parametrize("answer", [Answer(405), Answer(404, b"404 page not found", "text/plain")])
def test_where_runners_cannot_be_disabled_the_answer_is_no(server: Scripted, answer: Answer) -> None:
    server.answers += [answer, recorded("one runner")]
    assert server.edge().set_disabled(30, True) is False


def test_disabling_sends_the_wish(server: Scripted) -> None:
    server.answers.append(give({**RECORDED["one runner"]["body"], "disabled": True}))
    assert server.edge().set_disabled(30, True) is True
    assert (server.seen[0].method, server.seen[0].json()) == ("PATCH", {"disabled": True})


def test_disabling_a_runner_that_is_gone_says_so(server: Scripted) -> None:
    server.answers += [recorded("deleted runner"), recorded("deleted runner"), runners()]
    failure(lambda: server.edge().set_disabled(30, True), RunnerUnknown)


# Refusals


def test_a_wrong_token_names_its_source(server: Scripted) -> None:
    server.answers.append(recorded("wrong token"))
    text = failure(server.edge().runners, CredentialsError)
    assert "$FLEET_GITEA_TOKEN (gitea.token)" in text
    assert "write:admin" in text


def test_a_missing_scope_is_named(server: Scripted) -> None:
    server.answers.append(recorded("token lacks a scope"))
    assert "add write:admin" in failure(server.edge().registration_token, CredentialsError)


@pytest.mark.parametrize(
    ("scope", "name", "message", "who"),
    [
        ("instance", "", "user should be the site admin", "a site administrator"),
        ("org", "acme", "Must be an organization owner", "an owner of the organization"),
        ("repo", "acme/app", "user should be the owner of the repo", "the owner of the repository"),
    ],
)
def test_a_user_without_rights_is_told_what_to_be(
    server: Scripted, scope: str, name: str, message: str, who: str
) -> None:
    server.answers.append(give({"message": message}, 403))
    assert f"must be {who}" in failure(server.edge(scope=scope, name=name).runners, CredentialsError)


@pytest.mark.parametrize("token", ["", "abc\n", "a b", "t\u00f6ken"])
def test_a_token_that_cannot_be_one_is_not_sent_and_not_shown(server: Scripted, token: str) -> None:
    text = failure(server.edge(token=token).runners, CredentialsError)
    assert "FLEET_GITEA_TOKEN" in text
    assert not token or token not in text
    assert server.seen == []


def test_a_message_that_repeats_the_token_hides_it(server: Scripted) -> None:
    server.answers.append(give({"message": f"bad {TOKEN}"}, 400))
    assert "bad ***" in failure(server.edge().runners, GiteaError)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (500, {"code": "unknown", "message": "rpc error: code = Unauthenticated desc = unregistered runner"}),
        (401, {"code": "unauthenticated", "message": "unregistered runner"}),
        (404, {"code": "not_found", "message": "runner not found"}),
    ],
)
def test_an_unknown_runner_is_told_apart(server: Scripted, status: int, body: dict[str, str]) -> None:
    server.answers.append(give(body, status))
    failure(lambda: server.edge().declare(a_runner(), []), RunnerUnknown)
    assert len(server.seen) == 1, "only a GET is tried again"


def test_an_old_registration_token_has_a_hint(server: Scripted) -> None:
    message = "runner registration token has been invalidated, please use the latest one"
    server.answers.append(give({"code": "unknown", "message": message}, 500))
    text = failure(lambda: server.edge().register("x", [], Secret("c" * 40)), GiteaError)
    assert "same command again" in text


# Trouble on the way


def test_a_get_is_tried_again_after_a_servers_own_failure(server: Scripted) -> None:
    server.answers += [Answer(502, b"<html>", "text/html"), give({"message": ""}, 500), runners(1)]
    assert len(server.edge().runners()) == 1
    assert server.slept == [0.5, 2.0]


def test_a_get_is_tried_again_when_a_kept_connection_is_closed(server: Scripted) -> None:
    server.answers += [None, runners(1)]
    assert len(server.edge().runners()) == 1


def test_a_server_that_keeps_failing_is_an_error_after_three_tries(server: Scripted) -> None:
    server.answers.append(Answer(502, b"<html>", "text/html"))
    assert "HTTP 502" in failure(server.edge().runners)
    assert len(server.seen) == 3


def test_a_post_is_sent_once_only(server: Scripted) -> None:
    server.answers.append(None)
    assert "could not reach" in failure(lambda: server.edge().register("x", [], Secret("c" * 40)))
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    "answer", [HTML, Answer(200, b"[]", "application/json"), give({"x": 1}), Answer(401, b"<html>")]
)
def test_what_is_no_gitea_is_said_so(server: Scripted, answer: Answer) -> None:
    server.answers.append(answer)
    assert "not like a Gitea" in failure(server.edge().version)


def test_a_redirect_is_not_followed(server: Scripted) -> None:
    where = "https://login.example/start?secret=1"
    server.answers.append(Answer(302, b"", "text/html", {"Location": where}))
    text = failure(lambda: server.edge().declare(a_runner(), []))
    assert "https://login.example/start " in text
    assert len(server.seen) == 1


def alone(url: str) -> GiteaHttp:
    return GiteaHttp(GiteaSettings(url, url), Secret(TOKEN), sleep=lambda _: None)


def version_failure(url: str) -> str:
    with contextlib.closing(alone(url)) as edge:
        return failure(edge.version)


def test_a_closed_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    text = version_failure(url)
    assert url in text
    assert "refused" in text


@pytest.fixture
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """No name can be looked up."""

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)


@pytest.mark.usefixtures("no_names")
def test_a_name_that_is_not_known_is_named() -> None:
    assert "its name is not known" in version_failure("http://gitea.invalid")


def test_a_silent_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.edges.http.wire.TIMEOUTS", (0.05, 0.05))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "no answer in" in version_failure(f"http://127.0.0.1:{silent.getsockname()[1]}")


@pytest.mark.usefixtures("no_names")
def test_what_is_no_address_is_named_and_a_password_in_it_is_not() -> None:
    assert "no web address" in version_failure("gitea.example")
    assert "hunter2" not in version_failure("http://me:hunter2@gitea.invalid")


# TLS


@pytest.fixture
def tls(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A Gitea behind a certificate that nobody knows: its address, and the certificate."""
    certificate = self_signed(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer_tls_once, args=(listener, context))
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", certificate
        thread.join(30)


def self_signed(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a private CA")])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(names, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, raw, plain = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "certificate.pem"
    path.write_bytes(key.private_bytes(pem, raw, plain) + certificate.public_bytes(pem))
    return path


def answer_tls_once(listener: socket.socket, context: ssl.SSLContext) -> None:
    plain, _ = listener.accept()
    body = b'{"version": "1.26.0"}'
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
    with contextlib.suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as secure:
        secure.recv(65536)
        secure.sendall(head + body)


def test_a_certificate_of_an_unknown_ca_has_a_hint(tls: tuple[str, Path]) -> None:
    text = version_failure(tls[0])
    assert "CA that is not trusted here" in text
    assert 'gitea.ca = "PATH"' in text


def test_a_private_ca_is_trusted_when_the_inventory_names_it(tls: tuple[str, Path]) -> None:
    pem = tls[1].read_text().partition("-----END PRIVATE KEY-----\n")[2]
    settings = GiteaSettings(tls[0], tls[0], ca=pem)
    with contextlib.closing(GiteaHttp(settings, Secret(TOKEN))) as edge:
        assert edge.version() == "1.26.0"


def test_another_ca_than_the_one_named_is_not_trusted(tls: tuple[str, Path]) -> None:
    settings = GiteaSettings(tls[0], tls[0], ca=Authority.new("another").pem)
    with (
        contextlib.closing(GiteaHttp(settings, Secret(TOKEN))) as edge,
        pytest.raises(Unreachable, match="not trusted"),
    ):
        edge.version()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_private_ca_is_trusted_when_the_system_or_requests_is_told(
    tls: tuple[str, Path], monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, str(tls[1]))
    with contextlib.closing(alone(tls[0])) as edge:
        assert edge.version() == "1.26.0"


def test_http_where_https_was_meant_has_a_hint(server: Scripted) -> None:
    assert "http:// instead of https://" in version_failure(server.serving.url.replace("http:", "https:"))


# --- what it calls itself -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "root"),
    [
        (give({"issuer": "https://gitea.example"}), "https://gitea.example"),
        (give({"issuer": 3}), None),
        (give({"errors": None}, 404), None),
        (HTML, None),
    ],
)
def test_what_gitea_calls_itself_is_read_where_it_says_so(server: Scripted, answer: Answer, root: str | None) -> None:
    server.answers.append(answer)
    assert server.edge().root_url() == root
    assert "authorization" not in server.seen[0].headers
