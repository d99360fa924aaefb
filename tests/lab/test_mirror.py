"""How images get out of Docker, on any Python that is supported."""

import io
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from fleet.lab import docker_cli, mirror


@contextmanager
def _saved(_: Any) -> Iterator[IO[bytes]]:
    """What ``docker save`` writes: here a file of one line."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        member = tarfile.TarInfo("manifest.json")
        member.size = 2
        tar.addfile(member, io.BytesIO(b"[]"))
    yield io.BytesIO(out.getvalue())


@pytest.fixture
def without_filters(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Debian 12's Python 3.11.2 has it: ``extractall`` knows no ``filter``."""
    real = tarfile.TarFile.extractall
    monkeypatch.delattr(tarfile, "data_filter", raising=False)
    monkeypatch.setattr(tarfile.TarFile, "extractall", lambda tar, path: real(tar, path))


@pytest.mark.filterwarnings("ignore:Python 3.14:DeprecationWarning")
def test_images_are_unpacked_by_a_python_without_filters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without_filters: None
) -> None:
    monkeypatch.setattr(docker_cli, "reading", _saved)
    mirror._save(["image:latest"], tmp_path)
    assert (tmp_path / "manifest.json").read_text() == "[]"


def test_images_are_unpacked_by_one_that_has_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_cli, "reading", _saved)
    mirror._save(["image:latest"], tmp_path)
    assert (tmp_path / "manifest.json").read_text() == "[]"
