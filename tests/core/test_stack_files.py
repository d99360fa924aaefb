"""What is shipped to hosts: every script is one a shell reads, the user data is what cloud-init reads."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from fleet.core.secret import Secret
from fleet.engine.steps.create import fill_user_data
from tests.core.builders import HOST_KEY, LOGIN, ROOT, STACK

SCRIPTS = sorted(name for name in STACK if name.endswith(".sh"))
SHELLS = [shell for shell in ("sh", "dash", "bash") if shutil.which(shell)]
TEMPLATE = (ROOT / "cloud-init" / "server.yaml").read_text("utf-8")
PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----\nno: \"key\" # 'of' tests\n-----END OPENSSH PRIVATE KEY-----\n"


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("name", SCRIPTS)
def test_a_shell_can_read_the_script(shell: str, name: str) -> None:
    read = subprocess.run([shell, "-n"], input=STACK[name], capture_output=True, text=True)
    assert (read.returncode, read.stderr) == (0, "")


SCRIPTS_ON_HOSTS = (
    "apt-archive.sh",
    "apt-install.sh",
    "clean.sh",
    "docker-archive.sh",
    "tailnet-names.sh",
    "tailscale-install.sh",
)


@pytest.mark.parametrize("name", SCRIPTS_ON_HOSTS)
def test_a_script_that_is_a_file_on_the_host_stops_at_the_first_error(name: str) -> None:
    lines = STACK[name].splitlines()
    assert lines[0] == "#!/bin/sh"
    assert "set -eu" in lines


@pytest.mark.parametrize("name", sorted(STACK))
def test_a_shipped_file_ends_with_a_line_end(name: str) -> None:
    assert STACK[name].endswith("\n")
    assert "\r" not in STACK[name]


def user_data() -> str:
    """As the create step fills it in."""
    return fill_user_data(TEMPLATE, Secret(PRIVATE), HOST_KEY, LOGIN).reveal()


def test_user_data_begins_with_the_word_cloud_init_looks_for() -> None:
    assert user_data().splitlines()[0] == "#cloud-config"


def test_user_data_holds_the_host_key_and_nothing_else_of_worth() -> None:
    assert yaml.safe_load(user_data()) == {
        "ssh_deletekeys": True,
        "ssh_keys": {"ed25519_private": PRIVATE, "ed25519_public": HOST_KEY},
        "disable_root": False,
        "allow_public_ssh_keys": False,
        "ssh_authorized_keys": [LOGIN],
        "package_update": False,
        "package_upgrade": False,
    }


def test_user_data_fits_into_the_create_call() -> None:
    assert len(user_data().encode()) < 32 * 1024


def test_kernel_limits_are_lines_of_key_and_number() -> None:
    lines = [line for line in STACK["sysctl.conf"].splitlines() if not line.startswith("#")]
    assert {line.split(" = ")[0] for line in lines} == {
        "fs.inotify.max_user_watches",
        "fs.inotify.max_user_instances",
        "vm.max_map_count",
    }
    assert all(line.split(" = ")[1].isdigit() for line in lines)


KEYS = """tru::1:0:0:3:1:5
pub:-:4096:1:AAAA:0:::-:::scESC::::::23::0:
fpr:::::::::0123:
uid:-::::0::X::them::::::::::0:
sub:-:4096:1:BBBB:0::::::s::::::23:
fpr:::::::::4567:
"""


def test_a_key_beside_the_right_one_makes_the_file_a_wrong_one() -> None:
    program = STACK["apt-archive.sh"].partition("awk -F: '")[2].partition("'")[0]

    def seen(listing: str) -> str:
        return subprocess.run(["awk", "-F:", program], input=listing, capture_output=True, text=True).stdout

    assert seen(KEYS) == "0123\n"
    assert seen(KEYS + KEYS.replace("0123", "89AB")) == "0123\n89AB\n"


RIGHT = "9DC858229FC7DD38854AE2D88D81803C0EBFCD88"


@pytest.mark.parametrize(("fingerprint", "added"), [(RIGHT, True), ("0" * 40, False)])
def test_an_archive_is_added_only_when_its_key_is_the_right_one(tmp_path: Path, fingerprint: str, added: bool) -> None:
    stand_ins = f"""
command() {{ return 1; }}
dpkg() {{ echo amd64; }}
apt_install() {{ echo "installed $*"; }}
curl() {{ echo key >"$6"; }}
gpg() {{ echo pub:-:; echo fpr:::::::::{fingerprint}:; }}
"""
    script = STACK["apt-archive.sh"].replace("/opt/fleet/bin/apt-install", "apt_install")
    script = script.replace("set -eu\n", f"set -eu\n{stand_ins}", 1).replace("/etc/apt", f"{tmp_path}/apt")
    (tmp_path / "apt" / "sources.list.d").mkdir(parents=True)
    url = "https://download.docker.com/linux/debian"
    words = ["docker.asc", url, "stable", f"{url}/gpg", RIGHT]
    done = subprocess.run(["sh", "-s", "--", *words], input=script, capture_output=True, text=True)
    assert done.stdout == "installed curl ca-certificates\ninstalled gpg\n"
    assert (done.returncode == 0) is added
    assert ("expected" in done.stderr) is not added
    assert (tmp_path / "apt" / "sources.list.d" / "docker.sources").exists() is added
    assert (tmp_path / "apt" / "keyrings" / "docker.asc").exists() is added
