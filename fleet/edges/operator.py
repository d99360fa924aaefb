"""Who we are, and from which address the world sees us: a service on the other side of the router is asked."""

import ipaddress
import socket
import threading
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import requests
from requests.adapters import HTTPAdapter

from fleet.core.errors import Refused
from fleet.core.firewall import safe_name
from fleet.edges.whoami import user_at_computer

TIMEOUT = (5.0, 5.0)
"""Seconds to connect, and to wait for an answer."""

LONGEST = 64
"""Bytes of an answer that may be an address; a page for browsers is longer."""

ANY_4, ANY_6 = "0.0.0.0", "::"  # noqa: S104 - the source address of a connection, by which its family is chosen
SOMEWHERE_6 = "2000::1"
"""Stands for the IPv6 internet: all of it is below 2000::/3."""
HOUSEHOLD = 64
"""Bits of an IPv6 address that stay: a computer takes new ones below them several times a day (RFC 8981)."""

HEADERS = {"User-Agent": "curl/8 (fleet)", "Accept": "text/plain"}
"""Several such services, the default one too, answer programs with the address alone, and everybody else with a page;
they know a program by curl's name."""

Network = IPv4Network | IPv6Network


class OperatorHere:
    """The operator of this process. ``url``: answers with the address of who asks, as plain text. Asked once."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._networks: tuple[str, ...] | None = None

    def who(self) -> str:
        """``ann@laptop``, without spaces."""
        return safe_name(user_at_computer())

    def networks(self) -> tuple[str, ...]:
        """The networks we come from: our IPv4 address, and the /64 around our IPv6 address, where we have them.

        Raises Refused when neither can be learnt.
        """
        with self._lock:
            if self._networks is None:
                self._networks = self._ask()
            return self._networks

    def has_ipv6(self) -> bool:
        """Whether this computer has a way to IPv6 addresses. No packet is sent for that."""
        try:
            with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
                probe.connect((SOMEWHERE_6, 9))
        except OSError:
            return False
        return True

    def answers_ipv6(self, host: str) -> bool | None:
        """Whether this name has an IPv6 address. None when it is not known here: a tailnet's names, say."""
        try:
            return ipaddress.ip_address(host).version == 6
        except ValueError:
            pass
        if _resolves(host, socket.AF_INET6):
            return True
        return False if _resolves(host, socket.AF_INET) else None

    def _ask(self) -> tuple[str, ...]:
        found: list[Network] = []
        failures: list[str] = []
        for family, source in (("IPv4", ANY_4), ("IPv6", ANY_6)):
            try:
                found.append(_network(_answer(self._url, source)))
            except (requests.RequestException, ValueError) as error:
                failures.append(f"{family}: {_reason(error)}")
        if not found:
            raise Refused(
                f"could not learn the address we come from: {self._url} was asked ({'; '.join(failures)})",
                hint='write the network instead of "me" in ssh.allow_from, or another service in ssh.address_from',
            )
        return tuple(dict.fromkeys(map(str, found)))


def _resolves(host: str, family: socket.AddressFamily) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None, family, socket.SOCK_STREAM))
    except OSError:
        return False


def _answer(url: str, source: str) -> str:
    """What the service says over a connection of this family. A proxy would be told its own address: none is used."""
    with requests.Session() as session:
        session.trust_env = False
        session.mount("https://", _From(source))
        session.mount("http://", _From(source))
        with session.get(url, headers=HEADERS, timeout=TIMEOUT, allow_redirects=False, stream=True) as answer:
            if answer.status_code != requests.codes.ok:
                raise ValueError(f"it answers with status {answer.status_code}")
            return next(answer.iter_content(LONGEST + 1), b"").decode("ascii", "replace")


def _network(text: str) -> Network:
    """The network of an address in an answer. Raises ValueError for anything else."""
    try:
        address = ipaddress.ip_address(text.strip())
    except ValueError:
        raise ValueError(f"it answers with no address, but with {text.strip()[:20]!r}") from None
    if address.is_unspecified or address.is_multicast:
        raise ValueError(f"it answers with {address}, which is nobody's")
    bits = HOUSEHOLD if address.version == 6 else 32
    return ipaddress.ip_network(f"{address}/{bits}", strict=False)


def _reason(error: Exception) -> str:
    match error:
        case requests.Timeout():
            return "no answer in time"
        case requests.ConnectionError():
            return "no connection"
        case _:
            return str(error)


class _From(HTTPAdapter):
    """Connects from this source address, and so by its family alone: addresses of the other one cannot be bound to."""

    def __init__(self, source: str) -> None:
        self._source = source
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        """Called by the constructor above."""
        super().init_poolmanager(*args, **options, source_address=(self._source, 0))
