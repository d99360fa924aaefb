"""How long does one look at 500 machines take, and how many calls? Against the lab's Hetzner and Gitea alone.

All servers are off, so that no host is asked: what is left are both sides' lists, and our own work.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fleet.core.inventory import Inventory
from fleet.core.names import birth_tags, fleet_label, read_server_name
from fleet.core.secret import Secret
from fleet.edges.gitea import GiteaHttp
from fleet.edges.inventory import load
from fleet.edges.ssh_keys import new_host_key
from fleet.lab.gitea import Gitea
from fleet.lab.gitea.http import Answer as GiteaAnswer
from fleet.lab.gitea.http import Request as GiteaRequest
from fleet.lab.hetzner import HetznerApi, NoHypervisor
from fleet.lab.hetzner.exchange import Answer, Request
from tests.bench_row import Row, Timed
from tests.e2e.keyboard import Person

SERVERS, FEW, RUNS = 500, 5, 5
WANTED = 3.0
TOKEN = "t" * 64


def rows() -> list[Timed | Row]:
    """In seconds beside a small fleet; and in calls beside what the design allows."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _place(Path(folder), FEW) as few,
        _place(Path(folder), SERVERS) as lot,
    ):
        timed = Timed(f"status, {SERVERS} machines", f"status, {FEW} machines", WANTED)
        for _ in range(RUNS):
            timed.measure(lot.status, few.status, lambda: None)
        before = lot.calls
        lot.status()
        calls = lot.calls - before
    return [timed, Row(f"status, {SERVERS} machines", calls, "10 + 2 N/50", 10 + 2 * SERVERS / 50, "calls", 1.0)]


class _Hetzner(HetznerApi):
    asked = 0

    def answer(self, request: Request) -> Answer:
        self.asked += 1
        return super().answer(request)


class _Gitea(Gitea):
    asked = 0

    def respond(self, request: GiteaRequest) -> GiteaAnswer | None:
        self.asked += 1
        return super().respond(request)


@dataclass
class _Place:
    """A fleet of so many machines, and both sides of it."""

    person: Person
    inventory: Path
    gitea_token: str
    hetzner: _Hetzner
    gitea: _Gitea
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.env = {
            "HCLOUD_TOKEN": TOKEN,
            "FLEET_GITEA_TOKEN": self.gitea_token,
            "FLEET_INVENTORY": str(self.inventory),
        }

    @property
    def calls(self) -> int:
        return self.hetzner.asked + self.gitea.asked

    def status(self) -> None:
        typed = self.person.type("status", env=self.env)
        assert typed.code == 0, typed.said


@contextmanager
def _place(folder: Path, machines: int) -> Iterator[_Place]:
    hetzner, gitea = _Hetzner(NoHypervisor(), token=TOKEN, create_seconds=0, rate_limit=100_000), _Gitea()
    with hetzner.serve() as cloud, gitea.serve() as forge:
        path = folder / f"{machines}.toml"
        path.write_text(_inventory(f"http://127.0.0.1:{forge.port}", cloud.url, machines))
        token = gitea.add_token(gitea.add_user("root", admin=True), ["all"])
        _fill(load(path), hetzner, gitea, token, machines)
        yield _Place(Person(folder), path, token, hetzner, gitea)


def _inventory(gitea: str, hetzner: str, machines: int) -> str:
    return f"""\
name = "lot"
gitea.url = "{gitea}"
hetzner.endpoint = "{hetzner}"
ssh.allow_from = ["0.0.0.0/0"]
[pools.build]
min = {machines}
max = {machines}
"""


def _fill(inventory: Inventory, hetzner: HetznerApi, gitea: Gitea, token: str, machines: int) -> None:
    client, registration = GiteaHttp(inventory.gitea, Secret(token)), Secret(gitea.registration_token())
    _, key = new_host_key()
    for number in range(1, machines + 1):
        name = f"{inventory.name}-build-{number}"
        parts = read_server_name(name)
        assert parts is not None
        tags = birth_tags(parts, inventory.gitea, key, key, "0.0136")
        _make(hetzner, {"name": name, "labels": tags})
        client.register(name, ["ubuntu-latest", fleet_label(inventory.name)], registration)
    client.close()
    hetzner.wait_idle()


def _make(hetzner: HetznerApi, more: dict[str, Any]) -> None:
    order = {"server_type": "cx33", "image": "debian-13", "location": "nbg1", "start_after_create": False, **more}
    raw = json.dumps(order).encode()
    request = Request("POST", "/v1/servers", {}, f"Bearer {TOKEN}", raw, "http://lab/v1")
    answer = hetzner.answer(request)
    assert answer.status < 400, answer.body
