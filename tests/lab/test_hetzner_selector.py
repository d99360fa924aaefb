"""Label selectors, as a table."""

import pytest

from fleet.lab.hetzner.errors import ApiError
from fleet.lab.hetzner.labels import is_key, is_value
from fleet.lab.hetzner.selector import read_selector

LABELS = {"fleet": "ci", "pool": "build", "held": "", "example.com/team": "a.b-c_d"}


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("", True),
        ("fleet", True),
        ("held", True),
        ("missing", False),
        ("!missing", True),
        ("!fleet", False),
        ("fleet=ci", True),
        ("fleet==ci", True),
        ("fleet == ci", True),
        ("fleet=other", False),
        ("fleet!=other", True),
        ("fleet!=ci", False),
        ("missing!=ci", True),
        ("held=", True),
        ("fleet=", False),
        ("pool in (build,test)", True),
        ("pool in ( build , test )", True),
        ("pool in (test)", False),
        ("pool notin (test)", True),
        ("pool notin (build,test)", False),
        ("missing notin (a)", True),
        ("missing in (a)", False),
        ("fleet=ci,pool=build", True),
        ("fleet=ci, pool in (build), !draining", True),
        ("fleet=ci,pool=test", False),
        ("example.com/team==a.b-c_d", True),
    ],
)
def test_a_selector_matches_as_hetzner_says(selector: str, matches: bool) -> None:
    assert read_selector(selector).matches(LABELS) is matches


@pytest.mark.parametrize(
    "text", ["=ci", "fleet=ci,", ",", "a b", "a in ()x", "a in (b", "!", "a=b=c", "a==b c", "a=x y", "a/b/c"]
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(ApiError):
        read_selector(text)


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ("a", True),
        ("A-b_c.d", True),
        ("x" * 63, True),
        ("x" * 64, False),
        ("-a", False),
        ("a-", False),
        ("", False),
        ("team/a", True),
        ("ex.org/a", True),
        ("Ex.org/a", False),
        ("/a", False),
        ("a/", False),
        ("hetzner.cloud/a", False),
        ("a b", False),
        ("a\n", False),
    ],
)
def test_a_key_is_valid_or_not(text: str, valid: bool) -> None:
    assert is_key(text) is valid


@pytest.mark.parametrize(
    ("text", "valid"),
    [("", True), ("1764000000", True), ("a.b", True), ("a:b", False), ("a@b", False), ("a,b", False)],
)
def test_a_value_is_valid_or_not(text: str, valid: bool) -> None:
    assert is_value(text) is valid
