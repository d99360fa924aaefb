"""Secrets from the environment, a .env, a file, a command; and that nothing shows them."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from fleet.core.errors import CredentialsError
from fleet.core.secret import FromCommand, FromEnv, FromFile, SecretSource
from fleet.edges.secrets import resolve

TOKEN = "t0ken-that-nobody-may-see"


def reveal(source: SecretSource, base: Path, env: Mapping[str, str] | None = None) -> str:
    return resolve(source, what="the Gitea token", env=env or {}, base=base).reveal()


def refusal(
    source: SecretSource, base: Path, env: Mapping[str, str] | None = None, timeout: float = 30
) -> tuple[str, str]:
    with pytest.raises(CredentialsError) as error:
        resolve(source, what="the Gitea token", env=env or {}, base=base, timeout=timeout)
    assert TOKEN not in f"{error.value}{error.value.hint}{error.value.__cause__}"
    return error.value.message, error.value.hint


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def python(code: str) -> FromCommand:
    return FromCommand((sys.executable, "-c", code))


def test_a_variable_of_the_environment_is_the_secret(tmp_path: Path) -> None:
    assert reveal(FromEnv("T"), tmp_path, {"T": TOKEN}) == TOKEN


def test_a_command_sees_the_environment_that_it_is_given_and_no_other(tmp_path: Path) -> None:
    shows = python("import os; print(os.environ.get('T', 'nothing'))")
    seen = resolve(shows, what="the Gitea token", env={"T": TOKEN}, base=tmp_path, child_env={})
    assert seen.reveal() == "nothing"


def test_what_was_fetched_does_not_print(tmp_path: Path) -> None:
    secret = resolve(FromEnv("T"), what="the Gitea token", env={"T": TOKEN}, base=tmp_path)
    assert TOKEN not in f"{secret} {secret!r} {secret:>40} {[secret]}"


def test_the_environment_wins_over_the_dotenv(tmp_path: Path) -> None:
    write(tmp_path / ".env", "T=other")
    assert reveal(FromEnv("T"), tmp_path, {"T": TOKEN}) == TOKEN


@pytest.mark.parametrize(
    "line",
    [
        "T=abc#1",
        "export T=abc#1",
        "  T = abc#1  ",
        'T="abc#1"',
        "T='abc#1' # ours",
        "T=abc#1 # ours",
        "# first\n\nU=1\nT=abc#1\n",
        "T=old\nT=abc#1",
        "T=abc#1\r\n",
    ],
)
def test_a_dotenv_may_be_written_in_the_usual_ways(tmp_path: Path, line: str) -> None:
    write(tmp_path / ".env", line)
    assert reveal(FromEnv("T"), tmp_path) == "abc#1"


def test_a_variable_that_is_nowhere_is_named_with_what_to_type(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    assert refusal(FromEnv("T"), tmp_path, {"T": ""}) == (
        f"the Gitea token is missing: T is set neither in the environment nor in {dotenv}",
        f"type `export T=...`, or write T=... into {dotenv} and `chmod 600 {dotenv}`",
    )


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_dotenv_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    dotenv = write(tmp_path / ".env", f"T={TOKEN}", mode)
    assert refusal(FromEnv("T"), tmp_path) == (
        f"others may read the .env file in {dotenv}",
        f"type `chmod 600 {dotenv}`",
    )


def test_a_dotenv_that_cannot_be_read_is_told_by_line_without_its_content(tmp_path: Path) -> None:
    dotenv = write(tmp_path / ".env", f"A=1\n{TOKEN}\n")
    assert refusal(FromEnv("T"), tmp_path) == (
        f"line 2 of {dotenv} is not NAME=VALUE",
        f"mend line 2 of {dotenv}",
    )


def test_a_file_is_found_from_the_inventorys_folder_and_loses_its_line_end(tmp_path: Path) -> None:
    write(tmp_path / "token", f"{TOKEN}\n")
    assert reveal(FromFile("token"), tmp_path) == TOKEN
    assert reveal(FromFile(str(tmp_path / "token")), Path("/")) == TOKEN


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "token", TOKEN, 0o644)
    assert refusal(FromFile("token"), tmp_path) == (
        f"others may read the Gitea token in {path}",
        f"type `chmod 600 {path}`",
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "token"
    assert refusal(FromFile("token"), tmp_path) == (
        f"the Gitea token could not be read from {path}: No such file or directory",
        f"type `ls -l {path}`",
    )


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_bytes(b"\xff\xfe")
    path.chmod(0o600)
    assert refusal(FromFile("token"), tmp_path)[0] == (f"the Gitea token could not be read from {path}: it is not text")


@pytest.mark.parametrize(
    ("text", "wrong"), [("\n", "is empty in"), (f"{TOKEN}\n{TOKEN}\n", "is more than one line of text")]
)
def test_a_secret_is_one_line(tmp_path: Path, text: str, wrong: str) -> None:
    write(tmp_path / "token", text)
    assert wrong in refusal(FromFile("token"), tmp_path)[0]


def test_a_command_runs_in_the_inventorys_folder_with_the_environment(tmp_path: Path) -> None:
    source = python("import os; print(os.getcwd() + os.environ['MINE'])")
    env = {"PATH": os.environ["PATH"], "MINE": "!"}
    assert reveal(source, tmp_path, env) == f"{tmp_path.resolve()}!"


def test_a_command_that_fails_shows_nothing_of_what_it_wrote(tmp_path: Path) -> None:
    message, hint = refusal(python("import os; os.write(1, b'x'); os.write(2, b'y'); raise SystemExit(3)"), tmp_path)
    assert message == f"the Gitea token is missing: `{sys.executable}` ended with 3"
    assert hint.startswith("type `")
    assert hint.endswith(f"in {tmp_path} to see why")


def test_a_command_that_fails_does_not_show_a_secret_it_printed(tmp_path: Path) -> None:
    write(tmp_path / "leak.py", f"import sys; print({TOKEN!r}); sys.stderr.write({TOKEN!r}); sys.exit(1)")
    refusal(FromCommand((sys.executable, "leak.py")), tmp_path)


def test_a_command_that_is_not_there_is_named(tmp_path: Path) -> None:
    message, _ = refusal(FromCommand(("no-such-program", "show")), tmp_path, {"PATH": str(tmp_path)})
    assert message == "the Gitea token is missing: `no-such-program`: No such file or directory"


def test_a_command_that_hangs_is_ended(tmp_path: Path) -> None:
    message, _ = refusal(python("import time; time.sleep(60)"), tmp_path, timeout=0.05)
    assert message == f"the Gitea token is missing: `{sys.executable}` took over 0.05 s"
