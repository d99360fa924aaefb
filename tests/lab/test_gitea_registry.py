"""The stand-in Gitea's container registry: who may do what, and a push as Docker's engine does it."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet.lab.gitea import Gitea
from tests.lab.gitea_client import Reply, call, register

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
JOB = "on: push\njobs:\n  a: {runs-on: ubuntu-latest, steps: [{run: echo}]}\n"


@dataclass(frozen=True)
class Lab:
    gitea: Gitea
    url: str
    pusher: str
    reader: str

    def as_(self, token: str, method: str, path: str, raw: bytes = b"", headers: Mapping[str, str] = {}) -> Reply:
        """A request of somebody who has signed in with this token."""
        return call(self.url, method, f"/v2{path}", raw=raw, headers={**self.signed_in(token), **headers})

    def signed_in(self, token: str) -> dict[str, str]:
        reply = call(self.url, "GET", "/v2/token?service=container_registry&scope=x", headers=basic(token))
        assert reply.status == 200, reply
        return {"Authorization": f"Bearer {reply.body['token']}"}


def basic(token: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'acme:{token}'.encode()).decode()}"}


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    gitea = Gitea(blobs=tmp_path / "blobs")
    acme, other = gitea.add_user("acme"), gitea.add_user("other")
    pusher, reader = gitea.add_token(acme, ["write:package"]), gitea.add_token(other, ["read:package"])
    with gitea.serve() as served:
        yield Lab(gitea, served.url, pusher, reader)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def push_blob(lab: Lab, content: bytes, image: str = "/acme/app") -> str:
    """As Docker does: POST, one PATCH, an empty PUT."""
    begun = lab.as_(lab.pusher, "POST", f"{image}/blobs/uploads/")
    assert begun.status == 202
    place = begun.headers["location"].removeprefix("/v2")
    sent = lab.as_(lab.pusher, "PATCH", place, content)
    assert (sent.status, sent.headers["range"]) == (202, f"0-{len(content) - 1}")
    done = lab.as_(lab.pusher, "PUT", f"{place}?digest={digest_of(content)}")
    assert (done.status, done.headers["docker-content-digest"]) == (201, digest_of(content))
    return digest_of(content)


def manifest_of(*blobs: str) -> bytes:
    config, *layers = ({"digest": blob, "size": 1, "mediaType": "x"} for blob in blobs)
    return json.dumps({"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}).encode()


def push_image(lab: Lab) -> bytes:
    manifest = manifest_of(push_blob(lab, b"config"), push_blob(lab, b"layer"))
    reply = lab.as_(lab.pusher, "PUT", "/acme/app/manifests/v1", manifest, {"Content-Type": MANIFEST})
    assert reply.status == 201, reply
    return manifest


def test_whoever_has_not_signed_in_is_told_where_to(lab: Lab) -> None:
    for path in ("/v2/", "/v2/acme/app/manifests/v1"):
        reply = call(lab.url, "GET", path)
        assert reply.status == 401
        expected = f'Bearer realm="{lab.url}/v2/token",service="container_registry",scope="*"'
        assert reply.headers["www-authenticate"] == expected


def test_a_wrong_password_and_a_token_without_the_scope_get_no_token(lab: Lab) -> None:
    scopeless = lab.gitea.add_token(lab.gitea.add_user("third"), ["write:repository"])
    for token in ("wrong", scopeless):
        assert call(lab.url, "GET", "/v2/token", headers=basic(token)).status == 401


def test_docker_login_is_a_get_with_basic_and_oauth_is_not_offered(lab: Lab) -> None:
    assert lab.as_(lab.pusher, "GET", "/").status == 200
    assert call(lab.url, "POST", "/v2/token", headers=basic(lab.pusher)).status == 404


def test_what_was_pushed_is_pulled_by_tag_and_by_digest(lab: Lab) -> None:
    manifest = push_image(lab)
    for reference in ("v1", digest_of(manifest)):
        pulled = lab.as_(lab.reader, "GET", f"/acme/app/manifests/{reference}")
        assert (pulled.raw, pulled.headers["content-type"]) == (manifest, MANIFEST)
        assert pulled.headers["docker-content-digest"] == digest_of(manifest)
    assert lab.as_(lab.reader, "GET", f"/acme/app/blobs/{digest_of(b'layer')}").raw == b"layer"
    head = lab.as_(lab.reader, "HEAD", f"/acme/app/blobs/{digest_of(b'layer')}")
    assert (head.status, head.headers["content-length"], head.raw) == (200, "5", b"")
    assert lab.as_(lab.reader, "GET", "/acme/app/tags/list").body == {"name": "acme/app", "tags": ["v1"]}


def test_only_the_owner_pushes(lab: Lab) -> None:
    other = lab.gitea.add_token(lab.gitea.state.owners["other"], ["write:package"])
    assert lab.as_(lab.reader, "POST", "/acme/app/blobs/uploads/").status == 401
    assert lab.as_(other, "POST", "/acme/app/blobs/uploads/").status == 401
    assert lab.as_(other, "POST", "/other/app/blobs/uploads/").status == 202


def test_a_jobs_own_token_pulls_and_does_not_push(lab: Lab) -> None:
    gitea = lab.gitea
    gitea.push(gitea.add_repo(gitea.state.owners["acme"], "app"), ".gitea/workflows/a.yaml", JOB)
    task = register(lab.url, gitea.registration_token()).fetch()
    push_image(lab)
    token = task["secrets"]["GITEA_TOKEN"]
    assert lab.as_(token, "GET", "/acme/app/manifests/v1").status == 200
    assert lab.as_(token, "POST", "/acme/app/blobs/uploads/").status == 401


def test_a_blob_that_is_not_what_it_should_be_is_refused(lab: Lab) -> None:
    place = lab.as_(lab.pusher, "POST", "/acme/app/blobs/uploads/").headers["location"].removeprefix("/v2")
    reply = lab.as_(lab.pusher, "PUT", f"{place}?digest={digest_of(b'else')}", b"content")
    assert (reply.status, reply.body["errors"][0]["code"]) == (400, "DIGEST_INVALID")


def test_a_manifest_whose_blobs_are_missing_is_refused(lab: Lab) -> None:
    manifest = manifest_of(digest_of(b"never sent"))
    reply = lab.as_(lab.pusher, "PUT", "/acme/app/manifests/v1", manifest, {"Content-Type": MANIFEST})
    assert (reply.status, reply.body["errors"][0]["code"]) == (404, "BLOB_UNKNOWN")


def test_a_blob_of_another_image_is_taken_over(lab: Lab) -> None:
    blob = push_blob(lab, b"layer")
    assert lab.as_(lab.pusher, "HEAD", f"/acme/second/blobs/{blob}").status == 404
    assert lab.as_(lab.pusher, "POST", f"/acme/second/blobs/uploads/?mount={blob}&from=acme/app").status == 201
    assert lab.as_(lab.pusher, "GET", f"/acme/second/blobs/{blob}").raw == b"layer"


def test_an_upload_says_how_far_it_is_and_can_be_given_up(lab: Lab) -> None:
    place = lab.as_(lab.pusher, "POST", "/acme/app/blobs/uploads/").headers["location"].removeprefix("/v2")
    lab.as_(lab.pusher, "PATCH", place, b"half")
    assert lab.as_(lab.pusher, "GET", place).headers["range"] == "0-3"
    assert lab.as_(lab.pusher, "DELETE", place).status == 204
    assert lab.as_(lab.pusher, "PATCH", place, b"more").status == 404


def test_nothing_outside_its_folder_is_read(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    mount = lab.as_(lab.pusher, "POST", "/acme/app/blobs/uploads/?mount=../secret")
    assert mount.status == 202
    assert lab.as_(lab.pusher, "GET", "/acme/app/blobs/..%2Fsecret").status == 404


def test_a_repositorys_secret_reaches_its_jobs_and_is_not_given_back(lab: Lab) -> None:
    gitea = lab.gitea
    acme = gitea.state.owners["acme"]
    repo, token = gitea.add_repo(acme, "app"), gitea.add_token(acme, ["write:repository"])
    headers = {"Authorization": f"token {token}"}
    place = "/api/v1/repos/acme/app/actions/secrets/pass"
    assert call(lab.url, "PUT", place, {"data": "one"}, headers=headers).status == 201
    assert call(lab.url, "PUT", place, {"data": "two"}, headers=headers).status == 204
    assert call(lab.url, "GET", place, headers=headers).status == 405
    gitea.push(repo, ".gitea/workflows/a.yaml", JOB)
    assert register(lab.url, gitea.registration_token()).fetch()["secrets"]["PASS"] == "two"
