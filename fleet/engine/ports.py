"""What the engine needs of the outside. ``edges/`` and the tests' fakes do it, ``cli/wiring.py`` joins."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from fleet.core.belongings import Belongings
from fleet.core.docker_seen import DockerSeen
from fleet.core.firewall import Firewall, Rule
from fleet.core.money import Catalog
from fleet.core.observation import Device, EndedJobs, Job, Runner, Server
from fleet.core.orders import Credentials, LogPart, MintedKey, Result, ServerOrder, Target
from fleet.core.secret import Secret

__all__ = [
    "Clock",
    "Cloud",
    "Credentials",
    "Gitea",
    "Host",
    "Hosts",
    "MintedKey",
    "Operator",
    "Result",
    "ServerOrder",
    "Tailnet",
    "Target",
]

Decide = Callable[[Sequence[Rule]], Sequence[Rule]]
"""From the rules of a firewall to those it should have. Given its own answer it gives the same again."""


class Clock(Protocol):
    """Time, so that tests need not wait for it."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait that long."""


class Operator(Protocol):
    """Who runs this process, and from where."""

    def who(self) -> str:
        """User and computer, without spaces: two operators have two names."""

    def networks(self) -> tuple[str, ...]:
        """The networks (CIDR) that machines see us come from. Raises Refused when nobody can say."""

    def has_ipv6(self) -> bool:
        """Whether this computer has a way to IPv6 addresses."""

    def answers_ipv6(self, host: str) -> bool | None:
        """Whether this host name or address can be reached by IPv6. None when its name is not known here."""


