"""What keeps a host fit by itself: the values its clean-up is given."""

import subprocess
from dataclasses import replace

import pytest

from fleet.core.inventory import DockerSettings, DockerSource, Pool, RunnerSettings, Upkeep
from fleet.core.setup import host_wanted
from tests.core.builders import STACK, inventory, pool

PRESENT = DockerSettings(source=DockerSource.PRESENT)


def said(
    of: Pool | None = None, upkeep: Upkeep | None = None, *, static: bool = False, **environment: str
) -> list[str]:
    """The values as the script sees them."""
    one = of or pool()
    wanted = host_wanted(inventory(one, upkeep=upkeep or Upkeep()), one, STACK, static=static)
    conf = next(file.text for file in wanted.files if file.path == "/opt/fleet/clean.conf")
    names = "$CLEAN_AFTER $IMAGES_AFTER $BUILD_CACHE_AFTER $DISK_FULL $JOB_LIMIT $DOCKER $KEEP_IMAGES"
    script = f'set -eu\n{conf}\nprintf "%s\\n" {names}'
    shell = subprocess.run(["sh", "-s"], input=script, env=environment, capture_output=True, text=True, check=True)
    return shell.stdout.split()


def test_the_clean_up_is_told_the_inventorys_ages_and_which_images_stay() -> None:
    assert said() == ["86400", "604800", "604800", "92", "11460", "ours", "gitea/runner:4.1.0", "node:22"]
    ages = Upkeep(clean_after=60, images_after=61, build_cache_after=62, disk_warning=1, disk_full=50)
    assert said(upkeep=ages)[:4] == ["60", "61", "62", "50"]


def test_a_job_is_over_when_its_time_limit_is_and_its_runner_has_been_given_the_time_to_leave() -> None:
    one = pool()
    long = replace(one, runner=replace(one.runner, job_timeout=100_000))
    assert said(long)[4] == "100660"
    stop = next(line for line in host_text(long, "/opt/fleet/compose.yaml").splitlines() if "stop_grace" in line)
    assert stop.split() == ["stop_grace_period:", "100660s"]


def host_text(of: Pool, path: str) -> str:
    return next(file.text for file in host_wanted(inventory(of), of, STACK).files if file.path == path)


def test_an_image_named_like_a_command_is_a_name() -> None:
    odd = pool(runner=RunnerSettings("gitea/runner:4.1.0", ("a:docker://$(touch${IFS}x)", "b:host")))
    assert said(odd)[-1] == "$(touch${IFS}x)"


def test_the_environment_goes_before_the_inventory() -> None:
    assert said(JOB_LIMIT="7")[4] == "7"


@pytest.mark.parametrize(
    ("static", "docker", "whose"),
    [
        (True, PRESENT, "theirs"),
        (True, DockerSettings(), "ours"),
        (False, PRESENT, "ours"),
        (False, DockerSettings(), "ours"),
    ],
)
def test_a_docker_that_somebody_else_set_up_is_theirs(static: bool, docker: DockerSettings, whose: str) -> None:
    assert said(pool(docker=docker), static=static)[5] == whose


def test_settings_of_updates_are_there_before_the_package_or_gone_and_never_on_static_hosts() -> None:
    on = host_wanted(inventory(), pool(), STACK)
    off = host_wanted(inventory(upkeep=Upkeep(updates=False)), pool(), STACK)
    static = host_wanted(inventory(), pool(), STACK, static=True)
    settings = "/etc/apt/apt.conf.d/60fleet-updates"
    assert settings in {file.path for file in on.before_docker}
    assert settings in {file.path for file in off.gone}
    assert settings not in {file.path for file in off.files + static.files}
    assert settings not in {file.path for file in static.gone}
    assert ["unattended-upgrades" in one.packages for one in (on, off, static)] == [True, False, False]


def test_the_journal_of_a_static_host_is_not_ours_to_limit() -> None:
    def limits(static: bool) -> bool:
        wanted = host_wanted(inventory(), pool(), STACK, static=static)
        return any("journald" in file.path for file in wanted.files)

    assert (limits(static=False), limits(static=True)) == (True, False)
