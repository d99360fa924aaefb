"""What ``fleet status`` says of one machine: the columns of its table, and the keys of its JSON."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import Any

from rich.text import Text

from fleet.cli import show
from fleet.cli.ages import age
from fleet.cli.columns import ONLY_WIDE, Column
from fleet.core.errors import HostError, HostSilent, LoginRefused, WrongHostKey
from fleet.core.health import Finding, Severity
from fleet.core.inventory import CacheSettings
from fleet.core.machine import Machine
from fleet.core.money import Catalog
from fleet.core.observation import Job
from fleet.core.pricing import paid_minutes_left, server_price
from fleet.core.tailnet import TailnetFacts

SEVERITY_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "dim"}


@dataclass(frozen=True, slots=True)
class Row:
    """A machine, and what else its row tells. ``jobs`` of the machine are given the oldest first."""

    machine: Machine
    now: datetime
    catalog: Catalog
    cache: CacheSettings
    findings: tuple[Finding, ...]

    @property
    def jobs(self) -> tuple[Job, ...]:
        """What runs on it, the oldest first."""
        return tuple(sorted(self.machine.jobs, key=began))


def began(job: Job) -> datetime:
    """When it started; for the moment before Gitea says so, when it was made."""
    return job.started or job.created


def address(machine: Machine) -> str:
    """Where its host is; empty when it has none."""
    if machine.server is not None:
        return machine.server.ipv4 or machine.server.ipv6 or ""
    return machine.static.host.address if machine.static is not None else ""


def _pool(row: Row) -> str | None:
    return row.machine.pool.name if row.machine.pool else None


def _findings(row: Row) -> Text:
    """The worst by its word, and how many more there are."""
    if not row.findings:
        return Text("")
    worst = min((found.severity for found in row.findings), key=list(Severity).index)
    more = f" +{len(row.findings) - 1}" if len(row.findings) > 1 else ""
    return Text(f"{worst}{more}", SEVERITY_STYLES[worst])


def _findings_json(row: Row) -> dict[str, int]:
    counts = Counter(found.severity for found in row.findings)
    return {severity.value: counts[severity] for severity in Severity}


def _slots(row: Row) -> str:
    capacity = f"/{row.machine.pool.runner.capacity}" if row.machine.pool else ""
    return f"{len(row.machine.jobs)}{capacity}"


def _capacity(row: Row) -> int | None:
    return row.machine.pool.runner.capacity if row.machine.pool else None


def _since(row: Row) -> str:
    return age(began(row.jobs[0]), row.now) if row.jobs else ""


def _oldest(row: Row) -> str | None:
    return began(row.jobs[0]).isoformat() if row.jobs else None


def _jobs_json(row: Row) -> list[dict[str, Any]]:
    return [{"id": job.id, "name": job.name, "repo": job.repo, "started": began(job).isoformat()} for job in row.jobs]


def _type(row: Row) -> str:
    return row.machine.server.type if row.machine.server else "static" if row.machine.static else ""


def _age(row: Row) -> str:
    return age(row.machine.server.created, row.now) if row.machine.server else ""


def _paid(row: Row) -> int | None:
    return paid_minutes_left(row.machine.server.created, row.now) if row.machine.server else None


def _paid_text(row: Row) -> str:
    minutes = _paid(row)
    return "" if minutes is None else f"{minutes} min"


def _disk(row: Row) -> str | Text:
    """How full it is; of a host that said nothing, that."""
    if isinstance(row.machine.host, HostError):
        return Text(host_word(row.machine.host), "yellow")
    used = _disk_used(row)
    return "" if used is None else f"{ceil(100 * used)}%"


def _disk_used(row: Row) -> float | None:
    """Of the fullest one, where Docker's folders and the root are on several."""
    facts = row.machine.facts
    disks = [(disk.size, disk.free) for disk in facts.disks] if facts else []
    disks += [(facts.disk_size, facts.disk_free)] if facts and facts.disk_size else []
    return max((round(1 - free / size, 3) for size, free in disks if size), default=None)


