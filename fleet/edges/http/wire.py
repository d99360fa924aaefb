"""HTTP to one system that answers in JSON: timeouts always, no redirects, tried again where that can help."""

import json
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakSet

import requests
from requests.adapters import HTTPAdapter

from fleet.core.errors import CredentialsError, Unreachable
from fleet.core.secret import Secret
from fleet.edges.http.failures import Peer, cause, explain

TIMEOUTS = (5.0, 30.0)  # seconds: to connect, between two bytes
PAUSES = (0.5, 2.0)  # seconds before the second and the third try of a GET


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. ``body`` is None unless it is a JSON object; an empty success is an empty object.

    ``at``: the server's own time, where it says it. ``content``: the body as it came; ``span``: which part of the whole
    it is, as Content-Range says it.
    """

    status: int
    body: Mapping[str, Any] | None
    message: str
    kind: str
    location: str
    at: datetime | None = None
    content: bytes = field(default=b"", repr=False)
    span: str = ""

    def __str__(self) -> str:
        return f"HTTP {self.status}" + (f", {self.message!r}" if self.message else "")

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300

    def says(self, status: int) -> bool:
        """Whether the system itself says so: a proxy's page has no JSON."""
        return self.status == status and self.body is not None

    def without(self, secret: Secret) -> "Answer":
        """The same, with the secret hidden where the message repeats it."""
        return replace(self, message=self.message.replace(secret.reveal(), "***"))

    @classmethod
    def from_response(cls, response: requests.Response) -> "Answer":
        """The message on one line and cut; the target of a redirect without its query."""
        body = None if response.is_redirect else _json_object(response)
        target = urlsplit(response.headers.get("Location", "") if response.is_redirect else "")
        return cls(
            status=response.status_code,
            body=body,
            message=" ".join(_message(body or {}).split())[:300],
            kind=response.headers.get("Content-Type", "no content"),
            location=target._replace(query="", fragment="").geturl(),
            at=_date(response.headers.get("Date", "")),
            content=response.content,
            span=response.headers.get("Content-Range", ""),
        )


class Wire:
    """A session per thread, timeouts always, GETs tried again where that can help."""

    def __init__(self, url: str, peer: Peer, sleep: Callable[[float], None], ca: str = "") -> None:
        """``ca``: certificates (PEM) to trust beside the system's."""
        self.shown = _without_password(url)
        self._peer = peer
        self._url = url
        self._sleep = sleep
        self._ca = ca
        self._mine = threading.local()
        self._sessions: WeakSet[requests.Session] = WeakSet()
        self._lock = threading.Lock()

    def send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        *,
        query: Mapping[str, str] | None = None,
        message: Mapping[str, Any] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call; ``message`` goes as JSON, ``form`` as a web form. Raises Unreachable."""
        kind = "application/json" if form is None else "application/x-www-form-urlencoded"
        request = requests.Request(
            method,
            self._url + path,
            headers={"Accept": "application/json", "Content-Type": kind, **headers},
            params=query,
            data=form if message is None else json.dumps(message).encode(),
            auth=_keep_headers,
        )
        try:
            return self._try(request, PAUSES if method == "GET" else ())
        except requests.RequestException as error:
            what, hint = explain(error, TIMEOUTS, self._peer)
            raise Unreachable(f"could not reach {self._peer.name} at {self.shown}: {what}", hint=hint) from None

    def close(self) -> None:
        """End all connections, of all threads."""
        with self._lock:
            for session in self._sessions:
                session.close()

    def _try(self, request: requests.Request, pauses: tuple[float, ...]) -> Answer:
        """Tried again: a server's own failure, "too many", and a kept connection that it has just closed."""
        for pause in pauses:
            try:
                answer = self._once(request)
                if answer.status < 500 and answer.status != 429:
                    return answer
            except requests.ConnectionError as error:
                if cause(error, ConnectionResetError) is None:
                    raise
            self._sleep(pause)
        return self._once(request)

    def _once(self, request: requests.Request) -> Answer:
        """No redirects: they would make a GET of a POST, and carry a runner's token elsewhere."""
        session = self._session()
        prepared = session.prepare_request(request)
        settings = session.merge_environment_settings(prepared.url, {}, None, None, None)
        response = session.send(prepared, timeout=TIMEOUTS, allow_redirects=False, **settings)
        return Answer.from_response(response)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._mine, "session", None)
        if session is None:
            session = self._mine.session = requests.Session()
            if self._url.startswith("https:"):
                session.mount("https://", _Trust(self._ca))
            with self._lock:
                self._sessions.add(session)
        return session


class _Trust(HTTPAdapter):
    """Trusts the system's certificates and those given, besides requests' own list."""

    def __init__(self, ca: str) -> None:
        self._context = ssl.create_default_context()
        if ca:
            self._context.load_verify_locations(cadata=ca)
            # Python 3.13 refuses CAs without fields of RFC 5280 that no other client asks for: git and the runner
            # take them, and who named this CA wants it.
            self._context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **kwargs)


def header_value(secret: Secret, what: str) -> str:
    """Checked before requests sees it: its complaint about a bad header would show the secret."""
    text = secret.reveal()
    if not text:
        raise CredentialsError(f"{what} is empty")
    if not re.fullmatch(r"[!-~]+", text):
        raise CredentialsError(f"{what} has a space, a line end or another strange character in it")
    return text


def _keep_headers(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """An auth that does nothing: without any, requests would put a password of ~/.netrc over our token."""
    return request


def _message(body: Mapping[str, Any]) -> str:
    """What a refusal says: most have a message, RFC 9457 a detail, OAuth (RFC 6749) a description."""
    return str(body.get("message") or body.get("detail") or body.get("error_description") or "")


def _date(header: str) -> datetime | None:
    """None for a header that cannot be read or has no zone."""
    try:
        at = parsedate_to_datetime(header)
    except ValueError:
        return None
    return at if at.tzinfo else None


def _json_object(response: requests.Response) -> Mapping[str, Any] | None:
    if not response.content:
        return {} if response.ok else None
    try:
        body = response.json()
    except ValueError:
        return None
    return body if isinstance(body, dict) else None


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
