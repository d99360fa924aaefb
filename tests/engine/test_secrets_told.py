"""In a whole life, no secret is in a command, in what a person reads, in a tag or a rule, or in a file that others may
read. Whatever goes to a host goes over standard input."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fleet.core.inventory import CacheSettings, Inventory, Registry, TailnetSettings
from fleet.core.orders import Result
from fleet.core.secret import FromEnv
from fleet.engine.work import Work
from tests.engine.checks import assert_gone, in_service
from tests.engine.test_rotate_runners import renew
from tests.fakes.host import RUNNER_FILE, FakeHost
from tests.fakes.hosts import FakeSession
from tests.fakes.world import SHARED, FakeWorld, Process, build_inventory, build_pool, run_changes

ALL = replace(
    build_inventory(replace(build_pool(least=2), tailnet=True)),
    tailnet=TailnetSettings(url="https://headscale.example"),
    registries=(Registry("registry.example", "ci", FromEnv("PACKAGES")),),
    cache=CacheSettings(url="http://10.0.0.5:8088"),
)
"""Everything that has a secret."""


class Ear:
    """Hears all that leaves a process, except for standard input."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.runners: dict[str, str] = {}

    def secrets(self, world: FakeWorld) -> dict[str, str]:
        """All that there are in this world, by what they are."""
        keys = {f"tailnet key {key.id}": key.secret for key in world.network.keys.values()}
        hosts = {f"host key {n}": private for n, private in enumerate(world.computers.keys)}
        known = {"registration token": "registration-token", "what the inventory has": SHARED.reveal()}
        return {**known, **keys, **hosts, **self.runners}

    def hear(self, world: FakeWorld, process: Process, *said: object) -> None:
        self.runners |= dict(_tokens(world))
        self.heard += [f"{event.step} {event.text}" for event in process.events]
        self.heard += [repr(one) for one in said]
        self.heard += process.calls.log

    def found(self, world: FakeWorld) -> set[str]:
        """Which secrets were heard, or are where others may look."""
        told = "\n".join([*self.heard, *_written_down(world)])
        return {name for name, secret in self.secrets(world).items() if secret in told}


def _tokens(world: FakeWorld) -> Iterator[tuple[str, str]]:
    """Of the runners that there are now; after a rotation they have others."""
    for name in world.server_names:
        who = json.loads(world.host(name).disk.files[RUNNER_FILE])
        yield f"credentials of {name}, record {who['id']}", who["token"]


def _written_down(world: FakeWorld) -> Iterator[str]:
    """Tags, rules, and the files of hosts that are not for their owner alone."""
    yield repr(world.project.servers)
    yield repr((world.project.keys, world.project.firewalls, world.project.rules))
    for host in world.computers.hosts.values():
        yield from _readable(host)


def _readable(host: FakeHost) -> Iterator[str]:
    for path, content in host.disk.files.items():
        if host.disk.modes.get(path, 0o644) & 0o077:
            yield f"{path}: {content}"


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch) -> Ear:
    """Also hears each command on a host."""
    monkeypatch.setattr("fleet.cli.rotate.apply", run_changes)
    ear = Ear()
    usual = FakeSession.run

    def run(session: FakeSession, command: str, *, stdin: bytes = b"", timeout: float = 60) -> Result:
        ear.heard.append(command)
        return usual(session, command, stdin=stdin, timeout=timeout)

    monkeypatch.setattr(FakeSession, "run", run)
    return ear


def life(world: FakeWorld, ear: Ear, inventory: Inventory) -> None:
    """Up, looked at, other credentials, and all of it again with one thing changed."""
    for does in (Process.up, Process.plan_up, renew, Process.up, Process.scale):
        process = world.process(inventory)
        ear.hear(world, process, does(process))
        world.clock.sleep(60)


def test_no_secret_is_told_or_written_where_others_look(world: FakeWorld, ear: Ear) -> None:
    life(world, ear, ALL)
    assert len(ear.secrets(world)) >= 10
    assert ear.found(world) == set()
    process = world.process(ALL)
    ear.hear(world, process, process.down())
    assert ear.found(world) == set()
    assert_gone(world)


def test_one_that_were_told_would_be_found(ear: Ear, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways out: a command's words, and a file that others may read."""
    usual = Work.put

    def careless(work: Work, path: str, content: str, mode: int) -> None:
        usual(work, path, content, 0o644 if mode == 0o600 else mode)

    monkeypatch.setattr(Work, "put", careless)
    world = FakeWorld()
    life(world, ear, ALL)
    assert "what the inventory has" in ear.found(world)
    assert any(one.startswith("credentials of ci-build-1") for one in ear.found(world))

    ear.heard.append(f"docker login --password {SHARED.reveal()}")
    assert "what the inventory has" in ear.found(in_service())
