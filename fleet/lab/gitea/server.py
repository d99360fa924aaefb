"""The stand-in Gitea: made in Python, served over HTTP, told what to do wrong."""

import secrets
import threading
import urllib.parse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fleet.lab.gitea import actions, connect, faults, git, queue, registry, repos, rest
from fleet.lab.gitea.access import SCOPES
from fleet.lab.gitea.call import Features
from fleet.lab.gitea.faults import Faults, Seen
from fleet.lab.gitea.http import PAGE_NOT_FOUND, Answer, ApiError, Request
from fleet.lab.gitea.protocol import Protocol, RpcError
from fleet.lab.gitea.serving import Serving
from fleet.lab.gitea.state import AccessToken, Owner, Repo, Scope, State


def _system_clock() -> datetime:
    return datetime.now(UTC)


class Gitea:
    """One Gitea with its users, repositories, runners and jobs, all in memory.

    ``version`` decides which endpoints exist; ``can_disable`` whether runners can be paused; with
    ``proper_codes`` the runner protocol says 401 ``unauthenticated`` where Gitea says 500 ``unknown``.
    ``blobs``: a folder for its container registry; without one it has none.
    """

    def __init__(
        self,
        *,
        version: str = "1.26.0",
        can_disable: bool = True,
        proper_codes: bool = False,
        blobs: Path | None = None,
        clock: Callable[[], datetime] = _system_clock,
    ) -> None:
        self._clock = clock
        self._ahead = timedelta()
        self._proper_codes = proper_codes
        self._lock = threading.RLock()
        self.state = State(lambda: self._clock() + self._ahead)
        self.faults = Faults()
        self._protocol = Protocol(self.state)
        self._rest = rest.Rest(self.state, Features(version, can_disable))
        self.registry = registry.Registry(self.state, blobs) if blobs else None

    def serve(
        self, address: str = "127.0.0.1", port: int = 0, extra_addresses: Sequence[str] = (), certificate: str = ""
    ) -> Serving:
        """Listens on exactly these addresses (never on all), all with the same port; 0 is any free one.

        ``certificate``: a key and its certificate (PEM), to speak https.
        """
        return Serving(self.respond, (address, *extra_addresses), port, certificate)

    def respond(self, request: Request) -> Answer | None:
        """The answer to a request; None where a fault drops the connection."""
        if request.path.startswith(f"{faults.PREFIX}/"):
            return self._order(request)
        self.faults.delay()
        if self.registry and f"{request.path}/".startswith(f"{registry.PREFIX}/"):
            return self._big(self.registry, request)
        with self._lock:
            if self.faults.drops():
                self._note(request, 0)
                return None
            queue.fail_zombies(self.state)
            answer = self._route(request)
            self._note(request, answer.status)
            return answer

    def _big(self, images: registry.Registry, request: Request) -> Answer:
        """Images take seconds, and nobody else waits for them: the registry has a lock of its own."""
        answer = images.answer(request)
        with self._lock:
            self._note(request, answer.status)
        return answer

    def _order(self, request: Request) -> Answer:
        """The lab's own orders; for callers in another process."""
        match request.method, request.path.removeprefix(faults.PREFIX), request.body and request.json():
            case "POST", "/age", {"seconds": int() | float() as seconds}:
                self.age(timedelta(seconds=seconds))
            case "POST", "/cancel", {"run": int() as run} if run in self.state.runs:
                self.cancel(run)
            case _:
                return faults.answer(self.faults, request)
        return Answer(204)

    def _route(self, request: Request) -> Answer:
        rpc = request.path.startswith(f"{connect.PREFIX}/")
        if self.faults.unauthorized:
            return self._refuse(request, rpc=rpc)
        if rpc:
            return connect.answer(self._protocol, request, proper_codes=self._proper_codes)
        if request.path.startswith(f"{rest.PREFIX}/"):
            return self._rest.answer(request)
        if request.path == "/api/healthz":
            return Answer(200, b'{"status":"pass"}', "application/json")
        return git.answer(self.state, request) or PAGE_NOT_FOUND

    def _refuse(self, request: Request, *, rpc: bool) -> Answer:
        if rpc:
            error = RpcError("unregistered runner", "Unauthenticated")
            return connect.refusal(error, proper_codes=self._proper_codes)
        return ApiError(401, "user does not exist [uid: 0, name: ]").answer(request.here)

    def _note(self, request: Request, status: int) -> None:
        query = urllib.parse.urlencode(request.query, doseq=True)
        path = f"{request.path}?{query}" if query else request.path
        self.faults.log.append(Seen(request.method, path, status))

    def age(self, by: timedelta) -> None:
        """Moves this server's time on: runners go offline, silent tasks become zombies."""
        with self._lock:
            self._ahead += by

    def add_user(self, name: str, *, admin: bool = False) -> Owner:
        with self._lock:
            return repos.add_owner(self.state, name, admin=admin)

    def add_org(self, name: str, owner: Owner) -> Owner:
        """An organization owned by a user."""
        with self._lock:
            return repos.add_owner(self.state, name, kept_by=owner.id)

    def add_token(self, user: Owner, scopes: Sequence[str]) -> str:
        """An access token, such as for ``["write:admin", "read:repository"]``."""
        if unknown := set(scopes) - SCOPES:
            raise ValueError(f"no such scope: {', '.join(sorted(unknown))}")
        text = secrets.token_hex(20)
        with self._lock:
            self.state.tokens[text] = AccessToken(user, tuple(sorted(scopes)))
        return text

    def add_repo(self, owner: Owner, name: str) -> Repo:
        with self._lock:
            return repos.add_repo(self.state, owner, name)

    def push(self, repo: Repo, path: str, content: str, *, title: str = "") -> str:
        """Writes a file as a push does: workflows on push start. Answers the commit's id."""
        with self._lock:
            title = title or f"Add {path}"
            return repos.push(self.state, repo, path, content.encode(), title=title, by=repo.owner)

    def registration_token(self, scope: Scope | None = None) -> str:
        """The active registration token of a scope (default: the whole instance)."""
        with self._lock:
            return actions.registration(self.state, scope or Scope()).text

    def reset_registration_token(self, scope: Scope | None = None) -> str:
        """What the web page's button does: a new token, the older ones of the scope are invalid."""
        with self._lock:
            return actions.new_registration(self.state, scope or Scope()).text

    def cancel(self, run_id: int) -> None:
        """Cancels a run with all its jobs."""
        with self._lock:
            queue.cancel(self.state, self.state.runs[run_id])
