"""``fleet logs``: the right log of the right machine, line by line."""

from collections.abc import Callable
from dataclasses import replace
from types import ModuleType, SimpleNamespace

import pytest

from fleet.cli import exec as execute
from fleet.cli import logs, pause
from fleet.cli.exits import FAILED, OK, UNTOUCHED
from fleet.cli.logs import Source, command
from fleet.core.errors import Unreachable
from fleet.core.machine import join
from fleet.core.observation import Job
from fleet.core.orders import LogPart, Result, Target
from fleet.engine import firewall, memory
from tests.cli.scenes import DAY, FLEET
from tests.cli.terminal import set_scene, typed


class Sessions:
    """Hosts that print the command they were given, and end with this status."""

    def __init__(self, status: int) -> None:
        self.status = status

    def get(self, target: Target) -> SimpleNamespace:
        def stream(words: str, on_line: Callable[[str], None], *, timeout: float) -> Result:
            on_line(f"{target.name} [red] {words}")
            return Result(self.status, "", "")

        return SimpleNamespace(stream=stream, run=lambda words, timeout: Result(self.status, words, ""))


@pytest.mark.parametrize(("status", "code"), [(0, OK), (1, FAILED)])
def test_the_lines_of_one_machine_are_printed_as_they_are(
    monkeypatch: pytest.MonkeyPatch, status: int, code: int
) -> None:
    set_scene(monkeypatch, logs, FLEET, DAY, sessions=Sessions(status))
    result = typed("logs", "ci-build-1", "-n", "5")
    assert result.stdout == "ci-build-1 [red] docker logs --timestamps --tail 5 fleet-runner 2>&1\n"
    assert result.exit_code == code


def test_a_pool_is_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    set_scene(monkeypatch, logs, FLEET, DAY, sessions=Sessions(0))
    result = typed("logs", "build")
    assert (result.exit_code, result.stdout) == (UNTOUCHED, "")
    assert "fleet logs ci-build-1" in result.stderr


@pytest.mark.parametrize("source", [one for one in Source if one is not Source.JOB])
def test_each_log_can_be_followed_and_not(source: Source) -> None:
    plain, followed = (command(source, 7, follow=follow) for follow in (False, True))
    assert "7" in plain
    assert plain != followed
    assert "-F" in followed or "--follow" in followed


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--runner", "docker logs"),
        ("--docker", "journalctl --no-pager --unit docker"),
        ("--setup", "/var/log/fleet-setup.log"),
        ("--boot", "/var/log/cloud-init-output.log"),
    ],
)
def test_each_log_has_an_option(monkeypatch: pytest.MonkeyPatch, option: str, words: str) -> None:
    set_scene(monkeypatch, logs, FLEET, DAY, sessions=Sessions(0))
    assert words in typed("logs", "ci-build-1", option).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("ci-build-1", "--docker", "--setup"), "one log at a time, not --docker and --setup"),
        (("ci-build-1", "7"), "fleet logs ci-build-1 --job 7"),
        (("ci-build-7", "--job"), "there is no machine or pool ci-build-7"),
        (("--job", "4711"), "job 4711 neither waits nor runs"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_to_type(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], said: str
) -> None:
    set_scene(monkeypatch, logs, FLEET, DAY, sessions=Sessions(0))
    result = typed("logs", *words)
    assert (result.exit_code, result.stdout) == (UNTOUCHED, "")
    assert said in result.stderr


class Log:
    """A Gitea whose jobs have printed their number, and one that waits."""

    def __init__(self, *jobs: Job) -> None:
        self._jobs = jobs

    def jobs(self, *, fresh: bool = False) -> tuple[Job, ...]:
        return self._jobs

    def ended_job(self, job_id: int) -> None:
        return None

    def job_log(self, repo: str, job_id: int, since: int | None) -> LogPart:
        text = f"{repo} [red] {job_id}\n".encode()
        return LogPart(text, 0, len(text))


@pytest.mark.parametrize("words", [("--job", "{id}"), ("{name}", "--job", "{id}"), ("{name}", "--job")])
def test_a_jobs_log_is_that_of_gitea_and_no_host_is_asked(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    busy = next(machine for machine in join(FLEET, DAY) if machine.jobs)
    mine = busy.jobs[0]
    only = tuple(job for job in DAY.jobs or () if job.runner_id != mine.runner_id or job is mine)
    set_scene(monkeypatch, logs, FLEET, replace(DAY, jobs=only), gitea=Log(*only))
    result = typed("logs", *(word.format(name=busy.name, id=mine.id) for word in words))
    assert (result.stdout, result.exit_code) == (f"{mine.repo} [red] {mine.id}\n", OK)


def test_a_job_of_another_machine_is_not_taken_for_one_of_this(monkeypatch: pytest.MonkeyPatch) -> None:
    others = [job for machine in join(FLEET, DAY) if machine.name != "ci-build-1" for job in machine.jobs]
    set_scene(monkeypatch, logs, FLEET, DAY, gitea=Log(*(DAY.jobs or ())))
    result = typed("logs", "ci-build-1", "--job", str(others[0].id))
    assert result.exit_code == UNTOUCHED
    assert f"fleet logs --job {others[0].id}" in result.stderr


@pytest.mark.parametrize("words", [("logs", "ci-build-1"), ("exec", "ci-build-1", "--", "true")])
def test_the_firewall_lets_its_operator_in_before_a_host_is_asked(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    let_in: list[object] = []
    for module in (logs, execute):
        set_scene(monkeypatch, module, FLEET, DAY, sessions=Sessions(0))
    monkeypatch.setattr(firewall, "let_in", let_in.append)
    typed(*words)
    assert len(let_in) == 1


@pytest.mark.parametrize(
    ("module", "words", "code"),
    [
        (logs, ("logs", "ci-build-1"), OK),
        (logs, ("logs", "ci-build-1", "--job"), UNTOUCHED),
        (execute, ("exec", "ci-build-1", "--", "true"), OK),
        (pause, ("pause",), OK),
        (pause, ("resume",), OK),
    ],
)
def test_what_needs_no_gitea_goes_while_it_is_away(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, words: tuple[str, ...], code: int
) -> None:
    set_scene(monkeypatch, module, FLEET, DAY, sessions=Sessions(0))
    usual = vars(module)["open_world"]

    def opened(option: str | None, *, ask_gitea: bool = True) -> object:
        if ask_gitea:
            raise Unreachable("Gitea did not answer")
        return usual(option)

    def asked(*_: object, **__: object) -> None:
        raise Unreachable("Gitea did not answer")

    monkeypatch.setattr(module, "open_world", opened)
    monkeypatch.setattr(module, "observe", asked, raising=False)
    monkeypatch.setattr(memory, "write", lambda world, tags: None)
    assert typed(*words).exit_code == code
