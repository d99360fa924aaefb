"""What an answer that is no success means, in words, and what to type."""

import re
from collections.abc import Callable
from typing import TypeVar

from fleet.core.errors import CredentialsError, FleetError, GiteaError, Refused, RunnerUnknown, Unreachable
from fleet.core.inventory import GiteaSettings, ScopeKind
from fleet.edges.http.wire import Answer

T = TypeVar("T")

# Gitea's routers/api/v1: what a token needs, and who its user must be, to manage the runners of a scope.
_TOKEN_SCOPE = {
    ScopeKind.INSTANCE: "write:admin",
    ScopeKind.ORG: "write:organization",
    ScopeKind.USER: "write:user",
    ScopeKind.REPO: "write:repository",
}
_TOKEN_USER = {
    ScopeKind.INSTANCE: "a site administrator",
    ScopeKind.ORG: "an owner of the organization",
    ScopeKind.USER: "an active user",
    ScopeKind.REPO: "the owner of the repository",
}


class Refusals:
    """Makes errors out of answers of the Gitea at ``shown`` (an address without secrets)."""

    def __init__(self, settings: GiteaSettings, shown: str) -> None:
        self._scope = settings.scope
        self._token = f"the token of {settings.token} (gitea.token)"
        self._shown = shown

    def rest(self, answer: Answer, doing: str) -> FleetError:
        """For the REST API."""
        if answer.body is None:
            return self._stranger(answer)
        match answer.status:
            case 401:
                return self._wrong_token(answer)
            case 403:
                return self._missing_right(answer, doing)
            case 404:
                return self._no_scope(answer, doing)
            case _:
                return GiteaError(f"could not {doing}: {self._shown} answers {answer}")

    def rpc(self, answer: Answer, doing: str) -> FleetError:
        """For the runner protocol. Gitea up to 1.26 wraps "unauthenticated" in an error 500."""
        if answer.body is None:
            return self._stranger(answer)
        text = f"could not {doing}: {self._shown} answers {answer}"
        if "registration token" in answer.message:
            return GiteaError(text, hint="type the same command again: it asks for the current token")
        if answer.body.get("code") in ("unauthenticated", "not_found") or "unregistered" in answer.message:
            return RunnerUnknown(text)
        return GiteaError(text)

    def unless(self, read: Callable[..., T], *what: object) -> T:
        """What ``read`` makes of an answer, or an error when it makes nothing of it."""
        try:
            return read(*what)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # KeyError names the field; the others may quote a value.
            detail = f"without {error}" if isinstance(error, KeyError) else f"with a strange {read.__name__}"
            raise Unreachable(
                f"{self._shown} answers, but not like a Gitea ({detail})",
                hint="check gitea.url; fleet needs Gitea 1.25 or newer",
            ) from None

    def _wrong_token(self, answer: Answer) -> CredentialsError:
        needed = _TOKEN_SCOPE[self._scope.kind]
        return CredentialsError(
            f"{self._shown} does not accept {self._token}: it answers {answer}",
            hint=f"make a token with the scope {needed} at {self._shown}/user/settings/applications",
        )

    def _missing_right(self, answer: Answer, doing: str) -> CredentialsError:
        missing = re.search(r"required=\[([^\]]+)\]", answer.message)
        return CredentialsError(
            f"could not {doing} ({self._scope}): {self._token} may not: {self._shown} answers {answer}",
            hint=f"add {missing[1]}: make a token with it at {self._shown}/user/settings/applications"
            if missing
            else f"the token's user must be {_TOKEN_USER[self._scope.kind]}",
        )

    def _no_scope(self, answer: Answer, doing: str) -> Refused:
        kind, name = self._scope.kind, self._scope.name
        text = f"could not {doing} ({self._scope}): {self._shown} answers {answer}"
        if kind in (ScopeKind.ORG, ScopeKind.REPO):
            return Refused(text, hint=f"is there a {name}, may the token's user see it? Look at gitea.scope")
        return Refused(text, hint="are Actions enabled on this Gitea, and is it 1.25 or newer?")

    def _stranger(self, answer: Answer) -> Unreachable:
        """An answer that is no JSON object is not of Gitea's API."""
        if answer.location:
            return Unreachable(
                f"{self._shown} sends us elsewhere: HTTP {answer.status} to {answer.location}",
                hint="gitea.url must be the final address, gitea.scope today's name, without a login page",
            )
        return Unreachable(
            f"{self._shown} answers, but not like a Gitea: HTTP {answer.status}, {answer.kind}",
            hint="is gitea.url right, sub-path included? Is Gitea up behind its proxy, are Actions enabled?",
        )
