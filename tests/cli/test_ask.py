"""The question before money or machines change."""

import io
import sys

import pytest

from fleet.cli.ask import confirm
from fleet.core.errors import Refused


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_yes_is_an_answer_that_asks_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    confirm("Remove 3 machines?", yes=True)
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_it_is_refused_with_what_to_add(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(Refused) as refused:
        confirm("Remove 3 machines?", yes=False)
    assert refused.value.message == "Remove 3 machines? Nobody can answer here: there is no terminal."
    assert refused.value.hint == "add --yes"


@pytest.mark.parametrize("answer", ["y\n", "maybe\ny\n"])
def test_a_yes_on_the_terminal_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    confirm("Remove 3 machines?", yes=False)
    said = capsys.readouterr()
    assert said.out == ""
    assert "Remove 3 machines? [y/n] (n): " in said.err


@pytest.mark.parametrize("answer", ["n\n", "\n", "maybe\nn\n"])
def test_a_no_or_just_enter_changes_nothing(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    with pytest.raises(Refused, match="nothing was changed"):
        confirm("Remove 3 machines?", yes=False)


def test_the_end_of_input_is_a_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    with pytest.raises(Refused, match="nothing was changed"):
        confirm("Remove 3 machines?", yes=False)
