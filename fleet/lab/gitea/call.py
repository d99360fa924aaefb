"""One REST call on its way: the request, who asks, and about what."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.lab.gitea.http import Request
from fleet.lab.gitea.state import EVERYBODY, AccessToken, Owner, Repo, Scope, State


@dataclass(frozen=True, slots=True)
class Features:
    """What this version of Gitea has (the matrix of the facts, from 1.22 to 28)."""

    version: str
    can_disable: bool

    @property
    def numbers(self) -> tuple[int, ...]:
        """Tuples compare across the dropped "1.": 1.27.3 is older than 28.0.0."""
        plain = self.version.partition("+")[0].partition("-")[0]
        return tuple(int(part) for part in plain.split("."))

    @property
    def token_by_get(self) -> bool:
        return self.numbers < (1, 26)

    @property
    def runners(self) -> bool:
        return self.numbers >= (1, 24)

    @property
    def jobs(self) -> bool:
        return self.numbers >= (1, 25)


NOBODY = Owner(0, "")


@dataclass(slots=True)
class Call:
    """``user``, ``org``, ``repo`` and ``scope`` are set when the call is let in."""

    state: State
    features: Features
    request: Request
    token: AccessToken | None
    args: Mapping[str, str]
    user: Owner = field(default_factory=lambda: NOBODY)
    org: Owner = field(default_factory=lambda: NOBODY)
    repo: Repo = field(default_factory=lambda: Repo(0, NOBODY, ""))
    scope: Scope = EVERYBODY
