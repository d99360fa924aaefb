"""Tells people what a pass has found: by a webhook, or by a command of theirs."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

from fleet.core.errors import CredentialsError, FleetError, Unreachable
from fleet.core.notify import Message
from fleet.core.secret import Secret
from fleet.edges.http.failures import Peer
from fleet.edges.http.wire import Wire, header_value

SECONDS = 60.0
"""What a command may take."""


class Webhook:
    """Posts each message as JSON: the form is ``Message.data``. No error shows more of the address than its host."""

    def __init__(self, url: Secret, token: Secret | None, sleep: Callable[[float], None] = time.sleep) -> None:
        """``token`` goes in the header Authorization, as a Bearer's. Raises CredentialsError when it is no address."""
        parts = urlsplit(url.reveal())
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise CredentialsError("notify.url holds no http or https address", hint="like https://hooks.example/x")
        self._secrets = [url, *([token] if token else [])]
        self._path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        self._headers = {"Authorization": f"Bearer {header_value(token, 'notify.token')}"} if token else {}
        self._wire = Wire(f"{parts.scheme}://{parts.netloc}", Peer("the webhook", "notify.url"), sleep)

    def __call__(self, message: Message) -> None:
        """Raises Unreachable when it does not take it."""
        try:
            answer = self._wire.send("POST", self._path, self._headers, message=message.data)
        finally:
            self._wire.close()
        for secret in self._secrets:
            answer = answer.without(secret)
        if not answer.is_success:
            raise Unreachable(f"the webhook at {self._wire.shown} answers {answer}", hint="look at notify.url")


class Command:
    """Runs a command with the text of each message on its standard input. It sees none of our secrets."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str]) -> None:
        self._words = list(words)
        self._env = dict(env)

    def __call__(self, message: Message) -> None:
        """Raises FleetError when it fails: what it prints is dropped, for nobody knows what it says there."""
        name = self._words[0]
        try:
            done = subprocess.run(
                self._words,
                input=f"{message.text}\n".encode(),
                env=self._env,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise FleetError(f"notify.command: `{name}` took over {SECONDS:g} s", hint="run it by hand") from None
        except OSError as error:
            reason = error.strerror or "it cannot be run"
            raise FleetError(f"notify.command: `{name}`: {reason}", hint="look at notify.command") from None
        if done.returncode != 0:
            raise FleetError(f"notify.command: `{name}` ended with {done.returncode}", hint="run it by hand")
