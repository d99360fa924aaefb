"""One authorized call to a tailnet's API."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fleet.edges.http.wire import Answer, Wire
from fleet.edges.tailnet import values
from fleet.edges.tailnet.access import Access
from fleet.edges.tailnet.refusals import Refusals

T = TypeVar("T")


class Asking:
    """Sends, shows the token, and makes values or errors of what comes back."""

    def __init__(self, wire: Wire, access: Access, no: Refusals) -> None:
        self._wire = wire
        self._access = access
        self.no = no

    def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        message: Mapping[str, Any] | None = None,
    ) -> Answer:
        """The answer, whatever it is. Raises Unreachable, CredentialsError."""
        token = self._access.token()
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        return self._wire.send(method, path, headers, query=query, message=message).without(token)

    def get(self, doing: str, path: str, query: Mapping[str, str] | None = None) -> values.Body:
        """What is there."""
        return self.good(self.send("GET", path, query=query), doing)

    def post(self, doing: str, path: str, message: Mapping[str, Any]) -> values.Body:
        """Make or change something."""
        return self.good(self.send("POST", path, message=message), doing)

    def good(self, answer: Answer, doing: str) -> values.Body:
        """The body of a success. Raises what the answer means."""
        if answer.is_success and answer.body is not None:
            return answer.body
        raise self.no.of(answer, doing)

    def items(self, body: values.Body, what: str, read: Callable[[values.Body], T]) -> tuple[T, ...]:
        """The entries of a list, each read."""
        return tuple(self.no.unless(read, item) for item in self.no.unless(values.items, body, what))
