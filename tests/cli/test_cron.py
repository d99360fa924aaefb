"""``fleet cron``: what it writes into the crontab, what it proves before, and what it says."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner, Result

from fleet.cli import cron
from fleet.core.inventory import CronSettings
from fleet.core.record import Record
from fleet.edges import bare_shell
from fleet.edges.bare_shell import Ended
from tests.fakes.crontab import FakeCrontab

OTHERS = b"MAILTO=ann@example.org\n0 3 * * * backup --all 50\\%\n"
INVENTORY = """\
name = "{name}"
gitea.url = "http://127.0.0.1:9"
gitea.token = {{ env = "CRON_TEST_TOKEN" }}
hetzner.endpoint = "http://127.0.0.1:9/v1"
cron.minutes = 10
[pools.build]
"""
NOW = datetime(2026, 6, 2, 6, 12, 30, tzinfo=UTC)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCrontab:
    fake = FakeCrontab.make(tmp_path / "bin")
    monkeypatch.setenv("PATH", f"{fake.folder}:/usr/bin:/bin")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "my state"))
    fake.put(OTHERS)
    return fake


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were proven; all of them work."""
    commands: list[str] = []

    def run(command: str) -> Ended:
        commands.append(command)
        return Ended(0, "")

    monkeypatch.setattr(bare_shell, "run", run)
    return commands


@pytest.fixture
def inventory(tmp_path: Path) -> Path:
    return write(tmp_path / "100% mine" / "inventory.toml")


def write(path: Path, name: str = "ci") -> Path:
    path.parent.mkdir(exist_ok=True)
    path.write_text(INVENTORY.format(name=name), "utf-8")
    return path


def typed(*words: str, inventory: Path) -> Result:
    return CliRunner().invoke(cron.app, [*words, "--inventory", str(inventory)], env={"COLUMNS": "80"})


def done(*words: str, inventory: Path) -> Result:
    result = typed(*words, inventory=inventory)
    assert result.exit_code == 0, result.output
    return result


def test_install_adds_one_block_and_touches_nothing_else(
    fake: FakeCrontab, proofs: list[str], inventory: Path, tmp_path: Path
) -> None:
    result = done("install", inventory=inventory)
    state = f"XDG_STATE_HOME='{tmp_path}/my state'"
    line = f"*/10 * * * * {state} {sys.executable} -P -m fleet scale --cron --inventory '{inventory}'"
    line = line.replace("%", r"\%")
    assert fake.content.decode() == (
        f"{OTHERS.decode()}# begin fleet ci: {inventory}\n{line}\n# end fleet ci: {inventory}\n"
    )
    assert result.stdout == f"{line}\nin your crontab: the log is {tmp_path}/my state/fleet/ci.log\n"
    assert proofs == [f"{state} {sys.executable} -P -m fleet plan --json --inventory '{inventory}'"]


def test_install_typed_again_proves_again_and_writes_nothing(
    fake: FakeCrontab, proofs: list[str], inventory: Path
) -> None:
    done("install", inventory=inventory)
    first = fake.content
    done("install", inventory=inventory)
    assert (fake.content, fake.writes, len(proofs)) == (first, 1, 2)


def test_install_takes_another_period_and_only_the_way_down(
    fake: FakeCrontab, proofs: list[str], inventory: Path
) -> None:
    done("install", inventory=inventory)
    result = done("install", "--every", "60", "--only-down", inventory=inventory)
    lines = fake.content.decode().splitlines()
    assert len(lines) == 5
    assert lines[3].startswith("0 * * * * ")
    assert " scale-down --cron " in lines[3]
    assert f"note: passes plan for every 10 minutes: write cron.minutes = 60 in {inventory}\n" in result.stderr


def test_a_period_that_cron_cannot_keep_is_refused(fake: FakeCrontab, proofs: list[str], inventory: Path) -> None:
    result = typed("install", "--every", "7", inventory=inventory)
    assert result.exit_code == 2
    assert "--every: 7 does not divide an hour" in result.stderr
    assert fake.content == OTHERS


def test_two_fleets_are_installed_and_one_is_removed(
    fake: FakeCrontab, proofs: list[str], inventory: Path, tmp_path: Path
) -> None:
    other = write(tmp_path / "other" / "qa.toml", "qa")
    done("install", inventory=other)
    with_other = fake.content
    done("install", inventory=inventory)
    result = done("remove", inventory=inventory)
    assert fake.content == with_other
    assert result.stdout == "fleet ci is no longer in your crontab: no pass runs by itself\n"
    assert done("remove", inventory=inventory).stdout == "fleet ci is not in your crontab\n"
    assert fake.writes == 3


def test_a_namesake_with_another_inventory_is_not_touched(
    fake: FakeCrontab, proofs: list[str], inventory: Path, tmp_path: Path
) -> None:
    other = write(tmp_path / "other" / "inventory.toml")
    done("install", inventory=other)
    before = fake.content
    for word in ("install", "remove"):
        result = typed(word, inventory=inventory)
        assert result.exit_code == 2
        assert f"the crontab runs fleet ci with another inventory: {other}\n" in result.stderr
        assert fake.content == before


