"""The verdict is in the exit code, and an error is one message with what to type."""

import subprocess
import sys

import pytest

from fleet.cli.exits import FAILED, INTERRUPTED, LOCKED, NOT_AS_WANTED, OK, UNTOUCHED, code_of, with_verdict
from fleet.core.change import Verb
from fleet.core.errors import (
    CredentialsError,
    Deferred,
    FleetError,
    HostSilent,
    InventoryError,
    NoCapacity,
    Problem,
    Refused,
    StepFailed,
    TooOld,
    Unreachable,
)
from fleet.core.report import Outcome, Report, Verdict


def report(*verdicts: Verdict) -> Report:
    return Report(tuple(Outcome("ci-build-1", Verb.REPAIR, verdict, "") for verdict in verdicts))


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ((), OK),
        ((Verdict.DONE,), OK),
        ((Verdict.KEPT, Verdict.DEFERRED), OK),
        ((Verdict.LOCKED, Verdict.DONE), LOCKED),
        ((Verdict.LOCKED, Verdict.DEFERRED), LOCKED),
        ((Verdict.DONE, Verdict.FAILED), FAILED),
        ((Verdict.REFUSED,), FAILED),
        ((Verdict.LOCKED, Verdict.FAILED), FAILED),
        ((Verdict.REFUSED, Verdict.LOCKED), FAILED),
    ],
)
def test_the_worst_that_happened_is_the_exit_code(verdicts: tuple[Verdict, ...], code: int) -> None:
    assert code_of(report(*verdicts)) == code


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_has_a_code(verdict: Verdict) -> None:
    bad = {Verdict.FAILED: FAILED, Verdict.REFUSED: FAILED, Verdict.LOCKED: LOCKED}
    assert code_of(report(verdict)) == bad.get(verdict, OK)


def test_the_codes_are_those_that_are_documented() -> None:
    assert (OK, FAILED, UNTOUCHED, NOT_AS_WANTED, LOCKED, INTERRUPTED) == (0, 1, 2, 3, 4, 130)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refused("no"), UNTOUCHED),
        (InventoryError("inventory.toml", [Problem("name", "is missing")]), UNTOUCHED),
        (CredentialsError("no"), UNTOUCHED),
        (Unreachable("no"), UNTOUCHED),
        (TooOld("no"), UNTOUCHED),
        (NoCapacity("no"), FAILED),
        (HostSilent("no"), FAILED),
        (StepFailed("no"), FAILED),
        (Deferred("no"), FAILED),
        (FleetError("no"), FAILED),
    ],
)
def test_an_error_ends_the_command_with_its_code_and_its_sentence(
    error: FleetError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    @with_verdict
    def command() -> int:
        raise error

    with pytest.raises(SystemExit) as ended:
        command()
    said = capsys.readouterr()
    assert ended.value.code == code
    assert (said.out, said.err) == ("", f"fleet: {error.message}\n")


def test_a_hint_says_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    @with_verdict
    def command() -> int:
        raise Refused("[no] pool in pools.build.types[0]", hint="fleet up [POOL]")

    with pytest.raises(SystemExit):
        command()
    said = "fleet: [no] pool in pools.build.types[0]\nwhat to do: fleet up [POOL]\n"
    assert capsys.readouterr().err == said


def test_a_long_message_is_not_broken_into_lines(capsys: pytest.CaptureFixture[str]) -> None:
    @with_verdict
    def command() -> int:
        raise Refused("word " * 60 + "end")

    with pytest.raises(SystemExit):
        command()
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("code", [OK, FAILED, NOT_AS_WANTED, LOCKED])
def test_a_command_exits_with_what_it_returns(code: int) -> None:
    @with_verdict
    def command() -> int:
        return code

    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == code


def test_a_mistake_of_ours_is_not_hidden() -> None:
    @with_verdict
    def command() -> int:
        raise LookupError("ours")

    with pytest.raises(LookupError, match="ours"):
        command()


def test_a_command_keeps_its_name_and_its_help() -> None:
    @with_verdict
    def command() -> int:
        """What it does."""
        return OK

    assert (command.__name__, command.__doc__) == ("command", "What it does.")


def ends(body: str) -> tuple[int, str, str]:
    """A process of its own: these endings do not come back."""
    program = f"from fleet.cli.exits import with_verdict\n@with_verdict\ndef command():\n    {body}\ncommand()\n"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_an_interrupt_says_how_to_go_on() -> None:
    said = "\ninterrupted: type the same command again to go on\n"
    assert ends("raise KeyboardInterrupt") == (INTERRUPTED, "", said)


def test_a_reader_that_had_enough_is_no_error() -> None:
    assert ends("print('half an answer'); raise BrokenPipeError") == (OK, "half an answer\n", "")


def test_what_still_runs_in_a_thread_does_not_hold_an_interrupt() -> None:
    thread = "import threading; threading.Thread(target=threading.Event().wait).start(); raise KeyboardInterrupt"
    assert ends(thread)[0] == INTERRUPTED


def test_a_disk_that_is_full_is_a_message_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    @with_verdict
    def command() -> int:
        raise OSError(28, "No space left on device", "/var/answer")

    with pytest.raises(SystemExit) as ended:
        command()
    assert ended.value.code == FAILED
    assert capsys.readouterr().err == "fleet: /var/answer: No space left on device\n"
