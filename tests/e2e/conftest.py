"""One lab for all tests that share it well; each test has a fleet of its own on it."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fleet.lab.place import Lab
from tests.e2e.keyboard import Fleet, Person, lab_up, new_fleet

LONG = (
    "test_scale.py",
    "test_faults.py",
    "test_documents.py",
    "test_static_hosts.py",
    "test_killed.py",
    "test_tailnet.py",
)
"""Files that take minutes. They begin first, so that no process is left alone with one of them in the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


@pytest.fixture(scope="session")
def somebody(tmp_path_factory: pytest.TempPathFactory) -> Person:
    """Who brings the shared lab up."""
    return Person(tmp_path_factory.mktemp("somebody"))


@pytest.fixture(scope="session")
def lab(somebody: Person) -> Iterator[Lab]:
    """The shared lab."""
    with lab_up(somebody) as up:
        yield up


@pytest.fixture(scope="session")
def machine(somebody: Person, lab: Lab) -> Iterator[Fleet]:
    """One machine with three slots that may pull from Gitea's registry, for all who leave it as they found it."""
    fleet = new_fleet(somebody, lab)
    password = somebody.folder / "packages"
    password.touch(mode=0o600)
    password.write_text(lab.gitea_package_token)
    registry = f'[registries."{lab.registry}"]\nuser = "lab"\npassword = {{ file = "packages" }}'
    fleet.wish("capacity = 3", registry)
    fleet.must("up", "--yes")
    yield fleet
    fleet.must("down", "--yes")


@pytest.fixture(scope="session")
def tailnet_programs() -> str:
    """The folder of a tailnet's programs. Where they cannot be had, what needs them is not run, and that is told."""
    tool = Path(__file__).parents[2] / "tools" / "ensure-tailnet"
    done = subprocess.run([str(tool)], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    return done.stdout.strip()


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
