"""Metrics of a real machine, in a real Prometheus by a real node_exporter. Its own tools and the dashboard are tried.

Both listen on the loopback for the length of this file; no service is installed.
"""

import json
import re
import signal
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleet.core.metrics import NAMES
from tests.e2e.keyboard import Fleet, soon

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
MONITORING = ROOT / "docs" / "monitoring"

NOT_HERE = {
    "fleet_cost_limit_euros_per_hour": "the inventory has no limit",
    "fleet_machines_limit": "the inventory has no limit",
    "fleet_findings": "nothing is wrong, or little",
    "fleet_last_pass_timestamp_seconds": "there may have been no pass yet",
    "fleet_machine_inodes_used_ratio": "the file system may have no fixed number of them",
}
"""What may have no number on this fleet, and why."""


@dataclass(frozen=True)
class Prometheus:
    """One that is asked over its API."""

    url: str

    def ask(self, expr: str) -> list[Any]:
        """The answer to an instant query; an error of Prometheus's is raised."""
        found: list[Any] = self.get(f"query?{urllib.parse.urlencode({'query': expr})}")["result"]
        return found

    def number(self, expr: str) -> float | None:
        """Of one series, or None where there is none."""
        found = self.ask(expr)
        assert len(found) <= 1, found
        return float(found[0]["value"][1]) if found else None

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self.url}/api/v1/{path}", timeout=10) as answer:
            return json.loads(answer.read())["data"]