def test_an_inventory_that_was_moved_takes_its_line_along(
    fake: FakeCrontab, proofs: list[str], inventory: Path, tmp_path: Path
) -> None:
    done("install", inventory=inventory)
    moved = inventory.rename(tmp_path / "moved.toml")
    done("install", inventory=moved)
    assert fake.content.count(b"# begin fleet") == 1
    assert f"--inventory {moved}\n" in fake.content.decode()


def test_a_relative_path_is_made_absolute(
    fake: FakeCrontab, proofs: list[str], inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fake.folder)
    done("install", inventory=Path("..") / inventory.parent.name / inventory.name)
    assert f"# begin fleet ci: {inventory}\n" in fake.content.decode()


def test_a_secret_that_only_the_shell_has_is_refused(
    fake: FakeCrontab, inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real command, in the real bare environment."""
    monkeypatch.setenv("CRON_TEST_TOKEN", "s3cret")
    result = typed("install", inventory=inventory)
    dotenv = inventory.parent / ".env"
    assert result.exit_code == 2
    assert result.stderr == (
        "fleet: fleet does not work in cron's environment: gitea.token is missing: CRON_TEST_TOKEN is set neither in "
        f"the environment nor in {dotenv}\n"
        f"what to do: cron has none of your shell's variables: write NAME=VALUE lines into {dotenv} and "
        f"`chmod 600 {dotenv}`, then type `fleet cron install` again\n"
    )
    assert fake.content == OTHERS


def test_unclear_markers_are_left_to_the_person(fake: FakeCrontab, proofs: list[str], inventory: Path) -> None:
    fake.put(b"# end fleet ci: /x\n")
    for word in ("install", "show", "remove"):
        result = typed(word, inventory=inventory)
        assert result.exit_code == 2
        assert "line 1 of the crontab" in result.stderr
    assert proofs == []


def test_without_cron_the_computer_is_told_what_it_needs(
    fake: FakeCrontab, proofs: list[str], inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(inventory.parent))
    result = typed("install", inventory=inventory)
    assert result.exit_code == 2
    assert "there is no cron on this computer" in result.stderr
    assert "apt-get install cron" in result.stderr


# --- remove ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("installed", [True, False], ids=["here", "on another computer"])
def test_who_takes_the_passes_away_does_not_miss_them(
    fake: FakeCrontab, proofs: list[str], inventory: Path, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    if installed:
        done("install", inventory=inventory)
    written = remember(monkeypatch, Record(last_pass=1, paused_until=0))
    done("remove", inventory=inventory)
    assert written == [{"last-pass": None}]


def test_a_fleet_without_passes_gets_no_record_for_it(
    fake: FakeCrontab, inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = remember(monkeypatch, Record())
    done("remove", inventory=inventory)
    assert written == []


def test_the_crontab_is_free_of_them_also_when_nobody_answers(
    fake: FakeCrontab, proofs: list[str], inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("install", inventory=inventory)
    monkeypatch.delenv("CRON_TEST_TOKEN", raising=False)
    result = done("remove", inventory=inventory)
    assert fake.content == OTHERS
    assert "note: that passes have run could not be forgotten: " in result.stderr
    assert "fleet cron remove" in result.stderr


# --- show ------------------------------------------------------------------------------------------


def remember(monkeypatch: pytest.MonkeyPatch, record: Record) -> list[Mapping[str, str | None]]:
    """What is written into the record."""

    @contextmanager
    def opened(_: str | None, *, ask_gitea: bool = True) -> Iterator[SimpleNamespace]:
        wanted = SimpleNamespace(name="ci", cron=CronSettings(minutes=5))
        yield SimpleNamespace(inventory=wanted, cloud=SimpleNamespace(now=lambda: NOW))

    written: list[Mapping[str, str | None]] = []
    monkeypatch.setattr(cron, "open_world", opened)
    monkeypatch.setattr("fleet.engine.memory.read", lambda _: record)
    monkeypatch.setattr("fleet.engine.memory.write", lambda _, changes: written.append(changes))
    return written


def test_show_prints_the_block_and_the_last_pass(
    fake: FakeCrontab, proofs: list[str], inventory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("install", inventory=inventory)
    remember(monkeypatch, Record(last_pass=int(NOW.timestamp()) - 310))
    result = done("show", inventory=inventory)
    block = fake.content.removeprefix(OTHERS).decode()
    assert result.stdout == f"{block}passes of fleet ci: the last good one was 5 min ago\n"


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        (Record(), "passes of fleet ci: none has ended well yet -> fleet cron install"),
        (Record(last_pass=1, paused_until=0), "passes of fleet ci: paused -> fleet resume"),
    ],
)
def test_show_says_when_there_is_nothing(
    fake: FakeCrontab, inventory: Path, monkeypatch: pytest.MonkeyPatch, record: Record, sentence: str
) -> None:
    remember(monkeypatch, record)
    result = done("show", inventory=inventory)
    assert result.stdout == f"fleet ci is not in your crontab: fleet cron install\n{sentence}\n"
