"""Who may log in on a machine, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fleet.core.change import Change, Verb
from fleet.core.inventory import Inventory
from fleet.core.machine import Machine
from fleet.core.names import Tag
from fleet.core.ssh_key import PublicKey, fingerprint_in, read_public_key


def accepted(opens: str, names: Mapping[str, str], authorized: Sequence[str]) -> str:
    """Whose keys a machine accepts, as far as is known; empty when nothing is.

    ``opens``: the fingerprint of the key it was made with or was given last. ``names``: the cloud's names of keys, by
    fingerprint. ``authorized``: the inventory's lines.
    """
    first = f"{opens} ({names[opens]} in Hetzner)" if opens in names else opens
    others = [str(key) for key in public_keys(authorized)]
    return " and ".join(part for part in (first, ", ".join(others)) if part)


def strangers(machine: Machine, inventory: Inventory) -> tuple[PublicKey, ...]:
    """Keys that a server lets in as root and that neither fleet nor the inventory has put there.

    A static host's are its owner's own affair; nothing is said where fleet does not know which key is its own.
    """
    ours = fingerprint_in(machine.tags.get(Tag.SSHKEY, ""))
    if machine.server is None or machine.facts is None or not ours:
        return ()
    known = {ours, *(key.fingerprint for key in public_keys(inventory.ssh.authorized_keys))}
    return tuple(key for key in public_keys(machine.facts.logins) if key.fingerprint not in known)


def told_of_strangers(change: Change, machine: Machine, inventory: Inventory) -> Change:
    """The same, and where nothing else is to be said of the machine, who else may log in there."""
    found = strangers(machine, inventory)
    if not found or change.verb is not Verb.KEEP or change.hint:
        return change
    who = ", ".join(map(str, found))
    hint = (
        f"add it to ssh.authorized_keys, or take it out of /root/.ssh/authorized_keys on {machine.name}; "
        "after `fleet rotate sshkey` was cut off: type it again"
    )
    return replace(change, reason=f"{change.reason}; lets in a key that is not in the inventory: {who}", hint=hint)


def public_keys(lines: Sequence[str]) -> tuple[PublicKey, ...]:
    """The keys of these lines; what is none is passed over."""
    return tuple(key for line in lines if (key := read_public_key(line)))
