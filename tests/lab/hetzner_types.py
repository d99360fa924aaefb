"""Checks an answer of the emulated API against the types of the official one."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

TYPES = json.loads((Path(__file__).parents[1] / "contracts" / "hetzner_types.json").read_text())

# Served, but not among the published types that we keep.
UNTYPED = ("datacenters", "load_balancers", "load_balancer_types", "floating_ips", "certificates")


def complaint(method: str, path: str, status: int, body: Any) -> str | None:
    """What is wrong with this answer (path without /v1), or None."""
    if status < 400 and path.split("/")[1] in UNTYPED:
        return None
    template = _template(path) if status < 400 else "/servers"
    verb = method.lower() if status < 400 else "get"
    if template is None:
        return f"{path} is not a path of the API"
    expected = _statuses(template, verb)
    word = str(status) if status < 400 else f"{status // 100}xx"
    if word not in expected:
        return f"{method} {path} may answer {sorted(expected)}, not {status}"
    if expected[word] is None:
        return None if body is None else f"{method} {path} must have no content"
    errors = [f"{error.instance_path}: {error.message}" for error in expected[word].iter_errors(body)]
    return f"{method} {path} {status}: {errors}" if errors else None


def _template(path: str) -> str | None:
    """The path as the types name it; an id is digits, so `/servers/actions` is not a server."""
    found = [template for template in TYPES["paths"] if re.fullmatch(re.sub(r"\{\w+\}", r"\\d+", template), path)]
    return found[0] if found else None


@cache
def _statuses(template: str, verb: str) -> dict[str, Any]:
    responses = TYPES["paths"][template].get(verb, {}).get("responses", {})
    return {status: _validator(response) for status, response in responses.items()}


def _validator(response: dict[str, Any]) -> Any:
    if "content" not in response:
        return None
    schema = {**response["content"]["application/json"]["schema"], "components": TYPES["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
