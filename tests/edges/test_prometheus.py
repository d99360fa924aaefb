"""The file for the textfile collector: whole or not at all, readable by another user, in the exposition format."""

import os
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from fleet.core.errors import Refused
from fleet.core.metrics import Family, Sample
from fleet.edges import prometheus

ONE = Family("fleet_one", "One.", (Sample(1, {}),))
TWO = Family("fleet_two_seconds", "Two.", (Sample(0.5, {"pool": "a", "phase": "idle"}), Sample(2, {"pool": "b"})))


def test_each_family_has_its_help_its_type_and_its_numbers_with_the_fleets_name() -> None:
    assert prometheus.text("ci", [ONE, TWO]).decode() == (
        "# HELP fleet_one One.\n"
        "# TYPE fleet_one gauge\n"
        'fleet_one{fleet="ci"} 1.0\n'
        "# HELP fleet_two_seconds Two.\n"
        "# TYPE fleet_two_seconds gauge\n"
        'fleet_two_seconds{fleet="ci",phase="idle",pool="a"} 0.5\n'
        'fleet_two_seconds{fleet="ci",pool="b"} 2.0\n'
    )


def test_a_time_is_written_to_the_second() -> None:
    text = prometheus.text("ci", [Family("fleet_at", "At.", (Sample(1764089999.25, {}),))]).decode()
    (family,) = text_string_to_metric_families(text)
    assert family.samples[0].value == 1764089999.25


def test_the_file_is_readable_by_all_whatever_the_umask_is(tmp_path: Path) -> None:
    file, before = tmp_path / "fleet.prom", os.umask(0o077)
    try:
        prometheus.write(file, "ci", [ONE])
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o644


def test_the_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    file = tmp_path / "fleet.prom"
    prometheus.write(file, "ci", [TWO])
    with file.open() as reader:
        prometheus.write(file, "ci", [ONE])
        assert "fleet_two_seconds" in reader.read(), "who reads the old one reads it to its end"
    assert file.read_bytes() == prometheus.text("ci", [ONE])
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_told_and_where_the_file_should_go(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="No such file or directory") as caught:
        prometheus.write(tmp_path / "none" / "fleet.prom", "ci", [ONE])
    assert "textfile.directory" in caught.value.hint


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "fleet.prom"
    prometheus.write(file, "ci", [TWO])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)
    with pytest.raises(Refused, match="No space left"):
        prometheus.write(file, "ci", [ONE])
    assert file.read_bytes() == prometheus.text("ci", [TWO])
    assert list(tmp_path.iterdir()) == [file]


def test_a_pipe_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        prometheus.write(pipe, "ci", [ONE])
        assert os.read(reader, 10_000) == prometheus.text("ci", [ONE])
    finally:
        os.close(reader)
    assert pipe.is_fifo()
