"""The table ``[tailnet]``, and what other tables say of it. With the table machines join, without it they do not."""

import json
import re
from collections.abc import Callable
from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, ValidationInfo, field_validator

from fleet.core import inventory_rules as rules
from fleet.core.inventory import SshRoute, TailnetSettings
from fleet.edges.inventory.base import SecretKey, Table, context

_TAILNET = TailnetSettings()

_Tag = Annotated[
    str,
    AfterValidator(rules.form(r"tag:[a-z][a-z0-9-]*", "tag", 'like "tag:ci": small letters, digits and -')),
]
_Tailnet = Annotated[
    str,
    AfterValidator(rules.form(r"-|[A-Za-z0-9][A-Za-z0-9@._-]*", "tailnet", 'its name, or "-" for the secret\'s own')),
]
_User = Annotated[
    str, AfterValidator(rules.form(r"([A-Za-z0-9][A-Za-z0-9@._-]*)?", "user", 'as `headscale users list` has it: "ci"'))
]


def _address(text: str) -> str:
    """Empty for Tailscale itself, whose own addresses differ for its API and for machines."""
    if not text:
        return ""
    address = rules.endpoint(text)
    if re.search(r"//([^/]*\.)?tailscale\.com(:\d+)?(/|$)", address):
        raise rules.WrongError("is Tailscale's own address", "leave it empty for Tailscale")
    return address


def _host(name: str) -> str:
    """A name as it stands in an address, without anything around it."""
    if re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?", name) is None or _is_address(name):
        shown = json.dumps(name)
        raise rules.WrongError(f"{shown} is no host name", 'small letters, without port and scheme: "sonar.example"')
    return name


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


_Address = Annotated[str, AfterValidator(_address)]


class TailnetTable(Table):
    """``[tailnet]``. What has no effect without ``url``, or beside it, stands behind it."""

    url: _Address = _TAILNET.url
    login_server: _Address = _TAILNET.login_server
    token: SecretKey = _TAILNET.token
    tailnet: _Tailnet = _TAILNET.tailnet
    user: _User = _TAILNET.user
    tags: Annotated[list[_Tag], AfterValidator(rules.not_empty), AfterValidator(rules.each_once)] = list(_TAILNET.tags)
    accept_dns: bool = _TAILNET.accept_dns
    accept_routes: bool = _TAILNET.accept_routes
    ssh: bool = _TAILNET.ssh
    hosts: Annotated[list[Annotated[str, AfterValidator(_host)]], AfterValidator(rules.each_once)] = list(
        _TAILNET.hosts
    )

    @field_validator("login_server", "user")
    @classmethod
    def _of_headscale(cls, value: str, info: ValidationInfo) -> str:
        if value and not info.data.get("url", "wrong itself"):
            raise rules.WrongError("has no effect without a url", "it is for a Headscale, at tailnet.url")
        return value

    @field_validator("ssh")
    @classmethod
    def _leaves_us_the_port(cls, on: bool, info: ValidationInfo) -> bool:
        """Tailscale's own SSH answers for port 22 of the tailnet's address, with a host key of its own."""
        ssh = context(info).get("ssh")
        if on and ssh is not None and ssh.route == SshRoute.TAILNET:
            raise rules.WrongError("takes the port by which fleet logs in", 'leave it out, or ssh.route = "public"')
        return on

    @field_validator("tailnet")
    @classmethod
    def _of_tailscale(cls, name: str, info: ValidationInfo) -> str:
        if name != "-" and info.data.get("url"):
            raise rules.WrongError("has no effect with a url", "a Headscale has one tailnet")
        return name


def needs_tailnet(meant: Callable[[object], bool]) -> Callable[[object, ValidationInfo], object]:
    """A check of a key that means nothing without ``[tailnet]``."""

    def check(value: object, info: ValidationInfo) -> object:
        if meant(value) and not context(info)["tailnet"]:
            raise rules.WrongError("needs a tailnet", "a table [tailnet], which may be empty")
        return value

    return check


Route = Annotated[
    str,
    AfterValidator(rules.one_of(*SshRoute)),
    AfterValidator(needs_tailnet(lambda route: route == SshRoute.TAILNET)),
]
"""``ssh.route``."""


def reached_inside_or(rule: Callable[[list[str]], list[str]]) -> Callable[[list[str], ValidationInfo], list[str]]:
    """No network at all is enough where machines are logged in to through the tailnet."""

    def check(networks: list[str], info: ValidationInfo) -> list[str]:
        inside = info.data.get("route") == SshRoute.TAILNET
        return networks if inside and not networks else rule(networks)

    return check


def _must_be_reached(joins: bool | None, info: ValidationInfo) -> bool | None:
    ssh = context(info).get("ssh")
    if joins is False and ssh is not None and not ssh.allow_from:
        raise rules.WrongError("false, and ssh.allow_from is empty: nobody could log in")
    return joins


Joins = Annotated[bool | None, AfterValidator(needs_tailnet(bool)), AfterValidator(_must_be_reached)]
"""``pools.NAME.tailnet``. None: as there is a tailnet or not."""


def tailnet_of(table: TailnetTable | None) -> TailnetSettings | None:
    """None where there is no such table."""
    if table is None:
        return None
    return TailnetSettings(
        url=table.url,
        login_server=table.login_server,
        token=table.token,
        tailnet=table.tailnet,
        user=table.user,
        tags=tuple(table.tags),
        accept_dns=table.accept_dns,
        accept_routes=table.accept_routes,
        ssh=table.ssh,
        hosts=tuple(table.hosts),
    )
