"""A value that must not be seen: it prints as ``***`` everywhere, and says where it comes from."""

from collections.abc import Callable
from dataclasses import dataclass


class Secret:
    """Text that only ``reveal()`` shows. Equality compares the text; printing, logging and formatting do not.

    Not a dataclass: ``dataclasses.asdict`` of anything that holds one would show the text. And the text is kept in a
    function, so that whatever walks over attributes (a debugger, rich's inspect) meets no text either.
    """

    __slots__ = ("_show",)

    def __init__(self, text: str) -> None:
        self._show: Callable[[], str] = lambda: text

    def __eq__(self, other: object) -> bool:
        return self._show() == other._show() if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._show())

    def __deepcopy__(self, memo: object) -> "Secret":
        return self

    def reveal(self) -> str:
        """The text itself: for a header, for stdin, or for a 0600 file. Never for an argument or a log."""
        return self._show()

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True)
class FromEnv:
    """The secret is the value of an environment variable (or of the same name in the ``.env`` file)."""

    name: str

    def __str__(self) -> str:
        return f"${self.name}"


@dataclass(frozen=True, slots=True)
class FromFile:
    """The secret is the content of a file, without the line end."""

    path: str

    def __str__(self) -> str:
        return self.path


@dataclass(frozen=True, slots=True)
class FromCommand:
    """The secret is what a command prints, without the line end."""

    argv: tuple[str, ...]

    def __str__(self) -> str:
        return f"the output of `{' '.join(self.argv)}`"


SecretSource = FromEnv | FromFile | FromCommand
