"""The API as a whole: who may ask, what goes wrong on order, who answers."""

import logging
import secrets
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from fleet.lab.hetzner.control import Logged, answer_control
from fleet.lab.hetzner.errors import ApiError, locked
from fleet.lab.hetzner.exchange import Answer, Request
from fleet.lab.hetzner.faults import Faults
from fleet.lab.hetzner.hypervisor import Hypervisor
from fleet.lab.hetzner.project import Project
from fleet.lab.hetzner.ratelimit import RateLimit
from fleet.lab.hetzner.routes import find
from fleet.lab.hetzner.serving import Serving

LOG_LENGTH = 2000
LOG = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class HetznerApi:
    """One project of a Hetzner Cloud. Ask it by `answer`, or over HTTP after `serve`."""

    def __init__(
        self,
        hypervisor: Hypervisor,
        *,
        token: str,
        readonly_token: str | None = None,
        clock: Callable[[], datetime] = _now,
        create_seconds: float = 0.5,
        rate_limit: int = 3600,
    ) -> None:
        self.faults = Faults()
        self.stopping = threading.Event()
        self._token = token
        self._readonly_token = readonly_token
        self._project = Project(hypervisor, self.faults, clock, create_seconds)
        self.clock = self._project.clock
        self._limit = RateLimit(rate_limit, rate_limit, clock())
        self._log: deque[Logged] = deque(maxlen=LOG_LENGTH)

    def serve(self, address: str = "127.0.0.1", port: int = 0) -> Serving:
        """Answer HTTP in the background until the returned object is closed; port 0 takes a free one."""
        self.stopping.clear()
        return Serving(self, address, port)

    def wait_idle(self, seconds: float = 60.0) -> None:
        """Wait until the machine below has nothing left to do."""
        self._project.wait_idle(seconds)

    def requests(self) -> list[Logged]:
        """The last requests, oldest first."""
        return list(self._log)

    def answer(self, request: Request) -> Answer:
        """Answer one request; nothing is raised. Paths are whole here: `/v1/...` or `/_lab/...`."""
        try:
            return self._lab(request) if request.path.startswith("/_lab/") else self._counted(request)
        except ApiError as error:
            return Answer(error.status, error.body())
        except Exception:
            LOG.exception("%s %s failed", request.method, request.path)
            broken = ApiError(500, "server_error", "the lab itself has failed, see its log")
            return Answer(broken.status, broken.body())

    def _lab(self, request: Request) -> Answer:
        with self._project.locked():
            return answer_control(self._project, list(self._log), self._log.clear, request)

    def _counted(self, request: Request) -> Answer:
        slow = self.faults.take("slow", method=request.method)
        if slow is not None:
            self.stopping.wait(slow.seconds)
        with self._project.locked():
            enough = self._limit.take(self.clock())
            answer = self._guarded(request, enough)
            headers = (
                *answer.headers,
                *self._limit.headers(),
                ("X-Correlation-Id", secrets.token_hex(8)),
            )
        return replace(answer, headers=headers)

    def _guarded(self, request: Request, enough: bool) -> Answer:
        try:
            return self._respond(request, enough)
        except ApiError as error:
            return Answer(error.status, error.body())

    def _respond(self, request: Request, enough: bool) -> Answer:
        """The order of refusals is Hetzner's: an unknown path is told before the token is looked at."""
        self._refuse_dead(request, enough)
        if not request.path.startswith("/v1/"):
            raise ApiError(404, "not_found", "api route not found")
        match = find(replace(request, path=request.path.removeprefix("/v1")))
        self._authorize(request)
        if match.handler is None:
            raise ApiError(405, "method_not_allowed", f"{request.method} is not allowed here")
        self._refuse_change(match.request)
        return match.handler(self._project, match.request)

    def _refuse_dead(self, request: Request, enough: bool) -> None:
        if self.faults.take("dead", method=request.method):
            raise ApiError(503, "unavailable", "the service is currently unavailable")
        if not enough or self.faults.take("rate_limit", method=request.method):
            raise ApiError(429, "rate_limit_exceeded", "limit of requests per hour reached")

    def _authorize(self, request: Request) -> None:
        scheme, _, given = request.authorization.partition(" ")
        if scheme.lower() != "bearer" or not given:
            raise ApiError(401, "unauthorized", "token is required")
        refused = self.faults.take("unauthorized", method=request.method)
        if refused or given not in (self._token, self._readonly_token):
            raise ApiError(401, "unauthorized", "the token you have provided is invalid")
        if given != self._token and request.method != "GET":
            raise ApiError(401, "token_readonly", "the token is only allowed to perform GET requests")

    def _refuse_change(self, request: Request) -> None:
        if request.method == "GET":
            return
        if self.faults.take("conflict", method=request.method):
            raise ApiError(409, "conflict", "the resource has changed during the request, please retry")
        about_one_server = request.path.startswith("/servers/")
        if about_one_server and self.faults.take("locked", method=request.method):
            raise locked("server")

    def record(self, method: str, path: str, status: int) -> None:
        """Remember a request that was answered."""
        if path.startswith("/v1/"):
            self._log.append(Logged(method, path, status))
