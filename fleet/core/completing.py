"""What a shell offers when a line is not finished: which words come next. Nothing here is slow to import."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Place(StrEnum):
    """What a word may be where it is not one of a known few: the value in the table of words."""

    NOTHING = ""
    POOL = "POOL"
    MACHINE = "MACHINE"
    EITHER = "POOL|MACHINE"
    FILE = "FILE"


@dataclass(frozen=True, slots=True)
class Value:
    """An option or an argument. ``value``: what it may be; None for a flag. ``choices``: the words, where few."""

    help: str = ""
    value: Place | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Words:
    """A command: the commands or arguments below it, and its options by each of their names."""

    help: str = ""
    commands: Mapping[str, "Words"] = field(default_factory=dict)
    options: Mapping[str, Value] = field(default_factory=dict)
    arguments: tuple[Value, ...] = ()
    repeats: bool = False


@dataclass(frozen=True, slots=True)
class Names:
    """What the fleet has, as far as it is known here."""

    pools: tuple[str, ...] = ()
    machines: tuple[str, ...] = ()

    def at(self, place: Place) -> tuple[str, ...]:
        """The names that fit there."""
        match place:
            case Place.POOL:
                return self.pools
            case Place.MACHINE:
                return self.machines
            case Place.EITHER:
                return (*self.pools, *self.machines)
            case Place.NOTHING | Place.FILE:
                return ()


@dataclass(frozen=True, slots=True)
class Line:
    """A line up to the word that is not finished: the command it has come to, and what that word may be.

    ``place`` is None where the words themselves are known. ``values``: what options were given before.
    """

    command: Words
    unfinished: str
    place: Place | None
    choices: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


def read_line(program: Words, words: Sequence[str]) -> Line:
    """``words`` without the program's own name; the last one is not finished, and may be empty.

    A shell that cuts words at ``=`` gives ``--option = value``: the sign is left out.
    """
    *finished, last = [word for word in words[:-1] if word != "="] + [words[-1].removeprefix("=")]
    command, given, values, pending = program, list[str](), dict[str, str](), ""
    for word in finished:
        option, sign, value = word.partition("=")
        if pending:
            values[pending], pending = word, ""
        elif word == "--":
            return Line(command, last, Place.FILE)
        elif word.startswith("-"):
            known = command.options.get(option)
            values |= {option: value} if sign else {}
            pending = option if known and known.value is not None and not sign else ""
        elif command.commands:
            command = command.commands.get(word, Words())
        else:
            given.append(word)
    return _last(command, last, pending, tuple(given), values)


def _last(command: Words, last: str, pending: str, given: tuple[str, ...], values: Mapping[str, str]) -> Line:
    option = command.options.get(pending)
    if option is not None:
        return Line(command, last, option.value, option.choices, values=values)
    if last.startswith("-") or command.commands:
        return Line(command, last, None, values=values)
    argument = _argument(command, len(given))
    return Line(command, last, argument.value, argument.choices, given, values)


def _argument(command: Words, number: int) -> Value:
    if number < len(command.arguments):
        return command.arguments[number]
    return command.arguments[-1] if command.arguments and command.repeats else Value(value=Place.NOTHING)


def candidates(line: Line, names: Names) -> list[tuple[str, str]]:
    """The words that may stand there, each with its help, which may be empty."""
    found = list(_fitting(line, names))
    return [(word, said) for word, said in found if word.startswith(line.unfinished) and word not in line.before]


def _fitting(line: Line, names: Names) -> list[tuple[str, str]]:
    command = line.command
    if line.choices:
        return [(one, "") for one in line.choices]
    if line.place is not None:
        return [(name, "") for name in names.at(line.place)]
    option, sign, _ = line.unfinished.partition("=")
    if sign and option in command.options:
        known = command.options[option]
        return [(f"{option}={one}", "") for one in known.choices or names.at(known.value or Place.NOTHING)]
    if line.unfinished.startswith("-"):
        return [(name, one.help) for name, one in command.options.items() if name.startswith("--")]
    return [(name, one.help) for name, one in command.commands.items()]
