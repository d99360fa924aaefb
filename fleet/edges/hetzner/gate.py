"""The one way to the API: time limits, the rate limit, repetition where it helps, errors in our words."""

import ipaddress
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from hcloud import APIException, Client
from requests.adapters import HTTPAdapter

from fleet.core.errors import CloudError, FleetError, NameTaken, Unreachable
from fleet.core.secret import Secret
from fleet.edges.hetzner.budget import Budget
from fleet.edges.hetzner.errors import BROKEN, REFUSED_FOR_NOW, is_gone, may_exist, translated

TIMEOUT = (5.0, 30.0)
"""Seconds to connect, and to wait for an answer."""
PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds between attempts when Hetzner is broken or silent."""
REFUSED_PAUSES = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between attempts when Hetzner refused for the moment."""
PATIENCE = 40.0
"""Seconds from which on a broken or silent Hetzner is not asked again: somebody waits, and silence alone takes 30."""
LATE = 2.0
"""Seconds until what a silent call was to make shows, if it was made."""
CONNECTIONS = 16

T = TypeVar("T")


class Gate:
    """Calls from many threads. ``work`` gets a client of its thread's own and may be run more than once."""

    def __init__(
        self,
        endpoint: str,
        token: Secret,
        *,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.endpoint = endpoint
        self.sleep = sleep
        self.monotonic = monotonic
        self._token = token
        self._budget = Budget(sleep, monotonic)
        self._adapter = _Adapter(self._budget)
        self._own = threading.local()

    def call(self, doing: str, work: Callable[[Client], T]) -> T:
        """Do what is harmless to do twice; repeated, for a while, on whatever may pass."""
        end = self.monotonic() + PATIENCE
        for pause in PAUSES:
            try:
                return self.once(doing, work)
            except (Unreachable, CloudError) as error:
                may_pass = isinstance(error, Unreachable) or error.code in BROKEN
                if not may_pass or self.monotonic() >= end:
                    raise
            self.sleep(pause)
        return self.once(doing, work)

    def once(self, doing: str, work: Callable[[Client], T]) -> T:
        """Do what must not be done twice; repeated only when Hetzner certainly did nothing."""
        for pause in REFUSED_PAUSES:
            try:
                return self._attempt(doing, work)
            except CloudError as error:
                if error.code not in REFUSED_FOR_NOW:
                    raise
            self.sleep(pause)
        return self._attempt(doing, work)

    def find(self, doing: str, work: Callable[[Client], T]) -> T | None:
        """As ``call``; None when Hetzner says that this id does not exist."""
        try:
            return self.call(doing, work)
        except CloudError as error:
            if is_gone(error):
                return None
            raise

    def make(self, doing: str, work: Callable[[Client], T], look: Callable[[], T | None]) -> T:
        """As ``once``; when the call failed and it may have been made all the same, ``look`` for it."""
        try:
            return self.once(doing, work)
        except FleetError as error:
            if not may_exist(error):
                raise
            made = look()
            if made is None and not isinstance(error, NameTaken):
                self.sleep(LATE)
                made = look()
            if made is None:
                raise
            return made

    def now(self) -> datetime:
        """The API's own time; asks when it has not answered yet."""
        if self._budget.now() is None:
            self.call("ask for the time", lambda client: client.locations.get_list(per_page=1))
        now = self._budget.now()
        if now is None:
            raise CloudError(f"could not ask for the time: {self.endpoint} does not send a Date")
        return now

    def calls_left(self) -> tuple[int, int] | None:
        """Calls left in this hour and the limit, by the last answer that said so."""
        return self._budget.calls_left()

    def close(self) -> None:
        """Close all connections."""
        self._adapter.close()

    def _attempt(self, doing: str, work: Callable[[Client], T]) -> T:
        try:
            return work(self._client())
        except (APIException, requests.RequestException, LookupError, TypeError, ValueError) as error:
            raise translated(doing, self.endpoint, error) from error

    def _client(self) -> Client:
        """This thread's client: the library promises nothing about sharing one."""
        client: Client | None = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = self._new_client()
        return client

    def _new_client(self) -> Client:
        """The library's client without its own repetition, which repeats POST and knows no clock of ours."""
        client = Client(self._token.reveal(), api_endpoint=self.endpoint, application_name="fleet", timeout=TIMEOUT)
        base = client._client
        base._retry_max_retries = 0
        base._session.mount("https://", self._adapter)
        base._session.mount("http://", self._adapter)
        base._session.trust_env = not _is_loopback(self.endpoint)
        return client


class _Adapter(HTTPAdapter):
    """The connections, shared by all threads; every request passes the budget, every answer informs it."""

    def __init__(self, budget: Budget) -> None:
        super().__init__(pool_maxsize=CONNECTIONS)
        self._budget = budget

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send one request when the rate limit allows it."""
        self._budget.spend()
        response = super().send(request, *args, **options)
        headers: Mapping[str, str] = response.headers
        self._budget.heard(headers)
        return response


def _is_loopback(endpoint: str) -> bool:
    """Whether the API is on this machine (the lab): a proxy of the environment is not asked then."""
    host = urlsplit(endpoint).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
