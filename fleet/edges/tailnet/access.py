"""From the secret of the inventory to what each call shows: itself, or an OAuth client's token of the hour."""

import threading
from collections.abc import Callable

from fleet.core.errors import CredentialsError
from fleet.core.secret import Secret
from fleet.edges.http.wire import Answer, Wire, header_value
from fleet.edges.tailnet import values
from fleet.edges.tailnet.refusals import Refusals

CLIENTS = ("tskey-client-", "hskey-client-")
"""How an OAuth client's secret begins, at Tailscale and at Headscale (from 0.30)."""

MACHINE_KEYS = ("tskey-auth-", "hskey-auth-")
"""How a key begins that lets a machine in: no use for an API."""

EARLY = 60
"""Seconds before its end that a token of the hour is not used any more."""


class Access:
    """The bearer token. Safe to use from many threads: one asks for a new one, the others wait."""

    def __init__(self, secret: Secret, wire: Wire, no: Refusals, monotonic: Callable[[], float]) -> None:
        self._secret = secret
        self._wire = wire
        self._no = no
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._token: Secret | None = None
        self._until = 0.0

    @property
    def client(self) -> str:
        """The id of the OAuth client whose secret it is, the part after the prefix; empty for an API key."""
        text = self._secret.reveal()
        return text.split("-")[2] if text.startswith(CLIENTS) else ""

    def token(self) -> Secret:
        """What the next call shows. Raises CredentialsError for a secret that cannot be one."""
        text = header_value(self._secret, self._no.token)
        if text.startswith(MACHINE_KEYS):
            raise CredentialsError(
                f"{self._no.token} is a key for one machine to join with; fleet makes those itself",
                hint="give it an OAuth client's secret or an API key",
            )
        return self._of_client(text) if text.startswith(CLIENTS) else self._secret

    def _of_client(self, text: str) -> Secret:
        with self._lock:
            if self._token is None or self._monotonic() >= self._until:
                self._token, seconds = self._ask(text)
                self._until = self._monotonic() + seconds - EARLY
            return self._token

    def _ask(self, text: str) -> tuple[Secret, float]:
        """RFC 6749, client credentials."""
        form = {"grant_type": "client_credentials", "client_id": self.client, "client_secret": text}
        answer = self._wire.send("POST", "/api/v2/oauth/token", {}, form=form).without(self._secret)
        return self._no.unless(_token, self._good(answer))

    def _good(self, answer: Answer) -> values.Body:
        if answer.status == 404:
            raise CredentialsError(
                f"{self._no.token} is of an OAuth client, which this Headscale does not know (0.30 and newer do)",
                hint="headscale apikeys create",
            )
        if answer.is_success and answer.body is not None:
            return answer.body
        if answer.body is not None and answer.body.get("error") == "invalid_client":
            raise self._no.wrong_token(answer)
        raise self._no.of(answer, "get an access token")


def _token(body: values.Body) -> tuple[Secret, float]:
    return Secret(values.text(body, "access_token")), float(body["expires_in"])
