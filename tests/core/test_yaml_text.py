"""Our YAML, read by somebody else's reader, is what was written."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.yaml_text import Plain, merge, to_yaml

ODD = [
    "", " ", "on", "off", "yes", "No", "true", "null", "~", "1", "0x1F", "1_000", "1.5", "1e3", ".5", "-", "- a",
    "a: b", "a #b", "#a", "*a", "&a", "!a", "<<", "=", "?", "{}", "[]", "'", '"', "\\", "a\nb", "\t", "a\x85b",
    "a\u2028b", "\x7f", "\x9f", "\ufeff", "\ufffe", "\U0001f600", "é", "2001-01-01", "12:30:00", "${A}", "%", "|", ">",
    "\x00", "@a", "`a`", "---", "...",
]  # fmt: skip

numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
plain = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(texts, plain, max_size=4))
def test_what_is_written_is_read_back(value: dict[str, Plain]) -> None:
    assert yaml.safe_load(to_yaml(value)) == (value or None)


@pytest.mark.parametrize("text", ODD)
def test_an_odd_text_stays_a_text(text: str) -> None:
    value: dict[str, Plain] = {text: text, "list": [text, [text]], "deep": {text: {text: [{text: text}]}}}
    assert yaml.safe_load(to_yaml(value)) == value


@pytest.mark.parametrize("number", [0, -1, 2**70, 0.5, -3.25, 1e-7, 1e22, 123456.789])
def test_a_number_stays_a_number(number: float) -> None:
    assert yaml.safe_load(to_yaml({"n": number, "list": [number]})) == {"n": number, "list": [number]}


def test_it_reads_as_a_person_would_write_it() -> None:
    value: dict[str, Plain] = {
        "log": {"level": "info"},
        "runner": {"capacity": 3, "labels": ["a:docker://b", "c:host"], "envs": {}, "insecure": False},
        "none": None,
        "empty": [],
        "steps": [{"name": "one", "with": {"a": 1}}, {}],
    }
    assert to_yaml(value) == (
        "log:\n"
        '  level: "info"\n'
        "runner:\n"
        "  capacity: 3\n"
        "  labels:\n"
        '    - "a:docker://b"\n'
        '    - "c:host"\n'
        "  envs: {}\n"
        "  insecure: false\n"
        "none: null\n"
        "empty: []\n"
        "steps:\n"
        '  - name: "one"\n'
        "    with:\n"
        "      a: 1\n"
        "  - {}\n"
    )


@pytest.mark.parametrize(
    ("base", "over", "both"),
    [
        ({}, {}, {}),
        ({"a": 1}, {}, {"a": 1}),
        ({}, {"a": 1}, {"a": 1}),
        ({"a": 1}, {"a": 2}, {"a": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": {"b": 1}}, {"a": 2}, {"a": 2}),
        ({"a": 1}, {"a": {"b": 2}}, {"a": {"b": 2}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
    ],
)
def test_one_mapping_is_laid_on_another(base: dict[str, Plain], over: dict[str, Plain], both: dict[str, Plain]) -> None:
    assert merge(base, over) == both


def test_merging_changes_neither() -> None:
    base: dict[str, Plain] = {"a": {"b": 1}}
    over: dict[str, Plain] = {"a": {"c": 2}}
    merge(base, over)
    assert (base, over) == ({"a": {"b": 1}}, {"a": {"c": 2}})
