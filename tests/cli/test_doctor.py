"""``fleet doctor`` before a whole good world and a whole bad one: real clients, stand-ins on the loopback."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fleet.cli.exits import FAILED, OK
from fleet.edges import bare_shell, operator
from fleet.edges.bare_shell import Ended
from fleet.lab.gitea import Gitea
from fleet.lab.hetzner import NoHypervisor
from tests.cli.terminal import golden, typed
from tests.edges.hetzner_api import READ_ONLY, TOKEN, Api
from tests.fakes.crontab import FakeCrontab
from tests.fakes.operator import FakeOperator

GOOD = """\
name = "ci"
max_eur_per_hour = 1
gitea.url = "{gitea}"
hetzner.endpoint = "{hetzner}"
ssh.allow_from = ["198.51.100.0/24"]
notify.url = {{ env = "NOTIFY_URL" }}
[pools.build]
capacity = 2
max = 2
"""

BAD = """\
name = "ci"
max_eur_per_hour = 0.01
gitea.url = "{gitea}"
gitea.runner_url = "https://elsewhere.example"
hetzner.endpoint = "{hetzner}"
ssh.allow_from = ["203.0.113.0/24"]
notify.command = ["/no/such/program"]
[pools.build]
capacity = 16
job_timeout = "5h"
types = ["cpx31", "cx33"]
locations = ["hel1"]
image = "debian-14"
[pools.build.docker]
source = "docker"
version = "29.1.0"
[pools.old]
image = "debian-12"
runner = "latest"
"""


@dataclass
class Outside:
    """A Hetzner, a Gitea, a crontab, and where we come from."""

    hetzner: Api
    gitea: Gitea
    crontab: FakeCrontab
    here: FakeOperator
    folder: Path
    addresses: Mapping[str, str]

    def write(self, text: str) -> None:
        (self.folder / "inventory.toml").write_text(text.format(**self.addresses))

    def plain(self, text: str) -> str:
        """Without what differs each time."""
        for name, address in self.addresses.items():
            text = text.replace(address, f"{{{name}}}")
        text = re.sub(r"\d+ of 3600 calls", "N of 3600 calls", text)
        text = re.sub(r"clock is \d+ s", "clock is N s", text)
        return text.replace(str(self.folder), "{folder}")

    def doctor(self) -> tuple[int, str]:
        """The exit code, and the JSON as a file has it."""
        done = typed("doctor", "--json")
        return done.exit_code, self.plain(json.dumps(json.loads(done.stdout)["checks"], indent=1, ensure_ascii=False))


def _served(rest: ExitStack, hetzner: Api, gitea: Gitea) -> dict[str, str]:
    serving = rest.enter_context(gitea.serve())
    return {"hetzner": rest.enter_context(hetzner.serve()).url, "gitea": serving.url}


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Outside]]:
    """Makes an outside; the arguments are those of its Gitea, and what its token may do."""
    with ExitStack() as rest:

        def make(*scopes: str, clock_off: timedelta = timedelta(), **gitea: object) -> Outside:
            api = Api(
                NoHypervisor(), token=TOKEN, readonly_token=READ_ONLY, clock=lambda: datetime.now(UTC) + clock_off
            )
            git = Gitea(**gitea)  # type: ignore[arg-type]
            monkeypatch.setenv("FLEET_GITEA_TOKEN", git.add_token(git.add_user("ann", admin=True), scopes))
            crontab, here = FakeCrontab.make(tmp_path / "bin"), FakeOperator()
            monkeypatch.setenv("PATH", f"{crontab.folder}:/usr/bin:/bin")
            monkeypatch.setattr(operator, "OperatorHere", lambda _: here)
            return Outside(api, git, crontab, here, tmp_path, _served(rest, api, git))

        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HCLOUD_TOKEN", TOKEN)
        monkeypatch.setenv("NOTIFY_URL", "https://hooks.example/p4th")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        for name in ("CONFIG", "STATE"):
            monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
        monkeypatch.setattr(bare_shell, "run", lambda _: Ended(0, ""))
        yield make


def test_a_good_world_is_well_in_every_line(made: Callable[..., Outside]) -> None:
    world = made("write:admin", "read:repository")
    world.write(GOOD)
    typed("cron", "install")
    code, said = world.doctor()
    assert said + "\n" == golden("doctor_good.json")
    assert code == OK


def test_each_thing_that_is_wrong_in_a_bad_world_is_told_with_what_mends_it(made: Callable[..., Outside]) -> None:
    world = made("all", version="1.25.4", can_disable=False, clock_off=timedelta(minutes=2))
    world.hetzner.faults.order("no_capacity", server_type="cx33", shown=True)
    world.write(BAD)
    code, said = world.doctor()
    assert said + "\n" == golden("doctor_bad.json")
    assert code == FAILED
    assert all(check["fix"] for check in json.loads(said) if check["grade"] != "ok")


@pytest.mark.parametrize(("scope", "words"), [("write:admin", ()), ("write:user", ()), ("all", ("--jobs-of", "me"))])
def test_what_init_writes_passes(made: Callable[..., Outside], scope: str, words: tuple[str, ...]) -> None:
    world = made(scope)
    written = typed("init", "--gitea", world.addresses["gitea"], "--cap", "0.25", *words)
    assert written.exit_code == OK, written.said
    file = world.folder / "inventory.toml"
    world.write('hetzner.endpoint = "{hetzner}"\n' + file.read_text())
    code, said = world.doctor()
    assert code == OK
    warned = {check["text"] for check in json.loads(said) if check["grade"] != "ok"} - TOLD_ANYHOW
    assert warned == ({"the token may do more than fleet needs: all"} if scope == "all" else set())


TOLD_ANYHOW = {
    "port 22 of machines is open to everybody (keys only)",
    "no pass runs from your crontab: machines leave only by hand",
}
"""What a person has to decide later."""


def test_nothing_is_made_or_changed_anywhere(made: Callable[..., Outside]) -> None:
    world = made("write:admin")
    world.write(GOOD)
    world.doctor()
    written = {(one.method, one.path, one.status) for one in world.hetzner.requests() if one.method != "GET"}
    assert written == {("PUT", "/v1/ssh_keys/0", 404)}
    assert not world.gitea.state.runners
    assert not list(world.folder.glob("CONFIG/**/*.ed25519"))


@pytest.mark.parametrize(
    ("variable", "value", "area", "said"),
    [
        ("HCLOUD_TOKEN", READ_ONLY, "hetzner", "needs Read & Write"),
        ("HCLOUD_TOKEN", "wrong", "hetzner", "is not valid"),
        ("FLEET_GITEA_TOKEN", "0" * 40, "gitea", "write:admin"),
        ("NOTIFY_URL", "hooks.example", "notify", "https://hooks.example"),
    ],
)
def test_a_secret_that_is_not_good_is_an_error_of_its_own_area_alone(
    made: Callable[..., Outside], monkeypatch: pytest.MonkeyPatch, variable: str, value: str, area: str, said: str
) -> None:
    world = made("write:admin")
    world.write(GOOD)
    monkeypatch.setenv(variable, value)
    code, text = world.doctor()
    errors = [check for check in json.loads(text) if check["grade"] == "error"]
    assert [check["area"] for check in errors] == [area]
    assert said in errors[0]["text"] + errors[0]["fix"]
    assert "0" * 40 not in text
    assert code == FAILED


def test_types_and_locations_that_there_are_not_are_a_line_each_and_hide_nothing(made: Callable[..., Outside]) -> None:
    world = made("write:admin")
    world.write(GOOD + 'types = ["cx33x", "cx33"]\nlocations = ["hell1", "hel1"]\n[pools.none]\ntypes = ["nothing"]\n')
    _, text = world.doctor()
    checks = json.loads(text)
    errors = [(check["text"], check["fix"]) for check in checks if check["grade"] == "error"]
    assert ("pools.build.types[0]: Hetzner has no server type cx33x", "did you mean cx33?") in errors
    assert ("pools.build.locations[0]: Hetzner has no location hell1", "did you mean hel1?") in errors
    assert any(path.startswith("pools.none.types[0]") for path, _ in errors)
    assert "pools.build: image debian-13 is there for x86" in [check["text"] for check in checks]
    assert "ssh" in {check["area"] for check in checks}


def test_a_gitea_token_that_may_only_read_is_found_out(made: Callable[..., Outside]) -> None:
    world = made("read:admin")
    world.write(GOOD)
    _, text = world.doctor()
    (error,) = [check for check in json.loads(text) if check["grade"] == "error"]
    assert (error["area"], "add write:admin" in error["fix"]) == ("gitea", True)


def test_cron_that_lacks_a_variable_is_told(made: Callable[..., Outside], monkeypatch: pytest.MonkeyPatch) -> None:
    world = made("write:admin")
    world.write(GOOD)
    typed("cron", "install")
    monkeypatch.setattr(bare_shell, "run", lambda _: Ended(2, "fleet: gitea.token is missing\nwhat to do: x"))
    _, text = world.doctor()
    (error,) = [check for check in json.loads(text) if check["grade"] == "error"]
    assert error["area"] == "cron"
    assert "gitea.token is missing" in error["text"]
    assert ".env" in error["fix"]


def test_the_screen_has_a_line_for_each_and_says_how_many_are_wrong(made: Callable[..., Outside]) -> None:
    world = made("write:admin")
    world.write(GOOD)
    done = typed("doctor")
    assert done.stdout.splitlines()[-1] == "0 errors, 1 warning"
    assert "-> fleet cron install" in done.stdout
