"""Reading a workflow file: its events, and one single-job workflow for each of its jobs."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import yaml

FOLDERS = (".gitea/workflows", ".github/workflows")


class BadWorkflowError(ValueError):
    """The file is no workflow."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job; ``payload`` is the workflow with this job alone and without its needs, as runners get it."""

    key: str
    name: str
    runs_on: tuple[str, ...]
    needs: tuple[str, ...]
    conditional: bool
    payload: bytes


@dataclass(frozen=True, slots=True)
class Workflow:
    events: frozenset[str]
    jobs: tuple[JobSpec, ...]


def is_workflow(path: str) -> bool:
    """Whether Gitea looks for a workflow in this file."""
    pure = PurePosixPath(path)
    return str(pure.parent) in FOLDERS and pure.suffix in {".yml", ".yaml"}


def read(text: bytes) -> Workflow:
    """The workflow of a file; BadWorkflowError where it has no jobs."""
    # BaseLoader leaves every scalar a string: `on` stays `on`, and a version 3.10 stays 3.10.
    try:
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - makes only strings, lists, dicts
    except yaml.YAMLError as error:
        raise BadWorkflowError(str(error)) from error
    if not isinstance(document, dict) or not isinstance(document.get("jobs"), dict):
        raise BadWorkflowError("no jobs")
    rest = {key: value for key, value in document.items() if key != "jobs"}
    jobs = tuple(_job(rest, key, job or {}) for key, job in document["jobs"].items())
    return Workflow(frozenset(_strings(document.get("on"))), jobs)


def _job(rest: Mapping[str, Any], key: str, job: dict[str, Any]) -> JobSpec:
    name = str(job.get("name") or key)
    alone = {"name": name} | {field: value for field, value in job.items() if field != "needs"}
    payload = yaml.safe_dump(dict(rest) | {"jobs": {key: alone}}, sort_keys=False, allow_unicode=True)
    return JobSpec(
        key=key,
        name=name,
        runs_on=_strings(job.get("runs-on")),
        needs=_strings(job.get("needs")),
        conditional=bool(job.get("if")),
        payload=payload.encode(),
    )


def _strings(value: Any) -> tuple[str, ...]:
    """A word, a list of words or the keys of a mapping."""
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)
