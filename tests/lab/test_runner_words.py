"""The small parts of the stand-in runner: durations, labels, names, command files, its command line."""

import sys
from pathlib import Path

import pytest
import yaml

from fleet.lab.runner import stand_in_runner as runner


@pytest.mark.parametrize(
    ("text", "expected"), [("3h", 10800.0), ("1h30m", 5400.0), ("500ms", 0.5), ("1.5s", 1.5), (None, 7.0)]
)
def test_durations_are_read_as_go_writes_them(text: str | None, expected: float) -> None:
    assert runner.seconds(text, 7.0) == expected


def test_a_duration_that_is_none_is_refused() -> None:
    with pytest.raises(runner.RunnerError, match="'3 hours' is no duration"):
        runner.seconds("3 hours", 0)


@pytest.mark.parametrize(
    ("value", "expected"), [(10800, "3h0m0s"), (90, "1m30s"), (5, "5s"), (0, "0s"), (11400, "3h10m0s")]
)
def test_durations_are_written_as_go_writes_them(value: float, expected: str) -> None:
    assert runner.go_duration(value) == expected


def test_a_label_names_an_image_or_the_host() -> None:
    assert runner.Label.parse("a:docker://x/y:1") == runner.Label("a", "x/y:1")
    assert runner.Label.parse("a:host") == runner.Label.parse("a") == runner.Label("a", "")
    with pytest.raises(runner.RunnerError, match="unsupported schema"):
        runner.Label.parse("a:podman://x")


def test_a_container_name_is_sanitized_cut_and_hashed() -> None:
    name = runner.container_name("GITEA-ACTIONS-TASK-7", "WORKFLOW-ci & test", "JOB-" + "x" * 80)
    assert name.startswith("GITEA-ACTIONS-TASK-7-WORKFLOW-ci-")
    assert len(name) == 63 + 1 + 64
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-")


def test_command_files_hold_lines_and_blocks() -> None:
    text = "A=1\nB<<END\nx=y\nz\nEND\nC=a<<b\nnothing\n"
    assert runner.key_values(text) == {"A": "1", "B": "x=y\nz", "C": "a<<b"}


def test_an_unreadable_configuration_is_said_with_its_file(tmp_path: Path) -> None:
    with pytest.raises(runner.RunnerError, match=r"invalid configuration: .*none\.yaml"):
        runner.Config.load(str(tmp_path / "none.yaml"))


def test_the_generated_configuration_is_one_it_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert runner.main(["generate-config"]) == 0
    file = tmp_path / "config.yaml"
    file.write_text(capsys.readouterr().out)
    assert yaml.safe_load(file.read_text()) == runner.EXAMPLE
    assert runner.Config.load(str(file)).timeout == 10800


@pytest.mark.parametrize(
    ("called", "answer"),
    [
        ("/usr/local/bin/act_runner", "act_runner version v0.2.13-stand-in"),
        ("/usr/local/bin/gitea-runner", "gitea-runner version v1.0.8-stand-in"),
    ],
)
def test_the_version_is_that_of_the_name_it_is_called_by(
    called: str, answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    with pytest.raises(SystemExit):
        runner.main(["--version"])
    assert capsys.readouterr().out.strip() == answer