def host_word(error: HostError) -> str:
    """Why the host said nothing."""
    match error:
        case HostSilent():
            return "silent"
        case LoginRefused():
            return "refused"
        case WrongHostKey():
            return "other key"
        case _:
            return "failed"


def _host(row: Row) -> str | None:
    host = row.machine.host
    return None if host is None else host_word(host) if isinstance(host, HostError) else "answers"


def _docker(row: Row) -> str | None:
    facts = row.machine.facts
    return (facts.docker or None) if facts else None


def _runner_version(row: Row) -> str | None:
    """The tag of its image, or what a digest pins."""
    container = row.machine.facts.container if row.machine.facts else None
    return container.image.rpartition("/")[2].partition(":")[2][:12] or None if container else None


def _cache(row: Row) -> str | None:
    """Whose cache its jobs use."""
    facts, cache = row.machine.facts, row.cache
    if facts is None or facts.container is None:
        return None
    if facts.serves_cache:
        return "serves"
    return "shared" if cache.served else "bucket" if cache.bucket else "own"


def _tailnet(row: Row) -> str | None:
    """Its address there; ``out`` while it has tailscale and is in no tailnet."""
    facts: TailnetFacts | None = row.machine.facts.tailnet if row.machine.facts else None
    if facts is None:
        return None
    return facts.addresses[0] if facts.joined and facts.addresses else "out"


def _hour(row: Row) -> float | None:
    return float(server_price(row.machine.server, row.catalog).hour) if row.machine.server else None


COLUMNS: tuple[Column[Row], ...] = (
    Column("MACHINE", "machine", lambda row: row.machine.name, lambda row: row.machine.name),
    Column("POOL", "pool", _pool, lambda row: _pool(row) or "", rank=ONLY_WIDE),
    Column("PHASE", "phase", lambda row: row.machine.phase.value, lambda row: show.phase_text(row.machine)),
    Column("FINDINGS", "findings", _findings_json, _findings),
    Column("JOBS", "capacity", _capacity, _slots, rank=1, right=True),
    Column("SINCE", "oldest_job_started", _oldest, _since, rank=4, right=True),
    Column("OLDEST JOB", "jobs", _jobs_json, lambda row: row.jobs[0].name if row.jobs else "", rank=5, cut=True),
    Column("TYPE", "type", lambda row: row.machine.server.type if row.machine.server else None, _type, rank=6),
    Column(
        "PLACE",
        "location",
        lambda row: row.machine.server.location if row.machine.server else None,
        lambda row: row.machine.server.location if row.machine.server else "",
        rank=8,
    ),
    Column(
        "AGE",
        "created",
        lambda row: row.machine.server.created.isoformat() if row.machine.server else None,
        _age,
        rank=7,
        right=True,
    ),
    Column("PAID", "paid_minutes_left", _paid, _paid_text, rank=3, right=True),
    Column("DISK", "disk_used", _disk_used, _disk, rank=2, right=True),
    Column("DOCKER", "docker", _docker, lambda row: (_docker(row) or "").partition("+")[0], rank=10),
    Column("RUNNER", "runner_version", _runner_version, lambda row: _runner_version(row) or "", rank=9),
    Column("CACHE", "cache", _cache, lambda row: _cache(row) or "", rank=11),
    Column("TAILNET", "tailnet", _tailnet, lambda row: _tailnet(row) or "", rank=12),
    Column("ADDRESS", "address", lambda row: address(row.machine) or None, lambda row: address(row.machine), rank=13),
    Column("", "host", _host),
    Column("", "server", lambda row: row.machine.server.id if row.machine.server else None),
    Column("", "static", lambda row: row.machine.static is not None),
    Column("", "runner", lambda row: row.machine.runner.id if row.machine.runner else None),
    Column("", "eur_per_hour", _hour),
)
"""In the order they are shown."""
