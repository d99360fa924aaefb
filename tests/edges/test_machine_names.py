"""Which machines there were: a file that completion reads, and nobody else."""

from pathlib import Path

from fleet.edges import machine_names


def test_what_was_kept_is_read(tmp_path: Path) -> None:
    machine_names.keep(tmp_path / "new", "ci", ["ci-build-2", "ci-build-1"])
    assert machine_names.read(tmp_path / "new", "ci") == ("ci-build-1", "ci-build-2")


def test_each_fleet_has_names_of_its_own(tmp_path: Path) -> None:
    machine_names.keep(tmp_path, "ci", ["ci-build-1"])
    assert machine_names.read(tmp_path, "night") == ()


def test_the_last_look_counts(tmp_path: Path) -> None:
    machine_names.keep(tmp_path, "ci", ["ci-build-1"])
    machine_names.keep(tmp_path, "ci", [])
    assert machine_names.read(tmp_path, "ci") == ()


def test_the_same_names_are_not_written_again(tmp_path: Path) -> None:
    machine_names.keep(tmp_path, "ci", ["ci-build-1"])
    before = (tmp_path / "ci.machines").stat().st_mtime_ns
    machine_names.keep(tmp_path, "ci", ["ci-build-1"])
    assert (tmp_path / "ci.machines").stat().st_mtime_ns == before


def test_a_folder_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    machine_names.keep(tmp_path / "file", "ci", ["ci-build-1"])
    assert machine_names.read(tmp_path / "file", "ci") == ()


def test_a_file_that_is_not_text_offers_nothing(tmp_path: Path) -> None:
    (tmp_path / "ci.machines").write_bytes(b"\xff\xfe")
    assert machine_names.read(tmp_path, "ci") == ()
