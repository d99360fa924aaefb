"""The stand-in runner's cache: protocol v1, one namespace for each repository."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fleet.lab.runner import stand_in_runner
from fleet.lab.runner.stand_in_runner import Cache, Config, RemoteCache, RunnerError, start_cache
from tests.lab.gitea_client import Reply, call

API = "/_apis/artifactcache"


@dataclass(frozen=True, slots=True)
class Job:
    """A job with its token."""

    url: str
    token: str

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= more.pop("headers", {})
        return call(self.url, method, f"{API}{path}", body, headers=headers, **more)

    def save(self, key: str, *parts: bytes) -> int:
        number = int(self("POST", "/caches", {"key": key, "version": "1"}).body["cacheId"])
        start = 0
        for part in parts:
            place = {"Content-Range": f"bytes {start}-{start + len(part) - 1}/*"}
            assert self("PATCH", f"/caches/{number}", raw=part, headers=place).status == 200
            start += len(part)
        assert self("POST", f"/caches/{number}", {"size": start}).status == 200
        return number

    def find(self, keys: str, version: str = "1") -> Reply:
        return self("GET", f"/cache?keys={keys}&version={version}")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    cache = Cache.serve(tmp_path, "127.0.0.1", 0)
    yield cache
    cache.close()


@pytest.fixture
def job(cache: Cache) -> Iterator[Job]:
    with cache.job("t1", "acme/app", print):
        yield Job(cache.url, "t1")


def download(location: str) -> Reply:
    place = urlsplit(location)
    return call(f"http://{place.netloc}", "GET", f"{place.path}?{place.query}")


def test_what_is_saved_in_parts_is_found_and_downloaded_without_a_token(job: Job) -> None:
    job.save("linux-1", b"hello ", b"world")
    found = job.find("linux-1").body
    assert (found["result"], found["cacheKey"]) == ("hit", "linux-1")
    assert download(found["archiveLocation"]).raw == b"hello world"
    assert download(found["archiveLocation"].replace("sig=", "sig=0")).status == 401


def test_a_key_matches_exactly_first_then_the_newest_with_its_beginning(job: Job) -> None:
    for key in ("go-1", "go-2", "go"):
        job.save(key, b"x")
    job.save("go-3", b"x")
    assert job.find("go").body["cacheKey"] == "go"
    assert job.find("none,go-").body["cacheKey"] == "go-3"
    assert job.find("go", version="2").status == 204
    assert job.find("none").status == 204


def test_an_entry_is_found_only_when_it_is_complete(job: Job) -> None:
    job("POST", "/caches", {"key": "half", "version": "1"})
    assert job.find("half").status == 204


def test_repositories_do_not_see_each_other(cache: Cache, job: Job) -> None:
    number = job.save("k", b"x")
    with cache.job("t2", "other/app", print):
        other = Job(cache.url, "t2")
        assert other.find("k").status == 204
        assert other("POST", f"/caches/{number}").status == 403


def test_a_token_is_good_only_while_its_job_runs(cache: Cache) -> None:
    assert Job(cache.url, "").find("k").body == {"error": "missing bearer token"}
    with cache.job("t3", "acme/app", print):
        assert Job(cache.url, "t3").find("k").status == 204
    reply = Job(cache.url, "t3").find("k")
    assert (reply.status, reply.body) == (401, {"error": "unknown bearer token"})


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "/caches", [], 400),
        ("POST", "/caches/99", None, 400),
        ("PATCH", "/caches/99", None, 400),
        ("PATCH", "/caches/1", None, 400),
        ("GET", "/artifacts/99", None, 404),
        ("GET", "/nothing", None, 404),
    ],
)
def test_requests_that_make_no_sense_are_refused(job: Job, method: str, path: str, body: Any, status: int) -> None:
    job("POST", "/caches", {"key": "open", "version": "1"})
    raw = b"[]" if body == [] else b""
    assert job(method, path, raw=raw).status == status


def test_a_complete_entry_is_not_written_again(job: Job) -> None:
    number = job.save("k", b"x")
    reply = job("PATCH", f"/caches/{number}", raw=b"y", headers={"Content-Range": "bytes 0-0/*"})
    assert (reply.status, reply.body) == (400, {"error": f'cache {number} "k": already complete'})


def test_entries_outlive_the_runner(tmp_path: Path) -> None:
    for expected in (204, 200):
        cache = Cache.serve(tmp_path, "127.0.0.1", 0)
        with cache.job("t", "acme/app", print):
            job = Job(cache.url, "t")
            assert job.find("k").status == expected
            job.save("k", b"x")
        cache.close()


@pytest.fixture
def shared(cache: Cache) -> Cache:
    """The same cache, as `cache-server` serves it."""
    cache.control = "hush"
    return cache


def test_what_a_job_of_one_runner_saves_is_found_by_a_job_of_another(shared: Cache) -> None:
    said: list[str] = []
    for token, expected in (("t1", 204), ("t2", 200)):
        with RemoteCache(shared.url, "hush").job(token, "acme/app", said.append):
            job = Job(shared.url, token)
            assert job.find("k").status == expected
            job.save("k", b"x")
        assert Job(shared.url, token).find("k").status == 401
    assert said == []


def test_only_who_knows_the_secret_names_a_job(shared: Cache) -> None:
    said: list[str] = []
    with RemoteCache(shared.url, "guess").job("t1", "acme/app", said.append):
        assert Job(shared.url, "t1").find("k").status == 401
    assert said[0].startswith(f"::warning::cache external_server register failed ({shared.url}): ")


def test_a_runner_s_own_cache_takes_no_names_from_outside(cache: Cache) -> None:
    reply = call(cache.url, "POST", "/_internal/register", {"token": "t"}, headers={"Authorization": "Bearer "})
    assert reply.status == 404


def test_a_cache_server_that_is_gone_costs_the_job_its_cache_and_nothing_else(shared: Cache) -> None:
    shared.close()
    said: list[str] = []
    with RemoteCache(shared.url, "hush").job("t1", "acme/app", said.append):
        pass
    assert ["register failed" in said[0], "revoke failed" in said[1]] == [True, True]


def written(folder: Path, text: str) -> str:
    file = folder / "config.yaml"
    file.write_text(text)
    return str(file)


def test_a_runner_has_its_own_cache_another_s_or_none(tmp_path: Path) -> None:
    other = written(tmp_path, "cache: {external_server: http://10.0.0.2:8088/, external_secret: hush}")
    assert start_cache(Config.load(other)) == RemoteCache("http://10.0.0.2:8088", "hush")
    none = start_cache(Config.load(written(tmp_path, "cache: {enabled: false}")))
    assert (none.url, isinstance(none, Cache)) == ("", True)
    own = start_cache(Config.load(written(tmp_path, f"cache: {{dir: {tmp_path}, host: 127.0.0.1}}")))
    assert own.url.startswith("http://127.0.0.1:")
    own.close()


def test_the_secret_may_stand_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hush\n")
    given = f"cache: {{external_server: http://10.0.0.2:8088/, external_secret_file: {tmp_path / 'secret'}}}"
    assert Config.load(written(tmp_path, given)).cache_secret == "hush"
    with pytest.raises(RunnerError, match=r"read cache\.external_secret_file"):
        Config.load(written(tmp_path, given.replace("/secret", "/nothing")))


def test_a_server_elsewhere_needs_a_secret(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match=r"external_server is set but cache\.external_secret is empty"):
        Config.load(written(tmp_path, "cache: {external_server: http://10.0.0.2:8088/}"))


def test_the_cache_server_ends_on_int_and_is_deaf_to_term(tmp_path: Path) -> None:
    config = written(tmp_path, f"cache: {{dir: {tmp_path / 'cache'}, host: 127.0.0.1, external_secret: hush}}")
    command = [sys.executable, "-u", str(stand_in_runner.__file__), "cache-server", "-c", config]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        url = process.stderr.readline().split("listens at ")[1].strip('"\n')
        os.kill(process.pid, signal.SIGTERM)
        with RemoteCache(url, "hush").job("t1", "acme/app", print):
            assert Job(url, "t1").find("k").status == 204
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(timeout=20) == 0


def test_the_cache_server_does_not_start_without_a_secret(tmp_path: Path) -> None:
    with pytest.raises(RunnerError, match="external_secret must be set"):
        stand_in_runner.run_cache_server(
            stand_in_runner._parser().parse_args(["cache-server", "-c", written(tmp_path, "{}")])
        )
