"""``docs/reference/answers.md``: exit codes, the forms of ``--json``, and the names of findings."""

import json
from collections.abc import Iterator
from itertools import chain
from typing import Any

from fleet.cli import exits
from fleet.core.change import Verb
from fleet.core.health import Severity, Trouble
from fleet.core.machine import Phase
from fleet.core.report import Verdict
from tests.reference.meanings import EXITS, PHASES, SEVERITIES, TROUBLES, VERBS, VERDICTS
from tests.reference.places import ROOT

HEAD = """# Answers: exit codes, JSON, findings

Written from the program by `make reference`. Answers are on standard output, the story on standard error. What stands
here is stable: names do not change, keys are added and not taken away.
"""

JSON = """## JSON

Commands that answer take `--json`. These are the forms of the ones that programs read most, each with the type of what
is seen in it; `null` means unknown. `[]` is a list, and what follows is in each of its entries; `NAME` is any name.
"""

NAMED = (".stages",)
"""Tables whose keys are names of things."""

CASES = ("status", "plan", "up", "jobs")
"""Commands with a whole answer among the golden files of the tests."""


def page() -> str:
    """The whole page."""
    parts = [
        HEAD,
        _table("Exit codes", ("code", "meaning"), ((str(code), EXITS[code]) for code in _codes())),
        JSON,
        *map(_form, CASES),
        _table("Findings", ("name", "meaning"), ((f"`{one.value}`", TROUBLES[one]) for one in Trouble)),
        _table("Severities", ("name", "meaning"), ((f"`{one.value}`", SEVERITIES[one]) for one in Severity)),
        _table("Phases of a machine", ("name", "meaning"), ((f"`{one.value}`", PHASES[one]) for one in Phase)),
        _table("Verbs of a plan", ("name", "meaning"), ((f"`{one.value}`", VERBS[one]) for one in Verb)),
        _table("Verdicts of a report", ("name", "meaning"), ((f"`{one.value}`", VERDICTS[one]) for one in Verdict)),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _codes() -> list[int]:
    return sorted(value for name, value in vars(exits).items() if name.isupper() and type(value) is int)


def _table(title: str, head: tuple[str, str], rows: Iterator[tuple[str, str]]) -> str:
    lines = [f"## {title}\n", f"| {head[0]} | {head[1]} |", "|---|---|", *(f"| {a} | {b} |" for a, b in rows)]
    return "\n".join(lines) + "\n"


def _form(command: str) -> str:
    """Every key of an answer, from one that a test holds."""
    answer = json.loads((ROOT / "tests" / "cases" / "cli" / f"{command}.json").read_text("utf-8"))
    kinds: dict[str, dict[str, None]] = {}
    for path, kind in _leaves(answer, ""):
        kinds.setdefault(path, {})[kind] = None
    rows = "\n".join(f"| `{path}` | {' or '.join(found)} |" for path, found in kinds.items())
    return f"### `fleet {command} --json`\n\n| key | type |\n|---|---|\n{rows}\n"


def _leaves(value: Any, path: str) -> Iterator[tuple[str, str]]:
    match value:
        case dict() if path.endswith(NAMED):
            yield from chain.from_iterable(_leaves(one, f"{path}.NAME") for one in value.values())
        case dict():
            yield from chain.from_iterable(_leaves(one, f"{path}.{key}".lstrip(".")) for key, one in value.items())
        case [{}, *_]:
            yield from chain.from_iterable(_leaves(one, f"{path}[]") for one in value)
        case list():
            yield path, "list"
        case bool():
            yield path, "true/false"
        case int() | float():
            yield path, "number"
        case None:
            yield path, "null"
        case _:
            yield path, "text"
