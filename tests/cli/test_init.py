"""``fleet init``: what it writes is an inventory, and it overwrites nothing."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.cli import init as command
from fleet.cli.exits import OK, UNTOUCHED
from fleet.core.first_inventory import Answers, proposal, scope_of, text
from fleet.core.names import FLEET_NAME, POOL_NAME
from fleet.edges import inventory
from fleet.lab.gitea import Gitea
from tests.cli.terminal import typed


@pytest.fixture(autouse=True)
def no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's real Gitea is asked."""
    monkeypatch.delenv("FLEET_GITEA_TOKEN", raising=False)


GOOD = ("--gitea", "https://gitea.example", "--jobs-of", "acme/app")


@given(
    st.from_regex(FLEET_NAME, fullmatch=True),
    st.from_regex(POOL_NAME, fullmatch=True),
    st.integers(1, 64),
    st.integers(1, 9999),
    st.sampled_from(["", "0.25", "1"]),
    st.sampled_from(["user", "instance", "org:acme", "repo:acme/app"]),
)
def test_what_is_written_is_read_back_as_it_was_meant(
    name: str, pool: str, capacity: int, most: int, cap: str, scope: str
) -> None:
    read = inventory.parse(text(Answers("https://gitea.example", scope, name, pool, capacity, most, cap)), "i.toml")
    (one,) = read.pools
    assert (read.name, one.name, one.max, one.runner.capacity) == (name, pool, most, capacity)
    assert str(read.gitea.scope) == scope
    assert read.max_eur_per_hour == (Decimal(cap) if cap else None)


@pytest.mark.parametrize(
    ("whose", "scope"),
    [("me", "user"), ("all", "instance"), ("acme", "org:acme"), ("acme/app", "repo:acme/app"), (" me ", "user")],
)
def test_whose_jobs_is_said_in_a_word(whose: str, scope: str) -> None:
    assert scope_of(whose) == scope


@pytest.mark.parametrize("whose", ["", "a/b/c", "a b"])
def test_what_is_nobodys_is_refused(whose: str) -> None:
    with pytest.raises(ValueError, match="neither"):
        scope_of(whose)


def test_options_are_not_asked_for_and_the_rest_has_defaults(tmp_path: Path) -> None:
    file = tmp_path / "inventory.toml"
    result = typed("init", str(file), *GOOD)
    assert result.exit_code == OK
    assert "write:repository" in result.stdout
    assert inventory.load(file).pools[0].max == 2


