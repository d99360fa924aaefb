"""The stand-in Gitea's REST API: scopes, versions, paging, runners, pushes."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from fleet.lab.gitea import Gitea
from tests.lab.gitea_client import Api, register

PAIR = """
on: push
jobs:
  first: {runs-on: ubuntu-latest, steps: [{run: echo}]}
  second: {needs: first, runs-on: [ubuntu-latest, big], steps: [{run: echo}]}
"""


@dataclass(frozen=True, slots=True)
class Lab:
    gitea: Gitea
    url: str
    api: Api


@pytest.fixture
def lab() -> Iterator[Lab]:
    """One user, acme, an administrator, with the repository app."""
    with serving(Gitea()) as found:
        yield found


class serving:  # noqa: N801 - reads as the verb it is
    """A Gitea at work, with acme's token of all scopes."""

    def __init__(self, gitea: Gitea) -> None:
        acme = gitea.add_user("acme", admin=True)
        gitea.add_repo(acme, "app")
        self.gitea, self.token = gitea, gitea.add_token(acme, ["all"])

    def __enter__(self) -> Lab:
        self.served = self.gitea.serve()
        return Lab(self.gitea, self.served.url, Api(self.served.url, self.token))

    def __exit__(self, *_: object) -> None:
        self.served.close()


def push(api: Api, path: str, text: str, repo: str = "acme/app") -> Any:
    content = {"content": base64.b64encode(text.encode()).decode()}
    return api("POST", f"/repos/{repo}/contents/{path}", content)


def test_a_scope_lists_its_own_runners_only_and_the_administrator_all(lab: Lab) -> None:
    lab.api("POST", "/orgs", {"username": "crew"})
    scopes = ("/admin", "/orgs/crew", "/user", "/repos/acme/app")
    for at, scope in enumerate(scopes):
        token = lab.api("POST", f"{scope}/actions/runners/registration-token").body["token"]
        register(lab.url, token, f"r{at}")
    seen = [[row["name"] for row in lab.api.get(f"{scope}/actions/runners")["runners"]] for scope in scopes]
    assert sorted(seen[0]) == ["r0", "r1", "r2", "r3"]
    assert seen[1:] == [["r1"], ["r2"], ["r3"]]
    assert lab.api("GET", "/user/actions/runners/1").status == 404
    assert lab.api("DELETE", "/orgs/crew/actions/runners/3").status == 404
    assert lab.api("DELETE", "/admin/actions/runners/3").status == 204


def test_a_registration_token_stays_the_same_until_it_is_reset(lab: Lab) -> None:
    path = "/admin/actions/runners/registration-token"
    first = lab.api("POST", path).body["token"]
    assert lab.api("POST", path).body["token"] == first
    assert lab.gitea.reset_registration_token() != first


def test_rights_are_checked_before_anything_else(lab: Lab) -> None:
    bob = lab.gitea.add_user("bob")
    lab.api("POST", "/orgs", {"username": "crew"})
    every = Api(lab.url, lab.gitea.add_token(bob, ["all"]))
    assert every("GET", "/admin/actions/runners").body["message"] == "user should be the site admin"
    assert every("GET", "/orgs/crew/actions/runners").body["message"] == "Must be an organization owner"
    reply = every("GET", "/repos/acme/app/actions/runners")
    assert (reply.status, reply.body["message"]) == (403, "user should be the owner of the repo")
    writer = Api(lab.url, lab.gitea.add_token(bob, ["write:user"]))
    assert writer("GET", "/user/actions/runners").status == 200


def test_a_runner_is_paused_and_listed_as_such(lab: Lab) -> None:
    for name in ("a", "b"):
        register(lab.url, lab.gitea.registration_token(), name)
    assert lab.api("PATCH", "/admin/actions/runners/1", {}).status == 422
    reply = lab.api("PATCH", "/admin/actions/runners/1", {"disabled": True})
    assert (reply.status, reply.body["disabled"]) == (200, True)
    paused = lab.api.get("/admin/actions/runners?disabled=true")
    assert [row["id"] for row in paused["runners"]] == [1]
    assert lab.api.get("/admin/actions/runners?disabled=false")["total_count"] == 1


def test_lists_are_cut_into_pages_of_at_most_fifty(lab: Lab) -> None:
    for number in range(61):
        register(lab.url, lab.gitea.registration_token(), f"r{number}")
    wanted = {"?page=1": 30, "?page=1&limit=500": 50, "?page=3&limit=25": 11, "?page=9": 0}
    paged = {query: len(lab.api.get(f"/admin/actions/runners{query}")["runners"]) for query in wanted}
    assert paged == wanted


def test_a_list_without_a_page_number_is_whole_whatever_its_limit(lab: Lab) -> None:
    for number in range(31):
        register(lab.url, lab.gitea.registration_token(), f"r{number}")
    assert len(lab.api.get("/admin/actions/runners?limit=5")["runners"]) == 31


def test_a_push_of_a_workflow_makes_a_run_with_jobs_that_wait_or_are_blocked(lab: Lab) -> None:
    assert push(lab.api, ".gitea/workflows/x.yaml", PAIR).status == 201
    (queued,) = lab.api.get("/repos/acme/app/actions/jobs?status=queued")["jobs"]
    (blocked,) = lab.api.get("/user/actions/jobs?status=waiting")["jobs"]
    assert (queued["name"], queued["labels"]) == ("first", ["ubuntu-latest"])
    assert (blocked["name"], blocked["labels"]) == ("second", ["ubuntu-latest", "big"])
    assert lab.api.get("/admin/actions/jobs?status=queued&status=waiting")["total_count"] == 2
    assert lab.api.get("/repos/acme/app/actions/runs/1/jobs")["total_count"] == 2
    assert lab.api.get("/repos/acme/app/actions/runs/1")["status"] == "queued"


