"""The stand-in Gitea's repositories, read by the real git, over http and over https with a private CA."""

import base64
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleet.lab.gitea import Gitea
from fleet.lab.gitea.state import Owner, Repo
from fleet.lab.tls import Authority
from tests.lab.gitea_client import call, register

JOB = "on: push\njobs:\n  a: {runs-on: ubuntu-latest, steps: [{run: echo}]}\n"
FILES = {"README.md": "hello\n", "src/a.txt": "a\n", "src-b": "b\n", "src/deep/er/c": "c" * 100_000}


@dataclass(frozen=True)
class Lab:
    gitea: Gitea
    acme: Owner
    repo: Repo
    url: str
    ca: str
    folder: Path

    def git(self, *words: str, token: str = "", good: bool = True) -> str:
        """What git says; the token goes where checkouts put it."""
        basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        header = ["-c", f"http.extraHeader=Authorization: Basic {basic}"] if token else []
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "GIT_TERMINAL_PROMPT": "0", "no_proxy": "*"}
        trust = {"GIT_SSL_CAINFO": self.ca} if self.ca else {}
        done = subprocess.run(
            ["git", *header, *words], cwd=self.folder, env=env | trust, capture_output=True, text=True, check=False
        )
        assert (done.returncode == 0) is good, done.stderr
        return done.stdout + done.stderr

    @property
    def address(self) -> str:
        return f"{self.url}/acme/app.git"


@pytest.fixture(params=["http", "https"])
def lab(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lab]:
    assert shutil.which("git"), "these tests speak to the real git"
    gitea = Gitea()
    acme = gitea.add_user("acme")
    repo = gitea.add_repo(acme, "app")
    for path, content in FILES.items():
        gitea.push(repo, path, content)
    authority, ca = Authority.new("lab"), tmp_path / "ca.pem"
    ca.write_text(authority.pem)
    certificate = authority.sign(["127.0.0.1"]) if request.param == "https" else ""
    with gitea.serve(certificate=certificate) as served:
        yield Lab(gitea, acme, repo, served.url, str(ca) if certificate else "", tmp_path)


def test_a_clone_has_every_file_and_the_commit(lab: Lab) -> None:
    token = lab.gitea.add_token(lab.acme, ["read:repository"])
    lab.git("clone", "--quiet", lab.address, "full", token=token)
    assert {path: (lab.folder / "full" / path).read_text() for path in FILES} == FILES
    assert lab.git("-C", "full", "rev-parse", "HEAD").strip() == lab.repo.head
    assert lab.git("-C", "full", "fsck", "--strict") == ""
    assert lab.git("-C", "full", "branch", "--show-current").strip() == "main"


def test_a_job_fetches_its_own_commit_as_checkouts_do_with_its_own_token(lab: Lab) -> None:
    lab.gitea.push(lab.repo, ".gitea/workflows/a.yaml", JOB)
    token = token_of_the_job(lab)
    at = lab.repo.head
    lab.gitea.push(lab.repo, "later", "x")
    lab.git("init", "--quiet", "work")
    lab.git("-C", "work", "fetch", "--quiet", "--depth=1", lab.address, f"+{at}:refs/remotes/origin/main", token=token)
    lab.git("-C", "work", "checkout", "--quiet", "--force", "refs/remotes/origin/main")
    assert lab.git("-C", "work", "rev-parse", "HEAD").strip() == at
    assert not (lab.folder / "work" / "later").exists()


def token_of_the_job(lab: Lab) -> str:
    """Of the one that the last push has started; taken over plain http."""
    with lab.gitea.serve() as served:
        task = register(served.url, lab.gitea.registration_token()).fetch()
    return str(task["secrets"]["GITEA_TOKEN"])


def test_a_second_fetch_brings_what_is_new(lab: Lab) -> None:
    token = lab.gitea.add_token(lab.acme, ["read:repository"])
    lab.git("clone", "--quiet", lab.address, "full", token=token)
    lab.gitea.push(lab.repo, "later", "x")
    lab.git("-C", "full", "fetch", "--quiet", token=token)
    assert lab.git("-C", "full", "rev-parse", "origin/main").strip() == lab.repo.head


def test_guests_and_strangers_read_nothing(lab: Lab) -> None:
    for token in ("", "wrong", lab.gitea.add_token(lab.acme, ["write:user"])):
        lab.git("ls-remote", lab.address, token=token, good=False)


def test_nobody_pushes_by_git(lab: Lab) -> None:
    token = lab.gitea.add_token(lab.acme, ["write:repository"])
    lab.git("clone", "--quiet", lab.address, "full", token=token)
    assert "403" in lab.git("-C", "full", "push", "--quiet", "origin", "HEAD:other", token=token, good=False)


def test_a_commit_that_is_not_there_is_said_not_to_be(lab: Lab) -> None:
    token = lab.gitea.add_token(lab.acme, ["read:repository"])
    lab.git("init", "--quiet", "work")
    said = lab.git("-C", "work", "fetch", "--depth=1", lab.address, "f" * 40, token=token, good=False)
    assert "not our ref" in said


def test_an_empty_repository_is_one(lab: Lab) -> None:
    lab.gitea.add_repo(lab.acme, "empty")
    token = lab.gitea.add_token(lab.acme, ["read:repository"])
    assert "empty" in lab.git("clone", f"{lab.url}/acme/empty.git", "none", token=token)


def test_a_file_below_a_file_is_refused() -> None:
    gitea = Gitea()
    acme = gitea.add_user("acme")
    repo = gitea.add_repo(acme, "app")
    gitea.push(repo, "README.md", "hello")
    headers = {"Authorization": f"token {gitea.add_token(acme, ['write:repository'])}"}
    content = {"content": base64.b64encode(b"x").decode()}
    with gitea.serve() as served:
        reply = call(served.url, "POST", "/api/v1/repos/acme/app/contents/README.md/x", content, headers=headers)
    assert reply.status == 422
    assert "README.md/x" not in repo.files
