"""What an answer that is no success means, in words, and what to type."""

from collections.abc import Callable
from typing import TypeVar

from fleet.core.errors import CredentialsError, FleetError, Refused, TailnetError, Unreachable
from fleet.core.inventory import TailnetSettings
from fleet.edges.http.wire import Answer

T = TypeVar("T")

SCOPES = "auth_keys and devices:core"
"""What an OAuth client needs (Tailscale: trust credentials), both with write access."""


class Refusals:
    """Makes errors out of answers of the tailnet at ``shown`` (an address without secrets)."""

    def __init__(self, settings: TailnetSettings, shown: str) -> None:
        self._settings = settings
        self._shown = shown
        self.token = f"the secret of {settings.token} (tailnet.token)"
        self.system = "Headscale" if settings.url else "Tailscale"

    def of(self, answer: Answer, doing: str) -> FleetError:
        """The special before the general."""
        if answer.status == 401:
            return self.wrong_token(answer)
        if answer.body is None:
            return self._stranger(answer)
        if answer.status == 403:
            return self._missing_right(answer, doing)
        if answer.status == 400 and " tag" in f" {_told(answer)}":
            return self._wrong_tags(answer, doing)
        if answer.status == 404 and "tailnet" in answer.message:
            hint = f"look at tailnet.tailnet ({self._settings.tailnet}); - is the secret's own tailnet"
            return Refused(self._text(answer, doing), hint=hint)
        return TailnetError(self._text(answer, doing), hint=_wait(answer))

    def unless(self, read: Callable[..., T], *what: object) -> T:
        """What ``read`` makes of an answer, or an error when it makes nothing of it."""
        try:
            return read(*what)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            # KeyError and TypeError name the field; the others may quote a value.
            detail = f"without {error}" if isinstance(error, KeyError | TypeError) else "with a strange value"
            raise Unreachable(
                f"{self._shown} answers, but not like a {self.system} ({detail})", hint="check tailnet.url"
            ) from None

    def wrong_token(self, answer: Answer) -> CredentialsError:
        """Neither an API key nor an OAuth client's secret is known."""
        text = f"{self._shown} does not accept {self.token}: it answers {answer}"
        if self._settings.url:
            return CredentialsError(text, hint="it expires (after 90 days by default): headscale apikeys create")
        return CredentialsError(
            text, hint="make an OAuth client at https://login.tailscale.com/admin/settings/oauth (API keys expire)"
        )

    def _missing_right(self, answer: Answer, doing: str) -> CredentialsError:
        return CredentialsError(
            f"could not {doing}: {self.token} may not: {self._shown} answers {answer}",
            hint=f"an OAuth client needs the scopes {SCOPES} with the tags {self._tags()};"
            " an API key needs a user who is an admin of the tailnet",
        )

    def _wrong_tags(self, answer: Answer, doing: str) -> Refused:
        return Refused(
            self._text(answer, doing),
            hint=f"the policy's tagOwners must have tailnet.tags ({self._tags()});"
            " an OAuth client must have exactly these, or a tag that owns them there",
        )

    def _stranger(self, answer: Answer) -> Unreachable:
        """An answer that is no JSON object is not of this API."""
        what = (
            f"HTTP {answer.status} to {answer.location}" if answer.location else f"HTTP {answer.status}, {answer.kind}"
        )
        return Unreachable(
            f"{self._shown} answers, but not like a {self.system}: {what}",
            hint="is tailnet.url the final address, and does the proxy before it let /api through?",
        )

    def _text(self, answer: Answer, doing: str) -> str:
        return f"could not {doing}: {self._shown} answers HTTP {answer.status}, {_told(answer)!r}"

    def _tags(self) -> str:
        return ", ".join(self._settings.tags)


def _told(answer: Answer) -> str:
    """The message; Headscale's v2 API has the reason in a list beside it."""
    data = (answer.body or {}).get("data")
    found = [entry.get("errors") for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []
    reasons = [str(each) for errors in found if isinstance(errors, list) for each in errors]
    return ": ".join([answer.message, *reasons])[:300]


def _wait(answer: Answer) -> str:
    return "too many calls: type the same command again in a minute" if answer.status == 429 else ""
