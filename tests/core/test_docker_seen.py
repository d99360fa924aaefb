"""What jobs left behind is what no running job uses."""

import pytest

from fleet.core.docker_seen import Container, DockerSeen, Made, RunnerContainer, leftovers

NAME = "GITEA-ACTIONS-TASK-{}-WORKFLOW-ci-JOB-test"


def task(number: int, state: str = "running") -> Container:
    return Container(NAME.format(number), "node:22", state, 50 + number)


def test_what_belongs_to_a_job_that_runs_is_in_use() -> None:
    name = NAME.format(7)
    volumes = (Made(name), Made(f"{name}-env"))
    seen = DockerSeen("26", containers=(task(7),), volumes=volumes, networks=(Made(f"{name}-test-network"),))
    assert len(leftovers(seen)) == 0


@pytest.mark.parametrize("old", [NAME.format(70), "GITEA-ACTIONS-TASK-70_WORKFLOW-ci_JOB-test"])
def test_what_belongs_to_no_running_job_is_left_over(old: str) -> None:
    seen = DockerSeen("26", containers=(task(7), task(71, "exited")), volumes=(Made(old, 90),), networks=(Made(old),))
    left = leftovers(seen)
    assert left.containers == (Made(NAME.format(71), 121),)
    assert (left.volumes, left.networks) == (seen.volumes, seen.networks)
    assert (len(left), left.oldest) == (3, 90)


def test_containers_that_no_job_made_are_not_left_over() -> None:
    assert len(leftovers(DockerSeen("26", containers=(Container("web", "nginx:1", "exited", 3),)))) == 0


def test_a_job_runs_while_its_container_does_whatever_docker_calls_that() -> None:
    states = ("running", "paused", "restarting", "removing", "exited", "created", "dead")
    seen = DockerSeen("26", containers=tuple(task(number, state) for number, state in enumerate(states)))
    assert [one.state for one in seen.tasks] == ["running", "paused", "restarting", "removing"]


def test_a_job_is_abandoned_when_its_runner_has_ended_or_was_started_since() -> None:
    def abandoned(*, running: bool, started: int) -> list[str]:
        runner = RunnerContainer(running, 0, 0, "", "gitea/runner:4.1.0", started=started)
        return [one.name for one in DockerSeen("26", containers=(task(7), task(9)), runner=runner).abandoned]

    assert abandoned(running=True, started=57) == [], "made in the second in which the runner began"
    assert abandoned(running=True, started=58) == [NAME.format(7)]
    assert abandoned(running=True, started=0) == [], "not known"
    assert abandoned(running=False, started=50) == [NAME.format(7), NAME.format(9)]
    assert DockerSeen("26", containers=(task(7),)).abandoned == (), "of whose runner nothing is known"
