"""What the Gitea contract needs around the edge: repositories, workflows, and a runner's own calls."""

import base64
import secrets
import time
from collections.abc import Callable
from itertools import pairwise
from types import TracebackType
from typing import Any, Self, TypeVar

import requests

from fleet.core.orders import Credentials

T = TypeVar("T")

PATIENCE = 20.0  # seconds: a real Gitea starts the jobs of a push in the background


class Driver:
    """A person at this Gitea: makes things under random names, and removes them at the end.

    ``settling``: seconds to leave a repository alone after its last job. A Gitea looks at a run once more in
    the background when a job of it ended; where the repository is gone by then (seen with 1.26), it tries
    again for ever, and pushes start no more jobs.
    """

    def __init__(self, url: str, token: str, settling: float) -> None:
        self._settling = settling
        self._pause = 0.0
        self._url = url
        self._session = requests.Session()
        self._headers = {"Authorization": f"token {token}"}
        self._made: list[str] = []
        self.me = str(self._call("GET", "/user")["login"])

    def make_repo(self) -> str:
        """An empty repository; its full name."""
        name = random_name("repo")
        self._call("POST", "/user/repos", {"name": name, "default_branch": "main"})
        self._made.append(f"/repos/{self.me}/{name}")
        return f"{self.me}/{name}"

    def make_org(self) -> str:
        """An organization of ours; its name."""
        name = random_name("org")
        self._call("POST", "/orgs", {"username": name})
        self._made.append(f"/orgs/{name}")
        return name

    def make_narrow_token(self) -> str:
        """A token that may read repositories and no more, of a new user: Gitea wants a password for it."""
        name, password = random_name("user"), secrets.token_urlsafe(24)
        person = {"username": name, "password": password, "email": f"{name}@example.invalid"}
        self._call("POST", "/admin/users", {**person, "must_change_password": False})
        self._made.append(f"/admin/users/{name}?purge=true")
        answer = self._session.post(
            f"{self._url}/api/v1/users/{name}/tokens",
            json={"name": "narrow", "scopes": ["read:repository"]},
            auth=(name, password),
            timeout=30,
        )
        assert answer.ok, answer.text
        return str(answer.json()["sha1"])

    def push_workflow(self, repo: str, *jobs: str, label: str, chained: bool = False) -> None:
        """Write a workflow with these jobs through the contents API: that is a push, so it starts.

        ``chained``: each needs the one before it.
        """
        needs = {job: f"    needs: {before}\n" for before, job in pairwise(jobs)} if chained else {}
        spec = "".join(
            f"  {job}:\n    runs-on: {label}\n{needs.get(job, '')}    steps: [{{run: 'true'}}]\n" for job in jobs
        )
        content = base64.b64encode(f"on: push\njobs:\n{spec}".encode()).decode()
        path = f"/repos/{repo}/contents/.gitea/workflows/{random_name('ci')}.yml"
        self._call("POST", path, {"content": content, "message": "Add a workflow", "branch": "main"})

    def fetch_task(self, who: Credentials) -> dict[str, Any] | None:
        """Ask for work as this runner, as one that knows of no tasks yet; the task or None."""
        return self._rpc(who, "FetchTask", {"tasksVersion": "0"}).get("task")

    def print_log(self, who: Credentials, task: dict[str, Any], begin: int, *lines: str) -> None:
        """Send these lines of a task's log; ``begin``: how many there were before."""
        rows = [{"time": "2026-01-01T00:00:00Z", "content": line} for line in lines]
        self._rpc(who, "UpdateLog", {"taskId": task["id"], "index": begin, "rows": rows})

    def finish_task(self, who: Credentials, task: dict[str, Any], *, well: bool = True) -> None:
        """Report success, or failure."""
        result = "RESULT_SUCCESS" if well else "RESULT_FAILURE"
        state = {"id": task["id"], "result": result, "stoppedAt": "2026-01-01T00:00:00Z"}
        self._rpc(who, "UpdateTask", {"state": state})
        self._pause = self._settling

    def close(self) -> None:
        time.sleep(self._pause)
        for path in reversed(self._made):
            answer = self._send("DELETE", f"/api/v1{path}")
            # The stand-in forgets all at its end and cannot delete these before.
            assert answer.status_code in (204, 404, 405), answer.text
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self._send(method, f"/api/v1{path}", body)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _rpc(self, who: Credentials, call: str, body: dict[str, Any]) -> dict[str, Any]:
        headers = {"x-runner-uuid": who.uuid, "x-runner-token": who.token.reveal()}
        url = f"{self._url}/api/actions/runner.v1.RunnerService/{call}"
        answer = self._session.post(url, json=body, headers=headers, timeout=30)
        assert answer.ok, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        return self._session.request(method, self._url + path, json=body, headers=self._headers, timeout=30)


def random_name(kind: str) -> str:
    """A name nobody else uses."""
    return f"fleet-contract-{kind}-{secrets.token_hex(4)}"


def until(look: Callable[[], T], awaited: str) -> T:
    """What ``look`` gives as soon as it is true. The stand-in needs one look only."""
    end = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < end, f"waited {PATIENCE:g} s in vain for {awaited}"
        time.sleep(0.1)
    return found