@pytest.fixture(scope="module")
def programs() -> Path:
    """Where promtool and its like are. Where they cannot be had, what needs them is not run, and that is told."""
    done = subprocess.run([str(ROOT / "tools" / "ensure-prometheus")], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    return Path(done.stdout.strip())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What node_exporter reads."""
    return tmp_path_factory.mktemp("textfile")


@pytest.fixture(scope="module")
def file(machine: Fleet, folder: Path) -> Path:
    """Written once a job has run."""
    assert machine.push("true").ends() == "success"
    return write(machine, folder)


def write(machine: Fleet, folder: Path) -> Path:
    path = folder / "fleet.prom"
    typed = machine.must("status", "--prometheus", str(path))
    assert typed.said == ""
    return path


@pytest.fixture(scope="module")
def prometheus(
    programs: Path, file: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """It has the alerts, and looks every second."""
    own, exporter, port = tmp_path_factory.mktemp("prometheus"), free_port(), free_port()
    config = own / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\n"
        f"rule_files: ['{MONITORING / 'alerts.yml'}']\n"
        f"scrape_configs: [{{job_name: node, static_configs: [{{targets: ['127.0.0.1:{exporter}']}}]}}]\n"
    )
    collector = ("--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={folder}")
    storage = (f"--config.file={config}", f"--storage.tsdb.path={own / 'data'}", "--log.level=error")
    with (
        running(programs / "prometheus-node-exporter", *collector, f"--web.listen-address=127.0.0.1:{exporter}"),
        running(programs / "prometheus", *storage, f"--web.listen-address=127.0.0.1:{port}"),
    ):
        found = Prometheus(f"http://127.0.0.1:{port}")
        soon(lambda: answers(found) and found.ask("fleet_look_success"))
        yield found


@contextmanager
def running(*words: str | Path) -> Iterator[None]:
    """A program, for as long as it is needed."""
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=20)


def answers(prometheus: Prometheus) -> bool:
    try:
        prometheus.get("status/buildinfo")
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        number: int = found.getsockname()[1]
    return number


def test_promtool_has_nothing_to_say_about_the_file(programs: Path, file: Path) -> None:
    done = subprocess.run([programs / "promtool", "check", "metrics"], input=file.read_bytes(), capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.mark.parametrize("words", [("check", "rules", "alerts.yml"), ("test", "rules", "alerts_test.yml")])
def test_promtool_takes_the_alerts_and_each_fires_when_it_should(programs: Path, words: tuple[str, ...]) -> None:
    done = subprocess.run([programs / "promtool", *words], cwd=MONITORING, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_that_is_measured_reaches_prometheus(prometheus: Prometheus, machine: Fleet) -> None:
    there = {name for name in NAMES if prometheus.ask(f'{name}{{fleet="{machine.name}"}}')}
    assert there | NOT_HERE.keys() == NAMES


def test_the_numbers_are_what_is_there(prometheus: Prometheus, machine: Fleet) -> None:
    of = f'{{fleet="{machine.name}",pool="build"}}'
    assert prometheus.number("fleet_look_success") == 1
    assert prometheus.number(f"sum(fleet_machines{of})") == 1
    assert prometheus.number(f"fleet_slots{of}") == 3
    assert prometheus.number(f"fleet_machine_host_answers{of}") == 1
    assert 0 < (prometheus.number(f"fleet_machine_disk_used_ratio{of}") or 0) < 1
    assert 0 < (prometheus.number(f"fleet_machine_memory_used_ratio{of}") or 0) < 1
    assert (prometheus.number("fleet_job_wait_jobs") or 0) >= 1
    assert prometheus.number("node_textfile_scrape_error") == 0


def test_each_stage_of_the_machine_is_known(prometheus: Prometheus, machine: Fleet) -> None:
    found = prometheus.ask("fleet_machine_stage_seconds")
    stages = {one["metric"]["stage"]: float(one["value"][1]) for one in found}
    first = {"first-job"}  # not where other tests have run many jobs since
    assert stages.keys() - first == {"create", "boot", "set-up", "register", "online"}
    assert 0 < sum(stages.values()) < 3600


def queries() -> list[str]:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("expr", queries())
def test_a_query_of_the_dashboard_has_an_answer(prometheus: Prometheus, machine: Fleet, expr: str) -> None:
    found = prometheus.ask(expr.replace("$fleet", machine.name))
    names = set(re.findall(r"fleet_\w+", expr))
    assert found or names & NOT_HERE.keys()


def test_the_alerts_are_evaluated_and_none_fires_over_a_fleet_that_is_well(prometheus: Prometheus) -> None:
    def evaluated() -> list[Any]:
        rules = prometheus.get("rules")["groups"][0]["rules"]
        return rules if all(rule["health"] == "ok" for rule in rules) else []

    assert len(soon(evaluated)) == 8
    assert prometheus.ask('ALERTS{alertstate="firing"}') == []


def test_a_pass_as_cron_runs_it_writes_the_file_too(machine: Fleet, folder: Path, prometheus: Prometheus) -> None:
    before = prometheus.number("fleet_look_timestamp_seconds")
    own = machine.inventory.with_name("with-metrics.toml")
    top = f'cron.prometheus = "{folder / "fleet.prom"}"\n'
    own.write_text(top + machine.inventory.read_text("utf-8"), "utf-8")
    typed = machine.type("scale", "--cron", FLEET_INVENTORY=str(own))
    assert (typed.code, typed.said) == (0, "")
    soon(lambda: prometheus.number("fleet_look_timestamp_seconds") != before)
    write(machine, folder)
    soon(lambda: prometheus.ask("fleet_last_pass_timestamp_seconds"))


def test_when_nobody_answers_prometheus_is_told_and_forgets_the_old_numbers(
    machine: Fleet, folder: Path, prometheus: Prometheus
) -> None:
    assert prometheus.ask("fleet_machines")
    typed = machine.type("status", "--prometheus", str(folder / "fleet.prom"), FLEET_GITEA_TOKEN="wrong" * 8)
    assert typed.code == 2
    soon(lambda: prometheus.number("fleet_look_success") == 0)
    assert prometheus.ask("fleet_machines") == []
    soon(lambda: prometheus.ask('ALERTS{alertname="FleetLookFails",alertstate="pending"}'))
    write(machine, folder)
    soon(lambda: prometheus.ask("fleet_machines"))


def test_the_file_is_for_another_user(file: Path) -> None:
    assert file.stat().st_mode & 0o777 == 0o644
