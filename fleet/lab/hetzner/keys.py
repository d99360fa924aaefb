"""SSH keys: unique by name and by fingerprint."""

import base64
import binascii
import hashlib
import re

from fleet.lab.hetzner.errors import invalid, taken
from fleet.lab.hetzner.exchange import Answer, Json, Request
from fleet.lab.hetzner.fields import free_name, record, text
from fleet.lab.hetzner.labels import read_labels
from fleet.lab.hetzner.pages import record_page
from fleet.lab.hetzner.project import Project
from fleet.lab.hetzner.state import SshKey

KIND = re.compile(r"ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+")


def list_keys(project: Project, request: Request) -> Answer:
    wanted = request.one("fingerprint")
    found = [key for key in project.records.ssh_keys.values() if wanted in (None, key.fingerprint)]
    return record_page(request, "ssh_keys", found, key_json)


def get_key(project: Project, request: Request) -> Answer:
    return Answer(200, {"ssh_key": key_json(_key(project, request))})


def create_key(project: Project, request: Request) -> Answer:
    body, known = request.body(), project.records.ssh_keys
    name, labels = text(body, "name"), read_labels(body.get("labels"))
    public = text(body, "public_key", longest=16_384).strip()
    fingerprint = fingerprint_of(public)
    if any(key.fingerprint == fingerprint for key in known.values()):
        raise taken("SSH key", "fingerprint")
    free_name(known.values(), "SSH key", name)
    key = SshKey(project.new_id("ssh_key"), name, project.clock(), labels, fingerprint, public)
    known[key.id] = key
    return Answer(201, {"ssh_key": key_json(key)})


def update_key(project: Project, request: Request) -> Answer:
    key, body = _key(project, request), request.body()
    if "name" in body:
        key.name = free_name(project.records.ssh_keys.values(), "SSH key", text(body, "name"), key)
    if "labels" in body:
        key.labels = read_labels(body["labels"])
    return Answer(200, {"ssh_key": key_json(key)})


def delete_key(project: Project, request: Request) -> Answer:
    del project.records.ssh_keys[_key(project, request).id]
    return Answer(204)


def fingerprint_of(public_key: str) -> str:
    """MD5 of the key's bytes, in the colon form that Hetzner shows. Raises ApiError."""
    kind, _, rest = public_key.partition(" ")
    try:
        raw = base64.b64decode(rest.split(" ")[0], validate=True)
    except binascii.Error:
        raw = b""
    if not KIND.fullmatch(kind) or not raw:
        raise invalid("public_key", "is not an SSH public key")
    digest = hashlib.md5(raw, usedforsecurity=False).hexdigest()
    return ":".join(digest[start : start + 2] for start in range(0, len(digest), 2))


def key_json(key: SshKey) -> Json:
    return {
        "id": key.id,
        "name": key.name,
        "fingerprint": key.fingerprint,
        "public_key": key.public_key,
        "labels": key.labels,
        "created": key.created.isoformat(),
    }


def _key(project: Project, request: Request) -> SshKey:
    return record(project.records.ssh_keys, "ssh_key", request.ids[0])
