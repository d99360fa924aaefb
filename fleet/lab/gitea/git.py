"""The stand-in's repositories by git's smart HTTP: enough to clone, and to fetch one commit as checkouts do.

Protocol version 0, which every git still takes for an answer (gitprotocol-http, gitprotocol-pack). A push of the
lab is one commit without parents, so nothing is ever left out of a shallow clone. Nobody reads as a guest, and
nobody pushes: files come by the REST API.
"""

import base64
import binascii
import gzip
import hashlib
import re
import secrets
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime

from fleet.lab.gitea import access
from fleet.lab.gitea.http import PAGE_NOT_FOUND, TEXT, Answer, ApiError, Request
from fleet.lab.gitea.state import Repo, State

PATH = re.compile(r"/(?P<owner>[^/]+)/(?P<repo>[^/]+?)(?:\.git)?/(?P<what>info/refs|git-upload-pack|git-receive-pack)")
CAPABILITIES = "shallow allow-tip-sha1-in-want allow-reachable-sha1-in-want symref=HEAD:refs/heads/main"
END = b"0000"
KINDS = {"commit": 1, "tree": 2, "blob": 3}
WHO_ARE_YOU = Answer(401, b"Unauthorized\n", TEXT, {"WWW-Authenticate": 'Basic realm="Gitea"'})

Object = tuple[str, bytes]
"""Kind and content."""

Tree = dict[str, "bytes | Tree"]


def commit(files: Mapping[str, bytes], title: str, by: str, at: datetime) -> tuple[str, tuple[Object, ...]]:
    """The id of a new commit of these files, and all objects it is made of. No two have the same id."""
    root: Tree = {}
    for path, content in files.items():
        *folders, name = path.split("/")
        place = root
        for folder in folders:
            inner = place.setdefault(folder, {})
            if not isinstance(inner, dict):
                raise ApiError(422, f"path is a file, not a folder [path: {path}]")
            place = inner
        place[name] = content
    objects = dict(_objects(root))
    tree = next(reversed(objects))
    person = f"{by} <{by}@lab.invalid> {int(at.timestamp())} +0000"
    text = f"tree {tree}\nauthor {person}\ncommitter {person}\n\n{title}\n\nLab-Id: {secrets.token_hex(8)}\n"
    made: Object = ("commit", text.encode())
    return _id(made), (*objects.values(), made)


def _objects(tree: Tree) -> Iterator[tuple[str, Object]]:
    """By id: what is in the tree, then the tree itself. In git's order a folder's name ends with a slash."""
    entries = b""
    for name in sorted(tree, key=lambda name: f"{name}/" if isinstance(tree[name], dict) else name):
        inner = tree[name]
        found = list(_objects(inner)) if isinstance(inner, dict) else [_named("blob", inner)]
        yield from found
        mode = "40000" if isinstance(inner, dict) else "100644"
        entries += f"{mode} {name}\0".encode() + bytes.fromhex(found[-1][0])
    yield _named("tree", entries)


def _named(kind: str, content: bytes) -> tuple[str, Object]:
    return _id((kind, content)), (kind, content)


def _id(one: Object) -> str:
    # git's name of an object, not a secret.
    return hashlib.sha1(f"{one[0]} {len(one[1])}\0".encode() + one[1], usedforsecurity=False).hexdigest()


def answer(state: State, request: Request) -> Answer | None:
    """The answer to a request of git, None for one that is not."""
    found = PATH.fullmatch(request.path)
    if found is None:
        return None
    token = _token(request)
    if not token:
        return WHO_ARE_YOU
    repo = state.find_repo(found["owner"], found["repo"])
    if repo is None or not _may_read(state, token, repo):
        return PAGE_NOT_FOUND
    if request.query.get("service", ["git-upload-pack"]) != ["git-upload-pack"] or "receive" in found["what"]:
        return Answer(403, b"this Gitea stands in for one: push by its REST API\n", TEXT)
    return _refs(repo) if found["what"] == "info/refs" else _pack(repo, request)


def _token(request: Request) -> str:
    """git sends it as a password (checkouts do), or in a header of its own; it may also stand for the user."""
    kind, _, text = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return text
    try:
        user, _, password = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return user if password in ("", "x-oauth-basic") else password


def _may_read(state: State, token: str, repo: Repo) -> bool:
    """A person's token reads what that person may; a job's own token its own repository, while it runs."""
    known = state.tokens.get(token)
    if known:
        scopes = {"all", "read:repository", "write:repository"}
        return bool(scopes & set(known.scopes)) and (not repo.private or access.owns(known.user, repo))
    running = (task for task in state.tasks.values() if not task.status.done and task.token == token)
    return any(task.job.run.repo is repo for task in running)


def _refs(repo: Repo) -> Answer:
    lines = [f"{repo.head} HEAD\0{CAPABILITIES}\n", f"{repo.head} refs/heads/main\n"] if repo.head else []
    body = _packet("# service=git-upload-pack\n") + END + b"".join(map(_packet, lines)) + END
    return _give(body, "advertisement")


def _pack(repo: Repo, request: Request) -> Answer:
    """What is wanted, once the client says that it is done. It asks again with all it had said before."""
    body = gzip.decompress(request.body) if request.headers.get("content-encoding") == "gzip" else request.body
    lines = [line.split() for line in _lines(body)]
    wanted = [line[1] for line in lines if line[0] == "want"]
    unknown = [sha for sha in wanted if sha not in repo.commits]
    if unknown or not wanted:
        return _give(_packet(f"ERR upload-pack: not our ref {' '.join(unknown)}"), "result")
    said = END if any(line[0] == "deepen" for line in lines) else b""
    if ["done"] in lines:
        objects = {_id(one): one for sha in wanted for one in repo.commits[sha]}
        return _give(said + _packet("NAK\n") + _packed(list(objects.values())), "result")
    return _give(said + (_packet("NAK\n") if any(line[0] == "have" for line in lines) else b""), "result")


def _give(body: bytes, what: str) -> Answer:
    return Answer(200, body, f"application/x-git-upload-pack-{what}", {"Cache-Control": "no-cache"})


def _packet(line: str) -> bytes:
    text = line.encode()
    return f"{len(text) + 4:04x}".encode() + text


def _lines(body: bytes) -> Iterator[str]:
    """The lines of packets; those without content only part them."""
    at = 0
    while at < len(body):
        size = int(body[at : at + 4], 16)
        text = body[at + 4 : at + size].decode().strip()
        if text:
            yield text
        at += max(size, 4)


def _packed(objects: list[Object]) -> bytes:
    """A pack without deltas (gitformat-pack)."""
    pack = b"PACK" + (2).to_bytes(4, "big") + len(objects).to_bytes(4, "big")
    pack += b"".join(_head(KINDS[kind], len(content)) + zlib.compress(content) for kind, content in objects)
    return pack + hashlib.sha1(pack, usedforsecurity=False).digest()


def _head(kind: int, size: int) -> bytes:
    """Kind and size: four bits of the size, then seven in each byte, the first bit says that more follow."""
    head = [kind << 4 | size & 15]
    size >>= 4
    while size:
        head[-1] |= 128
        head.append(size & 127)
        size >>= 7
    return bytes(head)
