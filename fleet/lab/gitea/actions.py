"""REST: runners, registration tokens, jobs, runs, logs, dispatches."""

import re
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from fleet.lab.gitea import queue, workflow
from fleet.lab.gitea.call import Call
from fleet.lab.gitea.http import TEXT, Answer, ApiError, NotFoundError, give
from fleet.lab.gitea.state import (
    EVERYBODY,
    FINAL,
    Job,
    RegistrationToken,
    Run,
    Runner,
    Scope,
    State,
    Status,
    newest,
    within,
)
from fleet.lab.gitea.views import job_json, run_json, runner_json

DEFAULT_LIMIT, MAX_LIMIT = 30, 50
ABSENT = "resource does not exist"
# "waiting" is Gitea's Blocked, "queued" its Waiting: the naming trap of the API.
STATUSES: Mapping[str, frozenset[Status]] = {
    "pending": frozenset({Status.BLOCKED}),
    "waiting": frozenset({Status.BLOCKED}),
    "requested": frozenset({Status.BLOCKED}),
    "action_required": frozenset({Status.BLOCKED}),
    "queued": frozenset({Status.WAITING}),
    "in_progress": frozenset({Status.RUNNING}),
    "completed": FINAL,
    "success": frozenset({Status.SUCCESS}),
    "failure": frozenset({Status.FAILURE}),
    "skipped": frozenset({Status.SKIPPED}),
    "neutral": frozenset({Status.SKIPPED}),
    "cancelled": frozenset({Status.CANCELLED}),
    "timed_out": frozenset({Status.CANCELLED}),
}


def registration_token(call: Call) -> Answer:
    """The latest token of the scope, made if there is none: asking again does not rotate it."""
    return give({"token": registration(call.state, call.scope).text})


def registration(state: State, scope: Scope) -> RegistrationToken:
    """The active registration token of a scope."""
    token = newest(state.registrations, scope)
    return token if token and token.active else new_registration(state, scope)


def new_registration(state: State, scope: Scope) -> RegistrationToken:
    """A new token; all older ones of its scope are invalidated (what the web page's reset does)."""
    for old in state.registrations:
        old.active = old.active and old.scope != scope
    state.registrations.append(RegistrationToken(secrets.token_hex(20), scope))
    return state.registrations[-1]


def list_runners(call: Call) -> Answer:
    """Those of exactly this scope; the administrator sees all. The last seen come first."""
    runners = [row for row in call.state.runners.values() if _visible(row, call.scope)]
    if wanted := call.features.can_disable and call.request.query.get("disabled"):
        runners = [row for row in runners if row.disabled == (wanted[0].lower() in {"true", "1"})]
    runners.sort(key=lambda row: (row.last_online, row.id), reverse=True)
    shown = [_runner_json(call, row) for row in _page(call, runners)]
    return give({"runners": shown, "total_count": len(runners)})


def get_runner(call: Call) -> Answer:
    return give(_runner_json(call, _runner(call)))


def delete_runner(call: Call) -> Answer:
    """Never refused: a busy runner's next call fails, and its task ends as a zombie."""
    del call.state.runners[_runner(call).id]
    return Answer(204)


def disable_runner(call: Call) -> Answer:
    runner, disabled = _runner(call), call.request.json().get("disabled")
    if not isinstance(disabled, bool):
        raise ApiError(422, "[Disabled]: Required")
    runner.disabled = disabled
    return give(_runner_json(call, runner))


def _runner(call: Call) -> Runner:
    text = call.args["runner"]
    runner = call.state.runners.get(int(text) if text.isdigit() else 0)
    if runner is None:
        raise NotFoundError("Runner not found")
    if not _visible(runner, call.scope):
        raise NotFoundError("No permission to access this runner")
    return runner


def _visible(runner: Runner, scope: Scope) -> bool:
    return scope in (EVERYBODY, runner.scope)


def _runner_json(call: Call, runner: Runner) -> dict[str, Any]:
    return runner_json(call.state, runner, can_disable=call.features.can_disable)


def list_jobs(call: Call) -> Answer:
    return _jobs(call, [job for job in call.state.jobs.values() if within(call.scope, job.run.repo)])


def list_run_jobs(call: Call) -> Answer:
    return _jobs(call, call.state.jobs_of(_run(call)))


