"""Sessions with hosts, look after look."""

from dataclasses import dataclass, field, replace

from fleet.core.orders import Target
from fleet.engine.world import Sessions
from tests.core.builders import HOST_KEY, LOGIN


@dataclass
class _Host:
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass
class _Hosts:
    """Each login is another session."""

    made: list[_Host] = field(default_factory=list)

    def connect(self, target: Target) -> _Host:
        self.made.append(_Host())
        return self.made[-1]


def _sessions() -> tuple[_Hosts, Sessions]:
    hosts = _Hosts()
    return hosts, Sessions(hosts, lambda _, error: error)  # type: ignore[arg-type]


def test_a_second_look_goes_on_with_the_session_of_the_first() -> None:
    hosts, sessions = _sessions()
    here = Target("ci-build-1", "192.0.2.1", HOST_KEY)
    assert sessions.get(here) is sessions.get(replace(here, address="100.64.0.1"))
    assert [one.closed for one in hosts.made] == [False]


def test_a_server_that_has_taken_the_name_of_another_is_not_asked_through_the_session_with_that() -> None:
    hosts, sessions = _sessions()
    old = sessions.get(Target("ci-build-1", "192.0.2.1", HOST_KEY))
    new = sessions.get(Target("ci-build-1", "192.0.2.9", LOGIN))
    assert old is not new
    assert [one.closed for one in hosts.made] == [True, False]
