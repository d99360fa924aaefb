"""Who calls the REST API, and what that token may do."""

from collections.abc import Iterable

from fleet.lab.gitea.http import ApiError, Request
from fleet.lab.gitea.state import AccessToken, Owner, Repo, State

CATEGORIES = (
    "activitypub",
    "admin",
    "issue",
    "misc",
    "notification",
    "organization",
    "package",
    "repository",
    "user",
)
SCOPES = frozenset({"all"} | {f"{level}:{name}" for level in ("read", "write") for name in CATEGORIES})
READING = {"GET", "HEAD", "OPTIONS"}


def identify(state: State, request: Request) -> AccessToken | None:
    """The token of the request; None without one, 401 where it is not known."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() not in {"token", "bearer"} or not text:
        return None
    if text not in state.tokens:
        raise ApiError(401, "user does not exist [uid: 0, name: ]")
    return state.tokens[text]


def require(request: Request, token: AccessToken | None, categories: Iterable[str]) -> Owner:
    """The caller, if its token has the scopes: GET needs read, everything else write."""
    level = "read" if request.method in READING else "write"
    for category in categories:
        wanted = f"{level}:{category}"
        if token and not _covers(token.scopes, wanted):
            have = ",".join(token.scopes)
            raise ApiError(
                403,
                f"token does not have at least one of required scope(s), required=[{wanted}], token scope={have}",
            )
    if token is None:
        raise ApiError(401, "token is required")
    return token.user


def _covers(scopes: Iterable[str], wanted: str) -> bool:
    return bool({"all", wanted, wanted.replace("read:", "write:", 1)} & set(scopes))


def require_admin(user: Owner) -> None:
    if not user.admin:
        raise ApiError(403, "user should be the site admin")


def require_org_owner(user: Owner, org: Owner) -> None:
    if not user.admin and org.kept_by != user.id:
        raise ApiError(403, "Must be an organization owner")


def require_repo_owner(user: Owner, repo: Repo) -> None:
    if not owns(user, repo):
        raise ApiError(403, "user should be the owner of the repo")


def owns(user: Owner, repo: Repo) -> bool:
    """The owner itself, the owner of its organization, or an administrator."""
    return user.admin or user.id in (repo.owner.id, repo.owner.kept_by)
