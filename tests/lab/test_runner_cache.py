"""The stand-in runner's cache: protocol v1, one namespace for each repository."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fleet.lab.runner.stand_in_runner import Cache, Config
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


def config(folder: Path) -> Config:
    return replace(Config.load(""), cache_dir=folder, cache_host="127.0.0.1")


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    cache = Cache.start(config(tmp_path))
    yield cache
    cache.close()


@pytest.fixture
def job(cache: Cache) -> Iterator[Job]:
    with cache.job("t1", "acme/app"):
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
    with cache.job("t2", "other/app"):
        other = Job(cache.url, "t2")
        assert other.find("k").status == 204
        assert other("POST", f"/caches/{number}").status == 403


def test_a_token_is_good_only_while_its_job_runs(cache: Cache) -> None:
    assert Job(cache.url, "").find("k").body == {"error": "missing bearer token"}
    with cache.job("t3", "acme/app"):
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
        cache = Cache.start(config(tmp_path))
        with cache.job("t", "acme/app"):
            job = Job(cache.url, "t")
            assert job.find("k").status == expected
            job.save("k", b"x")
        cache.close()
