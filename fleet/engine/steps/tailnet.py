"""Into the tailnet, and out of it.

The key is minted in the step that uses it, for this machine alone, and is worth nothing after it. Our own session may
come over the tailnet: what cuts it is done in the background, and nothing that follows needs the host.
"""

import shlex
from contextlib import closing
from dataclasses import replace

from fleet.core.errors import (
    CommandFailed,
    FleetError,
    HostError,
    HostLocked,
    HostSilent,
    Refused,
    StepFailed,
    TailnetError,
)
from fleet.core.facts import HostFacts
from fleet.core.inventory import SshRoute, TailnetSettings
from fleet.core.machine import is_our_device
from fleet.core.names import Tag
from fleet.core.observation import Device
from fleet.core.orders import Target
from fleet.core.setup import HOME, Run, first_changes
from fleet.core.setup.tailnet import INSTALL, TAILSCALE_KEY
from fleet.core.tailnet import Standing, login_server, overlaps, settings_for, standing
from fleet.engine.ports import Tailnet
from fleet.engine.steps.enter import carry_out
from fleet.engine.wait import wait_for
from fleet.engine.work import Work

KEY_LASTS = 300
"""Seconds that a key is good for; the machine comes with it at once."""

GONE_WITHIN = 10
"""Seconds until a device that has logged out, or was removed, is off the list."""

LISTED_WITHIN = 10
"""Seconds until a machine that has joined is on the list."""

MARK = f"{HOME}/tailnet"
"""The file that says that we brought this host in."""


def join(work: Work) -> None:
    """See to it that the host is in the tailnet as the inventory says. One that somebody else took in stays so."""
    settings = settings_for(work.world.inventory, work.pool)
    if settings is None:
        return
    match standing(work.look().tailnet, settings):
        case Standing.ABSENT | Standing.OUT | Standing.ELSEWHERE:
            _come_in(work, settings)
        case Standing.DIFFERS:
            work.must_run(f"tailscale set {_settings(settings)}", "change its settings in the tailnet")
            work.look()
        case Standing.AS_WANTED | Standing.FOREIGN:
            pass
    _check_routes(work)
    _port_may_close(work)


def _come_in(work: Work, settings: TailnetSettings) -> None:
    facts = work.facts.tailnet if work.facts else None
    if facts is None or not facts.state:
        _install(work)
    _clear_the_way(work)
    _up(work, settings, again=facts is not None and facts.joined)
    facts = work.look().tailnet
    if facts is None or not facts.joined:
        state = facts.state if facts else "without tailscale"
        health = "; ".join(facts.health) if facts else ""
        raise StepFailed(
            f"{work.name} did not come into the tailnet: it is {state or 'silent'}. {health}".rstrip(),
            hint=f"fleet exec {work.name} -- tailscale status",
        )


def _install(work: Work) -> None:
    """tailscaled, from the vendor's archive unless the image has it; it runs afterwards. What set-up puts first
    comes now: a way out may be needed, and a CA to trust."""
    for change in first_changes(work.facts or work.look(), work.wanted):
        carry_out(work, change)
    carry_out(work, Run(f"{INSTALL} {TAILSCALE_KEY}", "install tailscale", seconds=600, as_unit=True))


def _clear_the_way(work: Work) -> None:
    """Keys that a killed run has left are worth nothing from now on; a dead device gives the name free."""
    tailnet = _tailnet(work)
    tailnet.revoke_keys(work.name)
    for device in _ours(work, tailnet.devices(fresh=True)):
        if device.online is False:
            work.tell(f"remove dead device {device.id}")
            tailnet.remove_device(device.id)


def _up(work: Work, settings: TailnetSettings, *, again: bool) -> None:
    """The key goes from stdin to tailscale, and is no argument, file or variable on the way. No tags are asked for:
    the key has them, and Headscale refuses to be asked."""
    tailnet = _tailnet(work)
    key = tailnet.mint_key(work.name, seconds=KEY_LASTS)
    work.tell("with a key of its own")
    words = ["tailscale", "up", "--auth-key=file:/dev/stdin", "--timeout=60s", "--reset"]
    words += [f"--hostname={work.name}", f"--login-server={login_server(settings)}"]
    command = f"{shlex.join(words)} {_settings(settings)}{' --force-reauth' if again else ''}"
    try:
        work.must_run(
            f"mkdir -p {HOME} && : >{MARK} && cat | {command}",
            "join the tailnet",
            seconds=90,
            stdin=key.key.reveal().encode(),
        )
    except CommandFailed as error:
        tailnet.revoke_keys(work.name)
        raise StepFailed(error.message.replace(key.key.reveal(), "***"), hint=error.hint) from None
    except FleetError:
        tailnet.revoke_keys(work.name)
        raise


def _settings(settings: TailnetSettings) -> str:
    flags = {"accept-dns": settings.accept_dns, "accept-routes": settings.accept_routes, "ssh": settings.ssh}
    return " ".join(f"--{name}={str(value).lower()}" for name, value in flags.items()) + " --accept-risk=lose-ssh"


