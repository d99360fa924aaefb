"""Who may log in on a machine, in words."""

from collections.abc import Mapping, Sequence

from fleet.core.ssh_key import PublicKey, read_public_key


def accepted(opens: str, names: Mapping[str, str], authorized: Sequence[str]) -> str:
    """Whose keys a machine accepts, as far as is known; empty when nothing is.

    ``opens``: the fingerprint of the key it was made with or was given last. ``names``: the cloud's names of keys, by
    fingerprint. ``authorized``: the inventory's lines.
    """
    first = f"{opens} ({names[opens]} in Hetzner)" if opens in names else opens
    others = [str(key) for key in public_keys(authorized)]
    return " and ".join(part for part in (first, ", ".join(others)) if part)


def public_keys(lines: Sequence[str]) -> tuple[PublicKey, ...]:
    """The keys of these lines; what is none is passed over."""
    return tuple(key for line in lines if (key := read_public_key(line)))
