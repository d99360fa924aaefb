"""REST: users, organizations, repositories and their files, as much as a lab needs.

Writing a file to a repository is a push: workflows that run on push start.
"""

import base64
import binascii
import hashlib
from pathlib import PurePosixPath
from typing import Any

from fleet.lab.gitea import queue, workflow
from fleet.lab.gitea.call import Call
from fleet.lab.gitea.http import Answer, ApiError, NotFoundError, give
from fleet.lab.gitea.state import Owner, Repo, State
from fleet.lab.gitea.views import org_json, repo_json, user_json


def whoami(call: Call) -> Answer:
    return give(user_json(call.user))


def make_org(call: Call) -> Answer:
    name = str(call.request.json().get("username", ""))
    if not name:
        raise ApiError(422, "[UserName]: Required")
    return give(org_json(add_owner(call.state, name, kept_by=call.user.id)), 201)


def get_org(call: Call) -> Answer:
    return give(org_json(call.org))


def make_own(call: Call) -> Answer:
    return _make_repo(call, call.user)


def make_in_org(call: Call) -> Answer:
    return _make_repo(call, call.org)


def _make_repo(call: Call, owner: Owner) -> Answer:
    wanted = call.request.json()
    if not wanted.get("name"):
        raise ApiError(422, "[Name]: Required")
    repo = add_repo(call.state, owner, str(wanted["name"]))
    repo.private = bool(wanted.get("private"))
    return give(repo_json(repo, call.request.here), 201)


def get(call: Call) -> Answer:
    return give(repo_json(call.repo, call.request.here))


def put_secret(call: Call) -> Answer:
    """A secret of the repository's jobs; nobody can read it back."""
    data, name = call.request.json().get("data"), call.args["secret"].upper()
    if not isinstance(data, str) or not data:
        raise ApiError(422, "[Data]: Required")
    known = name in call.repo.secrets
    call.repo.secrets[name] = data
    return Answer(204 if known else 201)


def add_owner(state: State, name: str, *, admin: bool = False, kept_by: int = 0) -> Owner:
    """A user, or an organization where ``kept_by`` names its owner; names are unique."""
    if name.lower() in state.owners:
        raise ApiError(422, f"user already exists [name: {name}]")
    owner = Owner(state.next_id("owner"), name, admin, kept_by)
    state.owners[name.lower()] = owner
    return owner


def add_repo(state: State, owner: Owner, name: str) -> Repo:
    """An empty repository."""
    if state.find_repo(owner.name, name):
        raise ApiError(409, "The repository with the same name already exists.")
    repo = Repo(state.next_id("repo"), owner, name)
    state.repos[repo.id] = repo
    return repo


def read_file(call: Call) -> Answer:
    path = call.args["path"]
    if path not in call.repo.files:
        raise NotFoundError("GetContentsOrList", f"object does not exist [id: , rel_path: {path}]")
    return give(_file_json(call.repo, path))


def make_file(call: Call) -> Answer:
    """A new file; 422 where it exists."""
    if call.args["path"] in call.repo.files:
        raise ApiError(422, f"repository file already exists [path: {call.args['path']}]")
    return _write(call, 201)


def change_file(call: Call) -> Answer:
    """A file that exists needs its ``sha`` again; one that does not is made."""
    content = call.repo.files.get(call.args["path"])
    if content is None:
        return _write(call, 201)
    given = call.request.json().get("sha", "")
    if not given:
        return make_file(call)
    if given != _blob(content):
        raise ApiError(422, f"sha does not match [given: {given}, expected: {_blob(content)}]")
    return _write(call, 200)


def _write(call: Call, status: int) -> Answer:
    wanted, path = call.request.json(), call.args["path"]
    try:
        content = base64.b64decode(wanted.get("content", ""), validate=True)
    except binascii.Error as error:
        raise ApiError(422, f"content is not base64: {error}") from error
    title = wanted.get("message") or f"Add {path}"
    sha = push(call.state, call.repo, path, content, title=title, by=call.user)
    commit = {
        "sha": sha,
        "message": title,
        "html_url": f"{call.request.here}/{call.repo.full_name}/commit/{sha}",
    }
    return give({"content": _file_json(call.repo, path), "commit": commit}, status)


def push(state: State, repo: Repo, path: str, content: bytes, *, title: str, by: Owner) -> str:
    """Writes a file and starts every workflow that runs on push; answers the commit's id."""
    sha = queue.commit(repo, path, content, title, by=by, at=state.now())
    for file, text in repo.files.items():
        if workflow.is_workflow(file) and (spec := _readable(text)) and "push" in spec.events:
            name = PurePosixPath(file).name
            queue.start_run(state, repo, name, spec, event="push", by=by)
    return sha


def _readable(text: bytes) -> workflow.Workflow | None:
    """Gitea passes over a file that is no workflow."""
    try:
        return workflow.read(text)
    except workflow.BadWorkflowError:
        return None


def _file_json(repo: Repo, path: str) -> dict[str, Any]:
    content = repo.files[path]
    return {
        "name": PurePosixPath(path).name,
        "path": path,
        "sha": _blob(content),
        "type": "file",
        "size": len(content),
        "encoding": "base64",
        "content": base64.b64encode(content).decode(),
    }


def _blob(content: bytes) -> str:
    # git's name of a file's content, not a secret.
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
