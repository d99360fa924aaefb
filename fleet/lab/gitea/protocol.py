"""The runner protocol: what Register, Declare, FetchTask, UpdateTask and UpdateLog do.

Requests and answers are protojson dicts (messages.py); the transport is in connect.py.
"""

import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from fleet.lab.gitea import queue
from fleet.lab.gitea.messages import Json
from fleet.lab.gitea.state import NEVER, Runner, State, Status, Task

RESULTS = {
    "RESULT_SUCCESS": Status.SUCCESS,
    "RESULT_FAILURE": Status.FAILURE,
    "RESULT_CANCELLED": Status.CANCELLED,
    "RESULT_SKIPPED": Status.SKIPPED,
}
RESULT_NAMES = {status: name for name, status in RESULTS.items()}
NAME_LIMIT = 255
LINE_LIMIT = 64 * 1024


class RpcError(Exception):
    """An error of the service; ``code`` is gRPC's word for it, empty for a plain Go error."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code


class Protocol:
    """The service. ``here`` is the address the caller used, given back to it as the server's."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.methods: Mapping[str, Callable[[Runner, Json, str], Json]] = {
            "Declare": self.declare,
            "FetchTask": self.fetch_task,
            "UpdateTask": self.update_task,
            "UpdateLog": self.update_log,
        }

    def call(self, method: str, request: Json, runner_uuid: str, runner_token: str, here: str) -> Json:
        """One call; RpcError where the service refuses."""
        if method == "Register":
            return self.register(request)
        if method not in self.methods:
            raise RpcError(f"no method {method}", "Unimplemented")
        runner = self.seen(runner_uuid, runner_token)
        if method in {"UpdateTask", "UpdateLog"}:
            runner.last_active = self.state.clock()
        return self.methods[method](runner, request, here)

    def seen(self, runner_uuid: str, runner_token: str) -> Runner:
        """The runner of these credentials; every call of it counts as being online."""
        runner = next((row for row in self.state.runners.values() if row.uuid == runner_uuid), None)
        if runner is None or not hmac.compare_digest(runner.token.encode(), runner_token.encode()):
            raise RpcError("unregistered runner", "Unauthenticated")
        runner.last_online = self.state.clock()
        return runner

    def register(self, request: Json) -> Json:
        """A new row every time, whatever its name; the token may be used again."""
        if not request.get("token") or not request.get("name"):
            raise RpcError("missing runner token, name")
        token = next((row for row in self.state.registrations if row.text == request["token"]), None)
        if token is None:
            raise RpcError("runner registration token not found")
        if not token.active:
            raise RpcError("runner registration token has been invalidated, please use the latest one")
        runner = Runner(
            id=self.state.next_id("runner"),
            uuid=str(uuid.uuid4()),
            token=secrets.token_hex(20),
            name=request["name"][:NAME_LIMIT],
            scope=token.scope,
            version=request.get("version", ""),
            labels=tuple(request.get("labels", ())),
            ephemeral=request.get("ephemeral", False),
        )
        self.state.runners[runner.id] = runner
        return {"runner": _runner(runner) | {"token": runner.token, "ephemeral": runner.ephemeral}}

    def declare(self, runner: Runner, request: Json, here: str) -> Json:
        """Labels and version are overwritten."""
        runner.labels = tuple(request.get("labels", ()))
        runner.version = request.get("version", "")
        return {"runner": _runner(runner)}

    def fetch_task(self, runner: Runner, request: Json, here: str) -> Json:
        """A task if there may be a new one: a runner that knows the newest version is sent away at once."""
        known = int(request.get("tasksVersion", 0))
        # Zero would tell the runner that this server is too old to count.
        latest = self.state.versions.setdefault(runner.scope, 1)
        task = self._pick(runner) if known != latest else None
        answer: Json = {"tasksVersion": str(latest)}
        return answer | ({"task": self._describe(task, here)} if task else {})

    def _pick(self, runner: Runner) -> Task | None:
        busy = any(task.runner_id == runner.id and not task.status.done for task in self.state.tasks.values())
        if runner.disabled or (runner.ephemeral and busy):
            return None
        return queue.pick(self.state, runner)

    def update_task(self, runner: Runner, request: Json, here: str) -> Json:
        """A heartbeat, or the end. The answer's result tells the runner of a cancellation."""
        reported = request.get("state", {})
        task = self._task_of(runner, int(reported.get("id", 0)), "update task: ")
        if not task.status.done:
            task.updated = self.state.clock()
            if result := RESULTS.get(reported.get("result", "")):
                queue.finish(self.state, task, result, _moment(reported.get("stoppedAt")))
        for key, value in request.get("outputs", {}).items():
            task.outputs.setdefault(key, value)
        result_name = RESULT_NAMES.get(task.status, "RESULT_UNSPECIFIED")
        return {
            "state": {"id": str(task.id), "result": result_name},
            "sentOutputs": list(task.outputs),
        }

    def update_log(self, runner: Runner, request: Json, here: str) -> Json:
        """Appends the rows that are new; the answer says how many are held."""
        task = self._task_of(runner, int(request.get("taskId", 0)), "")
        rows, index, held = request.get("rows", []), int(request.get("index", 0)), len(task.log)
        if not rows or index > held or index + len(rows) <= held:
            return {"ackIndex": str(held)}
        if task.archived:
            raise RpcError("log file has been archived", "AlreadyExists")
        task.log += [_line(row) for row in rows[held - index :]]
        task.archived = request.get("noMore", False)
        return {"ackIndex": str(len(task.log))}

    def _task_of(self, runner: Runner, number: int, doing: str) -> Task:
        task = self.state.tasks.get(number)
        if task is None:
            raise RpcError(f"{doing or 'get task: '}resource does not exist", "Internal")
        if task.runner_id != runner.id:
            raise RpcError(f"{doing}invalid runner for task", "Internal")
        return task

    def _describe(self, task: Task, here: str) -> Json:
        needed = [job for job in self.state.jobs_of(task.job.run) if job.key in task.job.needs]
        secrets_given = {**task.job.run.repo.secrets, "GITEA_TOKEN": task.token, "GITHUB_TOKEN": task.token}
        return {
            "id": str(task.id),
            "workflowPayload": base64.b64encode(task.job.payload).decode(),
            "context": _context(task, here),
            "secrets": secrets_given,
            "needs": {
                job.key: {
                    "outputs": job.task.outputs if job.task else {},
                    "result": RESULT_NAMES.get(job.status, "RESULT_UNSPECIFIED"),
                }
                for job in needed
            },
        }


