"""The stand-in's container registry: what `docker login`, push and pull of Docker and BuildKit need.

As in Gitea it is at ``/v2/`` below the same address, images are called OWNER/NAME, and whoever owns OWNER may
push. Like a Gitea that is closed to guests (``REQUIRE_SIGNIN_VIEW``) it answers nobody who has not signed in.
A token's user name is not looked at, as in Gitea. Blobs are files; the rest is in memory.
"""

import base64
import binascii
import hashlib
import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fleet.lab.gitea.http import Answer, Request
from fleet.lab.gitea.state import Owner, State

PREFIX = "/v2"
NAME = r"(?P<owner>[^/]+)/(?P<image>[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*)"
DIGEST = r"sha256:[0-9a-f]{64}"
VERSION = {"Docker-Distribution-Api-Version": "registry/2.0"}
READ, WRITE = frozenset({"read:package", "write:package", "all"}), frozenset({"write:package", "all"})


class RefusedError(Exception):
    """What the registry refuses: an error code of the distribution API, and its HTTP status."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.status = status
        self.code = code
        self.message = message

    def answer(self, headers: Mapping[str, str]) -> Answer:
        """The shape of the distribution API's errors."""
        body = json.dumps({"errors": [{"code": self.code, "message": self.message}]}).encode()
        return Answer(self.status, body, "application/json", {**VERSION, **headers})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. A job's own token reads and owns nothing: Gitea lets it push nowhere."""

    user: Owner | None
    scopes: frozenset[str]


@dataclass(slots=True)
class Image:
    """What is held under one name: digests of blobs, manifests by digest with their media type, tags."""

    blobs: set[str] = field(default_factory=set)
    manifests: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """One request about one image; ``at`` is its path as the caller wrote it."""

    request: Request
    image: Image
    at: str
    args: Mapping[str, str]


