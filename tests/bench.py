"""How fast is it, beside what one would do without it? ``python -m tests.bench``: rows, and ``docs/bench.json``.

Ours and the other are measured in turns, in one run on one machine; what counts is the ratio of their medians.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fleet.cli.wiring import load_inventory, shipped
from fleet.core.labels import names
from fleet.core.setup import DAEMON_JSON, HostWanted, host_wanted
from fleet.edges import machine_names
from fleet.lab import docker_cli, look
from fleet.lab.jobs import GiteaClient
from fleet.lab.life import JOB_IMAGE
from fleet.lab.place import Lab
from tests import bench_many, bench_plan, bench_status, bench_week
from tests.bench_row import Row as Counted
from tests.bench_row import Timed as Row
from tests.e2e.keyboard import Fleet, Person, hetzner_delete, hetzner_post, lab_up, new_fleet

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "docs" / "bench.json"
SCRIPT = Path(__file__).with_name("bench_up.sh")
SIZES = (1, 2, 4, 8)
UP_WANTED, HELP_WANTED = 1.1, 1.5
HELP_RUNS = 10


def main() -> None:
    """Measure, print, keep. The exit code says whether all ratios are good."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each size (default 3)")
    parser.add_argument(
        "--seconds", type=float, default=300, help="no further run is begun that would end after this (default 300)"
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    asked = parser.parse_args()
    rows: list[Row | Counted] = [
        _help(),
        _completion(),
        bench_status.help_row(),
        *bench_plan.rows(),
        *bench_week.rows(),
    ]
    rows += [*bench_many.rows(), *bench_status.twenty()]
    with tempfile.TemporaryDirectory() as folder:
        person = Person(Path(folder))
        with lab_up(person) as lab:
            rows += _ups(person, lab, asked.sizes, asked.runs, time.monotonic() + asked.seconds)
    _keep(rows)
    _say("what | ours | beside what | ratio", *(row.line() for row in rows))
    sys.exit(any(row.ratio > row.wanted for row in rows))


def _help() -> Row:
    row = Row("fleet --help", "import typer, rich", HELP_WANTED)
    ours, theirs = ("-m", "fleet", "--help"), ("-c", "import typer, rich")
    for words in (ours, theirs):
        _python(words)
    for _ in range(HELP_RUNS):
        row.measure(lambda: _python(ours), lambda: _python(theirs), lambda: None)
    return row


def _completion() -> Row:
    """One of 20 names, from a file beside an inventory, as a press of TAB asks for it."""
    row = Row("completion of a machine's name", "import typer, rich", HELP_WANTED)
    with tempfile.TemporaryDirectory() as folder:
        inventory = Path(folder, "inventory.toml")
        inventory.write_text('name = "ci"\ngitea.url = "https://gitea.example"\n[pools.build]\nmax = 20\n')
        machine_names.keep(Path(folder, "fleet"), "ci", [f"ci-build-{n}" for n in range(1, 21)])
        env = {**os.environ, "_FLEET_COMPLETE": "bash", "XDG_STATE_HOME": folder, "FLEET_INVENTORY": str(inventory)}
        ours, theirs = ("-m", "fleet", "status", "ci-build-1"), ("-c", "import typer, rich")
        for words in (ours, theirs):
            _python(words, env)
        for _ in range(HELP_RUNS):
            row.measure(lambda: _python(ours, env), lambda: _python(theirs, env), lambda: None)
    return row


def _python(words: Iterable[str], env: dict[str, str] | None = None) -> None:
    subprocess.run([sys.executable, *words], cwd=ROOT, env=env, stdout=subprocess.DEVNULL, check=True)


def _ups(person: Person, lab: Lab, sizes: list[int], runs: int, end: float) -> list[Row]:
    """Rounds over all sizes. The first is always made; after it, what would not end in time is left out."""
    kit = Kit.made(person, lab)
    rows = {size: Row(f"up of {size}, Docker in the image", "shell, hcloud, OpenSSH", UP_WANTED) for size in sizes}
    for number in range(runs):
        for size, row in rows.items():
            if number and time.monotonic() + row.longest() > end:
                continue
            row.measure(partial(kit.ours, size), partial(kit.theirs, size), kit.clean)
            _say(f"... up of {size}, run {number + 1}: {row.ours[-1]:.1f} s beside {row.theirs[-1]:.1f} s")
    return list(rows.values())


@dataclass(frozen=True)
class Kit:
    """What both sides need, made before the clock runs."""

    fleet: Fleet
    work: Path
    env: dict[str, str]

    @classmethod
    def made(cls, person: Person, lab: Lab) -> "Kit":
        """One ``up`` beforehand: it warms all caches, and shows what fleet puts on a host."""
        fleet = new_fleet(person, lab, name="bench")
        fleet.must("up", "--yes")
        inventory = load_inventory(str(fleet.inventory))
        wanted = host_wanted(inventory, inventory.pools[0], shipped("stack"))
        work = person.folder / "work"
        work.mkdir()
        _write_files(work, fleet, wanted)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(work / "key")], check=True)
        kit = cls(fleet, work, {**person.environment(), **_script_environment(lab, fleet)})
        kit.clean()
        return kit

    def ours(self, size: int) -> None:
        self.fleet.wish(f"min = {size}")
        self.fleet.must("up", "--yes")

    def theirs(self, size: int) -> None:
        done = subprocess.run([str(SCRIPT), str(size), str(self.work)], env=self.env, capture_output=True, text=True)
        logs = "\n".join(log.read_text() for log in self.work.glob("log.*"))
        assert done.returncode == 0, done.stderr + logs

    def clean(self) -> None:
        """Nothing of either side is left. Not measured."""
        lab = self.fleet.lab
        client = GiteaClient.of(lab)
        for runner in client.get("/admin/actions/runners?limit=50")["runners"] or []:
            client.call("DELETE", f"/admin/actions/runners/{runner['id']}")
        for kind in ("servers", "firewalls", "ssh_keys"):
            for one in look.hetzner(lab, f"/{kind}")[kind]:
                _take_off(lab, one)
                hetzner_delete(lab, f"/{kind}/{one['id']}")
            while kind == "servers" and look.hetzner(lab, "/servers")["servers"]:
                time.sleep(0.2)
        os.sync()  # what one side has written or removed must not slow the other down


