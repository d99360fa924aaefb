"""A secret is seen only where it is asked for by name."""

import copy
import dataclasses
import json
import logging
import pickle
import traceback

import pytest
from rich.pretty import pretty_repr

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
        pretty_repr(_Holder(SECRET)),
        json.dumps({"token": SECRET}, default=str),
        str(Exception(SECRET)),
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
