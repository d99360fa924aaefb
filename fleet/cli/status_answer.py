"""What ``fleet status`` answers: a screen, JSON, a page left open, or a file of metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from fleet.cli import sight
from fleet.cli.exits import NOT_AS_WANTED, OK
from fleet.cli.machines import unknown
from fleet.cli.story import looking
from fleet.cli.wiring import open_world
from fleet.core.errors import Refused
from fleet.core.names import read_machine_name
from fleet.core.static_hosts import possible_names
from fleet.engine.workers import workers
from fleet.engine.world import World


@dataclass(frozen=True, slots=True)
class Asked:
    """The options as they were typed. ``names``: of machines and pools; none is all."""

    names: tuple[str, ...]
    check: bool
    watch: bool
    wide: bool
    json: bool


def answer(inventory: str | None, asked: Asked, prometheus: Path | None) -> int:
    """Look, and show it or write it. The exit code. Raises Refused: usage, or Hetzner or Gitea do not answer."""
    if asked.watch and (asked.json or asked.check):
        raise Refused("--watch goes on and on, and --json and --check give one answer", hint="leave out one of them")
    if prometheus is not None:
        from fleet.cli import metrics

        _alone("--prometheus", asked.names, asked.watch, asked.wide, asked.json)
        return _verdict(metrics.write_file(inventory, prometheus), check=asked.check)
    with open_world(inventory) as world:
        _must_know(world, asked.names)
        if asked.watch:
            return _again_and_again(world, asked)
        return _once(world, asked)


def _again_and_again(world: World, asked: Asked) -> int:
    from fleet.cli import watch

    def look() -> sight.Sight:
        return sight.only(sight.look(world.by_now()), asked.names)

    return watch.watch(world.inventory.name, look, world.clock, wide=asked.wide)


def _once(world: World, asked: Asked) -> int:
    with looking(f"looking at fleet {world.inventory.name}", quiet=asked.json) as told, workers(1) as pool:
        look = pool.submit(sight.look, world, told)
        from fleet.cli import dashboard, figures  # while the hosts are asked

        whole = look.result()
    _must_be_there(whole, asked.names)
    seen = sight.only(whole, asked.names)
    console = Console(highlight=False)
    if asked.json:
        found = figures.figures(world, seen.seen, seen.machines)
        console.print_json(data=dashboard.to_json(seen) | figures.to_json(found))
    else:
        console.print(dashboard.screen(seen, wide=asked.wide), crop=False)
    if asked.wide and not asked.json:
        console.print("", figures.shown(figures.figures(world, seen.seen, seen.machines)), sep="\n")
    return _verdict(seen, check=asked.check)


def _verdict(seen: sight.Sight, *, check: bool) -> int:
    return NOT_AS_WANTED if check and seen.troubles else OK


def _alone(option: str, *others: object) -> None:
    """Raises Refused where something else is asked for, too."""
    if any(others):
        raise Refused(f"{option} is for the whole fleet, once, and shows nothing", hint=f"fleet status {option} FILE")


def _must_know(world: World, names: Sequence[str]) -> None:
    """A slip is told before anybody is asked. Raises Refused."""
    pools = [pool.name for pool in world.inventory.pools]
    for name in names:
        parts = read_machine_name(name)
        if name not in pools and (parts is None or parts.fleet != world.inventory.name):
            may_be = possible_names(world.inventory)
            raise unknown(f"there is no machine or pool {name}", name, (*pools, *may_be))


def _must_be_there(seen: sight.Sight, names: Sequence[str]) -> None:
    """A check of what is nowhere must not say that all is well. Raises Refused."""
    there = {machine.name for machine in seen.machines} | {change.machine for change in seen.plan.changes}
    for name in names:
        if name not in there and read_machine_name(name) is not None:
            raise unknown(f"there is no machine {name}", name, there)
