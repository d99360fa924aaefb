"""Servers without IPv4: refused where nothing gives them a way to what they need, with the ways there are."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from fleet.core.belongings import Belongings, Network
from fleet.core.inventory import (
    DockerSettings,
    DockerSource,
    GiteaSettings,
    Inventory,
    Pool,
    ProxySettings,
    RunnerSettings,
    SshRoute,
    SshSettings,
)
from fleet.core.ipv6_only import WAYS, blind, has_way_out, needed, problems
from tests.core import builders

GITEA, IMAGES, HUB = "git.example", "docker.gitea.com", "registry-1.docker.io"
OUT = Belongings(networks={"inside": Network(1), "out": Network(2, leads_out=True)})


def pool(**wishes: Any) -> Pool:
    runner = RunnerSettings("gitea/runner:4.1.0", (f"ubuntu:docker://{IMAGES}/runner-images:ubuntu", "here:host"))
    return replace(builders.pool(), **{"ipv4": False, "runner": runner, "max": 1, **wishes})


def fleet(of: Pool, **more: Any) -> Inventory:
    return replace(builders.inventory(of), gitea=GiteaSettings(f"https://{GITEA}", f"https://{GITEA}:8443"), **more)


def told(of: Pool, *only_ipv4: str, unknown: tuple[str, ...] = (), **more: Any) -> list[str]:
    def answers(host: str) -> bool | None:
        return None if host in unknown else host not in only_ipv4

    return [problem.wrong for problem in problems(fleet(of, **more), of, OUT, answers)]


def test_what_a_machine_must_reach() -> None:
    of = pool()
    assert dict(needed(fleet(of), of)) == {
        GITEA: "Gitea",
        HUB: "image gitea/runner:4.1.0",
        IMAGES: f"image {IMAGES}/runner-images:ubuntu",
    }


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("node:22", HUB),
        ("docker.io/library/node:22", HUB),
        ("gitea/runner:4.1.0", HUB),
        ("ghcr.io/a/b", "ghcr.io"),
        ("registry.example:5000/a", "registry.example"),
        ("localhost/a", "localhost"),
    ],
)
def test_where_an_image_comes_from(image: str, host: str) -> None:
    of = pool(runner=RunnerSettings(image, ()))
    assert list(dict(needed(fleet(of), of)))[1:] == [host]


def test_in_a_tailnet_gitea_is_reached_through_it_and_dockers_archive_is_not() -> None:
    of = pool(tailnet=True, docker=DockerSettings(source=DockerSource.DOCKER, registry_mirror="http://[fd00::5]:5000"))
    assert list(dict(needed(fleet(of), of))) == ["fd00::5", IMAGES, "download.docker.com"]


def test_all_that_has_no_ipv6_is_told_with_the_ways_there_are() -> None:
    of = pool()
    found = list(problems(fleet(of), of, OUT, lambda host: host == HUB))
    assert [problem.wrong.partition(" ")[0] for problem in found] == [GITEA, IMAGES]
    assert {problem.path for problem in found} == {"pools.build.ipv4"}
    assert {problem.allowed for problem in found} == {WAYS}


def test_what_answers_by_ipv6_or_is_not_known_here_is_let_pass() -> None:
    assert told(pool()) == []
    assert told(pool(), GITEA, unknown=(GITEA,)) == []


@pytest.mark.parametrize(
    ("wish", "more"),
    [
        ({"nat64": True}, {}),
        ({"networks": ("inside", "out")}, {}),
        ({}, {"proxy": ProxySettings(http="http://proxy.example:3128")}),
        ({"ipv4": True}, {}),
        ({"max": 0}, {}),
    ],
)
def test_each_way_to_ipv4_is_enough(wish: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    assert told(pool(), GITEA), "without it"
    assert told(pool(**wish), GITEA, **more) == []


def test_a_network_without_a_route_out_is_none() -> None:
    of = pool(networks=("inside",))
    assert not has_way_out(fleet(of), of, OUT)
    assert told(of, GITEA)


def test_a_computer_without_ipv6_is_told_also_when_it_will_be_in_the_tailnet() -> None:
    of = pool()
    problem = blind(fleet(of), of)
    assert problem is not None
    assert "this computer has no IPv6" in problem.wrong
    joined = blind(fleet(of, ssh=SshSettings(route=SshRoute.TAILNET)), of)
    assert joined is not None
    assert "only after that" in joined.wrong
    assert blind(fleet(of), pool(ipv4=True)) is None
