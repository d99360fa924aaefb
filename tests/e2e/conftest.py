"""One lab for all tests that share it well; each test has a fleet of its own on it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet.lab.place import Lab
from tests.e2e.keyboard import Fleet, Person, lab_up, new_fleet


@pytest.fixture(scope="session")
def somebody(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Who brings the shared lab up."""
    return Person(tmp_path_factory.mktemp("somebody"))


@pytest.fixture(scope="session")
def lab(somebody: Person) -> Iterator[Lab]:
    """The shared lab."""
    with lab_up(somebody) as up:
        yield up


@pytest.fixture
def person(tmp_path: Path) -> Person:
    """Somebody new."""
    return Person(tmp_path)


@pytest.fixture
def fleet_of(person: Person, lab: Lab) -> Callable[..., Fleet]:
    """Makes a fleet on the shared lab; the argument is more lines for its pool."""

    def make(pool: str = "") -> Fleet:
        return new_fleet(person, lab, pool=pool)

    return make
