"""A secret is seen only where it is asked for by name."""

import copy
import dataclasses
import faulthandler
import importlib
import inspect
import io
import json
import logging
import pickle
import pkgutil
import pprint
import re
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import rich
import yaml
from rich.console import Console
from rich.logging import RichHandler
from rich.pretty import pretty_repr
from rich.traceback import Traceback

import fleet
from fleet.core.orders import ServerOrder
from fleet.core.secret import FromCommand, FromEnv, FromFile, Secret, SecretSource

TEXT = "s3cr3t-of-tests"
SECRET = Secret(TEXT)


@dataclasses.dataclass(frozen=True)
class _Holder:
    token: Secret


@pytest.mark.parametrize(
    "shown",
    [
        str(SECRET),
        repr(SECRET),
        format(SECRET),
        format(SECRET, ">40"),
        f"{SECRET}",
        f"{SECRET!r}",
        f"{SECRET!s:>40}",
        "%s %r" % (SECRET, SECRET),  # noqa: UP031 - logging formats like this
        "{} {!r}".format(SECRET, SECRET),  # noqa: UP032 - and others like this
        str([SECRET]),
        str({"token": SECRET}),
        repr(_Holder(SECRET)),
        str(dataclasses.asdict(_Holder(SECRET))),
        str(dataclasses.astuple(_Holder(SECRET))),
        repr(ServerOrder("ci-build-1", "cx33", "hel1", "debian-13", SECRET, {}, 1, 2)),
        ascii(SECRET),
        pprint.pformat({"token": _Holder(SECRET)}),
        pretty_repr(_Holder(SECRET)),
        json.dumps({"token": SECRET}, default=str),
        json.dumps(dataclasses.asdict(_Holder(SECRET)), default=repr),
        str(Exception(SECRET)),
        repr(Exception(SECRET)),
        repr(ExceptionGroup("two", [ValueError(SECRET)])),
    ],
)
def test_no_way_of_printing_shows_a_secret(shown: str) -> None:
    assert "***" in shown
    assert TEXT not in shown


def test_a_secret_has_the_width_that_is_asked_for() -> None:
    assert f"{SECRET:>6}|" == "   ***|"


def test_a_traceback_with_all_its_values_does_not_show_a_secret() -> None:
    def fails(token: Secret) -> None:
        raise RuntimeError(f"could not use {token}")

    try:
        fails(SECRET)
    except RuntimeError as error:
        shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert "could not use ***" in shown
    assert "token = ***" in shown
    assert TEXT not in shown


def _fails(token: Secret) -> None:
    held = {"token": _Holder(token)}
    raise RuntimeError(f"could not use {held}")


def _failure() -> RuntimeError:
    with pytest.raises(RuntimeError) as caught:
        _fails(SECRET)
    return caught.value


def test_a_rich_traceback_with_locals_does_not_show_a_secret() -> None:
    error = _failure()
    console = Console(file=io.StringIO(), width=200)
    console.print(Traceback.from_exception(type(error), error, error.__traceback__, show_locals=True))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "token = ***" in shown
    assert TEXT not in shown


def test_a_rich_log_of_an_exception_with_locals_does_not_show_a_secret() -> None:
    console = Console(file=io.StringIO(), width=200)
    log = logging.Logger("test")
    log.addHandler(RichHandler(console=console, rich_tracebacks=True, tracebacks_show_locals=True))
    log.error("token %s", SECRET, exc_info=_failure())
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "token = ***" in shown
    assert TEXT not in shown


def test_what_walks_over_attributes_finds_no_secret() -> None:
    console = Console(file=io.StringIO(), width=200)
    rich.inspect(SECRET, all=True, console=console)
    members = repr(inspect.getmembers(SECRET)) + repr(object.__getstate__(SECRET))
    assert "reveal" in members
    assert TEXT not in members + console.file.getvalue()  # type: ignore[attr-defined]


