"""The table of engines that break jobs: both sides of each of its borders."""

import pytest

from fleet.core.known_bad import known_bad
from fleet.core.runner_version import DEFAULT_RUNNER, engine_for, read_runner


def breaks(engine: str, runner: str | None = None) -> bool:
    return any(bad.breaks for bad in known_bad(engine, read_runner(runner) if runner else None))


@pytest.mark.parametrize(
    ("engine", "bad"),
    [
        ("29.4.9", False),
        ("29.5.0", True),
        ("29.5.1", True),
        ("29.5.2", False),
        ("29.6.3", False),
        ("29.7.0", True),
        ("29.7.1", False),
        ("28.5.2", False),
        ("18.09.1", False),
    ],
)
def test_an_engine_is_bad_by_itself_from_its_first_to_its_last_bad_version(engine: str, bad: bool) -> None:
    assert breaks(engine) is bad


@pytest.mark.parametrize(
    ("engine", "runner", "bad"),
    [
        ("29.0.0", "1.0.3", True),
        ("28.5.2", "1.0.3", False),
        ("29.10.0", "1.0.4", False),
        ("28.5.2", "4.1.0", False),
        ("29.10.0", "gitea/act_runner:nightly", True),
        ("18.09.1", "4.1.0", True),
        ("18.09.1", "1.0.3", False),
        ("19.03.0", "4.1.0", False),
        ("29.10.0", "latest", False),
    ],
)
def test_an_engine_is_bad_with_the_runners_whose_client_it_does_not_fit(engine: str, runner: str, bad: bool) -> None:
    assert breaks(engine, runner) is bad


@pytest.mark.parametrize(("engine", "told"), [("29.0.0", 1), ("29.2.9", 1), ("29.3.0", 0), ("28.5.2", 0)])
def test_an_engine_that_refuses_old_clients_is_told_of_and_breaks_nothing_else(engine: str, told: int) -> None:
    found = known_bad(engine)
    assert len(found) == told
    assert not breaks(engine)


def test_versions_as_distributions_write_them_are_read_and_others_are_not_known_to_be_bad() -> None:
    assert breaks("29.5.1+dfsg2-1~deb13u1")
    assert known_bad("unknown") == ()


def test_the_sentence_names_engine_and_runner_and_the_fix_what_is_good() -> None:
    (bad,) = known_bad("29.10.0", read_runner("1.0.3"))
    assert bad.sentence == "Docker 29.10.0 breaks jobs of gitea/runner:1.0.3"
    assert bad.fix == "runner 1.0.4 or newer, or an engine of version 28 or older"


@pytest.mark.parametrize("runner", ["0.2.13", "1.0.3", "1.0.4", "1", DEFAULT_RUNNER, "latest"])
def test_the_engine_chosen_for_a_runner_is_not_known_to_be_bad_with_it(runner: str) -> None:
    read = read_runner(runner)
    assert known_bad(engine_for(read.version), read) == ()
