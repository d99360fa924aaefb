"""The stand-in Gitea's runner protocol: who gets which job, and what becomes of it."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fleet.lab.gitea import Gitea, messages
from fleet.lab.gitea.state import Repo, Scope
from tests.lab.gitea_client import RPC, Agent, Api, call, register

START = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ONE = "on: push\njobs:\n  one: {runs-on: ubuntu-latest, steps: [{run: echo}]}\n"
CHAIN = """
on: push
jobs:
  a: {runs-on: ubuntu-latest, outputs: {x: "1"}, steps: [{run: echo}]}
  b: {needs: a, runs-on: ubuntu-latest, steps: [{run: echo}]}
  c: {needs: [a, b], runs-on: ubuntu-latest, steps: [{run: echo}]}
  d: {needs: b, if: always(), runs-on: ubuntu-latest, steps: [{run: echo}]}
"""


@dataclass(slots=True)
class Lab:
    """A Gitea whose clock stands still until it is aged."""

    gitea: Gitea
    url: str
    api: Api
    app: Repo

    def join(self, name: str = "one", labels: str = "ubuntu-latest", **more: Any) -> Agent:
        return register(self.url, self.gitea.registration_token(), name, labels, **more)

    def push(self, text: str = ONE) -> None:
        self.gitea.push(self.app, ".gitea/workflows/x.yaml", text)

    def jobs(self) -> dict[str, str]:
        return {
            job["name"]: job.get("conclusion", job["status"]) for job in self.api.get("/admin/actions/jobs")["jobs"]
        }

    def runner(self, number: int = 1) -> Any:
        return self.api.get(f"/admin/actions/runners/{number}")


@pytest.fixture
def lab() -> Iterator[Lab]:
    gitea = Gitea(clock=lambda: START)
    acme = gitea.add_user("acme", admin=True)
    app = gitea.add_repo(acme, "app")
    with gitea.serve() as served:
        yield Lab(gitea, served.url, Api(served.url, gitea.add_token(acme, ["all"])), app)


def refused(agent: Agent, method: str, body: Any = None) -> str:
    """The message of an answer that is an error as Gitea sends them: 500, unknown."""
    reply = agent.rpc(method, body)
    assert (reply.status, reply.body["code"]) == (500, "unknown")
    return str(reply.body["message"])


def test_a_token_registers_many_and_every_registration_is_a_new_runner(lab: Lab) -> None:
    first, second = lab.join("same"), lab.join("same")
    assert (first.id, second.id) == (1, 2)
    assert first.uuid != second.uuid
    assert lab.api.get("/admin/actions/runners")["total_count"] == 2


def test_an_invalidated_token_and_an_empty_one_register_nobody(lab: Lab) -> None:
    old = lab.gitea.registration_token()
    lab.gitea.reset_registration_token()
    message = refused(Agent(lab.url), "Register", {"name": "x", "token": old})
    assert message == "runner registration token has been invalidated, please use the latest one"
    assert refused(Agent(lab.url), "Register", {"name": "x"}) == "missing runner token, name"


def test_a_job_goes_to_a_runner_with_all_its_labels(lab: Lab) -> None:
    lab.push(ONE.replace("ubuntu-latest", "[ubuntu-latest, big]"))
    assert lab.join("small").fetch() is None
    assert lab.join("large", "big,ubuntu-latest,more").fetch()["id"] == "1"


def test_the_oldest_job_comes_first_and_each_is_given_once(lab: Lab) -> None:
    lab.push()
    lab.push()
    runner = lab.join()
    assert [runner.fetch()["context"]["run_id"] for _ in range(2)] == ["1", "2"]
    assert runner.fetch() is None


def test_who_knows_the_newest_version_is_given_nothing_until_a_job_comes(lab: Lab) -> None:
    runner = lab.join(labels="other")
    lab.push()
    known = int(runner.ask("FetchTask")["tasksVersion"])
    runner.ask("Declare", {"labels": ["ubuntu-latest"]})
    assert runner.fetch(known) is None
    assert runner.fetch(0) is not None
    lab.push()
    assert runner.fetch(known) is not None


def test_runners_of_a_repository_or_an_owner_see_only_its_jobs(lab: Lab) -> None:
    bob = lab.gitea.add_user("bob")
    other = lab.gitea.add_repo(bob, "other")
    mine = register(lab.url, lab.gitea.registration_token(Scope(owner_id=bob.id)), "bobs")
    narrow = register(lab.url, lab.gitea.registration_token(Scope(repo_id=lab.app.id)), "apps")
    lab.push()
    assert mine.fetch() is None
    assert narrow.fetch() is not None
    lab.gitea.push(other, ".github/workflows/x.yml", ONE)
    assert narrow.fetch() is None
    assert mine.fetch() is not None


def test_a_paused_runner_gets_no_job_and_may_end_the_one_it_has(lab: Lab) -> None:
    runner = lab.join()
    lab.push()
    task = runner.fetch()
    lab.api("PATCH", "/admin/actions/runners/1", {"disabled": True})
    lab.push()
    assert runner.fetch() is None
    runner.end(task["id"])
    assert lab.runner()["status"] == "online"
    lab.api("PATCH", "/admin/actions/runners/1", {"disabled": False})
    assert runner.fetch() is not None


def test_a_runner_is_online_for_a_minute_and_busy_for_ten_seconds(lab: Lab) -> None:
    runner = lab.join()
    assert (lab.runner()["status"], lab.runner()["busy"]) == ("online", False)
    lab.push()
    task = runner.fetch()
    assert lab.runner()["busy"] is False
    runner.ask("UpdateTask", {"state": {"id": task["id"]}})
    assert lab.runner()["busy"] is True
    lab.gitea.age(timedelta(seconds=11))
    assert (lab.runner()["status"], lab.runner()["busy"]) == ("online", False)
    lab.gitea.age(timedelta(seconds=50))
    assert lab.runner()["status"] == "offline"


def test_a_final_state_is_sticky(lab: Lab) -> None:
    runner = lab.join()
    lab.push()
    task = runner.fetch()
    runner.end(task["id"], "FAILURE")
    assert runner.end(task["id"])["state"]["result"] == "RESULT_FAILURE"
    assert lab.jobs() == {"one": "failure"}


def test_the_log_is_acknowledged_by_its_length_and_closed_at_its_end(lab: Lab) -> None:
    runner = lab.join()
    lab.push()
    task = runner.fetch()

    def send(index: int, rows: str, last: bool = False) -> int:
        body = [{"time": "2026-11-23T12:00:00.123456Z", "content": row} for row in rows]
        request = {"taskId": task["id"], "index": str(index), "rows": body, "noMore": last}
        return int(runner.ask("UpdateLog", request).get("ackIndex", 0))

    assert [send(0, "ab"), send(5, "z"), send(1, "bc"), send(0, "ab"), send(3, "d", last=True)] == [*(2, 2, 3, 3, 4)]
    rows = {"taskId": task["id"], "index": "4", "rows": [{"content": "late"}]}
    message = "rpc error: code = AlreadyExists desc = log file has been archived"
    assert refused(runner, "UpdateLog", rows) == message
    log = lab.api("GET", "/repos/acme/app/actions/jobs/1/logs").body
    assert log.splitlines()[0] == "2026-11-23T12:00:00.1234560Z a"
    assert [line[-1] for line in log.splitlines()] == list("abcd")


def test_a_task_belongs_to_its_runner(lab: Lab) -> None:
    runner, other = lab.join("one"), lab.join("two")
    lab.push()
    task = runner.fetch()
    message = refused(other, "UpdateTask", {"state": {"id": task["id"]}})
    assert message == "rpc error: code = Internal desc = update task: invalid runner for task"
    message = refused(other, "UpdateLog", {"taskId": task["id"]})
    assert message == "rpc error: code = Internal desc = invalid runner for task"


def test_success_lets_the_next_jobs_go_and_passes_outputs_on(lab: Lab) -> None:
    runner = lab.join()
    lab.push(CHAIN)
    runner.end(runner.fetch()["id"], outputs={"x": "1"})
    assert lab.jobs() == {"a": "success", "b": "queued", "c": "waiting", "d": "waiting"}
    task = runner.fetch()
    assert task["needs"] == {"a": {"outputs": {"x": "1"}, "result": "RESULT_SUCCESS"}}
    runner.end(task["id"])
    assert lab.jobs() == {"a": "success", "b": "success", "c": "queued", "d": "queued"}


def test_failure_skips_what_needed_it_unless_a_condition_may_say_otherwise(lab: Lab) -> None:
    runner = lab.join()
    lab.push(CHAIN)
    runner.end(runner.fetch()["id"], "FAILURE")
    assert lab.jobs() == {"a": "failure", "b": "skipped", "c": "skipped", "d": "queued"}
    assert lab.api.get("/repos/acme/app/actions/runs/1")["status"] == "queued"


def test_a_cancelled_run_reaches_the_runner_with_its_next_report(lab: Lab) -> None:
    runner = lab.join()
    lab.push(CHAIN)
    task = runner.fetch()
    lab.gitea.cancel(1)
    assert set(lab.jobs().values()) == {"cancelled"}
    answer = runner.ask("UpdateTask", {"state": {"id": task["id"]}})
    assert answer["state"]["result"] == "RESULT_CANCELLED"


def test_a_task_nothing_is_heard_of_for_ten_minutes_has_failed(lab: Lab) -> None:
    runner = lab.join()
    lab.push()
    task = runner.fetch()
    lab.gitea.age(timedelta(minutes=9))
    runner.ask("UpdateTask", {"state": {"id": task["id"]}})
    lab.gitea.age(timedelta(minutes=9))
    assert lab.jobs() == {"one": "in_progress"}
    lab.gitea.age(timedelta(minutes=2))
    assert lab.jobs() == {"one": "failure"}


def test_an_ephemeral_runner_gets_one_job_and_is_gone(lab: Lab) -> None:
    runner = lab.join(ephemeral=True)
    lab.push()
    lab.push()
    task = runner.fetch()
    assert runner.fetch() is None
    runner.end(task["id"])
    assert refused(runner, "FetchTask").endswith("unregistered runner")


def test_a_deleted_runner_is_refused_and_its_name_leaves_the_job(lab: Lab) -> None:
    runner = lab.join("gone")
    lab.push()
    task = runner.fetch()
    assert lab.api("DELETE", "/admin/actions/runners/1").status == 204
    message = refused(runner, "UpdateTask", {"state": {"id": task["id"]}})
    assert message == "rpc error: code = Unauthenticated desc = unregistered runner"
    job = lab.api.get("/repos/acme/app/actions/jobs/1")
    assert (job["runner_id"], "runner_name" in job) == (1, False)


def test_a_newer_server_may_say_unauthenticated_properly() -> None:
    with Gitea(proper_codes=True).serve() as served:
        reply = Agent(served.url).rpc("FetchTask")
        assert (reply.status, reply.body) == (*(401, {"code": "unauthenticated", "message": "unregistered runner"}),)


def test_binary_and_json_calls_say_the_same(lab: Lab) -> None:
    runner = lab.join()
    lab.push(CHAIN)
    task = binary(runner, "FetchTask", {})["task"]
    assert (task["id"], task["context"]["job"]) == ("1", "a")
    update = {"state": {"id": "1", "result": "RESULT_SUCCESS"}, "outputs": {"x": "1"}}
    assert binary(runner, "UpdateTask", update) == runner.ask("UpdateTask", update)


def binary(agent: Agent, method: str, body: Any) -> Any:
    raw = messages.to_binary(f"{method}Request", body)
    headers = {"x-runner-uuid": agent.uuid, "x-runner-token": agent.token}
    headers |= {"Content-Type": "application/proto", "Content-Encoding": "gzip"}
    reply = call(agent.url, "POST", RPC + method, raw=gzip.compress(raw), headers=headers)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/proto")
    return messages.from_binary(f"{method}Response", reply.raw)


def test_the_instance_answers_a_ping_without_credentials(lab: Lab) -> None:
    reply = call(lab.url, "POST", "/api/actions/ping.v1.PingService/Ping", {"data": "lab"})
    assert reply.body == {"data": "Hello, lab!"}


@pytest.mark.parametrize(
    ("path", "headers", "raw", "status"),
    [
        ("runner.v1.RunnerService/Register", {"Content-Type": "text/plain"}, b"{}", 415),
        ("runner.v1.RunnerService/Register", {}, b"[", 400),
        ("runner.v1.RunnerService/Register", {"Content-Encoding": "gzip"}, b"{}", 400),
        ("runner.v1.RunnerService/Unknown", {}, b"{}", 501),
    ],
)
def test_calls_that_are_none_are_refused(lab: Lab, path: str, headers: dict[str, str], raw: bytes, status: int) -> None:
    reply = call(lab.url, "POST", f"/api/actions/{path}", raw=raw, headers=headers)
    assert reply.status == status
