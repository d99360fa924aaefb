"""The ``Gitea`` of ``engine/ports.py`` over HTTP.

Absence is never taken from one 404: a wrong scope answers 404 too, so the scope is asked as well.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote

from fleet.core.errors import Refused, RunnerUnknown, TooOld
from fleet.core.inventory import GiteaSettings, Scope, ScopeKind
from fleet.core.observation import EndedJobs, Job, JobState, Runner
from fleet.core.orders import Credentials, LogPart
from fleet.core.runner_version import parse_version
from fleet.core.secret import Secret
from fleet.edges.gitea import access, job_log, values
from fleet.edges.gitea.lists import read_list, read_newest
from fleet.edges.gitea.refusals import Refusals
from fleet.edges.http.failures import Peer
from fleet.edges.http.shared import Shared
from fleet.edges.http.wire import Answer, Wire, header_value

OLDEST = (1, 25)  # the first that lists jobs
NEWEST_KNOWN = (28, 1)
ENDINGS = ("failure", "success", "cancelled")
"""How a job with a log may have ended, as Gitea names it when it is asked."""

SIGNED = "fleet"  # the runner version Gitea shows until the runner itself has declared its own


class GiteaHttp:
    """One Gitea, seen from one scope. Safe to use from many threads; each has its own connection."""

    def __init__(
        self,
        settings: GiteaSettings,
        token: Secret,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        page_size: int = 50,
    ) -> None:
        self._settings = settings
        self._token = token
        self._page_size = page_size
        self._base = _base_path(settings.scope)
        self._wire = Wire(settings.url.rstrip("/"), Peer("Gitea", "gitea.url", ca="gitea.ca"), sleep, settings.ca)
        self._no = Refusals(settings, self._wire.shown)
        self._version = ""
        self._runners = Shared(self._load_runners, monotonic)
        self._jobs = Shared(self._load_jobs, monotonic)

    def close(self) -> None:
        """End all connections."""
        self._wire.close()

    def version(self) -> str:
        """The server's version as it says it. Raises TooOld below 1.25."""
        body = self._ask("ask for the version", "GET", "/version")
        self._version = self._no.unless(values.text, body, "version")
        self._refuse_others(self._version)
        return self._version

    def note(self) -> str | None:
        """A sentence when this version is not among those known, else None."""
        version = self._version or self.version()
        numbers = _numbers(version)
        if numbers and numbers[:2] <= NEWEST_KNOWN:
            return None
        newest = ".".join(map(str, NEWEST_KNOWN))
        return f"{self._wire.shown} is Gitea {version}; the newest that fleet knows is {newest}"

    def root_url(self) -> str | None:
        """What this Gitea calls itself (ROOT_URL), or None where it does not say."""
        answer = self._wire.send("GET", "/.well-known/openid-configuration", {})
        issuer = (answer.body or {}).get("issuer")
        if answer.is_success and isinstance(issuer, str):
            return issuer
        return access.root_in_refusal(self._wire.send("GET", "/api/v1/user", {}))

    def token_scopes(self) -> frozenset[str] | None:
        """What our token may do, as Gitea says it when it refuses; ``all`` where it refuses nothing. None where it does
        not tell. Only read."""
        answers = [self._rest("GET", path) for path in access.NOT_FOR_FLEETS]
        return access.held(answers)

    def runners(self) -> tuple[Runner, ...]:
        """All runners of our scope, at most two seconds old."""
        return self._runners.get()

    def runner(self, runner_id: int) -> Runner | None:
        """This runner now, or None when our scope has none of this id."""
        doing = f"look at runner {runner_id}"
        answer = self._rest("GET", self._path_of(runner_id))
        if answer.says(404):
            self._ask_scope(doing)
            return None
        return self._no.unless(values.runner, self._good(answer, doing))

    def jobs(self, *, fresh: bool = False) -> tuple[Job, ...]:
        """All waiting and running jobs of our scope, at most two seconds old; ``fresh``: asked now."""
        return self._jobs.get(fresh=fresh)

    def ended_jobs(self) -> EndedJobs:
        """Some dozens of the jobs that last ended well, asked now: two calls.

        Before 1.27 the list cannot be sorted. With one status it comes as its index has it, the newest last.
        """
        items, whole = self._newest(JobState.ENDED.value)
        return EndedJobs(tuple(self._no.unless(values.job, item, JobState.ENDED) for item in items), whole)

    def ended_job(self, job_id: int) -> Job | None:
        """The job of this id, if it is among some dozens that last ended, well or not: at most six calls."""
        ended = (item for status in ENDINGS for item in self._newest(status)[0])
        found = next((item for item in ended if item.get("id") == job_id), None)
        return self._no.unless(values.job, found, JobState.ENDED) if found is not None else None

    def _newest(self, status: str) -> tuple[list[values.Body], bool]:
        query = {"status": status, "sort": "id", "order": "desc"}
        return read_newest(partial(self._page, "jobs", query, "list the jobs that ended"), self._page_size)

    def job_log(self, repo: str, job_id: int, since: int | None) -> LogPart:
        """What a job has printed from this byte on; None: the end of it. Raises Refused when Gitea has no log of it,
        CredentialsError when the token may not read repositories."""
        path = f"/repos/{quote(repo)}/actions/jobs/{job_id}/logs"
        answer = self._rest("GET", path, headers=job_log.span_header(since))
        if job_log.is_beyond(answer):
            return LogPart(b"", since or 0, since or 0)
        if answer.says(404):
            raise job_log.no_log(answer, job_id)
        if not answer.is_success:
            raise self._no.rest(answer, f"read the log of job {job_id} of {repo}")
        return job_log.log_part(answer, since)

    def registration_token(self) -> Secret:
        """The scope's token for ``register``; Gitea gives the same one each time."""
        body = self._ask("get a registration token", "POST", f"{self._base}/runners/registration-token")
        return Secret(self._no.unless(values.text, body, "token"))

    def register(self, name: str, labels: Sequence[str], token: Secret) -> Credentials:
        """Make a new runner record; the same name again makes another one. ``labels`` are names only."""
        message = {"name": name, "token": token.reveal(), "labels": list(labels), "version": SIGNED}
        body = self._rpc("Register", message, f"register {name}", hide=token)
        self._runners.forget()
        return self._no.unless(values.credentials, body)

    def declare(self, who: Credentials, labels: Sequence[str]) -> int:
        """Set a runner's labels by its own credentials; the id of the runner that they prove to be.

        Gitea takes it for online for the next minute.
        Gitea stores our version too, until the runner declares itself again. Raises RunnerUnknown.
        """
        place = f"runner {who.id}"
        headers = {
            "x-runner-uuid": header_value(Secret(who.uuid), f"the uuid of {place}"),
            "x-runner-token": header_value(who.token, f"the token of {place}"),
        }
        message = {"labels": list(labels), "version": SIGNED}
        body = self._rpc("Declare", message, f"set the labels of {place}", hide=who.token, headers=headers)
        self._runners.forget()
        return self._no.unless(values.runner_id, body)

    def set_disabled(self, runner_id: int, disabled: bool) -> bool:
        """Cordon or uncordon by PATCH; False where this Gitea cannot (before 1.26). Raises RunnerUnknown."""
        doing = f"{'disable' if disabled else 'enable'} runner {runner_id}"
        answer = self._rest("PATCH", self._path_of(runner_id), message={"disabled": disabled})
        if answer.status == 405:
            return False
        if answer.status == 404:  # the runner is unknown, or this way of asking is
            if self.runner(runner_id) is None:
                raise RunnerUnknown(f"could not {doing}: Gitea has no runner of this id")
            return False
        self._good(answer, doing)
        self._runners.forget()
        return True

    def delete_runner(self, runner_id: int) -> None:
        """Remove the record. Gone already is success."""
        doing = f"delete runner {runner_id}"
        answer = self._rest("DELETE", self._path_of(runner_id))
        if answer.says(404):
            self._ask_scope(doing)
        else:
            self._good(answer, doing)
        self._runners.forget()

    def _load_runners(self) -> tuple[Runner, ...]:
        items = self._list("runners", {}, "list the runners")
        return tuple(self._no.unless(values.runner, item) for item in items)

    def _load_jobs(self) -> tuple[Job, ...]:
        """Running after waiting: a job that gets its runner in between is in both lists, not in none."""
        found: dict[int, Job] = {}
        for state, word in ((JobState.WAITING, "waiting"), (JobState.RUNNING, "running")):
            items = self._list("jobs", {"status": state.value}, f"list the {word} jobs")
            found |= {job.id: job for job in (self._no.unless(values.job, item, state) for item in items)}
        return tuple(found.values())

    def _list(self, what: str, query: Mapping[str, str], doing: str) -> list[values.Body]:
        return read_list(partial(self._page, what, query, doing), self._page_size, doing)

    def _page(self, what: str, query: Mapping[str, str], doing: str, number: int, size: int) -> values.Page:
        paged = {**query, "limit": str(size), "page": str(number)}
        return self._no.unless(values.page, self._ask(doing, "GET", f"{self._base}/{what}", paged), what)

    def _ask_scope(self, doing: str) -> None:
        """Raises unless our scope exists and its runners can be listed."""
        self._ask(doing, "GET", f"{self._base}/runners", {"limit": "1"})

    def _ask(self, doing: str, method: str, path: str, query: Mapping[str, str] | None = None) -> values.Body:
        return self._good(self._rest(method, path, query=query), doing)

    def _rest(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        message: values.Body | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        token = header_value(self._token, f"the token of {self._settings.token} (gitea.token)")
        all_headers = {**(headers or {}), "Authorization": f"token {token}"}
        answer = self._wire.send(method, f"/api/v1{path}", all_headers, query=query, message=message)
        return answer.without(self._token)

    def _good(self, answer: Answer, doing: str) -> values.Body:
        if answer.is_success and answer.body is not None:
            return answer.body
        raise self._no.rest(answer, doing)

    def _rpc(
        self,
        call: str,
        message: Mapping[str, Any],
        doing: str,
        *,
        hide: Secret,
        headers: Mapping[str, str] | None = None,
    ) -> values.Body:
        """Connect RPC takes plain JSON: the message itself is the body."""
        path = f"/api/actions/runner.v1.RunnerService/{call}"
        answer = self._wire.send("POST", path, headers or {}, message=message).without(hide)
        if answer.is_success and answer.body is not None:
            return answer.body
        raise self._no.rpc(answer, doing)

    def _path_of(self, runner_id: int) -> str:
        return f"{self._base}/runners/{runner_id}"

    def _refuse_others(self, version: str) -> None:
        if "+gitea-" in version:
            raise Refused(f"{self._wire.shown} is a Forgejo ({version}): its runner API is another one")
        numbers = _numbers(version)
        if numbers and numbers < OLDEST:
            raise TooOld(
                f"{self._wire.shown} is Gitea {version}; fleet needs 1.25 or newer, which can list jobs",
                hint="upgrade Gitea",
            )


def _base_path(scope: Scope) -> str:
    """Where this scope's ``/runners`` and ``/jobs`` are, below ``/api/v1``."""
    name = "/".join(quote(part, safe="") for part in scope.name.split("/"))
    match scope.kind:
        case ScopeKind.INSTANCE:
            return "/admin/actions"
        case ScopeKind.ORG:
            return f"/orgs/{name}/actions"
        case ScopeKind.USER:
            return "/user/actions"
        case ScopeKind.REPO:
            return f"/repos/{name}/actions"


def _numbers(version: str) -> tuple[int, ...] | None:
    """None for a version that cannot be read: unknown, so neither too old nor known."""
    try:
        return parse_version(version)
    except ValueError:
        return None