def _check_routes(work: Work) -> None:
    """A routed network that Docker has too would be reached from no container. Raises StepFailed."""
    facts = work.facts.tailnet if work.facts else None
    for route, key, network in overlaps(facts.routes if facts else (), work.pool):
        raise StepFailed(
            f"the tailnet routes {route} to {work.name}, and {key} = {network!r} takes the same addresses",
            hint=f"set {key} of pool {work.pool.name} to a network that is free, or tailnet.accept_routes = false",
        )


def _port_may_close(work: Work) -> None:
    """SSH was open from outside for this machine alone, until now. What follows comes through the tailnet."""
    if Tag.JOINING not in work.tags:
        return
    if work.world.inventory.ssh.route is SshRoute.TAILNET:
        _prove_the_way(work)
    work.remember({Tag.JOINING: None})
    _tailnet(work).devices(fresh=True)  # the list from before it had joined would lead elsewhere
    work.disconnect()


def _prove_the_way(work: Work) -> None:
    """A login through the tailnet: without it, nobody could look after this machine any more. Raises StepFailed."""
    try:
        with closing(work.world.hosts.connect(_through_tailnet(work))) as proof:
            proof.run("true")
    except HostError as error:
        tags = ", ".join(work.world.inventory.tailnet.tags) if work.world.inventory.tailnet else ""
        raise StepFailed(
            f"{work.name} has joined the tailnet, and SSH does not reach it there: {error.message}",
            hint=f"is this computer in the tailnet, and does its policy let it reach port 22 of {tags}?",
        ) from error


def _through_tailnet(work: Work) -> Target:
    """By the host's own word, or else by the list, once it is there."""
    world = work.world
    facts = work.facts.tailnet if work.facts else None
    if facts is not None and facts.addresses:
        return replace(work.target(), address=facts.addresses[0])
    address = wait_for(world.clock, lambda: world.address_by_tailnet(work.name) or None, limit=LISTED_WITHIN, first=0.5)
    if address is None:
        raise HostSilent("it is not in the list of devices")
    return replace(work.target(), address=address)


def forget(work: Work) -> None:
    """Log out, see that the device is off the list, and that no key is left. Raises StepFailed when it stays.

    A tailnet that does not let itself be asked keeps no server in pay: the machine's key is good for minutes, and its
    device, dead by then, is removed by a later pass.
    """
    logged_out = _log_out(work)
    if work.world.tailnet is None:
        return
    try:
        _see_it_gone(work, work.world.tailnet, logged_out)
    except (Refused, TailnetError) as error:
        work.tell(f"its device is left to a later pass: {error.message}")


def _see_it_gone(work: Work, tailnet: Tailnet, logged_out: bool) -> None:
    tailnet.revoke_keys(work.name)
    if logged_out and _is_gone(work, tailnet):
        return
    _strike_off(work, tailnet)
    if not _is_gone(work, tailnet):
        raise StepFailed(
            f"{work.name} is still a device of the tailnet, although it was removed",
            hint="type the same command again, or remove it in the tailnet's own admin console",
        )


def try_to_strike_off(work: Work) -> None:
    """Its devices off the list, for their disk is about to be wiped. A tailnet that cannot be asked stops nothing:
    they are dead then, and go when the machine joins again."""
    if work.world.tailnet is None:
        return
    try:
        _strike_off(work, work.world.tailnet)
    except (Refused, TailnetError) as error:
        work.tell(f"its device is left on the list: {error.message}")


def _strike_off(work: Work, tailnet: Tailnet) -> None:
    for device in _ours(work, tailnet.devices(fresh=True)):
        tailnet.remove_device(device.id)


def _log_out(work: Work) -> bool:
    """Whether the host was told to. It does so when this session has had its answer, for it may be cut by that."""
    try:
        facts = work.look()
        if not _brought_in(facts):
            return False
        later = f"sleep 1; tailscale logout && rm -f {MARK}"
        work.must_run(f"systemd-run --quiet --collect sh -c {shlex.quote(later)}", "leave the tailnet")
    except HostLocked:
        raise
    except HostError:
        return False
    return True


def _brought_in(facts: HostFacts | None) -> bool:
    return facts is not None and facts.tailnet is not None and facts.tailnet.ours and facts.tailnet.joined


def _is_gone(work: Work, tailnet: Tailnet) -> bool:
    def gone() -> bool | None:
        return None if _ours(work, tailnet.devices()) else True

    return wait_for(work.world.clock, gone, limit=GONE_WITHIN, first=0.5, longest=2) is not None


def _ours(work: Work, devices: tuple[Device, ...]) -> list[Device]:
    """This machine's own entries, whatever name they got in the tailnet."""
    inventory = work.world.inventory
    if inventory.tailnet is None:
        return []
    mine = (one for one in devices if one.hostname == work.name)
    return [one for one in mine if is_our_device(one, inventory.name, inventory.tailnet)]


def _tailnet(work: Work) -> Tailnet:
    assert work.world.tailnet is not None
    return work.world.tailnet
