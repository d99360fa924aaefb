"""The lab's images: what a tag stands for, and that Docker Hub's names are read as Docker reads them."""

import shutil
from pathlib import Path

import pytest

from fleet.lab import docker_cli, images
from fleet.lab.debian import Archive
from fleet.lab.docker_cli import DockerError
from fleet.lab.images import Recipe, Recipes
from fleet.lab.mirror import Name


def recipes(folder: Path, runner: str = "pass\n") -> Recipes:
    file = folder / "runner.py"
    file.write_text(runner)
    return images._recipes(file)


def test_the_same_recipe_has_the_same_tag(tmp_path: Path) -> None:
    assert recipes(tmp_path).images() == recipes(tmp_path).images()


def test_another_runner_is_another_tag_for_the_runner_alone(tmp_path: Path) -> None:
    before, after = recipes(tmp_path).images(), recipes(tmp_path, "print()\n").images()
    assert before.runner != after.runner
    assert (before.server, before.server_docker, before.job, before.mirror) == (
        (after.server, after.server_docker, after.job, after.mirror)
    )


@pytest.mark.parametrize(
    "changed",
    [
        Recipe("a", "FROM x", {"f": b"1"}, "X", "base:2"),
        Recipe("a", "FROM y", {"f": b"1"}, "X", "base:1"),
        Recipe("a", "FROM x", {"f": b"2"}, "X", "base:1"),
        Recipe("a", "FROM x", {"g": b"1"}, "X", "base:1"),
        Recipe("a", "FROM x", {}, "X", "base:1"),
    ],
)
def test_every_part_of_a_recipe_is_in_its_tag(changed: Recipe) -> None:
    assert changed.tag != Recipe("a", "FROM x", {"f": b"1"}, "X", "base:1").tag


def test_each_image_stands_on_the_one_it_says(tmp_path: Path) -> None:
    made = recipes(tmp_path)
    for recipe in (made.base, made.server, made.server_docker, made.job, made.runner, made.mirror):
        assert f"ARG {recipe.argument}\nFROM ${{{recipe.argument}}}\n" in recipe.dockerfile


def test_a_machine_without_the_image_maker_is_told_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    assert images.needed_packages() == ("mmdebstrap",)


def test_the_machines_proxy_is_passed_on_to_the_servers() -> None:
    proxy = 'Acquire::http::Proxy "http://192.0.2.1:3142";'
    assert proxy in Archive("http://m/debian", "http://m/security", (proxy,)).apt_conf().splitlines()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("debian", Name("library/debian", "latest")),
        ("debian:13", Name("library/debian", "13")),
        ("gitea/act_runner:0.2.13", Name("gitea/act_runner", "0.2.13")),
        ("docker.io/gitea/runner", Name("gitea/runner", "latest")),
    ],
)
def test_a_hub_name_is_read_as_docker_reads_it(text: str, name: Name) -> None:
    assert Name.from_text(text) == name


def test_an_error_shows_the_command_and_the_last_lines() -> None:
    error = DockerError(("start", "x"), "\n".join(f"line {n}" for n in range(40)))
    assert str(error).startswith("docker start x: line 28\n")
    assert str(error).endswith("line 39")


def test_a_machine_without_docker_is_told_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DockerError, match="type: tools/ensure-docker"):
        docker_cli.run(("info",))


@pytest.mark.e2e
def test_a_command_that_fails_while_it_is_read_is_an_error() -> None:
    with pytest.raises(DockerError) as raised, docker_cli.reading(("save", "fleet-lab/nothing:0")) as stream:
        stream.read()
    assert raised.value.not_found


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_images_are_made_once(tmp_path: Path) -> None:
    file = tmp_path / "runner.py"
    file.write_text("pass\n")
    made = images.make(file, lambda _: None)
    said: list[str] = []
    assert images.present(file) == made
    assert images.make(file, said.append) == made
    assert said == []
