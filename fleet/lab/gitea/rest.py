"""The REST API: which path does what, for whom."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from fleet.lab.gitea import access, actions, repos
from fleet.lab.gitea.call import Call, Features
from fleet.lab.gitea.http import PAGE_NOT_FOUND, Answer, ApiError, NotFoundError, Request, give
from fleet.lab.gitea.state import EVERYBODY, Owner, Repo, Scope, State

PREFIX = "/api/v1"
SETTINGS = {
    "max_response_items": 50,
    "default_paging_num": 30,
    "default_git_trees_per_page": 1000,
    "default_max_blob_size": 10485760,
    "default_max_response_size": 104857600,
}

Enter = Callable[[Call], None]
Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """``enter`` finds who asks about what, and refuses; ``handle`` answers."""

    method: str
    path: re.Pattern[str]
    enter: Enter
    handle: Handler


class Rest:
    """The API of one server; what it knows depends on its version."""

    def __init__(self, state: State, features: Features) -> None:
        self.state = state
        self.features = features
        self.routes = tuple(_routes(features))

    def answer(self, request: Request) -> Answer:
        """Any request below ``/api/v1``."""
        try:
            return self._dispatch(request)
        except ApiError as error:
            return error.answer(request.here)

    def _dispatch(self, request: Request) -> Answer:
        path = request.path.removeprefix(PREFIX)
        matches = [(route, found) for route in self.routes if (found := route.path.fullmatch(path))]
        if not matches:
            return PAGE_NOT_FOUND
        for route, found in matches:
            if route.method == request.method:
                token = access.identify(self.state, request)
                call = Call(self.state, self.features, request, token, found.groupdict())
                route.enter(call)
                return route.handle(call)
        raise ApiError(405, "")


def _routes(features: Features) -> Iterator[Route]:
    def route(method: str, path: str, enter: Enter, handle: Handler) -> Route:
        return Route(method, re.compile(_pattern(path)), enter, handle)

    yield route("GET", "/version", _anyone, lambda call: give({"version": call.features.version}))
    yield route("GET", "/settings/api", _anyone, lambda call: give(SETTINGS))
    for prefix, enter in SCOPES.items():
        yield from _scope_routes(features, route, prefix, enter)
    if features.token_by_get:
        path = "/admin/runners/registration-token"
        yield route("GET", path, _admin, actions.registration_token)
    if features.jobs:
        base = "/repos/{owner}/{repo}/actions"
        yield route("GET", f"{base}/jobs/{{job}}", _repo_owner, actions.get_job)
        yield route("GET", f"{base}/runs/{{run}}", _repo_owner, actions.get_run)
        yield route("GET", f"{base}/runs/{{run}}/jobs", _repo_owner, actions.list_run_jobs)
    base = "/repos/{owner}/{repo}"
    yield route("GET", f"{base}/actions/jobs/{{job}}/logs", _repo, actions.get_log)
    yield route("POST", f"{base}/actions/workflows/{{workflow}}/dispatches", _repo, actions.dispatch)
    yield route("PUT", f"{base}/actions/secrets/{{secret}}", _repo_owner, repos.put_secret)
    yield route("GET", base, _repo, repos.get)
    for method, handle in (("GET", repos.read_file), ("POST", repos.make_file), ("PUT", repos.change_file)):
        yield route(method, f"{base}/contents/{{path...}}", _repo, handle)
    yield route("GET", "/notifications/new", _with("notification"), lambda _: give({"new": 0}))
    yield route("GET", "/user", _user, repos.whoami)
    yield route("POST", "/user/repos", _user_with_repos, repos.make_own)
    yield route("POST", "/orgs", _with("organization"), repos.make_org)
    yield route("GET", "/orgs/{org}", _org, repos.get_org)
    yield route("POST", "/orgs/{org}/repos", _org_with_repos, repos.make_in_org)


def _scope_routes(
    features: Features, route: Callable[[str, str, Enter, Handler], Route], prefix: str, enter: Enter
) -> Iterator[Route]:
    runners = f"{prefix}/actions/runners"
    if features.token_by_get:
        yield route("GET", f"{runners}/registration-token", enter, actions.registration_token)
    if features.runners:
        yield route("POST", f"{runners}/registration-token", enter, actions.registration_token)
        yield route("GET", runners, enter, actions.list_runners)
        yield route("GET", f"{runners}/{{runner}}", enter, actions.get_runner)
        yield route("DELETE", f"{runners}/{{runner}}", enter, actions.delete_runner)
    if features.can_disable:
        yield route("PATCH", f"{runners}/{{runner}}", enter, actions.disable_runner)
    if features.jobs:
        yield route("GET", f"{prefix}/actions/jobs", enter, actions.list_jobs)
        yield route("GET", f"{prefix}/actions/runs", enter, actions.list_runs)


def _pattern(path: str) -> str:
    return re.sub(r"\\{(\w+)(\\\.\\\.\\\.)?\\}", _group, re.escape(path))


def _group(found: re.Match[str]) -> str:
    return f"(?P<{found[1]}>.+)" if found[2] else f"(?P<{found[1]}>[^/]+)"


def _anyone(call: Call) -> None:
    pass


def _with(*categories: str) -> Enter:
    def enter(call: Call) -> None:
        call.user = access.require(call.request, call.token, categories)

    return enter


def _admin(call: Call) -> None:
    call.user = access.require(call.request, call.token, ["admin"])
    access.require_admin(call.user)
    call.scope = EVERYBODY


def _user(call: Call) -> None:
    call.user = access.require(call.request, call.token, ["user"])
    call.scope = Scope(owner_id=call.user.id)


def _user_with_repos(call: Call) -> None:
    call.user = access.require(call.request, call.token, ["user", "repository"])


def _org(call: Call) -> None:
    call.user = access.require(call.request, call.token, ["organization"])
    call.org = _find_org(call)
    access.require_org_owner(call.user, call.org)
    call.scope = Scope(owner_id=call.org.id)


def _org_with_repos(call: Call) -> None:
    access.require(call.request, call.token, ["repository"])
    _org(call)


def _repo(call: Call) -> None:
    call.user = access.require(call.request, call.token, ["repository"])
    call.repo = _find_repo(call, call.user)
    call.scope = Scope(repo_id=call.repo.id)


def _repo_owner(call: Call) -> None:
    _repo(call)
    access.require_repo_owner(call.user, call.repo)


def _find_org(call: Call) -> Owner:
    name = call.args["org"]
    org = call.state.owners.get(name.lower())
    if org is None or not org.is_org:
        raise NotFoundError("GetOrgByName", f"user redirect does not exist [name: {name}]")
    return org


def _find_repo(call: Call, user: Owner) -> Repo:
    owner = call.args["owner"]
    if owner.lower() not in call.state.owners:
        raise NotFoundError("GetUserByName", f"user redirect does not exist [name: {owner}]")
    repo = call.state.find_repo(owner, call.args["repo"])
    if repo is None or (repo.private and not access.owns(user, repo)):
        raise NotFoundError
    return repo


SCOPES: Mapping[str, Enter] = {
    "/admin": _admin,
    "/orgs/{org}": _org,
    "/user": _user,
    "/repos/{owner}/{repo}": _repo_owner,
}