def _runner(runner: Runner) -> Json:
    return {
        "id": str(runner.id),
        "uuid": runner.uuid,
        "name": runner.name,
        "version": runner.version,
        "labels": list(runner.labels),
    }


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _line(row: Mapping[str, str]) -> str:
    moment = _moment(row.get("time")) or NEVER
    content = row.get("content", "").replace("\n", r"\n")[:LINE_LIMIT]
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond * 10:07d}Z {content}"


# What Gitea sends empty: the runner fills it in.
EMPTY = (
    *("action", "action_path", "action_ref", "action_repository", "action_status", "base_ref", "env"),
    *("event_path", "graphql_url", "head_ref", "path", "retention_days", "triggering_actor", "workspace"),
)


def _context(task: Task, here: str) -> dict[str, Any]:
    run = task.job.run
    event = {
        "ref": "refs/heads/main",
        "after": run.sha,
        "repository": {"full_name": run.repo.full_name, "name": run.repo.name, "default_branch": "main"},
        "sender": {"login": run.actor.name},
    }
    return dict.fromkeys(EMPTY, "") | {
        "actor": run.actor.name,
        "api_url": f"{here}/api/v1",
        "event": event,
        "event_name": run.event,
        "gitea_default_actions_url": "https://github.com",
        "gitea_runtime_token": runtime_token(task),
        "job": task.job.key,
        "ref": "refs/heads/main",
        "ref_name": "main",
        "ref_protected": False,
        "ref_type": "branch",
        "repository": run.repo.full_name,
        "repositoryUrl": f"{here}/{run.repo.full_name}",
        "repository_owner": run.repo.owner.name,
        "run_attempt": str(task.job.attempt),
        "run_id": str(run.id),
        "run_number": str(run.index),
        "secret_source": "Actions",
        "server_url": f"{here}/",
        "sha": run.sha,
        "token": task.token,
        "workflow": run.workflow,
    }


def runtime_token(task: Task) -> str:
    """A job's token for the cache: the form of a JWT, made from the task's own secret."""
    claims = f'{{"TaskID":{task.id},"RunID":{task.job.run.id},"JobID":{task.job.id}}}'
    parts = [b'{"alg":"HS256","typ":"JWT"}', claims.encode()]
    body = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
    mark = hmac.new(task.token.encode(), body.encode(), hashlib.sha256).digest()
    return f"{body}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"
