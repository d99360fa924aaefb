"""The container recipe and the CronJob: they parse, are locked down, and agree with the program and each other."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from fleet.cli.main import app
from fleet.core.inventory import TailnetSettings
from fleet.edges import inventory as inventory_file
from tests.cli.terminal import children

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
Json = dict[str, Any]

OBJECTS: list[Json] = list(yaml.safe_load_all((DEPLOY / "cronjob.yaml").read_text("utf-8")))
DOCKERFILE = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ")


def one(kind: str) -> Json:
    (found,) = (each for each in OBJECTS if each["kind"] == kind)
    return found


SPEC: Json = one("CronJob")["spec"]
POD: Json = SPEC["jobTemplate"]["spec"]["template"]["spec"]
CONTAINERS: list[Json] = [*POD["initContainers"], *POD["containers"]]
every_container = pytest.mark.parametrize("container", CONTAINERS, ids=lambda one: str(one["name"]))


def instructions(word: str) -> list[str]:
    return [line.removeprefix(word).strip() for line in DOCKERFILE.splitlines() if line.startswith(f"{word} ")]


def test_all_objects_are_in_one_namespace() -> None:
    assert [each["kind"] for each in OBJECTS] == ["Namespace", "ConfigMap", "CronJob"]
    assert {each["metadata"].get("namespace", each["metadata"]["name"]) for each in OBJECTS} == {"fleet"}
    assert {each["apiVersion"] for each in OBJECTS} == {"v1", "batch/v1"}


def test_two_passes_never_overlap_and_a_bad_one_is_not_tried_again() -> None:
    assert SPEC["concurrencyPolicy"] == "Forbid"
    assert SPEC["jobTemplate"]["spec"]["backoffLimit"] == 0
    assert POD["restartPolicy"] == "Never"


def test_the_inventory_is_right_and_its_period_is_that_of_the_schedule() -> None:
    read = inventory_file.parse(one("ConfigMap")["data"]["inventory.toml"], "inventory.toml")
    assert SPEC["schedule"] == f"*/{read.cron.minutes} * * * *"
    assert read.ssh.key == POD["initContainers"][0]["command"][-1]


def test_the_pod_runs_as_the_images_user_and_may_do_nothing_else() -> None:
    assert instructions("USER") == ["10001:10001"]
    assert POD["securityContext"]["runAsNonRoot"] is True
    assert {POD["securityContext"][key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {10001}
    assert POD["automountServiceAccountToken"] is False


@every_container
def test_no_container_can_gain_rights_or_write_its_root(container: Json) -> None:
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@every_container
def test_what_is_mounted_is_there(container: Json) -> None:
    volumes = {volume["name"] for volume in POD["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


def test_secrets_come_from_secrets_and_the_key_is_for_its_user_alone() -> None:
    read = inventory_file.parse(one("ConfigMap")["data"]["inventory.toml"], "inventory.toml")
    variables = {each["name"]: each for each in POD["containers"][0]["env"]}
    sources = (read.gitea.token, read.hetzner.token, TailnetSettings().token)
    assert set(variables) == {str(source).strip("$") for source in sources}
    optional = {name for name, each in variables.items() if each["valueFrom"]["secretKeyRef"].get("optional")}
    assert optional == {str(TailnetSettings().token).strip("$")}, "a fleet may be without a tailnet"
    assert all("secretKeyRef" in each["valueFrom"] for each in variables.values())
    assert "0600" in POD["initContainers"][0]["command"]


def test_the_arguments_are_a_command_of_fleet() -> None:
    program = typer.main.get_command(app)
    name, *options = POD["containers"][0]["args"]
    assert name in children(program)
    assert options == []
    assert instructions("ENTRYPOINT") == ['["fleet"]']


def test_all_that_is_written_goes_to_a_mounted_folder() -> None:
    (environment,) = (line for line in instructions("ENV") if "XDG_STATE_HOME" in line)
    places = dict(word.split("=", 1) for word in shlex.split(environment))
    writable = {
        mount["mountPath"] for mount in POD["containers"][0]["volumeMounts"] if not mount.get("readOnly", False)
    }
    assert {str(Path(places[name]).parent) for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME")} == writable
    assert Path(places["FLEET_INVENTORY"]).parent.as_posix() in {
        mount["mountPath"] for mount in POD["containers"][0]["volumeMounts"]
    }


def test_the_image_copies_only_what_the_package_is_made_of() -> None:
    copied = [word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert set(copied) == {"pyproject.toml", "uv.lock", "README.md", "LICENSE", "fleet", "cloud-init"}
    assert all((ROOT / word).exists() for word in copied)


def test_the_image_has_a_python_that_the_package_takes() -> None:
    base = re.search(r"^ARG BASE=python:3\.(\d+)-slim$", DOCKERFILE, re.MULTILINE)
    lowest = re.search(r'^requires-python = ">=3\.(\d+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert base
    assert lowest
    assert int(base[1]) >= int(lowest[1])
