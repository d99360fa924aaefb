"""What is published works where nothing else is: the wheel in an empty environment, without a checkout."""

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet.lab.gitea import Gitea
from fleet.lab.hetzner import HetznerApi
from fleet.lab.hetzner.hypervisor import NoHypervisor

ROOT = Path(__file__).parents[2]
TOKEN = "t" * 64


def _uv(*words: str) -> str:
    uv = Path(sys.executable).parent / "uv"
    kept = {key: value for key, value in os.environ.items() if key != "VIRTUAL_ENV"}
    done = subprocess.run(
        [str(uv) if uv.exists() else "uv", *words], cwd=ROOT, env=kept, capture_output=True, text=True, timeout=110
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source archive."""
    folder = tmp_path_factory.mktemp("dist")
    _uv("build", "--quiet", "--out-dir", str(folder))
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``fleet`` command of an environment that has the wheel and what it depends on."""
    venv = tmp_path_factory.mktemp("venv")
    _uv("venv", "--quiet", "--clear", "--python", sys.executable, str(venv))
    wheel = next(built.glob("*.whl"))
    _uv("pip", "install", "--quiet", "--python", str(venv / "bin" / "python"), str(wheel))
    return venv / "bin" / "fleet"


@pytest.fixture
def clouds() -> Iterator[dict[str, str]]:
    """A Hetzner without machines and a stand-in Gitea, and where they are."""
    gitea = Gitea()
    token = gitea.add_token(gitea.add_user("lab", admin=True), ["all"])
    with HetznerApi(NoHypervisor(), token=TOKEN).serve() as hetzner, gitea.serve() as serving:
        yield {
            "HCLOUD_TOKEN": TOKEN,
            "FLEET_GITEA_TOKEN": token,
            "HETZNER": hetzner.url,
            "GITEA": serving.url,
        }


def test_the_wheel_has_all_that_goes_to_servers(built: Path) -> None:
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = set(wheel.namelist())
    stack = {f"fleet/stack/{file.name}" for file in (ROOT / "fleet" / "stack").iterdir() if file.is_file()}
    lab = {f"fleet/lab/files/{file.name}" for file in (ROOT / "fleet" / "lab" / "files").iterdir() if file.is_file()}
    templates = {f"fleet/cloud-init/{file.name}" for file in (ROOT / "cloud-init").iterdir()}
    assert names >= stack | lab | templates | {"fleet/lab/runner/stand_in_runner.py"}
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"fleet"}
    assert not any("__pycache__" in name or name.startswith("fleet/tests") for name in names)


def test_the_source_archive_has_what_it_is_made_of_and_no_more(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert names >= {"pyproject.toml", "cloud-init/server.yaml", "fleet/stack/compose.yaml", "tests/__init__.py"}
    assert names >= {"README.md", "LICENSE", "inventory.example.toml"}
    assert not [name for name in names if name.startswith((".venv", "dist", ".git/")) or name.endswith(".pyc")]
    assert not [name for name in names if Path(name).name in {".env", "inventory.toml"}]


def test_the_installed_command_plans(installed: Path, clouds: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "inventory.toml").write_text(
        f'name = "ci"\ngitea.url = "{clouds["GITEA"]}"\nhetzner.endpoint = "{clouds["HETZNER"]}"\n[pools.build]\n'
    )
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "LANG"}}
    home = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config"), "COLUMNS": "200"}
    done = subprocess.run(
        [str(installed), "plan"], cwd=tmp_path, env={**kept, **home, **clouds}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "ci-build-1" in done.stdout
    assert "€" in done.stdout


def test_without_the_extra_the_lab_says_what_to_install(installed: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [str(installed.parent / "python"), "-c", "import yaml"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode != 0, "the empty environment is empty"
    done = subprocess.run(
        [str(installed.parent / "python"), "-c", "from fleet.lab import life; life._must_have_extra()"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "pip install '.[lab]'" in done.stderr
