"""SECURITY.md and the page of leaked secrets say what is so: files exist, no secret of the inventory is forgotten."""

import re
from pathlib import Path

import pytest

from tests.edges.secret_keys import secret_keys

ROOT = Path(__file__).parent.parent
SECURITY = (ROOT / "SECURITY.md").read_text("utf-8")
LEAKED = (ROOT / "docs" / "leaked-secrets.md").read_text("utf-8")
ANCHOR = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")


def _named_tests() -> list[str]:
    return sorted(set(re.findall(r"`(tests/[\w/.]+\.py)`", SECURITY)))


def test_what_is_guarded_names_tests() -> None:
    rows = [line for line in SECURITY.splitlines() if line.startswith("| ") and "`tests/" in line]
    assert len(rows) >= 15


@pytest.mark.parametrize("path", _named_tests())
def test_a_test_that_is_named_exists_and_tests(path: str) -> None:
    assert "\ndef test_" in (ROOT / path).read_text("utf-8")


@pytest.mark.parametrize("key", secret_keys())
def test_for_every_secret_of_the_inventory_it_is_said_what_to_type_when_it_leaked(key: str) -> None:
    table, _, last = key.rpartition(".")
    assert f"`{key}`" in LEAKED or (f"`{table}`" in LEAKED and f"`{last}`" in LEAKED)


@pytest.mark.parametrize("text", [SECURITY, LEAKED], ids=["SECURITY.md", "leaked-secrets.md"])
def test_a_link_to_a_heading_leads_to_one(text: str) -> None:
    for file, anchor in ANCHOR.findall(text):
        target = {"": text, "../SECURITY.md": SECURITY, "docs/leaked-secrets.md": LEAKED}[file]
        headings = [line.lstrip("# ").lower() for line in target.splitlines() if line.startswith("#")]
        assert anchor in {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}, anchor
