"""The fleet's own SSH key while another takes its place: files beside each other, all 0600.

``ci.ed25519`` is the one in use. ``.new`` is the one that is to follow, until each machine that answers lets it in.
``.old`` is the one that went before, until no machine needs it any more.
"""

import contextlib
import os
from pathlib import Path

from fleet.core.errors import Refused
from fleet.edges.ssh_keys import OperatorKey


class OwnKey:
    """The files of one fleet. Killed between any two steps, the next run finds out where it was."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def switched(self) -> bool:
        """Whether the new key is in use already, and the old one not yet gone from everywhere."""
        return self._old.exists() and not self._new.exists()

    @property
    def unfinished(self) -> bool:
        """Whether an earlier run was to make a new key, and has not come to its end."""
        return self._old.exists() or self._new.exists()

    def current(self) -> OperatorKey:
        """The one in use, and no other."""
        return OperatorKey(self.path)

    def former(self) -> OperatorKey:
        """The one that went before."""
        return OperatorKey(self._old)

    def coming(self) -> OperatorKey:
        """The one that is to follow, made when it is not there. Raises Refused when there is none to follow."""
        if not self.path.exists():
            raise Refused(f"fleet has no SSH key yet: {self.path} is not there", hint="fleet up makes it")
        key = OperatorKey(self._new, own=True)
        key.public_line()
        return OperatorKey(self._new)

    def switch(self) -> None:
        """The new key takes the place of the old one, which stays beside it."""
        with contextlib.suppress(FileExistsError):
            os.link(self.path, self._old)
        self._new.replace(self.path)
        self._settle()

    def forget(self) -> None:
        """The old one is needed no more, nor what a run that was killed has left of the new one's making."""
        self._settle()
        for left in self.path.parent.glob(f".{self._new.name}.*"):
            left.unlink(missing_ok=True)
        self._old.unlink(missing_ok=True)

    def _settle(self) -> None:
        """The public half follows its private one; a run may have been killed between the two."""
        with contextlib.suppress(FileNotFoundError):
            _public(self._new).replace(_public(self.path))

    @property
    def _new(self) -> Path:
        return self.path.with_name(f"{self.path.name}.new")

    @property
    def _old(self) -> Path:
        return self.path.with_name(f"{self.path.name}.old")


def _public(path: Path) -> Path:
    return path.with_name(f"{path.name}.pub")
