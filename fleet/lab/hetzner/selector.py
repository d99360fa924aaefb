"""Label selectors: `k`, `!k`, `k=v`, `k==v`, `k!=v`, `k in (a,b)`, `k notin (a,b)`, comma is and."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fleet.lab.hetzner.errors import invalid
from fleet.lab.hetzner.labels import is_key, is_value

TERM = re.compile(
    r"""\s*(?:
        !\s*(?P<absent>[^\s=!,()]+)
      | (?P<key>[^\s=!,()]+)\s*
        (?:(?P<sign>==|!=|=)\s*(?P<value>[^\s=!,()]*) | (?P<word>in|notin)\s*\((?P<values>[^()]*)\))?
    )\s*(?:,|\Z)""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition: with `among`, the value is (or is not) one of them; without, the key is there or not."""

    key: str
    wanted: bool
    among: frozenset[str] | None = None

    def holds(self, labels: Mapping[str, str]) -> bool:
        if self.among is None:
            return (self.key in labels) is self.wanted
        # As at Hetzner, a label that is absent is unequal to everything.
        return (labels.get(self.key) in self.among) is self.wanted


@dataclass(frozen=True, slots=True)
class Selector:
    """All terms must hold."""

    terms: tuple[Term, ...]

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(term.holds(labels) for term in self.terms)


def read_selector(text: str) -> Selector:
    """Raises ApiError where it is no selector; an empty one matches everything."""
    terms: list[Term] = []
    position = 0
    while position < len(text):
        found = TERM.match(text, position)
        if found is None:
            raise _refusal(text)
        terms.append(_term(found, text))
        position = found.end()
    if text.rstrip().endswith(","):
        raise _refusal(text)
    return Selector(tuple(terms))


def _term(found: re.Match[str], text: str) -> Term:
    key, among = found["absent"] or found["key"], _among(found)
    if not is_key(key) or not all(is_value(value) for value in among or ()):
        raise _refusal(text)
    wanted = not (found["absent"] or found["sign"] == "!=" or found["word"] == "notin")
    return Term(key, wanted, among)


def _among(found: re.Match[str]) -> frozenset[str] | None:
    if found["sign"]:
        return frozenset({found["value"]})
    if found["word"]:
        return frozenset(value.strip() for value in found["values"].split(","))
    return None


def _refusal(text: str) -> Exception:
    return invalid("label_selector", f"'{text}' is not a label selector")
