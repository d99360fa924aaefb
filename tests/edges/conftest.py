"""A Hetzner and its client, for the tests of that edge."""

from collections.abc import Iterator

import pytest

from fleet.edges.hetzner import HetznerCloud
from fleet.lab.hetzner import NoHypervisor
from tests.edges.hetzner_api import READ_ONLY, TOKEN, Api, Time, connect


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def api(time: Time) -> Api:
    return Api(NoHypervisor(), token=TOKEN, readonly_token=READ_ONLY, clock=time.now, create_seconds=0.5)


@pytest.fixture
def endpoint(api: Api) -> Iterator[str]:
    with api.serve() as serving:
        yield serving.url


@pytest.fixture
def cloud(endpoint: str, time: Time) -> Iterator[HetznerCloud]:
    made = connect(endpoint, time)
    yield made
    made.close()