def _take_off(lab: Lab, one: dict[str, Any]) -> None:
    """A firewall that is applied by a tag stays in use without its servers."""
    applied = [
        {key: to[key] for key in ("type", "label_selector")}
        for to in one.get("applied_to") or []
        if "label_selector" in to
    ]
    if applied:
        hetzner_post(lab, f"/firewalls/{one['id']}/actions/remove_from_resources", {"remove_from": applied})


def _write_files(work: Path, fleet: Fleet, wanted: HostWanted) -> None:
    files = {file.path: (file.text, file.mode) for file in wanted.files}
    files[DAEMON_JSON] = (docker_cli.run(("exec", fleet.container(), "cat", DAEMON_JSON)), 0o644)
    with tarfile.open(work / "files.tar", "w") as tar:
        for path, (content, mode) in files.items():
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(content.encode()), mode
            tar.addfile(member, io.BytesIO(content.encode()))
    (work / "server.yaml").write_text(shipped("cloud-init")["server.yaml"])
    (work / "labels.json").write_text(json.dumps(wanted.labels))
    (work / "names.json").write_text(json.dumps(names(wanted.labels)))
    (work / "gitea.header").write_text(f"Authorization: token {fleet.lab.gitea_token}\n")


def _script_environment(lab: Lab, fleet: Fleet) -> dict[str, str]:
    return {
        "HCLOUD_ENDPOINT": lab.hetzner,
        "HCLOUD_TOKEN": lab.hetzner_token,
        "GITEA": lab.gitea,
        "NAME": fleet.name,
        "TYPE": "cx33",
        "LOCATION": "hel1",
        "IMAGE": "docker-ce",
        "RUNNER": lab.runner,
        "JOB": JOB_IMAGE,
    }


def _keep(rows: Sequence[Row | Counted]) -> None:
    found = {"cores": os.cpu_count(), "python": sys.version.split()[0], "rows": [row.as_json() for row in rows]}
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")


def _say(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    main()
