"""Types commands as a person would, on labs of the tests' own, and looks at what has come of it."""

import json
import os
import re
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fleet.lab import docker_cli, jobs, look
from fleet.lab.jobs import GiteaClient
from fleet.lab.place import Lab
from fleet.lab.vps import SERVER_LABEL

T = TypeVar("T")
Json = dict[str, Any]


@dataclass(frozen=True)
class Typed:
    """What a command has answered."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """All of it."""
        return self.out + self.err

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Person:
    """Somebody with folders of their own: no real inventory, key or lab is met."""

    folder: Path

    def type(self, *words: str, env: Mapping[str, str] | None = None, timeout: float = 300) -> Typed:
        """Run ``fleet WORDS`` to its end, without a terminal."""
        with self.start(*words, env=env) as process:
            try:
                out, err = process.communicate(timeout=timeout)
            except BaseException:
                process.kill()
                raise
        return Typed(process.returncode, out, err)

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Begin ``fleet WORDS``."""
        return subprocess.Popen(
            [sys.executable, "-m", "fleet", *words],
            cwd=self.folder,
            env={**self.environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def environment(self) -> dict[str, str]:
        """Only what a command needs, and a wide screen."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("FLEET_", "HCLOUD_"))}
        places = {"XDG_STATE_HOME": str(self.folder / "state"), "XDG_CONFIG_HOME": str(self.folder / "config")}
        return {**kept, **places, "COLUMNS": "250"}


@contextmanager
def lab_up(person: Person, *options: str) -> Iterator[Lab]:
    """A lab under a name of its own, taken down whatever happens."""
    name = f"t{secrets.token_hex(4)}"
    try:
        typed = person.type("lab", "up", "--name", name, *options)
        assert typed.code == 0, typed.said
        folder = person.folder / "state" / "fleet" / "labs" / name
        yield Lab(**json.loads((folder / "lab.json").read_text("utf-8")))
    finally:
        assert person.type("lab", "down", "--name", name).code == 0


def inventory_text(lab: Lab, name: str, *, pool: str = "", top: str = "") -> str:
    """A fleet on hosts that have Docker already, with a key that fleet makes. ``pool`` and ``top``: more lines.

    Their disk is that of whoever runs the tests: how full it is says nothing of them.
    """
    ca = f'gitea.ca = "{lab.gitea_ca}"' if lab.gitea_ca else ""
    inside = f'gitea.runner_url = "{lab.gitea_inside}"' if lab.gitea_inside else ""
    tailnet = f'tailnet.url = "{lab.tailnet}"\ntailnet.user = "lab"' if lab.tailnet else ""
    return f"""\
name = "{name}"
gitea.url = "{lab.gitea}"
hetzner.endpoint = "{lab.hetzner}"
docker.registry_mirror = "{lab.mirror}"
upkeep.disk_warning = 95
upkeep.disk_full = 97
{ca}
{inside}
{tailnet}
{top}
[pools.build]
image = "docker-ce"
runner = "{lab.runner}"
labels = ["{name}:docker://fleet-lab/job:latest"]
{pool}
"""


@dataclass(frozen=True)
class Fleet:
    """One fleet on a lab, by its inventory; its jobs ask for its own name as their label."""

    person: Person
    lab: Lab
    name: str
    inventory: Path

    def write(self, text: str) -> None:
        """Another inventory."""
        self.inventory.write_text(text, "utf-8")

    def wish(self, pool: str = "", top: str = "") -> None:
        """The usual inventory, with these lines."""
        self.write(inventory_text(self.lab, self.name, pool=pool, top=top))

    def env(self) -> dict[str, str]:
        return {**self.lab.env(), "FLEET_INVENTORY": str(self.inventory)}

    def type(self, *words: str, **env: str) -> Typed:
        """``fleet WORDS`` on this fleet."""
        return self.person.type(*words, env={**self.env(), **env})

    def start(self, *words: str) -> subprocess.Popen[str]:
        return self.person.start(*words, env=self.env())

    def must(self, *words: str) -> Typed:
        """As `type`, for what has to succeed."""
        typed = self.type(*words)
        assert typed.code == 0, typed.said
        return typed

    def servers(self) -> list[Json]:
        """All servers named like machines of this fleet, ours or not."""
        return [one for one in look.hetzner(self.lab, "/servers")["servers"] if self._mine(one)]

    def runners(self) -> list[Json]:
        """Gitea's records named like machines of this fleet."""
        found = GiteaClient.of(self.lab).get("/admin/actions/runners?limit=50")
        return [one for one in found["runners"] or [] if self._mine(one)]

    def shared(self) -> list[str]:
        """Keys and firewalls with this fleet's tag."""
        return [
            f"{kind}: {one['name']}"
            for kind in ("ssh_keys", "firewalls")
            for one in look.hetzner(self.lab, f"/{kind}")[kind]
            if one["labels"].get("fleet") == self.name
        ]

    def left(self) -> list[str]:
        """Whatever there still is of this fleet, anywhere."""
        names = [one["name"] for one in (*self.servers(), *self.runners())]
        ids = {str(one["id"]) for one in self.servers()}
        return [*names, *self.shared(), *(f"container of {one}" for one in ids)]

    def container(self, number: int = 1, pool: str = "build") -> str:
        """The container that is server ``NAME-POOL-NUMBER``."""
        server = next(one for one in self.servers() if one["name"] == f"{self.name}-{pool}-{number}")
        return f"fleet-lab-{self.lab.name}-{server['id']}"

    def inside(self, command: str, *, number: int = 1, pool: str = "build", stdin: str = "") -> str:
        """What a shell command on that server prints."""
        return docker_cli.run(("exec", "-i", self.container(number, pool), "sh", "-c", command), stdin=stdin)

    def push(self, command: str) -> "Job":
        """A job of one command."""
        client = GiteaClient.of(self.lab)
        text = f"on: push\njobs:\n  try:\n    runs-on: {self.name}\n    steps:\n      - run: {command}\n"
        return Job(client, jobs.push(client, text))

    def _mine(self, one: Json) -> bool:
        return str(one["name"]).startswith(f"{self.name}-")


@dataclass(frozen=True)
class Job:
    """A job that was pushed, as Gitea sees it now."""

    client: GiteaClient
    pushed: jobs.Pushed

    def seen(self) -> Json:
        """Gitea's answer about it; a real one makes a job a moment after the push."""
        return soon(lambda: jobs.jobs_of(self.client, self.pushed))[0]

    def word(self) -> str:
        """``queued``, ``in_progress``, or how it ended."""
        seen = self.seen()
        return str(seen["conclusion"] if seen["status"] == "completed" else seen["status"])

    def ends(self, *, seconds: float = 60) -> str:
        """How it has ended."""
        soon(lambda: self.seen()["status"] == "completed", seconds=seconds)
        return self.word()


@dataclass(frozen=True)
class Long:
    """A job that runs until it is let go."""

    fleet: Fleet
    job: Job
    mark: str

    @property
    def machine(self) -> str:
        """Whose runner has it; empty while it waits."""
        return str(self.job.seen().get("runner_name") or "")

    def runs(self) -> bool:
        return self.job.word() == "in_progress"

    def ends(self) -> str:
        """Let it go; how it has ended."""
        touch = (
            f"for one in $(docker ps -q --filter name=GITEA-ACTIONS-TASK-); do docker exec $one touch {self.mark}; done"
        )
        number = int(self.machine.rpartition("-")[2])

        def over() -> bool:
            self.fleet.inside(f"{touch} 2>/dev/null || true", number=number)
            return bool(self.job.seen()["status"] == "completed")

        soon(over)
        return self.job.word()


def push_long(fleet: Fleet) -> Long:
    """A job that does not end by itself."""
    mark = f"/tmp/over-{secrets.token_hex(4)}"
    return Long(fleet, fleet.push(f"until test -e {mark}; do sleep 0.2; done"), mark)


def running(fleet: Fleet) -> Long:
    """One more job that has begun somewhere."""
    job = push_long(fleet)
    soon(job.runs)
    return job


def new_fleet(person: Person, lab: Lab, *, pool: str = "", name: str = "") -> Fleet:
    """A fleet under a name of its own, not up yet."""
    name = name or f"f{secrets.token_hex(4)}"
    fleet = Fleet(person, lab, name, person.folder / f"{name}.toml")
    fleet.wish(pool)
    return fleet


def order_fault(lab: Lab, **order: Any) -> None:
    """Let the lab's Hetzner fail from now on."""
    _control(lab, "POST", "/_lab/faults", order)


def cancel_faults(lab: Lab) -> None:
    _control(lab, "DELETE", "/_lab/faults")


OFFLINE_AFTER = 61
"""Seconds of Gitea's time until a runner that says nothing is offline."""


def age(lab: Lab, *, gitea: float = 0, hetzner: float = 0) -> None:
    """Move the time of the lab's Gitea, or of its Hetzner, by so many seconds, as only stand-ins can."""
    for url, seconds in ((lab.gitea, gitea), (lab.hetzner.removesuffix("/v1"), hetzner)):
        if seconds:
            _call(f"{url}/_lab/age", "POST", {"seconds": seconds}, {})


def hetzner_post(lab: Lab, path: str, body: Json) -> Json:
    """A call that fleet has no part in."""
    answer: Json = _call(f"{lab.hetzner}{path}", "POST", body, {"Authorization": f"Bearer {lab.hetzner_token}"})
    return answer


def hetzner_put(lab: Lab, path: str, body: Json) -> None:
    """A change that fleet has no part in."""
    _call(f"{lab.hetzner}{path}", "PUT", body, {"Authorization": f"Bearer {lab.hetzner_token}"})


def asked_of_hetzner(lab: Lab) -> list[Json]:
    """The last requests that the lab's Hetzner has answered, oldest first."""
    found: list[Json] = _control(lab, "GET", "/_lab/log")["requests"]
    return found


def hetzner_delete(lab: Lab, path: str) -> None:
    """Away with it, without fleet; what is still in use is asked for again."""
    headers = {"Authorization": f"Bearer {lab.hetzner_token}"}

    def gone() -> bool:
        try:
            _call(f"{lab.hetzner}{path}", "DELETE", None, headers)
        except urllib.error.HTTPError as error:
            error.close()
            return error.code == 404
        return True

    soon(gone)


def _control(lab: Lab, method: str, path: str, body: Json | None = None) -> Any:
    return _call(lab.hetzner.removesuffix("/v1") + path, method, body, {})


def _call(url: str, method: str, body: Json | None, headers: dict[str, str]) -> Any:
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data, {**headers, "Content-Type": "application/json"}, method=method)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read() or "null")


def soon(look: Callable[[], T | None], *, seconds: float = 30) -> T:
    """The first answer that is not empty."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds:.0f} seconds")


def server_containers(lab: Lab) -> list[str]:
    """The containers of a lab that are servers."""
    label = ("--filter", f"label=fleet.lab={lab.name}", "--filter", f"label={SERVER_LABEL}")
    return docker_cli.run(("ps", "--all", "--quiet", *label)).split()


def step_of(line: str) -> str:
    """The step in a line of the plain story: ``ci-build-1  set up: pull x  [3 s]``."""
    match = re.fullmatch(r"\S+  (.*)  \[\d+ s\]", line.rstrip("\n"))
    return match[1] if match else ""
