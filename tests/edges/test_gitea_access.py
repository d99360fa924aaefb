"""What a Gitea tells of a token, and of its own address, by what it refuses."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from fleet.core.inventory import GiteaSettings, Scope, ScopeKind
from fleet.core.secret import Secret
from fleet.edges.gitea import GiteaHttp
from fleet.edges.gitea.access import NOT_FOR_FLEETS
from fleet.lab.gitea.http import PAGE_NOT_FOUND, Answer, Request, give
from fleet.lab.gitea.serving import Serving

ROOT = "https://gitea.example/git"


class Scripted:
    """Answers each path as it is told to, others with 404; refusals are written as Gitea 1.26 writes them."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, str]] = []

    def respond(self, request: Request) -> Answer:
        path = request.path.removeprefix("/api/v1")
        self.asked.append((request.method, path))
        return self.answers.get(path, PAGE_NOT_FOUND)

    def refuses(self, held: str, needed: str = "read:notification") -> Answer:
        text = f"token does not have at least one of required scope(s), required=[{needed}], token scope={held}"
        return give({"message": text, "url": f"{ROOT}/api/swagger"}, 403)


@pytest.fixture
def gitea() -> Scripted:
    return Scripted()


@pytest.fixture
def edge(gitea: Scripted, monkeypatch: pytest.MonkeyPatch) -> Iterator[GiteaHttp]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Serving(gitea.respond, ("127.0.0.1",), 0) as serving:
        settings = GiteaSettings(serving.url, serving.url, Scope(ScopeKind.INSTANCE))
        with closing(GiteaHttp(settings, Secret("a" * 40))) as made:
            yield made


def test_a_refusal_tells_all_scopes_of_the_token(gitea: Scripted, edge: GiteaHttp) -> None:
    gitea.answers["/notifications/new"] = gitea.refuses("write:admin,read:repository")
    assert edge.token_scopes() == frozenset({"write:admin", "read:repository"})


def test_the_next_question_is_asked_where_the_first_is_allowed(gitea: Scripted, edge: GiteaHttp) -> None:
    gitea.answers["/notifications/new"] = give({"new": 0})
    gitea.answers["/user"] = gitea.refuses("write:admin,read:notification", "read:user")
    assert edge.token_scopes() == frozenset({"write:admin", "read:notification"})


def test_a_token_that_is_refused_nothing_may_do_everything(gitea: Scripted, edge: GiteaHttp) -> None:
    for path in NOT_FOR_FLEETS:
        gitea.answers[path.partition("?")[0]] = give({})
    assert edge.token_scopes() == frozenset({"all"})


@pytest.mark.parametrize("answer", [PAGE_NOT_FOUND, give({"message": "no"}, 403), Answer(403, b"<html>", "text/html")])
def test_a_gitea_that_does_not_tell_is_not_guessed_at(gitea: Scripted, edge: GiteaHttp, answer: Answer) -> None:
    gitea.answers["/notifications/new"] = answer
    assert edge.token_scopes() is None


def test_one_that_refuses_without_a_word_is_not_taken_to_allow_all(gitea: Scripted, edge: GiteaHttp) -> None:
    gitea.answers["/notifications/new"] = give({"message": "no"}, 403)
    gitea.answers["/user"] = give({"login": "ann"})
    assert edge.token_scopes() is None


def test_only_questions_are_asked(gitea: Scripted, edge: GiteaHttp) -> None:
    edge.token_scopes()
    assert {method for method, _ in gitea.asked} == {"GET"}


def test_its_address_is_the_issuers(gitea: Scripted, edge: GiteaHttp) -> None:
    gitea.answers["/.well-known/openid-configuration"] = give({"issuer": "https://issuer.example"})
    gitea.answers["/user"] = give({"url": f"{ROOT}/api/swagger"}, 401)
    assert edge.root_url() == "https://issuer.example"


def test_without_oauth_its_address_is_in_what_it_refuses(gitea: Scripted, edge: GiteaHttp) -> None:
    gitea.answers["/user"] = give({"message": "token is required", "url": f"{ROOT}/api/swagger"}, 401)
    assert edge.root_url() == ROOT


@pytest.mark.parametrize("answer", [PAGE_NOT_FOUND, give({"message": "no"}, 401), give({"url": 7}, 401)])
def test_one_that_says_nothing_has_no_address(gitea: Scripted, edge: GiteaHttp, answer: Answer) -> None:
    gitea.answers["/user"] = answer
    assert edge.root_url() is None
