"""What a history is: an inventory, a list of things that happen, and how strange the world is meanwhile.

All of it follows from one seed, so that a history that went wrong can be played again.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from random import Random

from fleet.core.inventory import GiteaSettings, Inventory, Pool, RunnerSettings

MINUTE = 60
PERIOD = 5 * MINUTE
"""Between two passes."""

LENGTH = 100 * MINUTE
"""Of the part in which things happen; after it the world is calm."""

DEAREST = Decimal("0.0164")
"""Euros per hour of the dearest machine that the simulated Hetzner has for us."""


class What(StrEnum):
    """Something that happens at a time of its own: a job, a pass, a person's word, an accident."""

    JOB = "a job is pushed"
    PASS = "fleet scale"
    ONLY_DOWN = "fleet scale-down"
    UP = "fleet up"
    ADD = "fleet up --add"
    DOWN = "fleet down"
    DRAIN = "fleet drain"
    ENABLE = "fleet enable"
    HOLD = "fleet hold"
    RELEASE = "fleet release"
    PAUSE = "fleet pause"
    RESUME = "fleet resume"
    EDIT = "the inventory is edited"
    REBOOT = "a host reboots"
    DOCKER = "Docker restarts"
    SILENCE = "a host does not answer"
    HANG = "a host hangs"
    DEAF = "a runner does not reach Gitea"
    FORGETS = "a host loses its .runner"
    DELETED = "somebody deletes a runner in Gitea"
    REPAIR = "fleet repair"
    DISABLE = "somebody disables a runner in Gitea"
    SOLD_OUT = "Hetzner is sold out"


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing at one second. ``luck`` (0 to 1) decides which machine, which pool, how long."""

    at: int
    what: What
    luck: float


@dataclass(frozen=True, slots=True)
class Odds:
    """How likely something strange is right before, or right after, any one call of a process."""

    job: float
    kill: float
    failure: float
    second: float
    accident: float
    person: float


@dataclass(frozen=True, slots=True)
class History:
    """``edited`` is the inventory that somebody may write later: its runners need a restart."""

    seed: int
    inventory: Inventory
    edited: Inventory
    can_disable: bool
    odds: Odds
    happenings: tuple[Happening, ...]


QUIET = Odds(0, 0, 0, 0, 0, 0)


def write(seed: int) -> History:
    """The history of this seed."""
    random = Random(seed)
    inventory = _inventory(random)
    happenings = (*_passes(random), *_jobs(random), *_others(random))
    return History(
        seed,
        inventory,
        replace(inventory, pools=tuple(_edited(pool) for pool in inventory.pools)),
        can_disable=random.random() < 0.5,
        odds=_odds(random),
        happenings=tuple(sorted(happenings, key=lambda one: one.at)),
    )


def _inventory(random: Random) -> Inventory:
    names = ("build", "test", "big")[: random.choice((1, 1, 2, 2, 3))]
    pools = tuple(_pool(random, name) for name in names)
    least = sum(max(pool.min, pool.idle, 1) for pool in pools)
    return Inventory(
        "ci",
        GiteaSettings("https://git.example", "https://git.example"),
        pools,
        max=random.choice((None, None, least, least + 1)),
        max_eur_per_hour=random.choice((None, None, DEAREST * least, DEAREST * least + Decimal("0.01"))),
    )


def _pool(random: Random, name: str) -> Pool:
    """Each pool has a label of its own; all have one in common."""
    labels = (f"{name}:docker://ci/job:1", "ubuntu-latest:docker://ci/job:1")
    runner = RunnerSettings("gitea/runner:4.1.0", labels, capacity=random.choice((1, 1, 2, 3)))
    most = random.randint(1, 3)
    least = random.randint(0, min(2, most))
    idle = random.choice((0, 0, 0, 1))
    return Pool(name, runner, min=least, max=most, idle=idle, types=("cx33", "cx43"), locations=("fsn1", "nbg1"))


def _edited(pool: Pool) -> Pool:
    return replace(pool, runner=replace(pool.runner, log_level="debug"))


def _odds(random: Random) -> Odds:
    """Some worlds are strange in one way, some in many."""
    return Odds(
        job=random.choice((0, 0.01, 0.03)),
        kill=random.choice((0, 0.004, 0.02)),
        failure=random.choice((0, 0.004, 0.02)),
        second=random.choice((0, 0.004, 0.02)),
        accident=random.choice((0, 0.003, 0.015)),
        person=random.choice((0, 0, 0.004)),
    )


def _passes(random: Random) -> list[Happening]:
    down = random.choice((0.0, 0.2, 1.0))
    times = range(MINUTE, LENGTH, PERIOD)
    return [Happening(at, What.ONLY_DOWN if random.random() < down else What.PASS, random.random()) for at in times]


def _jobs(random: Random) -> list[Happening]:
    """They come alone and in bursts."""
    jobs: list[Happening] = []
    for _ in range(random.randint(1, 5)):
        at = random.randrange(LENGTH)
        jobs += [
            Happening(at + random.randrange(MINUTE), What.JOB, random.random()) for _ in range(random.choice((1, 1, 3)))
        ]
    return jobs


_RARE = (
    *(What.UP, What.ADD, What.DOWN, What.DOWN, What.DRAIN, What.ENABLE, What.HOLD, What.RELEASE, What.PAUSE),
    *(What.RESUME, What.EDIT, What.REBOOT, What.REBOOT, What.DOCKER, What.SILENCE, What.HANG, What.DISABLE),
    *(What.SOLD_OUT, What.DEAF, What.DEAF, What.FORGETS, What.DELETED, What.REPAIR),
)


def _others(random: Random) -> list[Happening]:
    first = [Happening(0, What.UP, random.random())] if random.random() < 0.7 else []
    count = random.choice((0, 2, 6))
    if random.random() < 0.3:
        first += _hung_and_sent_away(random)
    return first + [Happening(random.randrange(LENGTH), random.choice(_RARE), random.random()) for _ in range(count)]


def _hung_and_sent_away(random: Random) -> list[Happening]:
    """A machine hangs, perhaps with a job on it, and a person wants it gone."""
    at, luck = random.randrange(LENGTH), random.random()
    job = Happening(at, What.JOB, random.random())
    return [job, Happening(at + 45, What.HANG, luck), Happening(at + 45 + random.randint(70, 500), What.DOWN, luck)]
