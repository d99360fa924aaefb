"""The JSON of the REST API: runners, jobs, runs, users, repositories."""

from datetime import datetime
from typing import Any

from fleet.lab.gitea.state import Job, Owner, Repo, Run, Runner, State, Status

Json = dict[str, Any]


def runner_json(state: State, runner: Runner, *, can_disable: bool) -> Json:
    """Labels are names only. Servers before 1.26 do not know ``disabled``."""
    labels = [{"id": at, "name": name, "type": "custom"} for at, name in enumerate(runner.labels)]
    return {
        "id": runner.id,
        "name": runner.name,
        "status": "online" if state.is_online(runner) else "offline",
        "busy": state.is_busy(runner),
        **({"disabled": runner.disabled} if can_disable else {}),
        "ephemeral": runner.ephemeral,
        "labels": labels,
    }


def job_json(state: State, job: Job, here: str) -> Json:
    """What is empty is left out, as Go's omitempty does."""
    api, page = _api_url(job.run.repo, here), f"{here}/{job.run.repo.full_name}"
    place = state.jobs_of(job.run).index(job)
    return {
        "id": job.id,
        "url": f"{api}/actions/jobs/{job.id}",
        "html_url": f"{page}/actions/runs/{job.run.index}/jobs/{place}",
        "run_id": job.run.id,
        "run_url": f"{api}/actions/runs/{job.run.id}",
        "name": job.name,
        "labels": list(job.runs_on),
        "run_attempt": job.attempt,
        "head_sha": job.run.sha,
        "head_branch": "main",
        **status_json(job.status),
        **_assigned(state, job),
        "steps": None,
        "created_at": stamp(job.created),
        "started_at": stamp(job.started),
        "completed_at": stamp(job.stopped),
    }


def _assigned(state: State, job: Job) -> Json:
    if job.task is None:
        return {}
    runner = state.runners.get(job.task.runner_id)
    # The name goes with the runner's row; the number stays.
    return {"runner_id": job.task.runner_id} | ({"runner_name": runner.name} if runner else {})


def run_json(run: Run, here: str) -> Json:
    return {
        "id": run.id,
        "url": f"{_api_url(run.repo, here)}/actions/runs/{run.id}",
        "html_url": f"{here}/{run.repo.full_name}/actions/runs/{run.index}",
        "display_title": run.title,
        "path": f"{run.workflow}@refs/heads/main",
        "event": run.event,
        "run_attempt": 0,
        "run_number": run.index,
        "head_sha": run.sha,
        "head_branch": "main",
        **status_json(run.status),
        "actor": user_json(run.actor),
        "trigger_actor": user_json(run.actor),
        "repository": repo_json(run.repo, here),
        "started_at": stamp(run.started),
        "completed_at": stamp(run.stopped),
    }


def status_json(status: Status) -> Json:
    return {"status": "completed", "conclusion": status.value} if status.done else {"status": status.value}


def user_json(user: Owner) -> Json:
    return {
        "id": user.id,
        "login": user.name,
        "full_name": "",
        "email": f"{user.name}@noreply.invalid",
        "is_admin": user.admin,
        "username": user.name,
    }


def org_json(org: Owner) -> Json:
    return {"id": org.id, "name": org.name, "username": org.name, "full_name": "", "visibility": "public"}


def repo_json(repo: Repo, here: str) -> Json:
    return {
        "id": repo.id,
        "owner": user_json(repo.owner),
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
        "empty": not repo.files,
        "url": _api_url(repo, here),
        "html_url": f"{here}/{repo.full_name}",
        "clone_url": f"{here}/{repo.full_name}.git",
        "default_branch": "main",
        "has_actions": True,
    }


def _api_url(repo: Repo, here: str) -> str:
    return f"{here}/api/v1/repos/{repo.full_name}"


def stamp(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
