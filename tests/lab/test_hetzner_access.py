"""Who may ask, how often, and what is said to those who may not."""

from datetime import timedelta

import pytest

from tests.lab.hetzner_lab import READONLY, START, TOKEN, Lab, order


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.mark.parametrize(
    ("method", "path", "token", "status", "code", "message"),
    [
        ("GET", "/servers", None, 401, "unauthorized", "token is required"),
        ("GET", "/servers", "wrong", 401, "unauthorized", "the token you have provided is invalid"),
        ("GET", "/nothing", None, 404, "not_found", "api route not found"),
        ("GET", "/servers/name", None, 404, "not_found", "api route not found"),
        ("PATCH", "/servers", None, 401, "unauthorized", "token is required"),
        ("PATCH", "/servers", TOKEN, 405, "method_not_allowed", "PATCH is not allowed here"),
        ("GET", "/datacenters", TOKEN, 410, "deprecated_api_endpoint", None),
        ("DELETE", "/servers/1", READONLY, 401, "token_readonly", None),
        ("GET", "/servers/1", READONLY, 404, "not_found", "server with ID '1' not found"),
    ],
)
def test_a_refusal_has_its_words(
    lab: Lab, method: str, path: str, token: str | None, status: int, code: str, message: str | None
) -> None:
    answer = lab.ask(method, path, None, token)
    assert answer.body is not None
    error = answer.body["error"]
    assert (answer.status, error["code"]) == (status, code)
    assert message in (None, error["message"])


def test_a_read_only_token_reads(lab: Lab) -> None:
    assert lab.ask("GET", "/servers", None, READONLY).status == 200
    assert lab.refused("POST", "/servers", order(), READONLY) == (401, "token_readonly")


def test_every_answer_says_how_much_is_left(lab: Lab) -> None:
    lab.ask("GET", "/servers", None, None)
    headers = dict(lab.ask("GET", "/servers").headers)
    assert headers["RateLimit-Limit"] == "3600"
    assert headers["RateLimit-Remaining"] == "3598"
    assert headers["RateLimit-Reset"] == str(int((START + timedelta(seconds=2)).timestamp()))
    assert headers["X-Correlation-Id"]


def test_the_budget_runs_out_and_comes_back_with_time() -> None:
    lab = Lab(rate_limit=3)
    for _ in range(3):
        assert lab.ask("GET", "/servers").status == 200
    answer = lab.ask("GET", "/servers")
    assert answer.body is not None
    assert (answer.status, answer.body["error"]["code"]) == (429, "rate_limit_exceeded")
    assert dict(answer.headers)["RateLimit-Remaining"] == "0"
    lab.clock.pass_(1199)
    assert lab.ask("GET", "/servers").status == 429
    lab.clock.pass_(1)
    assert lab.ask("GET", "/servers").status == 200


def test_what_is_no_json_is_refused(lab: Lab) -> None:
    assert lab.refused("POST", "/servers", [1]) == (400, "json_error")
