"""The mirror: a registry in the lab's network that answers the servers under Docker Hub's names.

A server learns of it by `registry-mirrors` in its `daemon.json`, which `fleet` writes from the inventory.
What the mirror does not have, the server asks the hub for: a lab with a real network loses nothing.

Images are uploaded by us, not by `docker push`: that needs no change to the machine's Docker (the registry
speaks http, from an address that is not the loopback), and leaves layers uncompressed, so that servers with
few cores do not have to unpack them.
"""

import hashlib
import json
import tarfile
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import IO, Any
from urllib.parse import urljoin

from fleet.lab import docker_cli
from fleet.lab.network import LABEL, Network

PORT = 5000
START_SECONDS = 20.0
ANSWER_SECONDS = 120.0
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar"
GZIP_MAGIC = b"\x1f\x8b"

Say = Callable[[str], None]

# The mirror is next door; the machine's proxy for the world must not be asked for it.
_open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class MirrorError(Exception):
    """The mirror did not start, or did not take an image."""


@dataclass(frozen=True, slots=True)
class Name:
    """A Docker Hub name in full: `debian` is `library/debian` with the tag `latest`."""

    repository: str
    tag: str

    @classmethod
    def from_text(cls, text: str) -> "Name":
        """Read a name as one types it after `docker pull`."""
        path, _, tag = text.removeprefix("docker.io/").partition(":")
        return cls(path if "/" in path else f"library/{path}", tag or "latest")


@dataclass(frozen=True, slots=True)
class Mirror:
    """A mirror that answers at `url`; `seen` remembers in which repository a layer is already."""

    url: str
    seen: dict[str, str] = field(default_factory=dict)

    def push(self, images: Mapping[str, str], say: Say) -> None:
        """Offer local images, by tag, under these Docker Hub names. Raises DockerError and MirrorError."""
        with tempfile.TemporaryDirectory(prefix="fleet-lab-") as name:
            folder = Path(name)
            _save(sorted(set(images.values())), folder)
            saved = _manifests(folder)
            for hub_name, local in images.items():
                say(f"offering {hub_name}")
                self._push_one(Name.from_text(hub_name), saved[Name.from_text(local)], folder)

    def has(self, hub_name: str) -> bool:
        """True if the mirror answers for this name."""
        name = Name.from_text(hub_name)
        address = f"{self.url}/v2/{name.repository}/manifests/{name.tag}"
        return _exists(urllib.request.Request(address, method="HEAD", headers={"Accept": MANIFEST}))

    def _push_one(self, name: Name, saved: Mapping[str, Any], folder: Path) -> None:
        config = self._blob(name.repository, folder / saved["Config"], CONFIG)
        layers = [self._blob(name.repository, folder / layer, LAYER) for layer in saved["Layers"]]
        manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers}
        address = f"{self.url}/v2/{name.repository}/manifests/{name.tag}"
        headers = {"Content-Type": MANIFEST}
        _ask(urllib.request.Request(address, json.dumps(manifest).encode(), headers, method="PUT"))

    def _blob(self, repository: str, path: Path, media_type: str) -> dict[str, Any]:
        with path.open("rb") as content:
            packed = content.read(2) == GZIP_MAGIC
            content.seek(0)
            digest = "sha256:" + hashlib.file_digest(content, "sha256").hexdigest()
            size = content.tell()
            content.seek(0)
            self._upload(repository, digest, size, content)
        kind = f"{media_type}.gzip" if packed else media_type
        return {"mediaType": kind, "size": size, "digest": digest}

    def _upload(self, repository: str, digest: str, size: int, content: IO[bytes]) -> None:
        blobs = f"{self.url}/v2/{repository}/blobs"
        if _exists(urllib.request.Request(f"{blobs}/{digest}", method="HEAD")):
            self.seen.setdefault(digest, repository)
            return
        elsewhere = f"?mount={digest}&from={self.seen[digest]}" if digest in self.seen else ""
        status, place = _ask(urllib.request.Request(f"{blobs}/uploads/{elsewhere}", b"", method="POST"))
        if status != 201:  # 201: the registry took it over from the other repository
            address = urljoin(self.url, place) + ("&" if "?" in place else "?") + f"digest={digest}"
            headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
            _ask(urllib.request.Request(address, content, headers, method="PUT"))
        self.seen[digest] = repository


def start(network: Network, image: str) -> Mirror:
    """Start a lab's mirror or find it running; return when it answers. Raises DockerError and MirrorError."""
    name = f"{network.name}-mirror"
    if docker_cli.run(("ps", "--all", "--quiet", "--filter", f"name=^{name}$")):
        docker_cli.run(("start", name))
    else:
        label = f"{LABEL}={network.lab}"
        place = ("--network", network.name, "--ip", network.mirror)
        docker_cli.run(("run", "--detach", "--name", name, "--hostname", "mirror", "--label", label, *place, image))
    mirror = Mirror(f"http://{network.mirror}:{PORT}")
    _await(mirror, name)
    return mirror


def _await(mirror: Mirror, container: str) -> None:
    until = time.monotonic() + START_SECONDS
    while not _exists(urllib.request.Request(f"{mirror.url}/v2/")):
        if time.monotonic() > until:
            raise MirrorError(
                f"the mirror at {mirror.url} did not answer within {START_SECONDS:g} seconds; "
                f"type: docker logs {container}"
            )
        time.sleep(0.1)


def _save(tags: list[str], folder: Path) -> None:
    with docker_cli.reading(("save", *tags)) as stream, tarfile.open(fileobj=stream, mode="r|") as tar:
        # Debian 12's Python (3.11.2) has no filters yet. What is unpacked is our own Docker's.
        tar.extraction_filter = getattr(tarfile, "data_filter", None)
        tar.extractall(folder)  # noqa: S202


def _manifests(folder: Path) -> dict[Name, Mapping[str, Any]]:
    """What `docker save` wrote, by tag."""
    entries = json.loads((folder / "manifest.json").read_text())
    return {Name.from_text(tag): entry for entry in entries for tag in entry["RepoTags"] or ()}


def _exists(request: urllib.request.Request) -> bool:
    try:
        with _open(request, timeout=ANSWER_SECONDS) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as refused:
        refused.close()
        return False
    except OSError:
        return False


def _ask(request: urllib.request.Request) -> tuple[int, str]:
    """Status and `Location` of the answer."""
    try:
        answer: HTTPResponse
        with _open(request, timeout=ANSWER_SECONDS) as answer:
            return answer.status, answer.headers.get("Location", "")
    except urllib.error.HTTPError as refused:
        with refused:
            said = refused.read(2000).decode(errors="replace")
        raise MirrorError(f"{request.get_method()} {request.full_url}: {refused.code} {said}") from refused
    except OSError as error:
        raise MirrorError(f"{request.get_method()} {request.full_url}: {error}") from error
