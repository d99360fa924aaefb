"""The Giteas that the contract is tried on."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from fleet.core.inventory import GiteaSettings, Scope, ScopeKind
from fleet.core.orders import Credentials
from fleet.core.secret import Secret
from fleet.edges.gitea import GiteaHttp
from fleet.lab.gitea import Gitea as StandIn
from tests.contracts.driver import Driver, random_name
from tests.contracts.real import HAS_REAL, REAL_TOKEN, REAL_URL

INSTANCE = Scope(ScopeKind.INSTANCE)


@dataclass
class Place:
    """A Gitea to try things on: an administrator's token, and a helper around the edge."""

    url: str
    token: str
    made_narrow_token: str
    driver: Driver
    rest: ExitStack = field(repr=False)

    def edge(self, scope: Scope = INSTANCE, *, token: str = "", page_size: int = 50) -> GiteaHttp:
        """The edge under test, closed at the end."""
        settings = GiteaSettings(self.url, self.url, scope)
        edge = GiteaHttp(settings, Secret(token or self.token), page_size=page_size)
        self.rest.callback(edge.close)
        return edge

    def narrow_token(self) -> str:
        """A token that may read repositories and no more."""
        return self.made_narrow_token or self.driver.make_narrow_token()

    def runner(self, edge: GiteaHttp, *labels: str) -> "Registered":
        """A new runner, removed at the end."""
        name = random_name("runner")
        who = edge.register(name, labels, edge.registration_token())
        self.rest.callback(edge.delete_runner, who.id)
        return Registered(name, who)


@dataclass(frozen=True)
class Registered:
    name: str
    who: Credentials


@contextmanager
def _real() -> Iterator[tuple[str, str, str]]:
    yield REAL_URL.rstrip("/"), REAL_TOKEN, ""


@contextmanager
def _stand_in(version: str, *, can_disable: bool, proper_codes: bool) -> Iterator[tuple[str, str, str]]:
    gitea = StandIn(version=version, can_disable=can_disable, proper_codes=proper_codes)
    user = gitea.add_user("acme", admin=True)
    with gitea.serve() as served:
        yield served.url, gitea.add_token(user, ["all"]), gitea.add_token(user, ["read:repository"])


def _open(kind: str) -> AbstractContextManager[tuple[str, str, str]]:
    match kind:
        case "real":
            return _real()
        case "stand-in-1.25":
            return _stand_in("1.25.3", can_disable=False, proper_codes=False)
        case _:
            return _stand_in("28.1.0", can_disable=True, proper_codes=True)


KINDS = ("stand-in-1.25", "stand-in-28.1", *(("real",) if HAS_REAL else ()))


@pytest.fixture(params=KINDS)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Each Gitea there is, one after the other."""
    with ExitStack() as rest:
        url, token, narrow = rest.enter_context(_open(request.param))
        driver = Driver(url, token, settling=3 if request.param == "real" else 0)
        yield Place(url, token, narrow, rest.enter_context(driver), rest)