SHOWS_LOCALS = """
from fleet.core.secret import Secret

def test_fails():
    token = Secret("-".join(["s3cr3t", "of", "tests"]))
    assert token == Secret("another")
"""


def test_pytest_that_shows_locals_does_not_show_a_secret(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SHOWS_LOCALS)
    command = [sys.executable, "-m", "pytest", "-q", "-vv", "--showlocals", "-p", "no:cacheprovider", str(tmp_path)]
    shown = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False).stdout
    assert "token      = ***" in shown
    assert "*** == ***" in shown
    assert TEXT not in shown


def test_the_last_words_of_a_crashed_process_do_not_show_a_secret(tmp_path: Path) -> None:
    with (tmp_path / "words").open("w+") as file:
        token = SECRET
        faulthandler.dump_traceback(file)
        file.seek(0)
        shown = file.read()
    assert "test_the_last_words" in shown
    assert str(token) == "***"
    assert TEXT not in shown


REFUSED: list[Callable[[], object]] = [
    lambda: json.dumps({"token": SECRET}),
    lambda: json.dumps(SECRET, default=vars),
    lambda: yaml.dump({"token": SECRET}),
    lambda: "token " + SECRET,  # type: ignore[operator]
    lambda: ",".join([SECRET]),  # type: ignore[list-item]
    lambda: subprocess.run(["echo", SECRET], check=True),  # type: ignore[list-item]
    lambda: subprocess.run(["true"], env={"TOKEN": SECRET}, check=True),  # type: ignore[arg-type]
]
"""Ways out that are no printing: JSON, arguments, the environment of a child."""


@pytest.mark.parametrize("leaves", REFUSED)
def test_a_secret_goes_nowhere_unasked_and_the_refusal_does_not_show_it(leaves: Callable[[], object]) -> None:
    with pytest.raises(TypeError) as caught:
        leaves()
    assert TEXT not in "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())


def test_a_log_does_not_show_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("test").error("token %s in %r", SECRET, {"token": SECRET})
    assert caplog.messages == ["token *** in {'token': ***}"]


def test_a_secret_is_revealed_when_asked() -> None:
    assert SECRET.reveal() == TEXT


@pytest.mark.parametrize("leaves", [pickle.dumps, copy.copy])
def test_a_secret_is_not_copied_out(leaves: object) -> None:
    assert callable(leaves)
    with pytest.raises(TypeError, match="a secret is not pickled"):
        leaves(SECRET)


def test_secrets_are_equal_by_their_text() -> None:
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a")}) == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (FromEnv("HCLOUD_TOKEN"), "$HCLOUD_TOKEN"),
        (FromFile("/run/secrets/token"), "/run/secrets/token"),
        (FromCommand(("pass", "show", "gitea")), "the output of `pass show gitea`"),
    ],
)
def test_where_a_secret_comes_from_is_said(source: SecretSource, words: str) -> None:
    assert str(source) == words


SOUNDS_SECRET = re.compile(r"token|passw|passphrase|secret|private|credential|auth_?key", re.IGNORECASE)


def _fields() -> Iterator[tuple[str, str]]:
    """Each field of each dataclass of the program, with its annotation; the lab's secrets open nothing but a lab."""
    for module in pkgutil.walk_packages(fleet.__path__, "fleet."):
        if module.name.startswith("fleet.lab") or module.name.endswith("__main__"):
            continue
        for name, found in inspect.getmembers(importlib.import_module(module.name), dataclasses.is_dataclass):
            if found.__module__ == module.name:
                yield from ((f"{name}.{field.name}", str(field.type)) for field in dataclasses.fields(found))


def test_a_field_that_sounds_like_a_secret_is_one() -> None:
    sounding = {path: kind for path, kind in _fields() if SOUNDS_SECRET.search(path.partition(".")[2])}
    assert {"Credentials.token", "GiteaSettings.token", "SshSettings.passphrase"} <= sounding.keys()
    assert {path: kind for path, kind in sounding.items() if "fleet.core.secret." not in kind} == {}
