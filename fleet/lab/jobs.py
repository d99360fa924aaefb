"""Pushes a workflow through Gitea, as a person's commit would, and watches its jobs to their end.

Plain REST: the same for the stand-in and for a real Gitea.
"""

import base64
import json
import secrets
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleet.core.errors import FleetError
from fleet.lab.place import Lab

DEMO = Path(__file__).parent / "runner" / "demo_workflow.yaml"
NESTED_IMAGE = "@NESTED_IMAGE@"


@dataclass(frozen=True, slots=True)
class Pushed:
    """A repository made for one workflow, which its first commit has started."""

    repo: str
    path: str


class GiteaClient:
    """The few calls it takes. Raises FleetError with Gitea's own words.

    ``ca``: the file of a private CA to trust.
    """

    def __init__(self, url: str, token: str, ca: str = "") -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._trust = ssl.create_default_context(cafile=ca) if ca else None

    @classmethod
    def of(cls, lab: Lab) -> "GiteaClient":
        """The lab's Gitea, by its own token."""
        return cls(lab.gitea, lab.gitea_token, lab.gitea_ca)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> bytes:
        """The answer's body."""
        request = urllib.request.Request(
            f"{self._url}/api/v1{path}",
            data=json.dumps(body).encode() if body is not None else None,
            method=method,
            headers={"Authorization": f"token {self._token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=20, context=self._trust) as answer:
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                words = error.read(500).decode(errors="replace")
            raise FleetError(f"Gitea refused {method} {path}: {error.code} {words}") from error
        except OSError as error:
            raise FleetError(f"Gitea did not answer {method} {path}: {error}") from error

    def get(self, path: str) -> Any:
        """The answer, read as JSON."""
        return json.loads(self.call("GET", path))


def demo_workflow(nested_image: str) -> str:
    """The workflow of the demo: it prints, saves to and restores from the cache, and starts a container."""
    return DEMO.read_text("utf-8").replace(NESTED_IMAGE, nested_image)


NO_SECRETS: Mapping[str, str] = {}


def push(client: GiteaClient, workflow: str, secrets_of: Mapping[str, str] = NO_SECRETS) -> Pushed:
    """Commit a workflow to a new repository of the token's user, whose jobs have these secrets."""
    owner = client.get("/user")["login"]
    name = f"try-{secrets.token_hex(3)}"
    client.call("POST", "/user/repos", {"name": name, "auto_init": True, "default_branch": "main"})
    for key, value in secrets_of.items():
        client.call("PUT", f"/repos/{owner}/{name}/actions/secrets/{key}", {"data": value})
    path = ".gitea/workflows/ci.yaml"
    content = base64.b64encode(workflow.encode()).decode()
    body = {"content": content, "message": "Try the fleet", "branch": "main"}
    client.call("POST", f"/repos/{owner}/{name}/contents/{path}", body)
    return Pushed(f"{owner}/{name}", path)


def jobs_of(client: GiteaClient, pushed: Pushed) -> list[dict[str, Any]]:
    """Its jobs, in their order."""
    found = client.get(f"/repos/{pushed.repo}/actions/jobs?limit=50")["jobs"] or []
    return sorted(found, key=lambda job: int(job["id"]))


def watch(client: GiteaClient, pushed: Pushed, say: Callable[[str], None], *, seconds: float = 300) -> bool:
    """Say each change of each job until all have ended, then their logs; whether all succeeded."""
    end = time.monotonic() + seconds
    told: dict[int, str] = {}
    while time.monotonic() < end:
        jobs = jobs_of(client, pushed)
        for job in jobs:
            word = _word(job)
            if told.get(job["id"]) != word:
                told[job["id"]] = word
                say(f"job {job['name']}: {word}")
        if jobs and all(job["status"] == "completed" for job in jobs):
            return all(job["conclusion"] == "success" for job in jobs)
        time.sleep(0.5)
    raise FleetError(f"the jobs of {pushed.repo} had not ended after {seconds:.0f} seconds", hint="fleet status")


def logs(client: GiteaClient, pushed: Pushed) -> Iterator[tuple[str, str]]:
    """(job name, log) of each job."""
    for job in jobs_of(client, pushed):
        text = client.call("GET", f"/repos/{pushed.repo}/actions/jobs/{job['id']}/logs")
        yield str(job["name"]), text.decode(errors="replace")


def _word(job: dict[str, Any]) -> str:
    if job["status"] == "completed":
        return f"{job['conclusion']} on {job.get('runner_name') or 'no runner'}"
    if job["status"] == "in_progress":
        return f"running on {job.get('runner_name')}"
    return "waits for a runner" if job["status"] == "queued" else str(job["status"])