class Cloud(Protocol):
    """Hetzner. Every call has a timeout; errors are the CloudErrors and Refused of ``core/errors.py``."""

    def now(self) -> datetime:
        """The API's own time, as its last answer gave it (asks once when there was none)."""

    def servers(self, *, fresh: bool = False) -> tuple[Server, ...]:
        """All servers of the project, ours or not. Shared and cached for a moment; ``fresh`` passes the cache by."""

    def server(self, server_id: int) -> Server | None:
        """The server with this id now (never cached), or None when it is gone."""

    def server_named(self, name: str) -> Server | None:
        """The server of this name now (never cached), or None."""

    def create_server(self, order: ServerOrder) -> Server:
        """Ask for a server and wait until Hetzner says it is made (waits go in batches).

        Raises NameTaken, NoCapacity (also when the action fails later; what it left behind is deleted),
        QuotaExceeded, RateLimited.
        """

    def set_tags(self, server_id: int, changes: Mapping[str, str | None]) -> Server | None:
        """Change only these tags (None removes), read by id, written, read back. None when it is gone."""

    def reset_server(self, server_id: int) -> None:
        """Hard reset."""

    def rebuild_server(self, server_id: int, image: str, user_data: Secret) -> None:
        """Wipe the disk and start from the image again; keeps the paid hour."""

    def delete_server(self, server: Server) -> None:
        """Delete it, see it gone, and delete what it leaves behind and is billed (primary IPs made with it,
        volumes carrying our fleet tag). Gone already is success."""

    def catalog(self) -> Catalog:
        """Types, locations and prices."""

    def ensure_ssh_key(self, name: str, public_key: str, tags: Mapping[str, str]) -> int:
        """The id of our SSH key: found by fingerprint, else by name, else made."""

    def remove_ssh_key(self, public_key: str, tags: Mapping[str, str]) -> bool:
        """Delete this key if it carries all these tags; whether it was there and did."""

    def ssh_key_names(self) -> Mapping[str, str]:
        """The names of the project's SSH keys, ours or not, by fingerprint (``SHA256:...``)."""

    def firewall(self, name: str, tags: Mapping[str, str]) -> Firewall | None:
        """The firewall of this name and these tags as it is now, or None when there is no such firewall of ours."""

    def ensure_firewall(self, name: str, decide: Decide, tags: Mapping[str, str], covers: Mapping[str, str]) -> int:
        """The id of a firewall of ours: found by name and tags or made, for all servers with the tags ``covers``.

        Its rules are what ``decide`` makes of those that are there: written in place and read back.
        """

    def set_firewall_tags(self, firewall_id: int, changes: Mapping[str, str | None]) -> None:
        """Change only these tags of the firewall (None removes), read by id, written, read back."""

    def network_id(self, name: str) -> int:
        """The id of the private network of this name, asked for once. Raises Refused where there is none."""

    def belongings(self) -> Belongings:
        """Placement groups, networks, firewalls and volumes of the project, asked for once."""

    def leftovers(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """What carries all these tags, belongs to no server, and is billed: volumes, primary IPs; as words."""

    def remove_shared(self, tags: Mapping[str, str]) -> tuple[str, ...]:
        """Delete the SSH keys and firewalls with all these tags, when no server uses them; their names."""

    def calls_left(self) -> tuple[int, int] | None:
        """Calls that may be made, as the last answer said, and the limit; None where nobody counts."""

    def warnings(self) -> tuple[str, ...]:
        """Deprecations noticed so far, each once, as sentences."""

    def close(self) -> None:
        """Close all connections."""


class Gitea(Protocol):
    """Gitea, REST and runner protocol. Errors are the GiteaErrors and Refused of ``core/errors.py``."""

    def version(self) -> str:
        """The server's version as it says it. Raises TooOld below 1.25."""

    def runners(self) -> tuple[Runner, ...]:
        """All runners of our scope, joined over pages by id. Shared and cached for a moment."""

    def runner(self, runner_id: int) -> Runner | None:
        """This runner now (never cached), or None when Gitea has none of this id."""

    def jobs(self, *, fresh: bool = False) -> tuple[Job, ...]:
        """All waiting and running jobs of our scope. ``fresh`` passes the cache by."""

    def ended_jobs(self) -> EndedJobs:
        """Some dozens of the jobs that last ended well. Two calls, never cached: for those who ask for figures."""

    def ended_job(self, job_id: int) -> Job | None:
        """The job of this id, if it is among those that last ended, well or not."""

    def job_log(self, repo: str, job_id: int, since: int | None) -> LogPart:
        """What a job has printed from this byte on, also while it runs; None: the end of it. Raises Refused when there
        is no log of it, CredentialsError when the token may not read repositories."""

    def registration_token(self) -> Secret:
        """The scope's registration token. Raises CredentialsError naming the scope to add."""

    def register(self, name: str, labels: Sequence[str], token: Secret) -> Credentials:
        """Make a new runner record (each call makes one). ``labels`` are names only."""

    def declare(self, who: Credentials, labels: Sequence[str]) -> int:
        """Set the labels of a runner by its own credentials; the id of the runner they prove to be.

        Raises RunnerUnknown.
        """

    def set_disabled(self, runner_id: int, disabled: bool) -> bool:
        """Cordon or uncordon by PATCH; False where this Gitea cannot (404, 405)."""

    def delete_runner(self, runner_id: int) -> None:
        """Remove the record. Gone already is success."""

    def close(self) -> None:
        """Close all connections."""


class Host(Protocol):
    """One connected session on a host, as root."""

    def run(self, command: str, *, stdin: bytes = b"", timeout: float = 60) -> Result:
        """Run a shell command; the exit status is the verdict. Raises HostSilent when it takes too long."""

    def stream(self, command: str, on_line: Callable[[str], None], *, timeout: float = 1800) -> Result:
        """Run a shell command and give each line of its output to ``on_line`` as it comes."""

    def docker(self) -> DockerSeen:
        """What its Docker says. One that is not there or does not answer is in the value. Raises HostSilent."""

    def lock(self) -> AbstractContextManager[None]:
        """Hold this host's lock through an open channel. Raises HostLocked when another has it."""

    def close(self) -> None:
        """End the session."""


class Hosts(Protocol):
    """SSH."""

    def connect(self, target: Target) -> Host:
        """One authenticated attempt. Raises HostSilent, LoginRefused, WrongHostKey."""

    def public_key(self) -> str:
        """The public half of the key we log in with (made on first use), as an OpenSSH line."""

    def new_host_key(self) -> tuple[Secret, str]:
        """A fresh ed25519 host key: the private half in OpenSSH's format, and the public line."""


class Tailnet(Protocol):
    """The tailnet's own records: keys and devices. Errors are the TailnetErrors and Refused of ``core/errors.py``."""

    def check(self) -> str:
        """What it is, in a sentence. Raises Refused unless it answers, knows us, and lets us mint keys for our tags."""

    def mint_key(self, machine: str, *, seconds: int) -> MintedKey:
        """A key for this machine: for one use, ephemeral, approved, with our tags, gone after ``seconds``."""

    def revoke_keys(self, machine: str) -> None:
        """Make every key worthless that we minted for this machine and that was not used. None there is success."""

    def devices(self, *, fresh: bool = False) -> tuple[Device, ...]:
        """All devices, ours or not. Shared and cached for a moment; ``fresh`` passes the cache by."""

    def remove_device(self, device_id: str) -> None:
        """Take this device off the list; it is out at once. Gone already is success."""

    def close(self) -> None:
        """Close all connections."""
