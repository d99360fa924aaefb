"""What a person types beside up and down, on a lab: an inventory from init, the log of a job, and being told."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from fleet.lab.place import Lab
from tests.e2e.keyboard import Fleet, Person, soon

pytestmark = pytest.mark.e2e


def test_what_init_writes_passes_doctor_and_can_be_planned(person: Person, lab: Lab) -> None:
    env = lab.env()
    answers = ("--gitea", lab.gitea, "--jobs-of", "all", "--name", "fresh", "--cap", "0.25")
    written = person.type("init", *answers, env=env)
    assert written.code == 0, written.said
    file = person.folder / "inventory.toml"
    file.write_text(f'hetzner.endpoint = "{lab.hetzner}"\n{file.read_text()}')
    doctor = person.type("doctor", "--json", env=env)
    assert doctor.code == 0, doctor.said
    assert "error" not in {check["grade"] for check in doctor.json["checks"]}
    assert person.type("plan", env=env).code == 0


def test_the_log_of_a_running_job_is_shown_and_followed_to_its_end(machine: Fleet) -> None:
    name = f"{machine.name}-build-1"
    job = machine.push("echo begun; sleep 5; echo done")
    soon(lambda: job.word() == "in_progress")
    number = str(job.seen()["id"])
    soon(lambda: "begun" in machine.must("logs", name, "--job").out)
    followed = machine.must("logs", "--job", number, "-f").out.splitlines()
    assert [line.split(" ", 1)[1] for line in followed].count("done") == 1
    assert job.word() == "success"
    assert "done" in machine.must("logs", name, "--job", number, "-n", "3").out
    assert "Docker" in machine.must("logs", name, "--docker").out
    setup = machine.type("logs", name, "--setup")
    assert setup.code == 1
    assert "no log: set-up has installed nothing here" in setup.said


class Channel(ThreadingHTTPServer):
    """A webhook that keeps what it is told; ``status``: how it answers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status = 200
        self.told: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Channel

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.status == 200:
            self.server.told.append(body)
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        return None


@pytest.fixture
def channel() -> Iterator[Channel]:
    with Channel() as listening:
        thread = threading.Thread(target=listening.serve_forever, daemon=True)
        thread.start()
        yield listening
        listening.shutdown()
        thread.join()


NOTIFY = 'notify.url = { env = "A_HOOK" }'


def test_a_webhook_is_told_once_of_what_came_and_once_of_what_went(
    fleet_of: Callable[..., Fleet], channel: Channel
) -> None:
    fleet = fleet_of()
    hook = f"http://127.0.0.1:{channel.server_port}/h00k"

    def a_pass() -> str:
        typed = fleet.type("scale", A_HOOK=hook)
        assert typed.code == 0, typed.said
        return typed.err

    fleet.wish(top=f"max_eur_per_hour = 0.001\n{NOTIFY}")
    a_pass()
    assert channel.told == []
    channel.status = 500
    said = a_pass()
    assert "nobody was told" in said
    assert "h00k" not in said
    channel.status = 200
    a_pass()
    fleet.wish(pool="min = 0\nmax = 1", top=NOTIFY)
    for _ in range(2):
        a_pass()
    came, went = channel.told
    machine = f"{fleet.name}-build-1"
    assert [(one["machine"], one["trouble"]) for one in came["appeared"]] == [(machine, "limit")]
    assert [(one["machine"], one["trouble"]) for one in went["gone"]] == [(machine, "limit")]
    assert came["text"].startswith(f"fleet {fleet.name}: 1 new\n")
    assert fleet.servers() == []
    fleet.must("down", "--yes")
