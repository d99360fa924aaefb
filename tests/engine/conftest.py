"""Without threads and without real time, so that the calls of a run come in the same order each time."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

import pytest

from tests.fakes.world import FakeWorld, run_changes

T = TypeVar("T")


class AtOnce:
    """An executor that does what it is given right away."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def shutdown(self, **_: bool) -> None:
        """There is nothing that could still run."""

    def submit(self, do: Callable[..., T], *args: object) -> "Future[T]":
        future: Future[T] = Future()
        try:
            future.set_result(do(*args))
        except BaseException as error:  # as threads do: it comes out where the result is asked for
            future.set_exception(error)
        return future


@pytest.fixture(autouse=True)
def no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.engine.workers.ThreadPoolExecutor", AtOnce)
    monkeypatch.setattr("fleet.cli.down.apply", run_changes)


@pytest.fixture
def world() -> FakeWorld:
    """A world whose Gitea can disable runners."""
    return FakeWorld()


@pytest.fixture(params=[True, False], ids=["gitea with PATCH", "gitea without PATCH"])
def any_world(request: pytest.FixtureRequest) -> FakeWorld:
    """The same, once with each kind of Gitea."""
    return FakeWorld(can_disable=request.param)
