"""Which runner an image is, and what that means."""

import pytest

from fleet.core.runner_version import (
    LAST_ACT_RUNNER,
    RunnerImage,
    Version,
    binary,
    config_text,
    parse_version,
    reaches,
    read_runner,
    warning,
)

DIGEST = "@sha256:" + "0a" * 32


@pytest.mark.parametrize(
    ("text", "image", "version", "program"),
    [
        ("0.2.13", "gitea/act_runner:0.2.13", (0, 2, 13), "act_runner"),
        ("0.6", "gitea/act_runner:0.6", (0, 6), "act_runner"),
        ("0", "gitea/act_runner:0", (0,), "act_runner"),
        ("1.0.0", "gitea/runner:1.0.0", (1, 0, 0), "gitea-runner"),
        ("4.1.0", "gitea/runner:4.1.0", (4, 1, 0), "gitea-runner"),
        ("v4.1.0", "gitea/runner:4.1.0", (4, 1, 0), "gitea-runner"),
        ("4.1", "gitea/runner:4.1", (4, 1), "gitea-runner"),
        ("4", "gitea/runner:4", (4,), "gitea-runner"),
        ("latest", "gitea/runner:latest", None, "gitea-runner"),
        ("nightly", "gitea/runner:nightly", None, "gitea-runner"),
        ("gitea/runner", "gitea/runner", None, "gitea-runner"),
        ("gitea/act_runner:nightly", "gitea/act_runner:nightly", LAST_ACT_RUNNER, "act_runner"),
        ("docker.gitea.com/runner:5.0.0", "docker.gitea.com/runner:5.0.0", (5, 0, 0), "gitea-runner"),
        ("reg.example:5000/ci/runner", "reg.example:5000/ci/runner", None, "gitea-runner"),
        ("reg.example:5000/ci/own:0.3.1", "reg.example:5000/ci/own:0.3.1", (0, 3, 1), "act_runner"),
        (f"gitea/runner:4.0.0{DIGEST}", f"gitea/runner:4.0.0{DIGEST}", (4, 0, 0), "gitea-runner"),
        (f"gitea/act_runner{DIGEST}", f"gitea/act_runner{DIGEST}", LAST_ACT_RUNNER, "act_runner"),
    ],
)
def test_a_version_or_an_image_says_which_runner_it_is(
    text: str, image: str, version: Version | None, program: str
) -> None:
    runner = read_runner(text)
    assert runner == RunnerImage(image, version)
    assert binary(runner) == program


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("4.1.0-dind", "\"4.1.0-dind\" brings its own Docker (dind); a fleet's runner uses the machine's"),
        ("gitea/runner:dind", "\"dind\" brings its own Docker (dind); a fleet's runner uses the machine's"),
        (
            "gitea/runner:latest-dind-rootless",
            "\"latest-dind-rootless\" brings its own Docker (dind); a fleet's runner uses the machine's",
        ),
        ("newest", '"newest" is neither a version nor an image'),
        ("", '"" is neither a version nor an image'),
        ("gitea/runner:", '"gitea/runner:" is neither a version nor an image'),
        ("1.2.3.4", '"1.2.3.4" is neither a version nor an image'),
        ("0.2.10", "gitea/act_runner:0.2.10 is older than 0.2.11 and kills its jobs when it stops"),
        ("gitea/act_runner:0.1.8", "gitea/act_runner:0.1.8 is older than 0.2.11 and kills its jobs when it stops"),
    ],
)
def test_what_is_no_runner_for_us_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        read_runner(text)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("4.1.0", ""),
        ("gitea/act_runner:0.2.13", ""),
        (f"gitea/runner:nightly{DIGEST}", ""),
        (
            "gitea/act_runner:nightly",
            "gitea/act_runner:nightly gets no updates since runner 1.0.0: gitea/runner is its successor",
        ),
        (
            "nightly",
            "gitea/runner:nightly moves: machines made on different days run different runners; a version stays",
        ),
        (
            "reg.example:5000/gitea/runner",
            "reg.example:5000/gitea/runner moves: machines made on different days run different runners; "
            "a version stays",
        ),
    ],
)
def test_tags_that_move_or_went_stale_are_warned_about(text: str, sentence: str) -> None:
    assert warning(read_runner(text)) == sentence


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("1.27.3", (1, 27, 3)),
        ("28.0.0", (28, 0, 0)),
        ("v1.26.0+dev-12-g3ab12c", (1, 26, 0)),
        ("1.27.0-rc1", (1, 27, 0)),
        ("29.10.0", (29, 10, 0)),
        ("28", (28,)),
    ],
)
def test_versions_are_read_as_numbers(text: str, version: Version) -> None:
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["", "latest", "1..2", "development"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no version"):
        parse_version(text)


def test_after_gitea_1_27_comes_28() -> None:
    assert parse_version("1.27.3") < parse_version("28.0.0") < parse_version("28.1.0")


@pytest.mark.parametrize(
    ("version", "reached"),
    [((1, 0, 4), True), ((1, 0, 3), False), ((1,), True), ((1, 0), True), ((0, 6), False), (None, True)],
)
def test_a_short_version_is_the_newest_of_its_line(version: Version | None, reached: bool) -> None:
    assert reaches(version, (1, 0, 4)) is reached


@pytest.mark.parametrize(
    ("runner", "text"),
    [("5.0.0", "a$${X}$Y"), ("5", "a$${X}$Y"), ("latest", "a$${X}$Y"), ("4.1.0", "a${X}$Y")],
)
def test_variables_are_escaped_for_runners_that_expand_them(runner: str, text: str) -> None:
    assert config_text("a${X}$Y", read_runner(runner).version) == text


def test_the_nightly_of_the_old_name_expands_nothing() -> None:
    assert config_text("${X}", read_runner("gitea/act_runner:nightly").version) == "${X}"