def test_a_push_of_another_file_starts_the_workflows_again(lab: Lab) -> None:
    push(lab.api, ".gitea/workflows/x.yaml", PAIR)
    push(lab.api, ".gitea/workflows/by_hand.yaml", PAIR.replace("push", "workflow_dispatch"))
    push(lab.api, "README", "hello")
    runs = lab.api.get("/repos/acme/app/actions/runs")["workflow_runs"]
    assert [run["event"] for run in runs] == ["push"] * 3
    path = "/repos/acme/app/actions/workflows/by_hand.yaml/dispatches"
    assert lab.api("POST", path, {"ref": "main"}).status == 204
    assert lab.api.get("/admin/actions/runs")["workflow_runs"][0]["event"] == "workflow_dispatch"


def test_an_organization_has_repositories_and_sees_the_jobs_of_its_own(lab: Lab) -> None:
    lab.api("POST", "/orgs", {"username": "crew"})
    assert lab.api("POST", "/orgs/crew/repos", {"name": "tool", "private": True}).status == 201
    assert lab.api("POST", "/orgs/crew/repos", {"name": "tool"}).status == 409
    push(lab.api, ".github/workflows/x.yml", PAIR, repo="crew/tool")
    assert lab.api.get("/orgs/crew/actions/jobs")["total_count"] == 2
    assert lab.api.get("/user/actions/jobs")["total_count"] == 0
    stranger = Api(lab.url, lab.gitea.add_token(lab.gitea.add_user("bob"), ["all"]))
    assert stranger("GET", "/repos/crew/tool").status == 404


def test_a_file_is_changed_with_its_sha_only(lab: Lab) -> None:
    push(lab.api, "a.txt", "one")
    assert push(lab.api, "a.txt", "two").status == 422
    path = "/repos/acme/app/contents/a.txt"
    new = {"content": base64.b64encode(b"two").decode()}
    assert lab.api("PUT", path, new | {"sha": "wrong"}).status == 422
    assert lab.api("PUT", path, new | {"sha": lab.api.get(path)["sha"]}).status == 200
    assert base64.b64decode(lab.api.get(path)["content"]) == b"two"


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/repos/acme/none", 404, {"errors": None, "message": "not found"}),
        (
            *("GET", "/repos/none/none", 404),
            {"errors": ["user redirect does not exist [name: none]"], "message": "GetUserByName"},
        ),
        (
            *("GET", "/orgs/none/actions/runners", 404),
            {"errors": ["user redirect does not exist [name: none]"], "message": "GetOrgByName"},
        ),
        (
            *("GET", "/repos/acme/app/actions/jobs/99", 404),
            {"errors": ["resource does not exist"], "message": "not found"},
        ),
        (
            *("GET", "/repos/acme/app/actions/jobs/99/logs", 500),
            {"message": "run job with id 99: resource does not exist"},
        ),
        (
            *("POST", "/repos/acme/app/actions/workflows/x.yaml/dispatches", 422),
            {"message": "[Ref]: Required"},
        ),
    ],
)
def test_refusals_read_as_those_of_a_real_gitea(
    lab: Lab, method: str, path: str, status: int, body: dict[str, Any]
) -> None:
    reply = lab.api(method, path)
    assert (reply.status, reply.body) == (status, body | {"url": f"{lab.url}/api/swagger"})


def test_no_route_is_a_plain_404_and_a_wrong_method_an_empty_405(lab: Lab) -> None:
    assert (lab.api("GET", "/none").status, lab.api("GET", "/none").raw) == (404, b"404 page not found\n")
    assert (lab.api("PUT", "/version").status, lab.api("PUT", "/version").raw) == (405, b"")


@pytest.mark.parametrize(
    ("version", "get", "post", "jobs", "runners"),
    [
        ("1.23.8", 200, 405, 404, 404),
        ("1.24.0", 200, 200, 404, 200),
        ("1.25.2", 200, 200, 200, 200),
        ("1.26.0", 404, 200, 200, 200),
        ("28.1.0", 404, 200, 200, 200),
    ],
)
def test_each_version_has_its_own_endpoints(version: str, get: int, post: int, jobs: int, runners: int) -> None:
    with serving(Gitea(version=version, can_disable=False)) as lab:
        token = "/admin/actions/runners/registration-token"
        assert lab.api.get("/version") == {"version": version}
        assert lab.api("GET", token).status == get
        assert lab.api("POST", token).status == post
        assert lab.api("GET", "/admin/actions/jobs").status == jobs
        assert lab.api("GET", "/admin/actions/runners").status == runners


def test_several_addresses_share_one_port(lab: Lab) -> None:
    with lab.gitea.serve("127.0.0.1", extra_addresses=["127.0.0.2"]) as served:
        other = f"http://127.0.0.2:{served.port}"
        assert Api(other, lab.api.token).get("/user")["login"] == "acme"


def test_an_unknown_scope_of_a_token_is_a_mistake_of_the_caller(lab: Lab) -> None:
    with pytest.raises(ValueError, match="no such scope: write:everything"):
        lab.gitea.add_token(lab.gitea.add_user("bob"), ["write:everything"])
