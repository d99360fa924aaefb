"""The lab's images: made once, kept in the local Docker, found again by a tag that is a hash of their recipe.

One small Debian (`debian.py`) is the root of all. Each further image is a Dockerfile of `files/` on top of
another, so that what they share is made, stored and sent once:

    root -> base -> server -> server-docker     what `vps.py` runs as servers
                 -> job -> runner               what servers pull from the mirror
                 -> mirror                      what `mirror.py` runs

A changed recipe is another tag, for that image and all on top of it; nothing is ever updated in place.
Packages, and apt's archive and proxies, stay as they were when the images were made: `forget` makes way for new ones.
"""

import hashlib
import io
import shutil
import tarfile
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from fleet.lab import debian, docker_cli

FILES = Path(__file__).parent / "files"
LABEL = "fleet.lab.image"
BUILD_SECONDS = 900.0

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Images:
    """Local tags of the images a lab is made of."""

    server: str
    server_docker: str
    job: str
    runner: str
    mirror: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """One image: the Dockerfile, the files it copies, and the tag of the image under it."""

    name: str
    dockerfile: str
    files: Mapping[str, bytes]
    argument: str
    under: str

    @property
    def tag(self) -> str:
        """`fleet-lab/NAME:HASH`."""
        content = [self.dockerfile.encode(), self.under.encode()]
        for name in sorted(self.files):
            content += [name.encode(), self.files[name]]
        return f"fleet-lab/{self.name}:{_hash(content)}"


@dataclass(frozen=True, slots=True)
class Recipes:
    """All recipes, and the tag of the root they stand on."""

    root: str
    base: Recipe
    server: Recipe
    server_docker: Recipe
    job: Recipe
    runner: Recipe
    mirror: Recipe

    def images(self) -> Images:
        """The tags that a lab runs."""
        return Images(self.server.tag, self.server_docker.tag, self.job.tag, self.runner.tag, self.mirror.tag)


def needed_packages() -> tuple[str, ...]:
    """Debian packages to install before `make` can work without an image hub; none where all is there."""
    return () if shutil.which("mmdebstrap") else ("mmdebstrap",)


def present(runner_file: Path) -> Images | None:
    """The images if all of them are made already, else None. One question to the local Docker."""
    images = _recipes(runner_file).images()
    return images if set(_tags(images)) <= _local() else None


def make(runner_file: Path, say: Say) -> Images:
    """Make the images that are missing and return all. `runner_file` becomes the entry point of the runner.

    From nothing it takes about a minute on two cores. Raises DockerError.
    """
    recipes, local = _recipes(runner_file), _local()
    if recipes.base.tag not in local:
        _make_base(recipes, local, say)
    branches = (
        (recipes.server, recipes.server_docker),
        (recipes.mirror, recipes.job, recipes.runner),
    )
    with ThreadPoolExecutor(len(branches)) as pool:
        for done in [pool.submit(_build_all, branch, local, say) for branch in branches]:
            done.result()
    return recipes.images()


def forget(say: Say) -> None:
    """Remove every image the lab has made, of this recipe and of older ones."""
    tags = sorted(tag for tag in _local() if tag.startswith("fleet-lab/"))
    for tag in tags:
        say(f"removing {tag}")
        docker_cli.run(("image", "rm", "--force", tag))


def _make_base(recipes: Recipes, local: set[str], say: Say) -> None:
    source = debian.archive()
    if recipes.root not in local:
        debian.make_root(recipes.root, source, say)
    apt = {"apt.conf": source.apt_conf().encode(), "debian.sources": source.sources().encode()}
    _build(recipes.base, say, apt)


def _build_all(recipes: tuple[Recipe, ...], local: set[str], say: Say) -> None:
    for recipe in recipes:
        if recipe.tag not in local:
            _build(recipe, say)


def _build(recipe: Recipe, say: Say, here: Mapping[str, bytes] | None = None) -> None:
    """Build an image. Files of `here` are this machine's own, and no part of the recipe."""
    say(f"making {recipe.tag}")
    argument = f"{recipe.argument}={recipe.under}"
    docker_cli.run(
        (
            "build",
            "--quiet",
            "--force-rm",
            "--build-arg",
            argument,
            "--label",
            LABEL,
            "--tag",
            recipe.tag,
            "-",
        ),
        stdin=_context({"Dockerfile": recipe.dockerfile.encode(), **recipe.files, **(here or {})}),
        timeout=BUILD_SECONDS,
    )


def _context(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _recipes(runner_file: Path) -> Recipes:
    root = f"fleet-lab/root:{debian.SUITE}"
    base = _recipe("base", "ROOT", root, "small.cfg", "add-packages")
    server = _recipe("server", "BASE", base.tag, "cloud.cfg", "first-process")
    job = _recipe("job", "BASE", base.tag, "job.cfg")
    runner = _recipe("runner", "JOB", job.tag)
    return Recipes(
        root=root,
        base=base,
        server=server,
        server_docker=_recipe("server-docker", "SERVER", server.tag),
        job=job,
        runner=replace(runner, files={"stand_in_runner.py": runner_file.read_bytes()}),
        mirror=_recipe("mirror", "BASE", base.tag, "mirror.yml"),
    )


def _recipe(name: str, argument: str, under: str, *files: str) -> Recipe:
    contents = {file: _file(file) for file in files}
    return Recipe(name, _file(f"{name}.Dockerfile").decode(), contents, argument, under)


def _file(name: str) -> bytes:
    return (FILES / name).read_bytes()


def _hash(content: list[bytes]) -> str:
    digest = hashlib.sha256()
    for part in content:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:12]


def _tags(images: Images) -> tuple[str, ...]:
    return (images.server, images.server_docker, images.job, images.runner, images.mirror)


def _local() -> set[str]:
    """All tags of the local Docker. An engine that does not answer is an error, never an empty list."""
    listed = docker_cli.run(("image", "ls", "--format", "{{.Repository}}:{{.Tag}}"))
    return set(listed.splitlines())