class Registry:
    """The registry of one Gitea; it keeps its files in ``folder``."""

    def __init__(self, state: State, folder: Path) -> None:
        self._state = state
        self._folder = folder
        self._images: dict[str, Image] = {}
        self._signed_in: dict[str, Caller] = {}
        self._guard = threading.Lock()
        self._routes = tuple(_routes(self))

    def answer(self, request: Request) -> Answer:
        """Any request below ``/v2``."""
        try:
            caller = self._caller(request)
            if request.path.rstrip("/") == f"{PREFIX}/token":
                return self._token(request, caller)
            if caller is None:
                raise RefusedError(401, "UNAUTHORIZED")
            return Answer(200, headers=VERSION) if request.path.rstrip("/") == PREFIX else self._route(request, caller)
        except RefusedError as error:
            realm = f'Bearer realm="{request.here}{PREFIX}/token",service="container_registry",scope="*"'
            return error.answer({"WWW-Authenticate": realm} if error.status == 401 else {})

    def tags(self, name: str) -> Mapping[str, str]:
        """Tags and their digests of ``OWNER/NAME``."""
        return dict(self._images.get(name.lower(), Image()).tags)

    def _token(self, request: Request, caller: Caller | None) -> Answer:
        if request.method != "GET":
            return Answer(404, headers=VERSION)  # OAuth is not offered; clients then ask by GET
        if caller is None or not caller.scopes & READ:
            raise RefusedError(401, "UNAUTHORIZED")
        text = secrets.token_hex(20)
        self._signed_in[text] = caller
        return Answer(200, json.dumps({"token": text}).encode(), "application/json", VERSION)

    def _caller(self, request: Request) -> Caller | None:
        kind, _, text = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._signed_in.get(text)
        return self._by_password(_password(text)) if kind.lower() == "basic" else None

    def _by_password(self, text: str) -> Caller | None:
        if token := self._state.tokens.get(text):
            return Caller(token.user, frozenset(token.scopes))
        running = (task.token for task in list(self._state.tasks.values()) if not task.status.done)
        return Caller(None, frozenset({"read:package"})) if text and text in running else None

    def _route(self, request: Request, caller: Caller) -> Answer:
        for method, pattern, handle in self._routes:
            found = pattern.fullmatch(request.path) if method == request.method else None
            if found:
                self._let_in(caller, found["owner"], writes=method not in {"GET", "HEAD"})
                name = f"{found['owner']}/{found['image']}"
                with self._guard:
                    image = self._images.setdefault(name.lower(), Image())
                return handle(Call(request, image, f"{PREFIX}/{name}", found.groupdict()))
        raise RefusedError(404, "NAME_INVALID")

    def _let_in(self, caller: Caller, owner_name: str, *, writes: bool) -> None:
        owner = self._state.owners.get(owner_name.lower())
        if owner is None:
            raise RefusedError(404, "NAME_UNKNOWN")
        allowed = caller.scopes & (WRITE if writes else READ)
        owns = caller.user is not None and caller.user.id in (owner.id, owner.kept_by)
        if not allowed or (writes and not owns):
            raise RefusedError(401, "UNAUTHORIZED")

    def start_upload(self, call: Call) -> Answer:
        """A new upload; a blob of another image of the registry is taken over at once."""
        mount = call.request.query.get("mount", [""])[0]
        if mount and self._path(mount).is_file():
            call.image.blobs.add(mount)
            return _created(f"{call.at}/blobs/{mount}", mount)
        number = secrets.token_hex(16)
        self._upload(number).parent.mkdir(parents=True, exist_ok=True)
        self._upload(number).touch()
        return self._progress(call, number, 202)

    def seen_upload(self, call: Call) -> Answer:
        self._must_be_there(call)
        return self._progress(call, call.args["upload"], 204)

    def append(self, call: Call) -> Answer:
        self._must_be_there(call)
        with self._upload(call.args["upload"]).open("ab") as file:
            file.write(call.request.body)
        return self._progress(call, call.args["upload"], 202)

    def finish_upload(self, call: Call) -> Answer:
        """The end of an upload, with what is left of it; it becomes a blob if it is what it should be."""
        self.append(call)
        upload, wanted = self._upload(call.args["upload"]), call.request.query.get("digest", [""])[0]
        with upload.open("rb") as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
        if digest != wanted:
            upload.unlink()
            raise RefusedError(400, "DIGEST_INVALID")
        upload.replace(self._path(digest))
        call.image.blobs.add(digest)
        return _created(f"{call.at}/blobs/{digest}", digest)

    def cancel_upload(self, call: Call) -> Answer:
        self._must_be_there(call)
        self._upload(call.args["upload"]).unlink()
        return Answer(204, headers=VERSION)

    def get_blob(self, call: Call) -> Answer:
        digest = call.args["digest"]
        if digest not in call.image.blobs:
            raise RefusedError(404, "BLOB_UNKNOWN")
        return self._give(digest, "application/octet-stream")

    def put_manifest(self, call: Call) -> Answer:
        """A manifest, if all that it names is there."""
        reference, content = call.args["reference"], call.request.body
        if not set(_named(content)) <= call.image.blobs | call.image.manifests.keys():
            raise RefusedError(404, "BLOB_UNKNOWN")
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self._path(digest).parent.mkdir(parents=True, exist_ok=True)
        self._path(digest).write_bytes(content)
        call.image.manifests[digest] = call.request.headers.get("content-type", "")
        if not re.fullmatch(DIGEST, reference):
            call.image.tags[reference] = digest
        return _created(f"{call.at}/manifests/{reference}", digest)

    def get_manifest(self, call: Call) -> Answer:
        reference = call.args["reference"]
        digest = call.image.tags.get(reference, reference)
        if digest not in call.image.manifests:
            raise RefusedError(404, "MANIFEST_UNKNOWN")
        return self._give(digest, call.image.manifests[digest])

    def list_tags(self, call: Call) -> Answer:
        if not call.image.manifests:
            raise RefusedError(404, "NAME_UNKNOWN")
        name = call.at.removeprefix(f"{PREFIX}/")
        body = json.dumps({"name": name, "tags": sorted(call.image.tags)}).encode()
        return Answer(200, body, "application/json", VERSION)

    def _must_be_there(self, call: Call) -> None:
        if not self._upload(call.args["upload"]).is_file():
            raise RefusedError(404, "BLOB_UPLOAD_UNKNOWN")

    def _progress(self, call: Call, number: str, status: int) -> Answer:
        size = self._upload(number).stat().st_size
        headers = {**VERSION, "Location": f"{call.at}/blobs/uploads/{number}", "Docker-Upload-Uuid": number}
        return Answer(status, headers=headers | ({"Range": f"0-{size - 1}"} if size else {}))

    def _give(self, digest: str, kind: str) -> Answer:
        return Answer(200, self._path(digest).read_bytes(), kind, {**VERSION, "Docker-Content-Digest": digest})

    def _path(self, digest: str) -> Path:
        return self._folder / digest.replace(":", "-").replace("/", "-")

    def _upload(self, number: str) -> Path:
        return self._folder / f"upload-{number}"


Handler = Callable[[Call], Answer]


def _routes(registry: Registry) -> Iterator[tuple[str, re.Pattern[str], Handler]]:
    def route(method: str, rest: str, handle: Handler) -> tuple[str, re.Pattern[str], Handler]:
        return method, re.compile(f"{PREFIX}/{NAME}/{rest}"), handle

    yield route("POST", "blobs/uploads/?", registry.start_upload)
    uploads = (
        ("GET", registry.seen_upload),
        ("PATCH", registry.append),
        ("PUT", registry.finish_upload),
        ("DELETE", registry.cancel_upload),
    )
    for method, handle in uploads:
        yield route(method, r"blobs/uploads/(?P<upload>[0-9a-f]+)", handle)
    for method in ("HEAD", "GET"):
        yield route(method, f"blobs/(?P<digest>{DIGEST})", registry.get_blob)
        yield route(method, r"manifests/(?P<reference>[\w.:-]+)", registry.get_manifest)
    yield route("PUT", r"manifests/(?P<reference>[\w.:-]+)", registry.put_manifest)
    yield route("GET", "tags/list", registry.list_tags)


def _password(basic: str) -> str:
    try:
        return base64.b64decode(basic, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def _named(content: bytes) -> Iterator[str]:
    """Digests of what a manifest, or a list of them, stands on."""
    try:
        manifest = json.loads(content)
        parts = [*manifest.get("layers", ()), *manifest.get("manifests", ())]
        parts += [manifest["config"]] if "config" in manifest else []
        yield from [str(part["digest"]) for part in parts if not part.get("urls")]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusedError(400, "MANIFEST_INVALID", str(error)) from error


def _created(place: str, digest: str) -> Answer:
    return Answer(201, headers={**VERSION, "Location": place, "Docker-Content-Digest": digest})
