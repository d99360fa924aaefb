"""All errors of ``fleet``.

FleetError
├── Refused                  nothing was touched (exit 2)
│   ├── InventoryError       every problem of the inventory at once
│   ├── CredentialsError     a secret is missing, wrong, or may not do this
│   ├── Unreachable          a system did not answer before any change
│   └── TooOld               this Gitea is older than what we need
├── CloudError               Hetzner said no
│   ├── NoCapacity           no machine of this type in this location now
│   ├── QuotaExceeded        the account's limit is reached: other types do not help
│   ├── NameTaken            a server of this name exists
│   ├── RateLimited          too many calls in this hour
│   └── NamesakeRefused      something that is not ours carries our name
├── GiteaError               Gitea said no
│   └── RunnerUnknown        the runner's own credentials are no longer known
├── TailnetError             the tailnet said no
├── HostError                the host said no
│   ├── HostSilent           no answer on SSH
│   ├── LoginRefused         it answers, and does not take our key
│   ├── WrongHostKey         it answers with another key than the one we made
│   ├── HostOfAnother        a static host that serves another fleet, or as another machine
│   ├── CommandFailed        a command ended with an error
│   └── HostLocked           another fleet process works on this host
├── FleetLocked              another pass of this fleet runs on this computer (exit 4)
├── StepFailed               a step could not do its work; names the machine
└── Deferred                 not now: the next pass goes on (not a failure)

An error says what was being done, to what, and what came back; its hint says what to type.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fleet.core.plain import plain


class FleetError(Exception):
    """The base. ``hint`` is what a person can do about it, or empty. Both may quote others, and are made plain."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        self.message = plain(message)
        self.hint = plain(hint)
        super().__init__(self.message)


class Refused(FleetError):
    """Nothing was touched."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake of an inventory: where, what is wrong, what is allowed."""

    path: str
    wrong: str
    allowed: str = ""

    def __str__(self) -> str:
        return f"{self.path}: {self.wrong}" + (f" ({self.allowed})" if self.allowed else "")


class InventoryError(Refused):
    """All problems of one inventory."""

    def __init__(self, source: str, problems: Sequence[Problem], *, hint: str = "") -> None:
        self.source = source
        self.problems = tuple(problems)
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        lines = "".join(f"\n  {problem}" for problem in problems)
        super().__init__(f"{source} has {count}:{lines}", hint=hint)


class CredentialsError(Refused):
    """A secret is missing, wrong, or lacks a right."""


class Unreachable(Refused):
    """A system did not answer."""


class TooOld(Refused):
    """Gitea lacks what we need."""


class CloudError(FleetError):
    """Hetzner refused; ``code`` is its own word for it (docs: errors)."""

    def __init__(self, message: str, *, code: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code


class NoCapacity(CloudError):
    """This type is not to be had in this location now: the next choice may be."""


class QuotaExceeded(CloudError):
    """The account's limit is reached; no other type or location helps."""


class NameTaken(CloudError):
    """A server of this name exists already."""


class RateLimited(CloudError):
    """The project's calls of this hour are used up."""


class NamesakeRefused(CloudError):
    """A thing that is not ours carries the name of one of ours."""


class GiteaError(FleetError):
    """Gitea refused."""


class RunnerUnknown(GiteaError):
    """Gitea does not know these runner credentials (any more)."""


class TailnetError(FleetError):
    """Tailscale or Headscale refused."""


class HostError(FleetError):
    """A host refused or failed."""


class HostSilent(HostError):
    """No answer on SSH in time."""


class LoginRefused(HostError):
    """The host answers with the right key and does not take ours."""


class WrongHostKey(HostError):
    """The host answers with another key than the pinned one: never to be accepted."""


class HostOfAnother(HostError):
    """A static host whose own memory says that it serves another fleet, or as another machine: kept as it is."""


class CommandFailed(HostError):
    """A command on a host ended with an error; the message has the end of its output."""


class HostLocked(HostError):
    """Another fleet process holds this host's lock."""


class FleetLocked(FleetError):
    """Another pass of this fleet runs on this computer; the message says who holds the lock."""


class StepFailed(FleetError):
    """A step could not reach its end."""


class Deferred(FleetError):
    """Not now; the next pass goes on from here."""
