"""Observations of all kinds, ours and foreign, whole and broken; and what they look like after a plan was done."""

from dataclasses import replace

from hypothesis import strategies as st

from fleet.core.change import Plan
from fleet.core.errors import CommandFailed, HostSilent, LoginRefused, WrongHostKey
from fleet.core.facts import HostFacts, Registration
from fleet.core.inventory import Inventory, Pool
from fleet.core.lifecycle import Step
from fleet.core.names import Tag, read_machine_name
from fleet.core.observation import HostSeen, Job, Observation, Runner, Server
from fleet.core.rungs import Rung
from fleet.core.setup import HostWanted
from tests.core.builders import (
    GITEA,
    NOW,
    facts,
    foreign,
    fresh,
    inventory,
    job,
    pool,
    runner,
    seen,
    server,
    wanted,
)

POOLS = ("build", "test")
NAMES = tuple(f"ci-{name}-{n}" for name in (*POOLS, "gone") for n in range(1, 6))
WANTED: dict[str, HostWanted] = {name: wanted(pool(name)) for name in POOLS}

TAGS: tuple[dict[str, str], ...] = (
    {},
    {Tag.HELD: "1"},
    *({Tag.DRAINING: f"{asker}.1"} for asker in ("scale", "person", "repair", "robot")),
    {Tag.SUSPECT: "silent.1"},
    *({Tag.SUSPECT: "silent.1", Tag.REPAIR: f"{rung}.1"} for rung in ("reset", "rebuild")),
    *({Tag.REPAIR: f"{rung}.{int(NOW.timestamp()) - ago}"} for rung in Rung for ago in (60, 1200)),
)
SERVERS = ("none", "ours", "ours", "ours", "foreign", "untagged")
ANSWERS = (
    "silent",
    "refused",
    "wrong key",
    "failed",
    "booting",
    "bare",
    "drifted",
    "stopped",
    "tasks",
    "good",
)
RECORDS = ("none", "online", "offline", "disabled", "two")

Parts = tuple[tuple[Server | Runner | Job, ...], dict[str, HostSeen]]


def inventories() -> st.SearchStrategy[Inventory]:
    """Two pools, each of 0 to 4 machines."""
    sizes = st.lists(st.integers(0, 4), min_size=2, max_size=2).map(sorted)
    return st.tuples(sizes, sizes).map(
        lambda both: inventory(
            *(pool(name, min=size[0], max=max(1, size[1])) for name, size in zip(POOLS, both, strict=True))
        )
    )


def observations() -> st.SearchStrategy[Observation]:
    """Up to eight names; each with a server or not, records or not, a host that speaks or not."""
    names = st.lists(st.sampled_from(NAMES), unique=True, max_size=8)
    return names.flatmap(lambda found: st.tuples(*(_machine(name) for name in found))).map(_together)


def _machine(name: str) -> st.SearchStrategy[Parts]:
    return st.builds(
        _parts,
        st.just(name),
        st.sampled_from(SERVERS),
        st.sampled_from(TAGS),
        st.sampled_from((1, 90)),
        st.sampled_from(("", *ANSWERS)),
        st.sampled_from(RECORDS),
        st.booleans(),
    )


def _parts(name: str, kind: str, tags: dict[str, str], minutes: int, answer: str, record: str, working: bool) -> Parts:
    found: list[Server | Runner | Job] = []
    if kind == "ours":
        found.append(server(name, tags=tags, minutes=minutes))
    elif kind != "none":
        found.append(foreign(name) if kind == "foreign" else replace(foreign(name), tags={}))
    records = _records(name, record)
    found += records
    if working and records:
        found.append(job(id=records[0].id, runner_id=records[0].id))
    hosts: dict[str, HostSeen] = {name: _answer(name, answer)} if answer and kind == "ours" else {}
    return tuple(found), hosts


def _id(name: str) -> int:
    return 10 * (1 + NAMES.index(name))


def _records(name: str, record: str) -> list[Runner]:
    one = runner(name, id=_id(name))
    match record:
        case "none":
            return []
        case "two":
            return [one, runner(name, id=_id(name) + 1, online=False)]
        case _:
            return [replace(one, online=record != "offline", disabled=record == "disabled")]


def _answer(name: str, answer: str) -> HostSeen:
    good = as_wanted(name)
    states: dict[str, HostSeen] = {
        "silent": HostSilent("no answer"),
        "refused": LoginRefused("refused"),
        "wrong key": WrongHostKey("another key"),
        "failed": CommandFailed("the probe ended with 1"),
        "booting": fresh(boot=""),
        "bare": fresh(),
        "drifted": replace(good, files={}),
        "stopped": replace(good, container=None),
        "tasks": replace(good, tasks=("GITEA-ACTIONS-TASK-1",)),
        "good": good,
    }
    return states[answer]


def as_wanted(name: str) -> HostFacts:
    """The host of this machine when all is well, its runner registered."""
    parts = read_machine_name(name)
    assert parts is not None
    want = WANTED.get(parts.pool, WANTED[POOLS[0]])
    return facts(want, registration=Registration(_id(name), "u", name, GITEA.runner_url))


def _together(all_parts: tuple[Parts, ...]) -> Observation:
    found = [part for parts, _ in all_parts for part in parts]
    hosts = {name: host for _, some in all_parts for name, host in some.items()}
    return seen(*found, hosts=hosts)


def done(plan: Plan, before: Observation) -> Observation:
    """What is seen after every step of the plan did its work."""
    names = {change.machine for change in plan.todo}
    made = {change.machine for change in plan.todo if Step.CREATE in change.steps}
    kept = [s for s in before.servers if s.name not in names]
    changed = [_back(s) for s in before.servers if s.name in names and s.name not in made]
    return replace(
        before,
        at=NOW,
        # A create call for a name that is taken would show as two servers of that name.
        servers=(
            *kept,
            *changed,
            *(s for s in before.servers if s.name in made),
            *(server(n, minutes=1) for n in made),
        ),
        runners=(
            *(r for r in before.runners or () if r.name not in names),
            *(runner(name, id=_id(name)) for name in sorted(names)),
        ),
        jobs=tuple(j for j in before.jobs or () if j.runner_id not in {_id(name) for name in names}),
        hosts={**before.hosts, **{name: as_wanted(name) for name in names}},
    )


def _back(one: Server) -> Server:
    tags = {key: value for key, value in one.tags.items() if key not in {Tag.DRAINING, Tag.SUSPECT, Tag.REPAIR}}
    return replace(one, tags=tags)


def pools_of(of: Inventory) -> dict[str, Pool]:
    return {one.name: one for one in of.pools}
