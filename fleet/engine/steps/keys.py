"""One SSH key takes another's place on a machine: the new one is proven before the old one goes."""

import shlex
from contextlib import closing

from fleet.core.errors import LoginRefused, StepFailed
from fleet.core.names import Tag
from fleet.core.ssh_key import fingerprint, sshkey_tag
from fleet.engine.work import Work
from fleet.engine.world import Rotation


def add(work: Work) -> None:
    """Let the new key in beside the old one, and log in with it alone. Raises StepFailed when it does not open."""
    rotation = _rotation(work)
    _script(work, "let the new SSH key in", "add", rotation.new)
    try:
        with closing(rotation.by_new.connect(work.target())) as proof:
            status = proof.run("true").status
    except LoginRefused as error:
        raise _not_let_in(work, error.message) from error
    if status != 0:
        raise _not_let_in(work, f"a command ended with {status}")
    if work.static is None and work.tags.get(Tag.SSHKEY, "") in {"", sshkey_tag(rotation.old)}:
        work.remember({Tag.SSHKEY: sshkey_tag(rotation.new)})


def drop(work: Work) -> None:
    """Take the old key off, once the new one is there."""
    rotation = _rotation(work)
    _script(work, f"take the old SSH key {fingerprint(rotation.old)} off", "drop", rotation.old, rotation.new)


def _not_let_in(work: Work, why: str) -> StepFailed:
    return StepFailed(
        f"{work.name} has the new SSH key and it does not open it: {why}",
        hint=f"does its sshd read authorized_keys? fleet ssh {work.name}",
    )


def _rotation(work: Work) -> Rotation:
    rotation = work.world.rotation
    if rotation is None:
        raise StepFailed("no SSH key is being replaced")
    return rotation


def _script(work: Work, what: str, *arguments: str) -> None:
    script = work.world.stack["login-key.sh"].encode()
    work.must_run(f"sh -s -- {shlex.join(arguments)}", what, stdin=script)
