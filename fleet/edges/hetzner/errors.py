"""Hetzner's error codes, and what to do about each (API: errors)."""

from collections.abc import Iterator, Mapping
from typing import Any

import requests
from hcloud import APIException

from fleet.core.errors import (
    CloudError,
    CredentialsError,
    FleetError,
    NameTaken,
    NoCapacity,
    QuotaExceeded,
    RateLimited,
    Unreachable,
)

REFUSED_FOR_NOW = frozenset({"conflict", "locked", "rate_limit_exceeded"})
"""Hetzner did nothing, and may do it in a moment."""

BROKEN = frozenset(
    {"server_error", "unavailable", "bad_gateway", "timeout", "service_error", "500", "502", "503", "504"}
)
"""Whether Hetzner did it is not known."""

_TOKEN = "HCLOUD_TOKEN (or hetzner.token in the inventory)"  # noqa: S105 (the name of a setting)
_CREDENTIALS: Mapping[str, str] = {
    "unauthorized": f"{_TOKEN} is not valid: make one in the project's Security > API tokens",
    "token_readonly": f"{_TOKEN} needs Read & Write: make a new one in the project's Security > API tokens",
    "401": f"{_TOKEN} is not valid: make one in the project's Security > API tokens",
    "403": f"{_TOKEN} may not do this: make one with Read & Write in the right project",
    "forbidden": f"{_TOKEN} may not do this: make one with Read & Write in the right project",
}
_CLASSES: Mapping[str, tuple[type[CloudError], str]] = {
    "resource_limit_exceeded": (
        QuotaExceeded,
        "ask Hetzner for a higher limit (Console > Limits), or want fewer machines: no other type helps",
    ),
    "resource_unavailable": (NoCapacity, "add types or locations to the pool, or try later"),
    "placement_error": (NoCapacity, "add types or locations to the pool, or try later"),
    "uniqueness_error": (NameTaken, "type the command again: it looks at what is there first"),
    "rate_limit_exceeded": (RateLimited, "wait some minutes: all users of this project share its calls"),
}
_HINTS: Mapping[str, str] = {
    "maintenance": "Hetzner works on it: try again in some minutes (status.hetzner.com)",
    "locked": "another action is running on it: try again in a minute",
    "conflict": "somebody else changed it at the same time: try again",
    "protected": "its deletion is protected: take the protection off in the Console, then try again",
    "resource_in_use": "something still uses it: look in the Console",
    "must_be_unassigned": "it still belongs to a server: try again in a minute",
    "deprecated_api_endpoint": "this fleet is too old for Hetzner's API: upgrade it",
    "200": "is hetzner.endpoint in the inventory right?",
    "404": "is hetzner.endpoint in the inventory right?",
    "method_not_allowed": "is hetzner.endpoint in the inventory right?",
}
_BROKEN_HINT = "Hetzner has a problem: try again in some minutes (status.hetzner.com)"
_CAPACITY_TEXTS = (
    "error during placement",
    "server location disabled",
    "unable to provision servers for this location",
    "unsupported location for server type",
    "can no longer be ordered",
)


def translated(doing: str, endpoint: str, error: Exception) -> FleetError:
    """Our error for one of the library's; ``doing`` completes "could not ..."."""
    match error:
        case APIException():
            return _refusal(doing, error)
        case requests.RequestException():
            return Unreachable(
                f"could not {doing}: {endpoint} did not answer ({_reason(error)})",
                hint="check the network, and hetzner.endpoint in the inventory",
            )
        case _:
            return CloudError(
                f"could not {doing}: {endpoint} answered in a form we do not know ({error!r})",
                hint="is hetzner.endpoint in the inventory right?",
            )


def failure(doing: str, code: str, message: str) -> CloudError:
    """Our error for a code and text that an action ended with."""
    sentence = f"could not {doing}: {message} ({code})"
    if any(text in message.lower() for text in _CAPACITY_TEXTS):
        code = "resource_unavailable"
    if code in _CLASSES:
        kind, hint = _CLASSES[code]
        return kind(sentence, code=code, hint=hint)
    return CloudError(sentence, code=code, hint=_BROKEN_HINT if code in BROKEN else _HINTS.get(code, ""))


def is_gone(error: FleetError) -> bool:
    """Whether Hetzner said that this id does not exist."""
    return isinstance(error, CloudError) and error.code == "not_found"


def may_exist(error: FleetError) -> bool:
    """Whether what a failed call was to make may be there all the same."""
    if isinstance(error, CloudError):
        return isinstance(error, NameTaken) or error.code in BROKEN
    return isinstance(error, Unreachable)


def _refusal(doing: str, error: APIException) -> FleetError:
    code = str(error.code)
    message = f"{error.message}{_details(error.details)}"
    if code in _CREDENTIALS:
        return CredentialsError(f"could not {doing}: {message} ({code})", hint=_CREDENTIALS[code])
    return failure(doing, code, message)


def _details(details: Any) -> str:
    """The limits or fields an error names (API: errors, ``details``)."""
    if not isinstance(details, dict):
        return ""
    limits = [str(limit.get("name")) for limit in details.get("limits") or ()]
    fields = [
        ": ".join([str(field.get("name")), *map(str, field.get("messages") or ())])
        for field in details.get("fields") or ()
    ]
    return "".join(f"; {part}" for part in limits + fields)


def _reason(error: requests.RequestException) -> str:
    """What the system said, without the library's wrapping."""
    match error:
        case requests.ConnectTimeout():
            return "no connection in time"
        case requests.Timeout():
            return "no answer in time"
        case _:
            return _system_reason(error)


def _system_reason(error: requests.RequestException) -> str:
    causes = list(_causes(error))
    spoken = [str(cause.strerror) for cause in causes if isinstance(cause, OSError) and cause.strerror]
    return spoken[0] if spoken else str(causes[-1])


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
