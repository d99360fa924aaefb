"""The stand-in runner as a process, at work for the stand-in Gitea, with a docker that is none."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from fleet.lab.gitea import Gitea
from fleet.lab.gitea.state import Job, Repo, Run
from fleet.lab.runner import stand_in_runner
from tests.lab.gitea_client import register

PROGRAM = Path(stand_in_runner.__file__)
FAKE_DOCKER = Path(__file__).with_name("fake_docker.py")
DEMO = PROGRAM.with_name("demo_workflow.yaml")
IMAGE = "ubuntu-latest:docker://example/job:1"
LIMIT_SECONDS = 30


@dataclass(slots=True)
class Lab:
    """A Gitea, and a folder with the runner's configuration and state."""

    gitea: Gitea
    app: Repo
    url: str
    folder: Path
    config: dict[str, object] = field(default_factory=dict)
    processes: list[subprocess.Popen[str]] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(self.config))
        return [sys.executable, str(PROGRAM), *arguments]

    def register(self, labels: str = IMAGE) -> None:
        """What the command of that name does, without a process."""
        agent = register(self.url, self.gitea.registration_token(), "vps1")
        identity = stand_in_runner.Identity(
            id=agent.id,
            uuid=agent.uuid,
            name="vps1",
            token=agent.token,
            address=self.url,
            labels=[labels],
        )
        identity.save(self.folder / ".runner")

    def ends(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that ends by itself."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.env,
            text=True,
            capture_output=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A runner at work; its story is in the file ``story``."""
        with (self.folder / "story").open("w") as story:
            process = subprocess.Popen(
                self.command(*(arguments or ("daemon", "--config", "config.yaml"))),
                cwd=self.folder,
                env=self.env,
                stderr=story,
                text=True,
            )
        self.processes.append(process)
        return process

    def push(self, *steps: str, head: str = "") -> Run:
        """A workflow of one job with these steps of bash."""
        job = {"runs-on": "ubuntu-latest", "steps": [{"run": step} for step in steps]}
        text = yaml.safe_dump({"name": "work", "on": "push", "jobs": {"build": job}})
        return self.push_text(head + text)

    def push_text(self, text: str) -> Run:
        self.gitea.push(self.app, ".gitea/workflows/x.yaml", text)
        return list(self.gitea.state.runs.values())[-1]

    def story(self) -> str:
        return (self.folder / "story").read_text()

    def docker(self) -> list[list[str]]:
        """The calls of docker so far."""
        calls = self.folder / "calls"
        return [json.loads(line) for line in calls.read_text().splitlines()] if calls.exists() else []

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Waits for another process; fails with its story."""
        deadline = time.monotonic() + LIMIT_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"{what} did not happen\n{self.story()}"
            time.sleep(0.02)

    def done(self, run: Run) -> Job:
        """The run's last job, once the run is over."""
        self.until(lambda: run.status.done, f"the end of run {run.id}")
        return self.gitea.state.jobs_of(run)[-1]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """Nothing registered yet; every interval is short."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(f'#!/bin/sh\nexec {sys.executable} -IS {FAKE_DOCKER} "$@"\n')
    docker.chmod(0o755)
    gitea = Gitea()
    app = gitea.add_repo(gitea.add_user("acme", admin=True), "app")
    env = {"PATH": f"{docker.parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    with gitea.serve() as served:
        lab = Lab(gitea, app, served.url, tmp_path, env=env | {"FAKE_DOCKER_ROOT": str(tmp_path)})
        lab.config = configuration()
        yield lab
        for process in lab.processes:
            process.kill()
            process.wait()


def configuration() -> dict[str, object]:
    intervals = dict.fromkeys(("fetch_interval", "log_report_interval", "state_report_interval"), "50ms")
    return {
        "log": {"level": "debug"},
        "runner": {**intervals, "capacity": 2, "shutdown_timeout": "20s", "envs": {"HERE": "lab"}},
        "cache": {"enabled": False},
    }


def log_of(job: Job) -> list[str]:
    assert job.task
    return [line.partition(" ")[2] for line in job.task.log]


def test_a_job_runs_in_its_own_container_network_and_volumes_and_leaves_none(lab: Lab) -> None:
    lab.register()
    lab.start()
    job = lab.done(lab.push('echo "in $HERE $GITHUB_REPOSITORY"', "pwd"))
    assert job.status.value == "success"
    assert "in lab acme/app" in log_of(job)
    lab.until(lambda: any(call[:2] == ["volume", "rm"] for call in lab.docker()), "the cleaning")
    name = stand_in_runner.container_name("GITEA-ACTIONS-TASK-1", "WORKFLOW-work", "JOB-build")
    assert f"{lab.folder}/{name}/workspace/acme/app" in log_of(job)
    calls = {tuple(call[:2]): call for call in lab.docker()}
    uuid = lab.gitea.state.runners[1].uuid
    network = f"{name}-build-network"
    label = f"com.gitea.runner.uuid={uuid}"
    assert calls["network", "create"] == ["network", "create", "--label", label, network]
    assert calls["create", "--name"] == [
        *("create", "--name", name, "--network", network, "--workdir", "/workspace/acme/app"),
        *("--volume", f"{name}:/workspace/acme/app", "--volume", f"{name}-env:/var/run/act"),
        *("--volume", "/var/run/docker.sock:/var/run/docker.sock"),
        *("--entrypoint", "/bin/sleep", "example/job:1", "10800"),
    ]
    assert calls["rm", "--force"] == ["rm", "--force", "--volumes", name]
    assert calls["network", "rm"] == ["network", "rm", network]
    assert calls["volume", "rm"] == ["volume", "rm", "--force", name, f"{name}-env"]


def test_no_secret_is_an_argument_of_docker_or_a_line_of_the_log(lab: Lab) -> None:
    lab.register()
    lab.start()
    job = lab.done(lab.push('echo "token ${{ secrets.GITEA_TOKEN }} $ACTIONS_RUNTIME_TOKEN"'))
    assert "token *** ***" in log_of(job)
    assert job.task
    assert job.task.token not in json.dumps(lab.docker())


def test_a_step_that_fails_ends_the_job_but_for_what_runs_always(lab: Lab) -> None:
    lab.register()
    lab.start()
    steps = [
        {"run": "exit 3"},
        {"run": "echo never"},
        {"run": "echo after", "if": "always()"},
        {"run": "echo sorry", "if": "${{ failure() }}"},
    ]
    workflow = {"on": "push", "jobs": {"build": {"runs-on": ["ubuntu-latest"], "steps": steps}}}
    job = lab.done(lab.push_text(yaml.safe_dump(workflow)))
    assert job.status.value == "failure"
    assert "exitcode '3': failure" in log_of(job)
    assert {"after", "sorry"} <= set(log_of(job))
    assert "never" not in log_of(job)


def test_what_a_step_writes_reaches_the_next_step_and_the_next_job(lab: Lab) -> None:
    lab.register()
    lab.start()
    text = """
    on: push
    env: {TOP: top}
    jobs:
      one:
        runs-on: ubuntu-latest
        outputs: {word: "${{ steps.say.outputs.word }}"}
        steps:
          - {id: say, run: 'echo word=hello >> "$GITHUB_OUTPUT"; echo KEPT=kept >> "$GITHUB_ENV"'}
          - {run: 'echo "$TOP $KEPT ${{ env.KEPT }} ${{ steps.say.outputs.word }} ${{ github.actor }}"'}
      two:
        needs: one
        runs-on: ubuntu-latest
        steps: [{run: 'echo "got $WORD"', env: {WORD: "${{ needs.one.outputs.word }}"}}]
    """
    run = lab.push_text(text)
    assert "got hello" in log_of(lab.done(run))
    assert "top kept kept hello acme" in log_of(lab.gitea.state.jobs_of(run)[0])


def test_two_jobs_run_at_once_where_there_are_two_slots(lab: Lab) -> None:
    lab.register()
    lab.start()
    runs = [lab.push(f"touch {lab.folder}/{mine}; until test -e {lab.folder}/{other}; do sleep 0.02; done")
            for mine, other in (("a", "b"), ("b", "a"))]  # fmt: skip
    assert [lab.done(run).status.value for run in runs] == ["success", "success"]


def test_a_third_job_waits_for_a_free_slot(lab: Lab) -> None:
    lab.register()
    lab.start()
    gate = lab.folder / "gate"
    runs = [lab.push(f"until test -e {gate}; do sleep 0.02; done") for _ in range(3)]
    lab.until(lambda: len(lab.gitea.state.tasks) == 2, "two tasks")
    assert lab.gitea.state.jobs_of(runs[2])[0].status.value == "queued"
    gate.touch()
    assert lab.done(runs[2]).status.value == "success"


def test_a_cancelled_job_stops_and_is_cleaned_up(lab: Lab) -> None:
    lab.register()
    lab.start()
    run = lab.push("echo begun; sleep 60", "echo never")
    (job,) = lab.gitea.state.jobs_of(run)
    lab.until(lambda: job.task and "begun" in log_of(job), "the first step")
    lab.gitea.cancel(run.id)
    lab.until(lambda: any(call[:2] == ["volume", "rm"] for call in lab.docker()), "the cleaning")
    lab.until(lambda: job.task and job.task.archived, "the end of the log")
    assert job.status.value == "cancelled"
    assert "Job cancelled" in log_of(job)
    assert "never" not in log_of(job)


def test_a_job_beyond_its_time_fails(lab: Lab) -> None:
    runner = lab.config["runner"]
    assert isinstance(runner, dict)
    runner["timeout"] = "500ms"
    lab.register()
    lab.start()
    assert lab.done(lab.push("sleep 60")).status.value == "failure"


def test_sigterm_lets_running_jobs_end_and_takes_no_more(lab: Lab) -> None:
    lab.register()
    process = lab.start()
    gate = lab.folder / "gate"
    run = lab.push(f"until test -e {gate}; do sleep 0.02; done; echo done")
    (job,) = lab.gitea.state.jobs_of(run)
    lab.until(lambda: job.task, "the job")
    process.send_signal(signal.SIGTERM)
    lab.until(lambda: "shutdown initiated" in lab.story(), "the shutdown")
    assert "shutdown initiated, waiting 20s for running jobs" in lab.story()
    late = lab.push("echo late")
    gate.touch()
    assert process.wait(LIMIT_SECONDS) == 0
    assert (job.status.value, late.status.value) == ("success", "queued")
    assert "done" in log_of(job)


def test_sigint_past_the_shutdown_time_cancels_what_still_runs(lab: Lab) -> None:
    runner = lab.config["runner"]
    assert isinstance(runner, dict)
    runner["shutdown_timeout"] = "100ms"
    lab.register()
    process = lab.start()
    run = lab.push("sleep 60")
    lab.until(lambda: lab.gitea.state.tasks, "the job")
    process.send_signal(signal.SIGINT)
    assert process.wait(LIMIT_SECONDS) == 0
    assert run.status.value == "cancelled"
    assert "cancelled in progress jobs during shutdown" in lab.story()


def test_a_runner_that_gitea_does_not_know_ends_with_one(lab: Lab) -> None:
    lab.register()
    lab.gitea.state.runners.clear()
    done = lab.ends("daemon")
    assert done.returncode == 1
    assert "fail to invoke Declare: unknown: rpc error: code = Unauthenticated" in done.stderr


def test_a_daemon_that_was_never_registered_ends_with_one(lab: Lab) -> None:
    done = lab.ends("daemon")
    assert done.returncode == 1
    assert "registration file not found, please register the runner first" in done.stderr


def test_the_entry_registers_once_and_never_again(lab: Lab) -> None:
    lab.env |= {
        "GITEA_INSTANCE_URL": lab.url,
        "GITEA_RUNNER_REGISTRATION_TOKEN": lab.gitea.registration_token(),
        "GITEA_RUNNER_NAME": "from-env",
        "GITEA_RUNNER_LABELS": "ubuntu-latest:host,big:host",
        "CONFIG_FILE": "config.yaml",
    }
    for _ in range(2):
        process = lab.start("entry", "--data", str(lab.folder))
        lab.until(lambda: "declare successfully" in lab.story(), "the declaration")
        process.terminate()
        assert process.wait(LIMIT_SECONDS) == 0
    (runner,) = lab.gitea.state.runners.values()
    assert (runner.name, runner.labels) == ("from-env", ("ubuntu-latest", "big"))
    state = json.loads((lab.folder / ".runner").read_text())
    assert (state["id"], state["address"]) == (1, lab.url)
    assert (lab.folder / ".runner").stat().st_mode & 0o777 == 0o600


def test_the_entry_tries_again_while_gitea_refuses_and_can_be_stopped(lab: Lab) -> None:
    lab.env |= {"GITEA_INSTANCE_URL": lab.url, "GITEA_RUNNER_REGISTRATION_TOKEN": "wrong"}
    process = lab.start("entry", "--data", str(lab.folder))
    lab.until(lambda: "Waiting to retry" in lab.story(), "the refusal")
    process.terminate()
    assert process.wait(LIMIT_SECONDS) == -signal.SIGTERM


def test_registering_writes_the_state_file_and_says_so(lab: Lab) -> None:
    done = lab.ends(
        *("register", "--no-interactive", "--instance", lab.url, "--name", "vps1"),
        *("--token", lab.gitea.registration_token(), "--labels", IMAGE),
    )
    assert "Runner registered successfully" in done.stderr
    assert lab.gitea.state.runners[1].labels == ("ubuntu-latest",)
    assert json.loads((lab.folder / ".runner").read_text())["labels"] == [IMAGE]


def test_a_wrong_registration_token_ends_with_one(lab: Lab) -> None:
    done = lab.ends("register", "--no-interactive", "--instance", lab.url, "--token", "wrong")
    assert done.returncode == 1
    assert "unknown: runner registration token not found" in done.stderr


def test_labels_of_the_configuration_win_over_those_of_the_state_file(lab: Lab) -> None:
    lab.register()
    runner = lab.config["runner"]
    assert isinstance(runner, dict)
    runner["labels"] = ["other:host"]
    lab.start()
    lab.until(lambda: lab.gitea.state.runners[1].labels == ("other",), "the declaration")
    assert json.loads((lab.folder / ".runner").read_text())["labels"] == ["other:host"]


def test_a_label_of_the_host_runs_steps_as_processes(lab: Lab) -> None:
    lab.register("ubuntu-latest:host")
    lab.start()
    job = lab.done(lab.push("echo on $RUNNER_OS; exit 0"))
    assert "on Linux" in log_of(job)
    assert lab.docker() == []


def test_an_action_it_cannot_run_fails_with_a_sentence(lab: Lab) -> None:
    lab.register("ubuntu-latest:host")
    lab.start()
    steps = "steps: [{uses: actions/setup-go@v5}]"
    job = lab.done(lab.push_text(f"on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    {steps}\n"))
    assert job.status.value == "failure"
    sentence = "the stand-in runner cannot run the action 'actions/setup-go@v5': it runs `run:` steps"
    assert f"Error: {sentence}" in log_of(job)


def test_an_image_that_cannot_be_had_fails_the_job_and_leaves_nothing(lab: Lab) -> None:
    lab.env["FAKE_DOCKER_FAILS"] = "create"
    lab.register()
    lab.start()
    job = lab.done(lab.push("echo hi"))
    assert job.status.value == "failure"
    assert "Error: docker create failed: no such image" in log_of(job)
    assert ["network", "rm"] in [call[:2] for call in lab.docker()]


def test_the_socket_and_the_network_follow_the_configuration(lab: Lab) -> None:
    lab.config["container"] = {
        "network": "shared",
        "docker_host": "-",
        "options": "--add-host=a:1.2.3.4",
        "force_pull": True,
    }
    lab.register()
    lab.start()
    lab.done(lab.push("true"))
    calls = lab.docker()
    (create,) = [call for call in calls if call[0] == "create"]
    assert ["pull", "example/job:1"] in calls
    assert "--add-host=a:1.2.3.4" in create
    assert create[create.index("--network") + 1] == "shared"
    assert not [call for call in calls if call[0] == "network"]
    assert "/var/run/docker.sock:/var/run/docker.sock" not in create


def test_of_configured_volumes_only_valid_ones_reach_the_job(lab: Lab) -> None:
    options = "-v /etc/a:/a:ro --cpus=2 --volume=/etc/b:/b --volume=/srv/x/y:/y:ro"
    lab.config["container"] = {"options": options, "valid_volumes": ["/etc/a", "/srv/**"]}
    lab.register()
    lab.start()
    job = lab.done(lab.push("true"))
    (create,) = [call for call in lab.docker() if call[0] == "create"]
    assert {"--volume=/etc/a:/a:ro", "--cpus=2", "--volume=/srv/x/y:/y:ro"} <= set(create)
    assert "/etc/b" not in " ".join(create)
    assert "[/etc/b] is not a valid volume, will be ignored" in log_of(job)


def test_the_runners_variables_go_before_a_jobs_and_a_steps_before_them(lab: Lab) -> None:
    runner = lab.config["runner"]
    assert isinstance(runner, dict)
    runner["envs"] = {**runner.get("envs", {}), "A": "runner", "B": "runner"}
    lab.register()
    lab.start()
    step = "{run: 'echo $A $B', env: {B: step}}"
    text = f"on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    env: {{A: job, B: job}}\n    steps: [{step}]\n"
    assert "runner step" in log_of(lab.done(lab.push_text(text)))


def test_a_service_starts_before_the_job_under_its_own_name(lab: Lab) -> None:
    lab.register()
    lab.start()
    service = "services: {db: {image: 'example/db:2', env: {A: b}}}"
    text = f"on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    {service}\n    steps: [{{run: 'true'}}]\n"
    assert lab.done(lab.push_text(text)).status.value == "success"
    first, second = [call for call in lab.docker() if call[0] == "create"]
    assert first[-2:] == ["--env=A=b", "example/db:2"]
    assert first[first.index("--network-alias") + 1] == "db"
    assert "example/job:1" in second


def test_the_demo_saves_and_restores_through_the_cache(lab: Lab) -> None:
    lab.config["cache"] = {"enabled": True, "dir": str(lab.folder / "cache"), "host": "127.0.0.1"}
    runner = lab.config["runner"]
    assert isinstance(runner, dict)
    runner["envs"] = {"FAKE_DOCKER_ROOT": str(lab.folder)}
    lab.register("ubuntu-latest:host")
    lab.start()
    run = lab.push_text(DEMO.read_text().replace("@NESTED_IMAGE@", "example/job:1"))
    lab.done(run)
    lines = [line for job in lab.gitea.state.jobs_of(run) for line in log_of(job)]
    assert run.status.value == "success", lines
    assert "restored: made in run 1" in lines
    assert lab.docker() == [["run", "--rm", "example/job:1", "echo", "hello from a container of this job"]]