def test_an_inventory_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "inventory.toml"
    file.write_text("mine")
    assert typed("init", str(file), *GOOD).exit_code == UNTOUCHED
    assert file.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Gitea's address is not known"),
        (("--gitea", "https://gitea.example"), "Whose jobs"),
        (("--gitea", "ftp://x", "--jobs-of", "me"), "no http or https URL"),
        ((*GOOD, "--jobs-of", "a b"), "neither OWNER/NAME"),
        ((*GOOD, "--max", "10000"), "10000 is out of range"),
        ((*GOOD, "--name", "Not-Good"), "no fleet name"),
        ((*GOOD, "--cap", "much"), '"much" is no amount of euros'),
        ((*GOOD, "--cap", "0"), "out of range"),
        ((*GOOD, "--pool", "Big"), "make no inventory"),
    ],
)
def test_answers_that_make_no_inventory_write_nothing(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    file = tmp_path / "inventory.toml"
    result = typed("init", str(file), *words)
    assert result.exit_code == UNTOUCHED
    assert said in result.stderr
    assert not file.exists()


@pytest.mark.parametrize(
    ("held", "whose"),
    [
        ({"all"}, ""),
        ({"write:admin"}, "all"),
        ({"write:user", "read:repository"}, "me"),
        ({"write:organization"}, ""),
        ({"write:repository"}, ""),
        ({"write:admin", "write:user"}, "me"),
        ({"write:admin", "write:repository"}, ""),
        ({"read:admin"}, ""),
    ],
)
def test_the_narrowest_that_a_token_may_is_proposed(held: set[str], whose: str) -> None:
    assert proposal(frozenset(held)).whose == whose


def test_a_token_that_may_register_nothing_is_told() -> None:
    assert proposal(frozenset({"read:admin"})).sentence == "the token has read:admin, which lets it register no runner"


@pytest.fixture
def gitea(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """Makes a Gitea whose token has these scopes, and puts that one into the environment; its address."""
    made = Gitea()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def make(*scopes: str) -> str:
        monkeypatch.setenv("FLEET_GITEA_TOKEN", made.add_token(made.add_user("ann", admin=True), scopes))
        return serving.url

    with made.serve() as serving:
        yield make


def test_a_token_that_is_there_answers_whose_jobs_and_is_not_asked_for_again(
    tmp_path: Path, gitea: Callable[..., str]
) -> None:
    file = tmp_path / "inventory.toml"
    result = typed("init", str(file), "--gitea", gitea("write:user"))
    assert result.exit_code == OK, result.said
    assert "made for its user's own repositories" in result.stderr
    assert "FLEET_GITEA_TOKEN" not in result.stdout
    assert str(inventory.load(file).gitea.scope) == "user"


def test_a_token_for_everything_is_not_taken_for_an_answer(tmp_path: Path, gitea: Callable[..., str]) -> None:
    result = typed("init", str(tmp_path / "inventory.toml"), "--gitea", gitea("all"))
    assert result.exit_code == UNTOUCHED
    assert "--help" in result.stderr


def test_a_gitea_that_does_not_answer_is_no_reason_to_write_nothing(tmp_path: Path, gitea: Callable[..., str]) -> None:
    gitea("write:user")
    result = typed("init", str(tmp_path / "i.toml"), "--gitea", "http://127.0.0.1:9", "--jobs-of", "me")
    assert result.exit_code == OK
    again = typed("init", str(tmp_path / "j.toml"), "--gitea", "http://127.0.0.1:9")
    assert "could not reach Gitea" in again.stderr


class Terminal(StringIO):
    """A keyboard on which these lines were typed."""

    def isatty(self) -> bool:
        return True


def test_a_person_at_a_terminal_is_asked_again_for_what_must_be_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", Terminal("\nhttps://gitea.example\nacme\n\n3\n4\n0.5\n"))
    with pytest.raises(SystemExit) as ended:
        command.init()
    assert ended.value.code == OK
    read = inventory.load(tmp_path / "inventory.toml")
    assert (read.name, str(read.gitea.scope), read.pools[0].runner.capacity, read.pools[0].max) == (
        "ci",
        "org:acme",
        3,
        4,
    )


def test_the_end_of_input_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", Terminal(""))
    with pytest.raises(SystemExit) as ended:
        command.init()
    assert ended.value.code == UNTOUCHED
    assert not list(tmp_path.iterdir())


def test_an_answer_that_makes_no_sense_is_asked_for_again_and_those_before_it_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    answers = (
        "gitea.example",
        "https://gitea.example",
        "a b",
        "acme",
        "My-Fleet",
        "mine",
        "two",
        "2",
        "0",
        "3",
        "x",
        "",
    )
    monkeypatch.setattr("sys.stdin", Terminal("\n".join((*answers, ""))))
    with pytest.raises(SystemExit) as ended:
        command.init()
    assert ended.value.code == OK
    said = capsys.readouterr().err
    for sentence in (
        "no http or https URL",
        "neither OWNER/NAME",
        "no fleet name",
        '"two" is no number',
        "out of range",
    ):
        assert sentence in said
    read = inventory.load(tmp_path / "inventory.toml")
    assert (read.name, read.pools[0].runner.capacity, read.pools[0].max) == ("mine", 2, 3)


def test_what_is_missing_for_the_next_command_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HCLOUD_TOKEN", raising=False)
    first = typed("init", *GOOD).stdout.splitlines()
    assert first[1].startswith("next: export FLEET_GITEA_TOKEN=...")
    assert first[1].endswith("HCLOUD_TOKEN=...")
    assert first[2:] == ["then: fleet doctor; fleet plan; fleet up"]
    monkeypatch.setenv("HCLOUD_TOKEN", "x")
    monkeypatch.setenv("FLEET_GITEA_TOKEN", "x")
    other = typed("init", "my fleet.toml", *GOOD).stdout.splitlines()
    assert other[1:] == ["then: export FLEET_INVENTORY='my fleet.toml'", "then: fleet doctor; fleet plan; fleet up"]


def test_a_folder_that_is_not_there_is_told_and_nothing_is_made(tmp_path: Path) -> None:
    result = typed("init", *GOOD, "--max", "2", str(tmp_path / "none" / "x.toml"))
    assert result.exit_code == UNTOUCHED
    assert "x.toml: No such file or directory" in result.stderr
    assert list(tmp_path.iterdir()) == []
