"""A report answers which verdicts are in it."""

import pytest

from fleet.core.change import Verb
from fleet.core.report import Outcome, Report, Verdict


def report(*verdicts: Verdict) -> Report:
    return Report(tuple(Outcome("ci-build-1", Verb.CREATE, verdict, "") for verdict in verdicts))


@pytest.mark.parametrize("verdict", Verdict)
def test_a_verdict_is_found(verdict: Verdict) -> None:
    others = [one for one in Verdict if one is not verdict]
    assert report(verdict).any(verdict)
    assert report(*others, verdict).any(verdict)
    assert not report(*others).any(verdict)


def test_any_of_several_verdicts_will_do() -> None:
    assert report(Verdict.DONE, Verdict.LOCKED).any(Verdict.FAILED, Verdict.LOCKED)
    assert not report(Verdict.DONE, Verdict.KEPT).any(Verdict.FAILED, Verdict.LOCKED)


def test_an_empty_report_has_no_verdict() -> None:
    assert not report().any(*Verdict)
