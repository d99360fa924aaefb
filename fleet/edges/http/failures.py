"""Why there was no answer, in words. Found by the kind of the innermost exception: texts change."""

import ssl
from dataclasses import dataclass
from http.client import HTTPException
from socket import gaierror
from typing import TypeVar

from requests import exceptions

E = TypeVar("E", bound=BaseException)


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom we speak to: the system's name, and the inventory's key that has its address; ``ca``: the key for the
    certificates of its private CA, where there is one."""

    name: str
    setting: str
    ca: str = ""


def explain(error: exceptions.RequestException, timeouts: tuple[float, float], peer: Peer) -> tuple[str, str]:
    """What went wrong, and what to look at; the special before the general."""
    if certificate := cause(error, ssl.SSLCertVerificationError):
        return _certificate(certificate, peer)
    if isinstance(error, exceptions.ProxyError):
        return "the proxy does not let us through", "look at HTTPS_PROXY, HTTP_PROXY and NO_PROXY"
    if isinstance(error, exceptions.SSLError):
        return "TLS fails", "does this address speak http:// instead of https://?"
    if cause(error, gaierror):
        return "its name is not known here", f"check {peer.setting}; is the tailnet or VPN up?"
    if cause(error, ConnectionRefusedError):
        return "nothing listens there (connection refused)", f"is {peer.name} running, is the port right?"
    if isinstance(error, exceptions.ConnectTimeout):
        return f"no connection in {timeouts[0]:g} s", "is the tailnet or VPN up, is a firewall in between?"
    if isinstance(error, exceptions.Timeout) or cause(error, TimeoutError):
        return f"no answer in {timeouts[1]:g} s", f"is {peer.name} overloaded? Type the same command again"
    if isinstance(error, exceptions.InvalidURL | exceptions.InvalidSchema | exceptions.MissingSchema):
        return "this is no web address", f"{peer.setting} is written like https://host.example"
    if cause(error, HTTPException):
        return "it does not speak HTTP, or stopped in the middle", f"check scheme and port of {peer.setting}"
    return "the connection broke", "is the network up? Type the same command again"


def cause(error: BaseException, kind: type[E]) -> E | None:
    """The first exception of this kind that ``error`` is or wraps; urllib3 wraps in three ways."""
    if isinstance(error, kind):
        return error
    wrapped = (error.__cause__, error.__context__, getattr(error, "reason", None), *error.args)
    inner = (each for each in wrapped if isinstance(each, BaseException))
    return next((found for each in inner if (found := cause(each, kind))), None)


def _who_signed(peer: Peer) -> str:
    if peer.ca:
        return f'write {peer.ca} = "PATH" with the file of the CA\'s certificate: hosts and jobs get it too'
    return "install the CA's certificate in the system, or set REQUESTS_CA_BUNDLE to its file"


def _certificate(error: ssl.SSLCertVerificationError, peer: Peer) -> tuple[str, str]:
    """By OpenSSL's verify codes (x509_vfy.h)."""
    match error.verify_code:
        case 18 | 19 | 20 | 21:
            return "its certificate is signed by a CA that is not trusted here", _who_signed(peer)
        case 10:
            return "its certificate has expired", "renew it; is this computer's clock right?"
        case 62 | 64:
            return "its certificate is for another name", f"{peer.setting} must use the name in the certificate"
        case _:
            return f"its certificate is not good: {error.verify_message}", f"look at {peer.name}'s certificate"
