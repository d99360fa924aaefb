"""What the values of an inventory must be. Each rule gives the value back, or raises WrongError."""

import base64
import binascii
import datetime
import difflib
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from ipaddress import IPv4Interface, IPv4Network, ip_address, ip_network
from typing import Any
from urllib.parse import SplitResult, urlsplit

from fleet.core.belongings import FIREWALLS
from fleet.core.firewall import ME
from fleet.core.inventory import (
    ScopeKind,
)
from fleet.core.known_bad import known_bad
from fleet.core.labels import read_label
from fleet.core.names import FLEET_NAME
from fleet.core.runner_version import read_runner
from fleet.core.secret import FromCommand, FromEnv, FromFile, SecretSource

_MOST_NETWORKS = 100  # CIDRs in one firewall rule: Hetzner's limit
_TAILNET = IPv4Network("100.64.0.0/10")
_HETZNER_GATEWAY = IPv4Network("172.31.1.1/32")


class WrongError(ValueError):
    """What is wrong with a value, and what is allowed. A ValueError, so that pydantic collects it."""

    def __init__(self, wrong: str, allowed: str = "") -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.allowed = allowed


def _unknown(word: str, known: Sequence[str]) -> WrongError:
    return WrongError(f'"{word}" is unknown', f"{nearest(word, known)} {listed(known)}".lstrip())


def nearest(word: str, known: Sequence[str]) -> str:
    """The name that was meant, as a question; empty when none is near. Long forms of short words are near."""
    near = [*difflib.get_close_matches(word, known, n=1), *(one for one in known if word.startswith(one))]
    return f'did you mean "{near[0]}"?' if near else ""


def listed(known: Sequence[str]) -> str:
    return f"known: {', '.join(known)}"


def one_of(*known: str) -> Callable[[str], str]:
    def check(word: str) -> str:
        if word not in known:
            raise _unknown(word, known)
        return word

    return check


def between(least: int, most: int) -> Callable[[int], int]:
    def check(number: int) -> int:
        if not least <= number <= most:
            raise WrongError(f"{number} is out of range", f"{least} to {most}")
        return number

    return check


def form(pattern: str | re.Pattern[str], what: str, allowed: str) -> Callable[[str], str]:
    def check(text: str) -> str:
        if re.fullmatch(pattern, text) is None:
            raise WrongError(f"{json.dumps(text)} is no {what}", allowed)
        return text

    return check


fleet_name = form(FLEET_NAME, "fleet name", "a small letter, then small letters and digits, at most 20")


def each_once(items: list[str]) -> list[str]:
    if twice := next((item for n, item in enumerate(items) if item in items[:n]), None):
        raise WrongError(f'"{twice}" is there twice')
    return items


def not_empty(items: list[str]) -> list[str]:
    if not items:
        raise WrongError("is empty", "at least one, or leave the key out")
    return items


def url(text: str) -> str:
    """An address of a Gitea; a path is allowed, for one below a path. Not shown: it may hold a password."""
    parts = _split_url(text)
    if parts.path.rstrip("/").endswith("/api/v1"):
        raise WrongError("is the address of the API", "leave out /api/v1")
    return text.rstrip("/")


def endpoint(text: str) -> str:
    _split_url(text)
    return text.rstrip("/")


def ping_url(text: str) -> str:
    """Empty for none. A query is allowed: some monitors want one. Not shown: who knows it may ping."""
    if text:
        _split_url(text.partition("?")[0])
    if re.search(r"[\s#]", text):
        raise WrongError("has a space or a fragment", "leave out # and what follows")
    return text


def metrics_file(text: str) -> str:
    """Empty for none."""
    if text and not text.endswith(".prom"):
        raise WrongError(f"{text} does not end in .prom", "node_exporter reads no others")
    return text


def bare_url(text: str) -> str:
    if text and _split_url(text).path.strip("/"):
        raise WrongError("has a path", "scheme and host alone: Docker takes no mirror below a path")
    return text.rstrip("/")


