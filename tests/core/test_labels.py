"""Runner labels: read, refused, matched."""

import pytest

from fleet.core.labels import DEFAULT_LABELS, RunnerLabel, images, matches, names, read_label


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("ubuntu-latest:docker://node:20", RunnerLabel("ubuntu-latest", "docker", "node:20")),
        ("big:docker://reg.example:5000/ci/job:1", RunnerLabel("big", "docker", "reg.example:5000/ci/job:1")),
        ("tools:host", RunnerLabel("tools", "host")),
    ],
)
def test_a_label_in_full_form_is_read(text: str, label: RunnerLabel) -> None:
    assert read_label(text) == label


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ubuntu-latest", '"ubuntu-latest" does not say where its jobs run'),
        ("ubuntu-latest:", '"ubuntu-latest:" does not say where its jobs run'),
        (":host", '":host" has no name'),
        ("", '"" has no name'),
        ("a:docker://", '"a:docker://" has neither docker://IMAGE nor host after its name'),
        ("a:podman://x", '"a:podman://x" has neither docker://IMAGE nor host after its name'),
        ("a b:host", '"a b:host" has a space or a comma in it'),
        ("a,b:host", '"a,b:host" has a space or a comma in it'),
    ],
)
def test_anything_else_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=r".") as refused:
        read_label(text)
    assert str(refused.value) == sentence


def test_the_defaults_can_be_read() -> None:
    assert names(DEFAULT_LABELS) == ("ubuntu-latest", "ubuntu-24.04", "ubuntu-22.04")
    assert all(image.startswith("docker.gitea.com/runner-images:") for image in images(DEFAULT_LABELS))


def test_an_image_is_pulled_once_and_host_labels_need_none() -> None:
    assert images(["a:docker://two", "b:docker://one", "c:docker://two", "d:host"]) == ("two", "one")


@pytest.mark.parametrize(
    ("runs_on", "fits"),
    [({"a"}, True), ({"a", "b"}, True), (set(), True), ({"a", "c"}, False), ({"A"}, False)],
)
def test_a_job_goes_to_a_runner_that_has_all_its_labels(runs_on: set[str], fits: bool) -> None:
    assert matches(frozenset(runs_on), frozenset({"a", "b"})) is fits
