"""``fleet config``: each key with its value and where that comes from; it is an inventory itself, and has no secret."""

import json
import re
from pathlib import Path

import pytest

from fleet.cli.exits import OK, UNTOUCHED
from fleet.core.settings import value
from fleet.edges import inventory as inventory_file
from tests.cli.terminal import golden, typed

EXAMPLE = Path(__file__).parents[2] / "inventory.example.toml"
SECRET = "s3cr3t-of-tests"
MINE = f"""\
name = "ci"
gitea.url = "https://gitea.example"
gitea.token = {{ file = "token" }}
hetzner.token = {{ command = ["pass", "show", "hetzner"] }}
docker.bip = "172.18.0.1/16"
docker.registry_mirror = "http://10.0.0.5:5000"
cron.ping_url = "https://hc.example/{SECRET}"
max_eur_per_hour = 0.25

[pools.build]
capacity = 3
config = {{ runner.envs.KEY = "{SECRET}", container.privileged = true }}

[pools.build.docker]
source = "docker"
registry_mirror = ""

[pools.desk]
labels = ["desk:host"]

[[pools.desk.hosts]]
name = "one"
address = "one.example"

[[pools.desk.hosts]]
name = "two"
address = "two.example"
port = 2222

[registries."registry.example:5000"]
user = "ci"
password = {{ env = "REGISTRY_PASSWORD" }}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("FLEET_GITEA_TOKEN", "HCLOUD_TOKEN", "FLEET_CACHE_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REGISTRY_PASSWORD", SECRET)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "inventory.toml").write_text(MINE)
    (tmp_path / "token").write_text(SECRET)
    return tmp_path / "inventory.toml"


def lines_of(text: str) -> dict[str, tuple[str, str]]:
    """Value and origin of each key, by its path as a table's header and the key."""
    found, above = {}, ""
    for line in text.splitlines():
        if line.startswith("["):
            above = f"{line.strip('[]')}."
        elif match := re.fullmatch(r"(#?[\w\"-]+) (?:= (.*?)|is not set) +# (.*)", line):
            found[above + match[1]] = (match[2], match[3])
    return found


def test_each_value_says_where_it_comes_from(file: Path) -> None:
    found = lines_of(typed("config").stdout)
    assert found["gitea.url"] == ('"https://gitea.example"', "inventory.toml")
    assert found["gitea.runner_url"] == ('"https://gitea.example"', "from gitea.url")
    assert found["gitea.scope"] == ('"instance"', "default")
    assert found["pools.build.max"] == ("1", "from pools.build.min")
    assert found["pools.desk.min"] == ("0", "from pools.desk.hosts")
    assert found["#max"][1] == "default"


def test_a_pools_docker_goes_before_the_fleets_which_goes_before_the_default(file: Path) -> None:
    found = lines_of(typed("config").stdout)
    assert found["pools.build.docker.source"] == ('"docker"', "inventory.toml")
    assert found["pools.build.docker.registry_mirror"] == ('""', "inventory.toml")
    assert found["pools.build.docker.version"] == ('"29.10.0"', "from pools.build.runner")
    assert found["pools.desk.docker.registry_mirror"] == ('"http://10.0.0.5:5000"', "from docker.registry_mirror")
    assert found["pools.desk.docker.bip"] == ('"172.18.0.1/16"', "from docker.bip")
    assert found["pools.desk.docker.source"] == ('"distribution"', "default")


def test_of_a_secret_it_is_told_where_it_is_and_never_what(file: Path) -> None:
    (file.parent / ".env").write_text("FLEET_CACHE_SECRET=s3cr3t-of-tests\n")
    (file.parent / ".env").chmod(0o600)
    result = typed("config")
    found = lines_of(result.stdout)
    assert found["gitea.token"] == ('{ file = "token" }', "inventory.toml; the file is there")
    assert found["hetzner.token"] == ('{ command = ["pass", "show", "hetzner"] }', "inventory.toml")
    assert found["cache.secret"] == ('{ env = "FLEET_CACHE_SECRET" }', "default; in .env")
    assert found['registries."registry.example:5000".password'][1] == "inventory.toml; in the environment"
    assert found["cache.s3.access_key"][1] == "default; set nowhere"
    as_json = typed("config", "--json")
    assert all(SECRET not in text for text in (result.stdout, result.stderr, as_json.stdout, as_json.stderr))


def test_an_env_file_that_others_may_read_is_told_and_is_no_failure(file: Path) -> None:
    (file.parent / ".env").write_text("FLEET_CACHE_SECRET=s3cr3t-of-tests\n")
    (file.parent / ".env").chmod(0o644)
    result = typed("config")
    assert lines_of(result.stdout)["cache.secret"][1] == "default; .env cannot be read"
    assert result.exit_code == OK


def test_what_is_not_the_default_alone(file: Path) -> None:
    assert typed("config", "--changed").stdout.partition("\n")[2] == golden("config_changed.toml")


def test_the_json_has_the_same_keys(file: Path) -> None:
    data = json.loads(typed("config", "--json").stdout)
    found = {one["key"]: one for one in data["settings"]}
    assert (data["fleet"], data["file"]) == ("ci", str(file))
    assert found["pools.desk.hosts[1].port"]["value"] == 2222
    assert found["pools.desk.docker.bip"] == {
        "key": "pools.desk.docker.bip",
        "value": "172.18.0.1/16",
        "origin": "key",
        "by": "docker.bip",
        "note": "",
        "default": False,
    }


@pytest.mark.parametrize("text", [MINE, EXAMPLE.read_text("utf-8")], ids=["mine", "the example"])
def test_what_is_printed_is_the_same_inventory(file: Path, text: str) -> None:
    file.write_text(re.sub(r"^(cron.|#)ping_url.*", "", text.replace(SECRET, "***"), flags=re.MULTILINE))
    again = inventory_file.parse(typed("config").stdout, str(file))
    assert again == inventory_file.load(file)


def test_every_key_there_is_is_told_for_the_example_with_all_its_keys(file: Path) -> None:
    file.write_text(re.sub(r"^#(?=\S)", "", EXAMPLE.read_text("utf-8"), flags=re.MULTILINE))
    printed = typed("config", "--json")
    assert printed.exit_code == OK, printed.stderr
    keys = {re.sub(r"\[\d+\]", "", one["key"]) for one in json.loads(printed.stdout)["settings"]}
    named = {re.sub(r'^(pools|registries)\.("[^"]+"|[^.]+)', r"\1.*", key) for key in keys}
    assert inventory_file.known_keys() <= named


def test_an_inventory_with_a_mistake_is_told_as_everywhere(file: Path) -> None:
    file.write_text('name = "Ci"\n[pools.a]\n')
    result = typed("config")
    assert (result.exit_code, result.stdout) == (UNTOUCHED, "")
    assert "gitea.url" in result.stderr


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (True, "true"),
        (3, "3"),
        ('a"b\\\n\x7f\x01é😀', '"a\\"b\\\\\\n\\u007f\\u0001é😀"'),
        (["a", 1], '["a", 1]'),
        ({}, "{}"),
        ({"a": {"b.c": False}}, '{ a = { "b.c" = false } }'),
    ],
)
def test_values_are_written_as_toml_writes_them(given: object, text: str) -> None:
    assert value(given) == text