def _split_url(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise WrongError("is no URL", "like https://gitea.example or http://10.0.0.5:3000") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0 or re.search(r"\s", text):
        raise WrongError("is no http or https URL", "like https://gitea.example or http://10.0.0.5:3000")
    if "@" in parts.netloc:
        raise WrongError("has a user or password in it", "tokens have their own key")
    if "?" in text or "#" in text:
        raise WrongError("has a query or a fragment", "leave out ? and # and what follows")
    return parts


_SCOPE_NAMES = {ScopeKind.ORG: r"[\w.-]+", ScopeKind.REPO: r"[\w.-]+/[\w.-]+"}


def scope(text: str) -> str:
    kind, colon, name = text.partition(":")
    if kind not in list(ScopeKind):
        raise _unknown(kind, [*ScopeKind])
    form = _SCOPE_NAMES.get(ScopeKind(kind))
    right = re.fullmatch(form, name, re.ASCII) if form else not colon
    if not right:
        raise WrongError(f"{json.dumps(text)} is no scope", "instance, org:NAME, user or repo:OWNER/NAME")
    return text


_SOURCES = 'write { env = "NAME" }, { file = "PATH" } or { command = ["PROGRAM", "ARGUMENT"] }'


def secret(value: object) -> SecretSource:
    """Never shown: what stands here by mistake may be the secret itself."""
    match value:
        case str():
            raise WrongError("holds the secret itself, and this file is copied and committed", _SOURCES)
        case {"env": str(name), **others} if not others and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            return FromEnv(name)
        case {"file": str(path), **others} if not others and path:
            return FromFile(path)
        case {"command": [str(program), *rest], **others} if not others and program:
            if all(isinstance(word, str) for word in rest):
                return FromCommand((program, *rest))
    raise WrongError("does not say where the secret is", _SOURCES)


def key_path(text: str) -> str:
    if "PRIVATE KEY" in text:
        raise WrongError("holds the key itself, and this file is copied and committed", "the path of the key")
    if text.endswith(".pub"):
        raise WrongError(f'"{text}" is the public half', f'the private one: "{text.removesuffix(".pub")}"')
    return text


_KEY_KINDS = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


def public_key(text: str) -> str:
    """A line of authorized_keys without options. The blob begins with the length and name of its kind."""
    kind, _, rest = text.strip().partition(" ")
    try:
        blob = base64.b64decode(rest.split()[0], validate=True)
    except (IndexError, binascii.Error):
        blob = b""
    if kind not in _KEY_KINDS or not blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
        raise WrongError("is no OpenSSH public key", 'one line of a .pub file, like "ssh-ed25519 AAAA... ann@laptop"')
    if not text.isprintable():
        raise WrongError("is more than one line", "one key in each text")
    return text.strip()


def network(text: str) -> str:
    try:
        return str(ip_network(text))
    except ValueError:
        pass
    try:
        near = str(ip_network(text, strict=False))
    except ValueError:
        raise WrongError(f'"{text}" is no network', "like 203.0.113.7/32, 10.0.0.0/8 or 2001:db8::/32") from None
    raise WrongError(f'"{text}" has bits set after its prefix', f'did you mean "{near}"?')


def network_or_me(text: str) -> str:
    return text if text == ME else network(text)


def reachable(networks: list[str]) -> list[str]:
    """``"me"`` gets a rule of its own."""
    if not networks:
        raise WrongError("is empty: nobody could log in", 'networks, like "203.0.113.7/32", or "me"')
    count = sum(one != ME for one in networks)
    if count > _MOST_NETWORKS:
        raise WrongError(f"has {count} networks", f"at most {_MOST_NETWORKS}: Hetzner's limit for one rule")
    return networks


def hetzner_name(text: str) -> str:
    return form(r"[^\s\0]([^\n\0]*[^\s\0])?", "name", "as the Console shows it")(text)


def hetzner_name_or_none(text: str) -> str:
    return hetzner_name(text) if text else text


def few_firewalls(names: list[str]) -> list[str]:
    """One place is the fleet's own firewall's, and one its second one's, for a machine on its way into a tailnet."""
    if len(names) > FIREWALLS - 2:
        raise WrongError(f"has {len(names)} firewalls", f"at most {FIREWALLS - 2}: a server takes {FIREWALLS}")
    return names


def address_from(text: str) -> str:
    """Who answers opens port 22 to the address in the answer: over the internet only by https."""
    parts = _split_url(text)
    if parts.scheme == "http" and not _is_private(parts.hostname or ""):
        raise WrongError("is plain http: whoever is on the way could answer with an address of theirs", "https")
    return text


def _is_private(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return host == "localhost"


def engine_version(text: str) -> str:
    if text and re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", text) is None:
        raise WrongError(f'"{text}" is no engine version', 'all three numbers, like "29.10.0"')
    if bad := next((one for one in known_bad(text) if one.breaks), None):
        raise WrongError(bad.sentence, bad.fix)
    return text


def bip(text: str) -> str:
    try:
        address = IPv4Interface(text)
    except ValueError:
        address = IPv4Interface("0.0.0.0/32")
    network = address.network
    if network.prefixlen > 30 or address.ip in {network.network_address, network.broadcast_address}:
        raise WrongError(f'"{text}" is no IPv4 address with its network', 'like "172.17.0.1/16"')
    _refuse_taken(network, text)
    return text


def address_pool(text: str) -> str:
    try:
        network = IPv4Network(text)
    except ValueError:
        raise WrongError(f'"{text}" is no IPv4 network', 'like "10.201.0.0/16"') from None
    if network.prefixlen > 24:
        raise WrongError(f'"{text}" is too small', "each job network takes a /24 of it")
    _refuse_taken(network, text)
    return text


def _refuse_taken(network: IPv4Network, text: str) -> None:
    if network.overlaps(_TAILNET):
        raise WrongError(f'"{text}" overlaps {_TAILNET}', "tailnets have that one")
    if network.overlaps(_HETZNER_GATEWAY):
        raise WrongError(f'"{text}" holds 172.31.1.1', "that is the gateway of Hetzner's servers")


def label(text: str) -> str:
    try:
        name = read_label(text).name
    except ValueError as error:
        raise WrongError(str(error), "NAME:docker://IMAGE or NAME:host") from None
    if name.startswith("fleet-"):
        raise WrongError(f'"{name}" is taken', "fleet knows its own runners by a label that begins with fleet-")
    return text


def labels_once(labels: list[str]) -> list[str]:
    each_once([read_label(label).name for label in labels])
    return labels


def runner(text: str) -> str:
    try:
        read_runner(text)
    except ValueError as error:
        raise WrongError(str(error), 'a version like "4.1.0", or an image like "gitea/runner:4.1.0"') from None
    return text


_UNITS = {"h": 3600, "m": 60, "s": 1}
_LONGEST_JOB = 7 * 24 * 3600
_LONGEST_AGE = 365 * 24 * 3600


def duration(value: object) -> int:
    """Seconds, from a number of them or from text like 2h30m."""
    return _time(value, _LONGEST_JOB, "one minute to 7 days")


def age(value: object) -> int:
    """As a duration, up to a year."""
    return _time(value, _LONGEST_AGE, "one minute to 8760h, a year")


def _time(value: object, longest: int, allowed_range: str) -> int:
    allowed = 'like "3h", "90m" or "1h30m", or a number of seconds'
    match value:
        case bool():
            raise WrongError("is no time", allowed)
        case int():
            seconds = value
        case str() if value and (parts := re.fullmatch(r"(\d+h)?(\d+m)?(\d+s)?", value, re.ASCII)):
            seconds = sum(int(part[:-1]) * _UNITS[part[-1]] for part in parts.groups() if part)
        case str():
            raise WrongError(f"{json.dumps(value)} is no time", allowed)
        case _:
            raise WrongError("is no time", allowed)
    if not 60 <= seconds <= longest:
        raise WrongError(f"{json.dumps(value)} is out of range", allowed_range)
    return seconds


def euros(value: object) -> Decimal:
    """An amount as it is written: 0.1 is a tenth. TOML's inf and nan are no amounts."""
    match value:
        case bool():
            raise WrongError("must be a number, not true or false")
        case int() | float() if math.isfinite(value) and value > 0:
            return Decimal(str(value))
        case int() | float():
            raise WrongError(f"{value} is out of range", "more than 0")
        case _:
            raise WrongError("must be a number", "euros, like 0.25")


_PERIODS = [minutes for minutes in range(1, 61) if 60 % minutes == 0]


def cron_minutes(minutes: int) -> int:
    """Cron counts from each full hour: other periods would have one short gap in every hour."""
    if minutes not in _PERIODS:
        raise WrongError(f"{minutes} does not divide an hour", f"one of {', '.join(map(str, _PERIODS))}")
    return minutes


# Keys of the runner's own config that fleet fills in; each with the inventory's key for it, if there is one.
_CONFIG_OF_OURS = {
    "log.level": "log_level",
    "runner.capacity": "capacity",
    "runner.labels": "labels",
    "runner.timeout": "job_timeout",
    "runner.file": "",
    "runner.shutdown_timeout": "job_timeout",
    "cache.host": "docker.bip",
    "cache.port": "cache_port",
}


def config(config: dict[str, Any]) -> dict[str, Any]:
    for path, value in _leaves(config):
        if path in _CONFIG_OF_OURS:
            ours = _CONFIG_OF_OURS[path]
            raise WrongError(f"{path} is set by fleet", f"write {ours} of the pool instead" if ours else "leave it out")
        if isinstance(value, datetime.date | datetime.time):
            raise WrongError(f"{path} is a date or a time", "text, numbers, true, false, lists and tables")
    return config


def _leaves(table: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def some_pool(pools: dict[str, Any]) -> dict[str, Any]:
    if not pools:
        raise WrongError("is empty", "a table like [pools.build], which may be empty")
    return pools
