"""The inventory that ``fleet init`` writes: short, commented, and one that can be read back."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from fleet.core.doctor import CATEGORY
from fleet.core.inventory import ScopeKind
from fleet.core.inventory_rules import between, euros

TOKEN_SCOPES = {
    ScopeKind.INSTANCE: "write:admin, of a site administrator",
    ScopeKind.ORG: "write:organization, of an owner of it",
    ScopeKind.USER: "write:user",
    ScopeKind.REPO: "write:repository, of its owner",
}
"""What the token needs for whose jobs (README: Tokens)."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a person was asked. ``scope`` as the inventory writes it; ``cap``: euros per hour, empty for none."""

    gitea: str
    scope: str
    name: str = "ci"
    pool: str = "build"
    capacity: int = 2
    most: int = 2
    cap: str = ""


def scope_of(whose: str) -> str:
    """``me``, ``all``, ``OWNER/NAME`` or the name of an organization, as the key ``gitea.scope``.

    Raises ValueError with a sentence when it is none of these.
    """
    word = whose.strip()
    if word in {"me", "all"}:
        return {"me": "user", "all": "instance"}[word]
    if re.fullmatch(r"[\w.-]+/[\w.-]+", word, re.ASCII):
        return f"repo:{word}"
    if re.fullmatch(r"[\w.-]+", word, re.ASCII):
        return f"org:{word}"
    raise ValueError(f'"{whose}" is neither OWNER/NAME, nor an organization, nor me, nor all')


def number_of(least: int, most: int) -> Callable[[str], int]:
    """Reads a whole number in this range. Raises ValueError with a sentence."""
    in_range = between(least, most)

    def read(answer: str) -> int:
        if not answer.isascii() or not answer.isdigit():
            raise ValueError(f'"{answer}" is no number')
        return in_range(int(answer))

    return read


def cap_of(answer: str) -> str:
    """Euros per hour as the inventory writes them; empty for no limit. Raises ValueError with a sentence."""
    if answer and not re.fullmatch(r"[0-9]+(\.[0-9]+)?", answer, re.ASCII):
        raise ValueError(f'"{answer}" is no amount of euros, like 0.25')
    if answer:
        euros(float(answer))
    return answer


@dataclass(frozen=True, slots=True)
class Proposal:
    """Whose jobs a token is for: the narrowest that it may. ``whose``: the answer, empty where a name is missing."""

    whose: str
    sentence: str


def proposal(held: frozenset[str]) -> Proposal:
    """What the scopes of a token say (``all``: everything)."""
    if "all" in held:
        return Proposal("", "the token may do everything: one for a repository or an organization is safer")
    for kind, whose, what in _NARROWEST_FIRST:
        if f"write:{CATEGORY[kind]}" in held:
            return Proposal(whose, f"the token is made for {what}")
    return Proposal("", f"the token has {', '.join(sorted(held))}, which lets it register no runner")


_NARROWEST_FIRST = (
    (ScopeKind.REPO, "", "one repository: OWNER/NAME"),
    (ScopeKind.USER, "me", "its user's own repositories: me"),
    (ScopeKind.ORG, "", "an organization: its name"),
    (ScopeKind.INSTANCE, "all", "the whole Gitea: all"),
)


def token_needed(scope: str) -> str:
    """What Gitea's token must be allowed to do for this scope."""
    return TOKEN_SCOPES[ScopeKind(scope.partition(":")[0])]


def text(answers: Answers) -> str:
    """The file. Secrets are not in it: it says where they are read from."""
    cap = f"max_eur_per_hour = {answers.cap}" if answers.cap else "#max_eur_per_hour = 0.25"
    return f"""\
# The inventory: what you want. Every key is explained in inventory.example.toml.
# Secrets are not in here: FLEET_GITEA_TOKEN and HCLOUD_TOKEN are read from the environment, or from a file
# .env beside this one (chmod 600).
name = {_quoted(answers.name)}

# The most that all machines together may cost, in euros per hour (net). Nothing grows beyond it.
{cap}

[gitea]
url = {_quoted(answers.gitea)}
# Whose jobs the machines take. The token needs: {token_needed(answers.scope)}.
scope = {_quoted(answers.scope)}

[ssh]
# From where port 22 of the machines is open. Better your own network, like ["203.0.113.7/32"].
#allow_from = ["0.0.0.0/0", "::/0"]

# Machines made alike: at least min, at most max, as jobs need them.
[pools.{answers.pool}]
min = 1
max = {answers.most}
# Jobs on one machine at a time.
capacity = {answers.capacity}
"""


def _quoted(value: str) -> str:
    """A JSON string is a TOML string, as long as it is printable."""
    return json.dumps(value)