def _jobs(call: Call, jobs: Sequence[Job]) -> Answer:
    statuses = _statuses(call)
    found = [job for job in jobs if statuses is None or job.status in statuses]
    shown = [job_json(call.state, job, call.request.here) for job in _page(call, found)]
    return give({"jobs": shown, "total_count": len(found)})


def list_runs(call: Call) -> Answer:
    """The newest first."""
    statuses = _statuses(call)
    event = call.request.query.get("event", [""])[0]
    runs = [
        run
        for run in reversed(call.state.runs.values())
        if within(call.scope, run.repo) and (statuses is None or run.status in statuses) and event in ("", run.event)
    ]
    shown = [run_json(run, call.request.here) for run in _page(call, runs)]
    return give({"workflow_runs": shown, "total_count": len(runs)})


def _statuses(call: Call) -> set[Status] | None:
    words = call.request.query.get("status")
    if not words:
        return None
    for word in words:
        if word not in STATUSES:
            raise ApiError(400, f"Invalid status {word}")
    return {status for word in words for status in STATUSES[word]}


def _page(call: Call, rows: Sequence[Any]) -> Sequence[Any]:
    """One page of 30, or of ``limit`` up to 50. Without ``page`` it is all rows (seen with a real 1.26)."""
    page = call.request.number("page", 0)
    if page < 1:
        return rows
    limit = min(call.request.number("limit", 0) or DEFAULT_LIMIT, MAX_LIMIT)
    return rows[(page - 1) * limit : page * limit]


def get_job(call: Call) -> Answer:
    job = _job(call)
    if job is None:
        raise NotFoundError("not found", ABSENT)
    return give(job_json(call.state, job, call.request.here))


def get_run(call: Call) -> Answer:
    return give(run_json(_run(call), call.request.here))


def get_log(call: Call) -> Answer:
    """The log as text, one line per row, as far as it has come. An unknown job is an internal error: so it was seen."""
    job = _job(call)
    if job is None:
        raise ApiError(500, f"run job with id {call.args['job']}: {ABSENT}")
    if job.task is None:
        raise NotFoundError("not found", "job not started")
    text = "".join(f"{line}\n" for line in job.task.log).encode()
    return _part(text, call.request.headers.get("range", ""))


def _part(text: bytes, span: str) -> Answer:
    """The range that was asked for, as Go's ServeContent gives it: ``bytes=FIRST-`` or ``bytes=-LAST_SO_MANY``."""
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", span)
    if asked is None or not text:
        return Answer(200, text, TEXT)
    first = int(asked[1]) if asked[1] else max(0, len(text) - int(asked[2] or 0))
    if first >= len(text):
        return Answer(416, b"invalid range: failed to overlap\n", TEXT, {"Content-Range": f"bytes */{len(text)}"})
    return Answer(206, text[first:], TEXT, {"Content-Range": f"bytes {first}-{len(text) - 1}/{len(text)}"})


def _job(call: Call) -> Job | None:
    text = call.args["job"]
    job = call.state.jobs.get(int(text) if text.isdigit() else 0)
    return job if job and job.run.repo is call.repo else None


def _run(call: Call) -> Run:
    text = call.args["run"]
    run = call.state.runs.get(int(text) if text.isdigit() else 0)
    if run is None or run.repo is not call.repo:
        raise NotFoundError("not found", ABSENT)
    return run


def dispatch(call: Call) -> Answer:
    """Starts a workflow by hand; only main exists."""
    ref = call.request.json().get("ref")
    if not ref:
        raise ApiError(422, "[Ref]: Required")
    if ref not in {"main", "refs/heads/main"}:
        raise ApiError(404, f'ref "{ref}" doesn\'t exist')
    name = call.args["workflow"]
    text = next((call.repo.files[path] for path in _places(name) if path in call.repo.files), None)
    if text is None:
        raise ApiError(404, f'workflow "{name}" doesn\'t exist')
    spec = workflow.read(text)
    queue.start_run(call.state, call.repo, name, spec, event="workflow_dispatch", by=call.user)
    return Answer(204)


def _places(name: str) -> list[str]:
    return [f"{folder}/{name}" for folder in workflow.FOLDERS]
